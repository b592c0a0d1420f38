//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a user's file sets for commands: the same as their options, under the same names.
///
/// A line is `NAME = VALUE`; a flag has `yes` or `no`. What stands before the first `[COMMAND]` is for every command that
/// has such an option.
struct Configuration: Hashable, Sendable {
    /// One line.
    struct Entry: Hashable, Sendable {
        /// The command that it is for; nil for all.
        let command: String?
        let name: String
        let value: String
        let line: Int
    }

    /// The file's name, for messages.
    let name: String
    let entries: [Entry]
    private let tool: ToolDescription

    /// Checks the lines of a file.
    ///
    /// - Throws: ``ArgumentError`` with the line.
    init(_ lines: [TextFile.Line], name: String, tool: ToolDescription) throws(ArgumentError) {
        self.name = name
        self.tool = tool
        var command: String?
        var entries: [Entry] = []
        for line in lines {
            if line.text.first == "[", line.text.last == "]" {
                let heading = String(line.text.dropFirst().dropLast())
                guard tool.commands.contains(where: { $0.name == heading }) else {
                    throw Self.unknown("command", heading, tool.commands.map(\.name), name, line)
                }
                command = heading
                continue
            }
            guard let sign = line.text.firstIndex(of: "=") else {
                throw ArgumentError("\(name):\(line.number): expected is NAME = VALUE or [COMMAND]", isAboutFile: true)
            }
            let option = String(line.text[..<sign].trimmingSpaces)
            let value = String(line.text[line.text.index(after: sign)...].trimmingSpaces)
            try Self.check(option, value, command, tool, name, line)
            entries.append(Entry(command: command, name: option, value: value, line: line.number))
        }
        self.entries = entries
    }

    private static func check(
        _ option: String,
        _ value: String,
        _ command: String?,
        _ tool: ToolDescription,
        _ name: String,
        _ line: TextFile.Line
    ) throws(ArgumentError) {
        let commands = tool.commands.filter { command == nil || $0.name == command }
        let options = commands.flatMap(\.options)
        guard let found = options.first(where: { $0.longName == option }) else {
            throw self.unknown("option", option, options.compactMap(\.longName), name, line)
        }
        if found.isFlag, self.flag(value) == nil {
            throw ArgumentError("\(name):\(line.number): \(option) is yes or no", isAboutFile: true)
        }
        if !found.isFlag, value.isEmpty {
            throw ArgumentError("\(name):\(line.number): \(option) needs a value", isAboutFile: true)
        }
    }

    private static func unknown(
        _ what: String,
        _ word: String,
        _ known: [String],
        _ name: String,
        _ line: TextFile.Line
    ) -> ArgumentError {
        let hint = Suggestion.nearest(to: word, in: known).map { "; did you mean '\($0)'?" } ?? ""
        return ArgumentError(
            "\(name):\(line.number): there is no \(what) '\(TerminalSanitizer.visible(word))'\(hint)",
            isAboutFile: true
        )
    }

    private static func flag(_ value: String) -> Bool? {
        switch value.lowercased() {
        case "yes", "true", "on", "1": true
        case "no", "false", "off", "0": false
        default: nil
        }
    }

    /// The lines that count for a command. Of an option that is given once the last one does, and those in the command's
    /// own section after those for all.
    func entries(for command: String) -> [Entry] {
        guard let options = self.tool.commands.first(where: { $0.name == command })?.options else { return [] }
        let all = self.entries.filter { $0.command == nil } + self.entries.filter { $0.command == command }
        var result: [Entry] = []
        for entry in all {
            guard let option = options.first(where: { $0.longName == entry.name }) else { continue }
            if !option.isRepeating { result.removeAll { $0.name == entry.name } }
            result.append(entry)
        }
        return result
    }

    /// The words that stand for these lines on a command line, before what was typed: so that wins.
    func words(for command: String) -> [String] {
        guard let options = self.tool.commands.first(where: { $0.name == command })?.options else { return [] }
        return self.entries(for: command).compactMap { entry in
            let isFlag = options.first { $0.longName == entry.name }?.isFlag == true
            guard isFlag else { return "--\(entry.name)=\(entry.value)" }
            return Self.flag(entry.value) == true ? "--\(entry.name)" : nil
        }
    }

    /// The command line with what the file sets for its command.
    func completed(_ words: [String]) -> [String] {
        guard let command = words.first else { return words }
        return [command] + self.words(for: command) + words.dropFirst()
    }
}
