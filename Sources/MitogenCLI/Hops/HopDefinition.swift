//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// A kind of hop that a hop table describes: a tool, and how it is used.
package struct HopDefinition: Hashable, Sendable {
    /// What follows the colon in a target.
    enum Argument: String, Hashable, Sendable, CaseIterable {
        case nameWithUserIfAny = "[USER@]NAME"
        case nameWithUser = "USER@NAME"
        case name = "NAME"
        case none
    }

    /// Which of the tool's descriptors are a terminal.
    enum Terminal: String, Hashable, Sendable, CaseIterable {
        case none
        case questions
        case all

        var use: ConnectionMethod.CustomOptions.TerminalUse {
            switch self {
            case .none: .none
            case .questions: .diagnostics
            case .all: .all
            }
        }
    }

    /// How the program gets to where the tool leads.
    enum Image: String, Hashable, Sendable, CaseIterable {
        case shell
        case compressed
        case copy
    }

    /// The name of the kind.
    package let name: String
    let help: String
    let argument: Argument
    /// The tool and its arguments.
    let command: [HopWord]
    let terminal: Terminal
    let passwordPrompt: String?
    let incorrectPasswords: [String]
    let image: Image
    /// The command that copies the program; empty if there is none.
    let copy: [HopWord]

    /// - Throws: ``ArgumentError`` with the file's name, the line, and what to write.
    init(_ section: HopSection) throws(ArgumentError) {
        self.name = section.name
        self.argument = try section.choice(.argument) ?? .nameWithUserIfAny
        guard let command = try section.words(.command) else {
            throw section.error(at: nil, "[\(section.name)] has no command: write 'command = TOOL … {command}'")
        }
        self.command = command
        self.help = section[.help]?.value ?? "by \(TerminalSanitizer.visible(command.first?.plain ?? section.name))"
        self.terminal = try section.choice(.terminal) ?? .none
        self.passwordPrompt = section[.passwordPrompt]?.value
        self.incorrectPasswords = section.values(of: .incorrectPassword)
        self.image = try section.choice(.image) ?? .shell
        self.copy = try section.words(.copy) ?? []
        try self.check(in: section)
    }
}

extension HopDefinition {
    /// What targets may have of it.
    package var kind: HopKind {
        switch self.argument {
        case .none:
            HopKind(name: self.name, argument: .none, help: self.help)
        case .name:
            HopKind(name: self.name, argument: .required(self.argument.rawValue), help: self.help) { text in
                ContainerDestination.nameProblem(text)
            }
        case .nameWithUserIfAny, .nameWithUser:
            HopKind(name: self.name, argument: .required(self.argument.rawValue), help: self.help) { [argument] text in
                if argument == .nameWithUser, ContainerDestination(text).user == nil { return "needs a user's name" }
                return ContainerDestination.problem(text)
            }
        }
    }

    /// What the placeholders of a hop's command lines stand for.
    func values(for hop: Hop) -> [HopWord.Placeholder: String] {
        guard let text = hop.argument else { return [:] }
        if self.argument == .name { return [.name: text] }
        let destination = ContainerDestination(text)
        var values = [HopWord.Placeholder.name: destination.name]
        values[.user] = destination.user
        return values
    }
}
