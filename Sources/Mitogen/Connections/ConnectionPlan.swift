//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// One command line of a tool.
struct ConnectionPlan: Sendable {
    let tool: ConnectionTool
    /// The tool with its arguments.
    let arguments: [String]
    /// Whether the tool runs the program itself, without a first stage.
    var startsProgram = false

    var environment: [ByteString] {
        tool.dialect.speaksEnglish ? ToolLocale.environment : ProcessIdentity.environment
    }

    /// Whether the tool asks on a terminal that it may change. One that the whole connection goes through from the
    /// start, whose settings a tool passes on to the far side, stays as it is.
    var hasQuestions: Bool {
        tool.questions != nil && (tool.terminal == .diagnostics || tool.terminal == .all && tool.dialect == .su)
    }

    /// Removes the echo of a typed password from lines before they are kept or logged; nil if the tool asks nothing.
    var withoutEcho: (@Sendable (String) -> String)? {
        guard let table = tool.prompts else { return nil }
        return { line in String(decoding: table.withoutEcho(Array(line.utf8)), as: UTF8.self) }
    }
}

extension ConnectionTool {
    /// The tool's program, as people call it.
    var program: String {
        let path = command.before.first ?? ""
        return path.split(separator: "/").last.map(String.init) ?? path
    }

    /// The questions that the tool may ask; nil if it asks none.
    var prompts: PromptTable? {
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

    /// The tool's failure messages.
    var failures: ToolFailures {
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
