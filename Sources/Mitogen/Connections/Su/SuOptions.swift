//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/su(via:_:)`` (Mitogen semantics, section 7.5).
    public struct SuOptions: BecomeOptions {
        public var common = CommonOptions()
        /// The user to become; `root` by default.
        public var username = "root"
        /// The password, typed if su asks for it.
        public var password: Secret?
        /// Another text that ends the question for the password, in any case of ASCII letters, besides `password:`,
        /// which is the default. su is run with `LC_ALL=C`, so that it asks in English whatever the language is; PAM
        /// modules may ask in words of their own.
        public var passwordPrompt = PromptTable.suPrompt
        /// Texts that say that the password is wrong, in any case, besides those of the default.
        public var incorrectPrompts = PromptTable.suIncorrectPrompts
        /// The su program; `su` by default, looked for in `PATH`.
        public var suPath = "su"

        public init() {}

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try validateUser()
            try validatePrompts([passwordPrompt], "passwordPrompt")
            try validatePrompts(incorrectPrompts, "incorrectPrompts")
            // The user's shell reads the command.
            var tool = ConnectionTool(CommandTemplate([suPath, username, "-c"], .text))
            tool.dialect = .su
            tool.terminal = .all
            tool.questions = .init(passwordPrompt: passwordPrompt, incorrectPrompts: incorrectPrompts)
            tool.password = password
            return try ConnectionRequest(common, "su.\(username)", .tool(tool))
        }
    }
}
