//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The options of ``Router/doas(via:_:)`` (Mitogen semantics, section 7.6).
public struct DoasOptions: BecomeOptions {
    public var common = CommonOptions()
    /// The user to become; `root` by default.
    public var username = "root"
    /// The password, typed if doas asks for it.
    public var password: Secret?
    /// The text that asks for the password, in any case; `password:` by default.
    public var passwordPrompt = "password:"
    /// Texts that say that the password is wrong, in any case.
    public var incorrectPrompts = ["doas: authentication failed", "doas: authorization failed"]
    /// The doas program; `doas` by default, looked for in `PATH`.
    public var doasPath = "doas"

    public init() {}

    var defaultName: String { "doas.\(username)" }

    /// The command line that runs `command`, an argument vector, as the user.
    func arguments(command: [String]) -> [String] {
        // Without a password nothing can be answered: doas says at once what it wants.
        [doasPath] + (password == nil ? ["-n"] : []) + ["-u", username, "--"] + command
    }

    func validate() throws(MitogenError) {
        try validateUser()
        try validatePrompts([passwordPrompt], "passwordPrompt")
        try validatePrompts(incorrectPrompts, "incorrectPrompts")
    }
}
