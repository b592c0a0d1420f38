//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/sudo(via:_:)`` (Mitogen semantics, section 7.4).
    public struct SudoOptions: BecomeOptions {
        public var common = CommonOptions()
        /// The password, typed if sudo asks for it.
        public var password: Secret?
        /// Options in sudo's own words, such as `["-Hu", "web", "--role=staff_r"]`; none by default. What is set by a
        /// property of its own, counts before what they say. Options that make no sense here are refused; `-n` and `-S`
        /// are ignored.
        public var sudoArguments: [String] = []
        /// Give sudo a terminal even without a password, for accounts with `requiretty`; false by default.
        public var requestsTerminal = false
        /// Another text that ends a question for the password, in any case of ASCII letters; none by default. sudo is
        /// told its question, which PAM modules other than `pam_unix` do not use (sudo(8), `passprompt_override` in
        /// sudoers(5)).
        public var passwordPrompt: String?
        /// The sudo program; `sudo` by default, looked for in `PATH`.
        public var sudoPath = "sudo"

        /// What was set by the properties below.
        private var explicit = SudoArguments()

        public init() {}

        /// The user to become (`-u`); `root` by default.
        public var username: String {
            get { settings.username ?? "root" }
            set { explicit.username = newValue }
        }

        /// The group to have instead of the user's (`-g`); none by default.
        public var group: String? {
            get { settings.group }
            set { explicit.group = newValue }
        }

        /// Ask sudo to keep the environment (`-E`); false by default.
        public var preservesEnvironment: Bool {
            get { settings.preservesEnvironment ?? false }
            set { explicit.preservesEnvironment = newValue }
        }

        /// Names of variables that sudo is asked to keep (`--preserve-env=NAME,…`); none by default.
        public var preservedVariables: [String] {
            get { settings.preservedVariables ?? [] }
            set { explicit.preservedVariables = newValue }
        }

        /// Ask sudo to set `HOME` to the user's (`-H`); false by default.
        public var setsHome: Bool {
            get { settings.setsHome ?? false }
            set { explicit.setsHome = newValue }
        }

        /// Run the user's login shell (`-i`); false by default.
        public var isLogin: Bool {
            get { settings.isLogin ?? false }
            set { explicit.isLogin = newValue }
        }

        /// Keep the groups of the account that calls sudo (`-P`); false by default.
        public var preservesGroups: Bool {
            get { settings.preservesGroups ?? false }
            set { explicit.preservesGroups = newValue }
        }

        /// The SELinux role (`-r`); none by default.
        public var selinuxRole: String? {
            get { settings.selinuxRole }
            set { explicit.selinuxRole = newValue }
        }

        /// The SELinux type (`-t`); none by default.
        public var selinuxType: String? {
            get { settings.selinuxType }
            set { explicit.selinuxType = newValue }
        }

        /// What counts: the properties, and then ``sudoArguments``, if they can be read. ``validate()`` says if not.
        private var settings: SudoArguments {
            guard !sudoArguments.isEmpty, let said = try? SudoArguments(parsing: sudoArguments) else { return explicit }
            return explicit.or(said)
        }

        /// The command line that runs a first stage as the user.
        private var command: CommandTemplate {
            let settings = settings
            // A prompt of its own, so that no language matters. Without a password nothing can be answered: sudo says at
            // once what it wants.
            let asking = password == nil ? ["-n"] : ["-p", PromptTable.sudoPrompt]
            return CommandTemplate(
                [sudoPath] + asking + settings.words + ["--"],
                settings.isLogin == true ? .loginWords : .words
            )
        }

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try validateUser()
            if let passwordPrompt { try validatePrompts([passwordPrompt], "passwordPrompt") }
            _ = try SudoArguments(parsing: sudoArguments)
            for name in preservedVariables where name.isEmpty || name.utf8.contains(where: { $0 <= 32 || $0 == 0x2C }) {
                throw MitogenError(.misuse, "\(name.debugDescription) is not the name of a variable")
            }
            for (name, value) in [("group", group), ("selinuxRole", selinuxRole), ("selinuxType", selinuxType)]
            where value?.isEmpty ?? false {
                throw MitogenError(.misuse, "\(name) is empty")
            }
            var tool = ConnectionTool(command)
            tool.dialect = .sudo
            tool.terminal = password != nil || requestsTerminal ? .diagnostics : .none
            tool.questions = .init(passwordPrompt: passwordPrompt)
            tool.password = password
            return try ConnectionRequest(common, "sudo.\(username)", .tool(tool))
        }
    }
}
