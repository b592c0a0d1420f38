//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The options of ``Router/su(via:_:)`` (Mitogen semantics, section 7.5).
public struct SuOptions: BecomeOptions {
    public var common = CommonOptions()
    /// The user to become; `root` by default.
    public var username = "root"
    /// The password, typed if su asks for it.
    public var password: Secret?
    /// The text that asks for the password, in any case; `password:` by default.
    public var passwordPrompt = "password:"
    /// Texts that say that the password is wrong, in any case.
    public var incorrectPrompts = [
        "su: sorry", "su: authentication failure", "su: incorrect password", "authentication is denied",
    ]
    /// The su program; `su` by default, looked for in `PATH`.
    public var suPath = "su"

    public init() {}

    /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
    func request() throws(MitogenError) -> ConnectionRequest {
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
