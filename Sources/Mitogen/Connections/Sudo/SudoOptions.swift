//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The options of ``Router/sudo(via:_:)`` (Mitogen semantics, section 7.4).
public struct SudoOptions: ContextOptions, Hashable {
    public var common = CommonOptions()
    /// The user to become; `root` by default.
    public var username = "root"
    /// The password, typed if sudo asks for it.
    public var password: Secret?
    /// Ask sudo to keep the environment (`-E`); false by default.
    public var preservesEnvironment = false
    /// Ask sudo to set `HOME` to the user's (`-H`); false by default.
    public var setsHome = false
    /// Run the user's login shell (`-i`); false by default.
    public var isLogin = false
    /// The SELinux role (`-r`); none by default.
    public var selinuxRole: String?
    /// The SELinux type (`-t`); none by default.
    public var selinuxType: String?
    /// Give sudo a terminal even without a password, for accounts with `requiretty`; false by default.
    public var requestsTerminal = false
    /// The sudo program; `sudo` by default, looked for in `PATH`.
    public var sudoPath = "sudo"

    public init() {}

    var needsTerminal: Bool { password != nil || requestsTerminal }

    var defaultName: String { "sudo.\(username)" }

    /// The command line that runs `command`, an argument vector, as the user.
    func arguments(command: [String], asks: Bool) -> [String] {
        var result = [sudoPath]
        // A prompt of its own, so that no language matters. Without a password nothing can be answered: sudo says at
        // once what it wants.
        result += asks ? ["-p", PromptTable.sudoPrompt] : ["-n"]
        result += ["-u", username]
        if preservesEnvironment { result.append("-E") }
        if setsHome { result.append("-H") }
        if isLogin { result.append("-i") }
        if let selinuxRole { result += ["-r", selinuxRole] }
        if let selinuxType { result += ["-t", selinuxType] }
        return result + ["--"] + command
    }
}
