//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What one connection does with its tool.
struct ConnectionPlan: Sendable {
    /// The tool with its arguments.
    var arguments: [String]
    var terminal = ConnectionMethod.CustomOptions.TerminalUse.none
    /// What the tool may ask and say; nil if it asks nothing.
    var prompts: PromptTable?
    /// What the tool says when it fails.
    var failures = ToolFailures()
    /// The tool's environment.
    var environment = ProcessIdentity.environment
    var password: Secret?
    var passphrase: Secret?
    var compressesImage = false
    var container: ContainerTarget?
    /// Whether the tool has the terminal to itself until the first stage runs.
    private var asksBeforeItConnects: Bool
    /// Whether the tool runs the program itself, without a first stage.
    var startsProgram = false

    /// Runs a first stage with a tool.
    init(_ tool: ConnectionTool, _ stage: FirstStage) {
        self.init(tool, tool.command.arguments(for: stage))
    }

    /// Has a tool run a command line.
    init(_ tool: ConnectionTool, _ arguments: [String]) {
        self.arguments = arguments
        terminal = tool.terminal
        prompts = tool.prompts
        asksBeforeItConnects = tool.dialect == .su
        failures = tool.failures
        password = tool.password
        passphrase = tool.passphrase
        compressesImage = tool.compressesImage
        container = tool.container
        if tool.dialect.speaksEnglish { environment = ToolLocale.environment }
    }

    /// Whether the tool asks on a terminal that it may change. One that the whole connection goes through from the
    /// start, whose settings a tool passes on to the far side, stays as it is.
    var hasQuestions: Bool { prompts != nil && (terminal == .diagnostics || terminal == .all && asksBeforeItConnects) }

    /// Removes the echo of a typed password from lines before they are kept or logged; nil if the tool asks nothing.
    var withoutEcho: (@Sendable (String) -> String)? {
        guard let table = prompts else { return nil }
        return { line in String(decoding: table.withoutEcho(Array(line.utf8)), as: UTF8.self) }
    }
}

extension ConnectionTool {
    /// The tool's program, as people call it.
    var program: String {
        let path = command.before.first ?? ""
        return path.split(separator: "/").last.map(String.init) ?? path
    }

    fileprivate var prompts: PromptTable? {
        guard let questions else { return nil }
        switch dialect {
        case .ssh:
            return .ssh(
                hostKeyAnswer: questions.acceptsHostKeys ? .accept : .refuse,
                insistsOnHostKeys: questions.insistsOnHostKeys,
                passwordPrompt: questions.passwordPrompt
            )
        case .sudo:
            var table = PromptTable.sudo
            if let other = questions.passwordPrompt { table.passwordPrompts.append(.ending(other)) }
            return table
        case .su:
            return .su(
                passwordPrompt: questions.passwordPrompt ?? PromptTable.suPrompt,
                incorrectPrompts: questions.incorrectPrompts
            )
        case .doas:
            return .doas(
                passwordPrompt: questions.passwordPrompt ?? PromptTable.suPrompt,
                incorrectPrompts: questions.incorrectPrompts
            )
        case .other:
            return PromptTable(
                tool: program,
                passwordPrompts: questions.passwordPrompt.map { [.ending($0)] } ?? [],
                rules: questions.incorrectPrompts.map { .init($0, .incorrectPassword, needsPassword: true) }
            )
        }
    }

    fileprivate var failures: ToolFailures {
        switch dialect {
        case .ssh: .ssh(serverCount: ssh?.serverCount ?? 1)
        case .sudo: .sudo
        case .su: .su
        case .doas: .doas
        case .other:
            container == nil ? ToolFailures(name: program, hasLoginShell: command.form == .text) : ToolFailures()
        }
    }
}
