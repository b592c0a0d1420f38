//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Foundation
import Mitogen
internal import MitogenProtocol
import Testing

@testable import MitogenCLI

@Suite("Hints for programs and for the tool")
struct ToolHintTests {
    /// The names of all options of all commands, with their dashes.
    static let options = Set(ToolDescription.ofTool().commands.flatMap(\.arguments).flatMap(\.names))

    static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

    /// The Swift files of the library's modules.
    static let sources: [(path: String, text: String)] = {
        let folder = "\(root)/Sources"
        let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".swift") && !$0.hasPrefix("MitogenCLI/") && !$0.hasPrefix("mitogen") }
            .compactMap {
                guard let text = try? String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) else { return nil }
                return ($0, text)
            }
    }()

    /// What the library declares as public.
    static let publicNames: Set<String> = {
        let pattern = /(?:public|open)[a-z ()]* (?:var|let|func|struct|enum|class|protocol|actor|typealias) (\w+)/
        let cases = /^ +case ([\w, ]+)/.anchorsMatchLineEndings()
        return Set(
            sources.flatMap { _, text in
                let listed = text.contains("public enum") ? text.matches(of: cases) : []
                return text.matches(of: pattern).map { String($0.1) }
                    + listed.flatMap { $0.1.split(whereSeparator: { ", ".contains($0) }).map(String.init) }
            }
        )
    }()

    /// The words that the text has in backticks, and what is left of it.
    static func quoted(_ text: String) -> (words: [String], rest: String) {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        let indices = parts.indices
        return (
            indices.filter { !$0.isMultiple(of: 2) }.map { String(parts[$0]) },
            indices.filter { $0.isMultiple(of: 2) }.map { String(parts[$0]) }.joined(separator: " ")
        )
    }

    static func namedOptions(_ text: String) -> [String] {
        text.matches(of: /(?:^|[\s(])(--?[a-zA-Z][a-z-]*)/).map { String($0.1) }
    }

    // MARK: The tables

    @Test("The library's names are in its API and name no option", arguments: Hint.Name.allCases)
    func apiTable(name: Hint.Name) {
        #expect(Self.namedOptions(name.apiText).isEmpty)
        let (words, rest) = Self.quoted(name.apiText)
        #expect(words.allSatisfy { !$0.isEmpty } && !rest.contains("--"))
        for word in words {
            for identifier in word.split(whereSeparator: { !$0.isLetter }) {
                #expect(Self.publicNames.contains(String(identifier)), "\(identifier)")
            }
        }
    }

    @Test("The tool's names are options that its parser has, and name no API", arguments: Hint.Name.allCases)
    func toolTable(name: Hint.Name) {
        #expect(Self.quoted(name.toolText).words.isEmpty)
        for option in Self.namedOptions(name.toolText) {
            #expect(Self.options.contains(option), "\(option)")
        }
        // One of both says something, unless it only marks the hint.
        #expect(name == .programsOnly || !(name.toolText + name.apiText).isEmpty)
    }

    @Test("A value of an option that is named is one that the option takes")
    func optionValues() throws {
        for name in [Hint.Name.acceptedHostKeys, .configuredHostKeys, .enforcedHostKeys] {
            _ = try RunCommand.parse(
                name.toolText.split(separator: " ").map(String.init) + ["-t", "ssh:a", "--", "true"]
            )
        }
    }

    // MARK: The hints

    /// A hint as it is written in a source file, with names left out.
    struct Written: CustomTestStringConvertible {
        let path: String
        let text: String
        let isForPrograms: Bool

        var testDescription: String { "\(path): \(text)" }
    }

    /// Every literal that is part of a hint.
    static let hints: [Written] = sources.flatMap { path, source in
        var found: [Written] = []
        for start in source.matches(of: /[hH]int: *\n? *(?=["\w(])|[hH]int(?:: Hint)? = |Hint\?? \{/) {
            var scanner = LiteralScanner(source[start.range.upperBound...])
            scanner.isBody = source[start.range].hasSuffix("{")
            let literals = scanner.literals()
            // What is said about `sudoArguments`, which only the API has, is marked where it is thrown.
            let isForPrograms =
                path.hasSuffix("SudoArguments.swift") || literals.contains { $0.contains("\\(.programsOnly)") }
            // The part of an interpolation is what the compiler has checked.
            found += literals.map {
                Written(
                    path: path,
                    text: $0.replacing(/\\\([^()]*(?:\([^()]*\)[^()]*)*\)/, with: ""),
                    isForPrograms: isForPrograms
                )
            }
        }
        return found
    }

    @Test("No hint of the library names an option of the tool, and none for the tool names API")
    func hints() {
        #expect(Self.hints.count > 120, "the scan has found only \(Self.hints.count)")
        #expect(Self.hints.contains { $0.text.contains("usermod -s /bin/sh USER") })
        #expect(Self.publicNames.count > 500 && Self.options.count > 60)
        // Words of both sides, and of shells.
        let common = Set(ConnectionTarget.Kind.allCases.map(\.rawValue)).union(["exit"])
        for hint in Self.hints {
            // What is in backticks and has a space is a command of somebody else, with options of its own.
            let (words, rest) = Self.quoted(hint.text)
            let own = words.filter { !$0.contains(" ") }
            for option in own.flatMap(Self.namedOptions) + Self.namedOptions(rest) {
                #expect(!Self.options.contains(option) || option.count == 2, "\(hint.testDescription): \(option)")
            }
            if hint.isForPrograms { continue }
            for word in own where !common.contains(word) {
                let first = String(word.prefix { $0.isLetter })
                #expect(first.isEmpty || first != word || !Self.publicNames.contains(word), "\(hint.testDescription)")
            }
            let camels = rest.matches(of: /\b[a-z]+[A-Z]\w*|\b[A-Z]\w+\.[a-z]\w*/)
            #expect(camels.isEmpty, "\(hint.testDescription)")
        }
    }

    @Test("A hint is put into the words of the tool, and one for programs is left out")
    func toolText() {
        let error = MitogenError(
            .timeoutError,
            "late",
            hint: "more time with \(.connectTimeout), fewer targets\(.fanout)"
        )
        #expect(error.toolHint == "more time with --connect-timeout, fewer targets (--fanout)")
        #expect(error.toolText == "late\nhint: more time with --connect-timeout, fewer targets (--fanout)")
        #expect("\(error)" == "late\nhint: more time with `connectTimeout`, fewer targets")
        let internalError = MitogenError(.misuse, "wrong", hint: "\(.programsOnly)call the other one")
        #expect(internalError.toolHint == nil && internalError.hint == "call the other one")
        #expect(internalError.toolText == "wrong")
    }
}

/// Finds the string literals of one expression of Swift.
private struct LiteralScanner {
    private var rest: Substring
    /// Whether it begins behind a brace, and ends with that one's partner.
    var isBody = false

    init(_ text: Substring) {
        rest = text
    }

    mutating func literals() -> [String] {
        var found: [String] = []
        var depth = 0
        while let character = rest.popFirst() {
            switch character {
            case "\"": found.append(literal())
            case "/" where rest.first == "/": rest = rest.drop { $0 != "\n" }
            case "(", "[", "{": depth += 1
            case ")", "]", "}":
                depth -= 1
                if depth < 0 { return found }
            case "," where depth == 0 && !isBody: return found
            case "\n" where depth == 0 && !isBody:
                // An expression goes on with an operator, and a declaration with its value.
                let next = rest.drop { $0 == " " }
                guard let first = next.first, "+?:\"".contains(first) else { return found }
            default: break
            }
        }
        return found
    }

    /// The content up to the closing quote, interpolations included.
    private mutating func literal() -> String {
        var text = ""
        while let character = rest.popFirst() {
            if character == "\"" { return text }
            text.append(character)
            guard character == "\\", let next = rest.popFirst() else { continue }
            text.append(next)
            if next == "(" { text += interpolation() }
        }
        return text
    }

    private mutating func interpolation() -> String {
        var text = ""
        var depth = 1
        while depth > 0, let character = rest.popFirst() {
            text.append(character)
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == "\"" { text += literal() + "\"" }
        }
        return text
    }
}
