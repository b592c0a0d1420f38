//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Command lines of hop tables")
struct HopWordTests {
    /// The words with placeholders in capital letters, and whatever braces stand for themselves.
    static func words(_ line: String) throws -> [String] {
        let values = Dictionary(
            uniqueKeysWithValues: HopWord.Placeholder.allCases.map { ($0, $0.rawValue.uppercased()) }
        )
        return try HopWordSplitter.words(of: line).compactMap { $0.filled(values) }
    }

    @Test(
        "Words are split at spaces; quotes and backslashes keep them together",
        arguments: [
            ("a b", ["a", "b"]), ("  a\t b  ", ["a", "b"]), ("", []), ("  ", []), ("'a b' c", ["a b", "c"]),
            ("\"a b\"c d", ["a bc", "d"]), ("a\\ b", ["a b"]), ("''", [""]), ("a '' \"\" b", ["a", "", "", "b"]),
            ("'a\\b\"c'", ["a\\b\"c"]), ("\"a\\\"b\\\\c'd\"", ["a\"b\\c'd"]), ("\\'a\\\"", ["'a\""]),
            ("é'ü ß'", ["éü ß"]), ("$HOME ~ * `id`", ["$HOME", "~", "*", "`id`"]),
        ] as [(String, [String])]
    )
    func splitting(line: String, words: [String]) throws {
        #expect(try Self.words(line) == words)
    }

    @Test(
        "Braces with letters are placeholders, but not between single quotes or behind a backslash",
        arguments: [
            ("{name}", ["NAME"]), ("--user={user} x{name}y{name}", ["--user=USER", "xNAMEyNAME"]),
            ("\"{name} x\"", ["NAME x"]), ("'{name}' \\{name}", ["{name}", "{name}"]),
            ("{command} {shell}", ["COMMAND", "SHELL"]), ("{file}:{target}", ["FILE:TARGET"]),
            ("--format={{.State}} {} {a-b} {name {1}", ["--format={{.State}}", "{}", "{a-b}", "{name", "{1}"]),
            ("{{name}}", ["{NAME}"]),
        ] as [(String, [String])]
    )
    func placeholders(line: String, words: [String]) throws {
        #expect(try Self.words(line) == words)
    }

    @Test(
        "What is not finished, or not known, is told",
        arguments: [
            ("a 'b", "a quote is not closed; write \\' for one that stands for itself, and \\# for a '#'"),
            ("\"b\\\"", "a quote is not closed; write \\\" for one that stands for itself, and \\# for a '#'"),
            ("b\\", "nothing follows the last backslash; write \\\\ for one that stands for itself"),
            (
                "b {Name}",
                "unknown placeholder {Name}; known are {name}, {user}, {command}, {shell}, {file}, {target}; write \\{ "
                    + "for a mere brace"
            ),
        ]
    )
    func errors(line: String, message: String) {
        let error = #expect(throws: ArgumentError.self) { try Self.words(line) }
        #expect(error?.description == message)
    }

    @Test("A word whose placeholder has no value is left out")
    func absent() throws {
        let words = try HopWordSplitter.words(of: "--user={user} {name}")
        #expect(words.map { $0.filled([.name: "app"]) } == [nil, "app"])
        #expect(words.map { $0.filled([.name: "app", .user: "joe"]) } == ["--user=joe", "app"])
    }
}
