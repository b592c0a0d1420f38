//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Foundation
import Testing

@testable import MitogenCLI

@Suite("The comparison with other tools in the documentation")
struct ToolComparisonTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private struct Row {
        let options: String
        let answer: String
    }

    /// The rows of the tables by their headings.
    private static func tables() throws -> [String: [Row]] {
        let article = Self.root.appendingPathComponent("Sources/Mitogen/Documentation.docc/ToolComparison.md")
        var tables: [String: [Row]] = [:]
        var heading = ""
        for line in try String(contentsOf: article, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
            // A bar that is escaped belongs to a cell.
            let cells = line.replacing("\\|", with: "\u{1}").split(separator: "|").map {
                $0.replacing("\u{1}", with: "|").trimmingCharacters(in: .whitespaces)
            }
            guard line.hasPrefix("| "), cells.count == 2, cells[1] != "mitogen" else { continue }
            tables[heading, default: []].append(Row(options: cells[0], answer: cells[1]))
        }
        return tables
    }

    /// What stands between backquotes.
    private static func code(_ text: String) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element) }
    }

    /// The options of the man pages, by tool.
    private static func options() throws -> [String: [String]] {
        let file = Self.root.appendingPathComponent("Tests/Vectors/tool-options.txt")
        var options: [String: [String]] = [:]
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            try #require(words.count == 2)
            options[words[0], default: []].append(words[1])
        }
        return options
    }

    @Test("Every option of the four man pages has a row")
    func complete() throws {
        let tables = try Self.tables()
        let options = try Self.options()
        #expect(Set(options.keys) == ["clush", "parallel-ssh", "pdsh", "dshbak", "ansible"])
        for (tool, options) in options {
            #expect(options.count >= 4)
            var known: Set<String> = []
            for row in tables[tool] ?? [] {
                for code in Self.code(row.options) { known.insert(String(code.prefix { $0 != " " && $0 != "=" })) }
            }
            for option in options { #expect(known.contains(option), "\(tool) \(option)") }
            let unknown = known.filter { $0.hasPrefix("-") }.subtracting(options)
            #expect(unknown.isEmpty, "\(tool) has no \(unknown)")
        }
    }

    @Test("Every row has a command that the parser takes, or a dash")
    func commands() throws {
        var count = 0
        for (tool, rows) in try Self.tables() {
            for row in rows {
                let commands = Self.code(row.answer).filter { $0.contains("mitogen ") }
                #expect(!commands.isEmpty || row.answer.hasPrefix("–"), "\(tool): \(row.options)")
                for command in commands {
                    count += 1
                    try Self.check(command)
                }
            }
        }
        #expect(count > 100)
    }

    private static func check(_ command: String) throws {
        var command = command
        if let start = command.range(of: "$("), let end = command.range(of: ")\"") {
            try self.check(String(command[start.upperBound..<end.lowerBound]))
            command.replaceSubrange(start.lowerBound..<end.lowerBound, with: "web1")
            command = command.replacing("web1)", with: "web1")
        }
        var words = try self.words(command).drop { $0.contains("=") }
        #expect(words.first == "mitogen", "\(command)")
        words.removeFirst()
        words.removeAll { $0 == "2>/dev/null" }
        // This file would be read before the targets are understood.
        if let place = words.firstIndex(of: "--hops") { words.removeSubrange(place...(place + 1)) }
        do {
            if words.first == "--version" || words.first == "help" {
                #expect(try words.count == 1 || HelpTopic.text(for: Array(words)) != nil, "\(command)")
            } else if words.last != "--help" {
                _ = try MitogenCommand.parseAsRoot(Array(words))
            }
        } catch {
            Issue.record("\(command): \(MitogenCommand.message(for: error))")
        }
    }

    /// Words as a shell splits them, of what is used here: spaces, and both kinds of quotes.
    private static func words(_ text: String) throws -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character == " " {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        try #require(quote == nil, "\(text)")
        return words + [word].compactMap(\.self)
    }
}
