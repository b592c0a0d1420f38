//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation

/// Which options the tests use with which command, as their source text says.
///
/// An option is used with a command if both stand in one command line: a list of words that begins with the command, or a call
/// of a function that is called like it. Where a test, with the functions of its file that it calls, has one command only, all
/// options in it are that command's.
struct OptionUses {
    private var known: Set<[String]> = []
    private let commands: Set<String>

    init(_ sources: [String], commands: Set<String>) {
        self.commands = commands
        for source in sources { self.read(Self.tokens(of: source)) }
    }

    /// Whether a command is used with an option that has these names.
    func has(_ command: String, _ names: [String]) -> Bool { names.contains { self.known.contains([command, $0]) } }

    // MARK: Tokens

    /// String literals with their quotes, words, and single characters, without comments.
    private static func tokens(of source: String) -> [String] {
        let pattern = ##""""[\s\S]*?"""|#".*?"#|"(?:\\.|[^"\\])*"|//[^\n]*|[A-Za-z_][A-Za-z_0-9]*|\S"##
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
        let text = source as NSString
        return expression.matches(in: source, range: NSRange(location: 0, length: text.length)).map {
            text.substring(with: $0.range)
        }.filter { !$0.hasPrefix("//") }
    }

    private static func literal(_ token: String) -> String? {
        guard token.hasPrefix("\"") || token.hasPrefix("#\"") else { return nil }
        return token.trimmingCharacters(in: ["#", "\""])
    }

    private func command(_ token: String) -> String? {
        Self.literal(token).flatMap { self.commands.contains($0) ? $0 : nil }
    }

    private mutating func add(_ command: String, _ tokens: some Sequence<String>) {
        for text in tokens.compactMap(Self.literal) where text.hasPrefix("-") {
            self.known.insert([command, String(text.prefix { $0 != "=" })])
        }
    }

    // MARK: Command lines

    private struct Function {
        var tokens: [String]
        let isTest: Bool
    }

    private mutating func read(_ tokens: [String]) {
        for (index, token) in tokens.enumerated() where index > 0 && index + 1 < tokens.count {
            // A function `run` may run anything.
            guard self.commands.contains(token), token != "run", tokens[index + 1] == "(", tokens[index - 1] != "func"
            else { continue }
            self.add(token, Self.bracketed(tokens[(index + 1)...]))
        }
        let functions = Self.functions(in: tokens)
        for test in functions.values.flatMap(\.self) where test.isTest {
            let all = Self.closure(of: test, functions)
            let lines = self.commandLines(in: all)
            for (command, words) in lines { self.add(command, words) }
            let commands = Set(lines.map(\.command))
            if let only = commands.first, commands.count == 1 { self.add(only, all) }
        }
    }

    /// What stands up to the bracket that closes the first one.
    private static func bracketed(_ tokens: ArraySlice<String>) -> ArraySlice<String> {
        var depth = 0
        let end = tokens.firstIndex { token in
            if token == "(" { depth += 1 }
            if token == ")" { depth -= 1 }
            return depth == 0
        }
        return tokens[..<(end ?? tokens.endIndex)]
    }

    /// Lists of words that begin with a command, with the lists that are added to them.
    private func commandLines(in tokens: [String]) -> [(command: String, words: ArraySlice<String>)] {
        tokens.indices.dropLast().compactMap { index in
            guard tokens[index] == "[" || tokens[index] == "(", let command = self.command(tokens[index + 1]) else {
                return nil
            }
            var depth = 0
            var end = index
            while end < tokens.count {
                if ["[", "(", "{"].contains(tokens[end]) { depth += 1 }
                if ["]", ")", "}"].contains(tokens[end]) {
                    depth -= 1
                    if depth <= 0, end + 1 == tokens.count || tokens[end + 1] != "+" { break }
                }
                if depth <= 0, ["let", "var", "func"].contains(tokens[end]) { break }
                end += 1
            }
            return (command, tokens[index..<min(end, tokens.count)])
        }
    }

    // MARK: Functions

    /// The functions of a file by their names, each with the attribute of a test before it.
    private static func functions(in tokens: [String]) -> [String: [Function]] {
        var functions: [String: [Function]] = [:]
        var start: Int?
        var index = 0
        while index + 1 < tokens.count {
            if tokens[index] == "@", tokens[index + 1] == "Test" { start = index }
            if tokens[index] == "func" {
                var (depth, end) = (0, index)
                while end < tokens.count {
                    if tokens[end] == "{" { depth += 1 }
                    if tokens[end] == "}" {
                        depth -= 1
                        if depth == 0 { break }
                    }
                    end += 1
                }
                let body = Array(tokens[(start ?? index)..<min(end + 1, tokens.count)])
                functions[tokens[index + 1], default: []].append(Function(tokens: body, isTest: start != nil))
                start = nil
                index = end
            }
            index += 1
        }
        return functions
    }

    /// A test with the functions of its file that it calls.
    private static func closure(of test: Function, _ functions: [String: [Function]]) -> [String] {
        var all = test.tokens
        var known: Set<String> = []
        var next = all
        while !next.isEmpty {
            let names = Set(next).subtracting(known).filter { functions[$0] != nil }
            known.formUnion(names)
            next = names.sorted().flatMap { functions[$0] ?? [] }.filter { !$0.isTest }.flatMap(\.tokens)
            all += next
        }
        return all
    }
}
