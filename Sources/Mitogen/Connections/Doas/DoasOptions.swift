//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/doas(via:_:)`` (Mitogen semantics, section 7.6).
    public struct DoasOptions: BecomeOptions {
        public var common = CommonOptions()
        /// The user to become; `root` by default.
        public var username = "root"
        /// The password, typed if doas asks for it.
        public var password: Secret?
        /// Another text that ends the question for the password, in any case of ASCII letters, besides `password:`,
        /// which is the default. doas is run with `LC_ALL=C`; PAM modules may ask in words of their own.
        public var passwordPrompt = PromptTable.suPrompt
        /// Texts that say that the password is wrong, in any case, besides those of the default.
        public var incorrectPrompts = PromptTable.doasIncorrectPrompts
        /// The doas program; `doas` by default, looked for in `PATH`.
        public var doasPath = "doas"

        public init() {}

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try validateUser()
            try validatePrompts([passwordPrompt], "passwordPrompt")
            try validatePrompts(incorrectPrompts, "incorrectPrompts")
            // Without a password nothing can be answered: doas says at once what it wants.
            let asking = password == nil ? ["-n"] : []
            var tool = ConnectionTool(CommandTemplate([doasPath] + asking + ["-u", username, "--"], .words))
            tool.dialect = .doas
            tool.terminal = password == nil ? .none : .diagnostics
            tool.questions = .init(passwordPrompt: passwordPrompt, incorrectPrompts: incorrectPrompts)
            tool.password = password
            return try ConnectionRequest(common, "doas.\(username)", .tool(tool))
        }
    }
}
