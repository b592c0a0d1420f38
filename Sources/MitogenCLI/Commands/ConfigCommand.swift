//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The arguments of `mitogen config`.
package struct ConfigCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show what your configuration sets, and where.",
        discussion: """
            ~/.config/mitogen/config, or the file that MITOGEN_CONFIG names, sets options of all commands, and of one \
            behind its name in brackets:

              fanout = 50
              inventory = /srv/hosts.ini
              [run]
              output = gather
              confirm = 10
              summary = yes

            What is typed wins, but options that can be given several times add up. With COMMAND every option of it is \
            shown.

            EXIT STATUS:
              0, or 2 if something in the file is not right
            """
    )

    @Argument(help: ArgumentHelp("A command, such as run.", valueName: "COMMAND"))
    package var command: String?

    package init() {}

    package mutating func validate() throws {
        guard let command, !ToolDescription.ofTool().commands.contains(where: { $0.name == command }) else { return }
        throw ValidationError("there is no command '\(TerminalSanitizer.visible(command))'")
    }

    package mutating func run() throws {
        do {
            let text = Self.text(try Configuration.ofUser(), command: self.command, tool: .ofTool())
            var sink = DescriptorSink()
            try sink.write(text, to: .stdout)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch OutputError.brokenPipe {
            throw ExitCode(RunExitStatus.brokenPipe)
        }
    }

    /// The lines: the option, its value, and where that comes from.
    static func text(_ configuration: Configuration?, command: String?, tool: ToolDescription) -> String {
        var rows: [(String, String, String)] = []
        if let command, let options = tool.commands.first(where: { $0.name == command })?.options {
            let entries = configuration?.entries(for: command) ?? []
            for option in options {
                guard let name = option.longName else { continue }
                let set = entries.filter { $0.name == name }
                if set.isEmpty { rows.append((name, "-", "default")) }
                for entry in set { rows.append((name, entry.value, Self.place(of: entry, configuration))) }
            }
        } else {
            for entry in configuration?.entries ?? [] {
                let name = entry.command.map { "\($0) \(entry.name)" } ?? entry.name
                rows.append((name, entry.value, Self.place(of: entry, configuration)))
            }
        }
        let widths = (rows.map(\.0.count).max() ?? 0, rows.map(\.1.count).max() ?? 0)
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return rows.map { row in
            "\(padded(row.0, widths.0))  \(padded(TerminalSanitizer.visible(row.1), widths.1))  \(row.2)\n"
        }.joined()
    }

    private static func place(of entry: Configuration.Entry, _ configuration: Configuration?) -> String {
        "\(configuration?.name ?? ""):\(entry.line)"
    }
}
