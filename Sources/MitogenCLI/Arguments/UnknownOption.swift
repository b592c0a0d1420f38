//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

/// An option on the command line that its command does not have.
///
/// The parser looks for what is missing, and commands for what makes no sense, before it says so. The option is why.
struct UnknownOption: Hashable, Sendable {
    /// As it was typed, without a value behind '='.
    let word: String
    /// The option that may have been meant.
    let suggestion: String?

    /// - Parameters:
    ///   - word: What was typed.
    ///   - names: Those of the command's options.
    init(_ word: String, among names: [String]) {
        let name = Self.name(word)
        // A long one may have been typed with one dash.
        let typed = name.hasPrefix("--") ? name : "-\(name)"
        let long = names.filter { $0.hasPrefix("--") }
        let suggestion = typed.count > 3 ? Suggestion.nearest(to: typed, in: long) : nil
        self.suggestion = suggestion
        let letters = name.hasPrefix("--") || suggestion != nil ? "" : name.dropFirst()
        // Of several letters behind one dash the first may be right.
        let wrong = letters.first { !names.contains("-\($0)") }
        self.word = wrong == letters.first ? name : wrong.map { "-\($0)" } ?? name
    }

    /// - Parameters:
    ///   - word: What was typed.
    ///   - command: The command's name.
    init(_ word: String, of command: String) {
        self.init(word, among: ToolDescription.command(command)?.arguments.flatMap(\.names) ?? [])
    }

    /// The first of a command line that the parser has refused.
    ///
    /// - Returns: Nil if there is none, and for commands that pass words on: those see to theirs.
    static func first(in words: [String]) -> UnknownOption? {
        guard let first = words.first else { return nil }
        if first == "help" || first.hasPrefix("-") { return self.first(in: words[...], ToolDescription.rootArguments) }
        let passing = [RunCommand.configuration, FakeSSHCommand.configuration].map(\.commandName)
        guard !passing.contains(first) else { return nil }
        return ToolDescription.command(first).flatMap { self.first(in: words.dropFirst(), $0.arguments) }
    }

    private static func first(in words: ArraySlice<String>, _ arguments: [ToolDescription.Argument]) -> UnknownOption? {
        var rest = words
        while let word = rest.popFirst(), word != "--" {
            // A lone dash is a value, as is a number below zero.
            guard word.hasPrefix("-"), word.count > 1, !word.dropFirst().allSatisfy(\.isWholeNumber) else { continue }
            let name = Self.name(word)
            let isWhole = name.hasPrefix("--") || arguments.contains { $0.names.contains(name) }
            for option in isWhole ? [name] : name.dropFirst().map({ "-\($0)" }) {
                guard let argument = arguments.first(where: { $0.names.contains(option) }) else {
                    return UnknownOption(word, among: arguments.flatMap(\.names))
                }
                let hasValue = argument.isFlag || name != word
                if !hasValue, let value = rest.first, value == "-" || !value.hasPrefix("-") { rest.removeFirst() }
            }
        }
        return nil
    }

    private static func name(_ word: String) -> String { String(word.prefix { $0 != "=" }) }
}

extension UnknownOption: CustomStringConvertible {
    /// The message, on one line and harmless to print.
    var description: String {
        "unknown option '\(TerminalSanitizer.visible(self.word))'"
            + (self.suggestion.map { "; did you mean '\($0)'?" } ?? "")
    }
}
