//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A section of a hop table as it is written: what stands behind `[NAME]`.
struct HopSection: Sendable {
    enum Key: String, Sendable, CaseIterable {
        case help
        case argument
        case command
        case terminal
        case passwordPrompt = "password-prompt"
        case incorrectPassword = "incorrect-password"
        case image
        case copy
    }

    struct Entry: Sendable {
        let value: String
        let line: Int
    }

    let name: String
    private let file: TextFile
    private let line: Int
    private var entries: [Key: [Entry]] = [:]

    init(name: String, in file: TextFile, line: Int) {
        self.name = name
        self.file = file
        self.line = line
    }

    /// Takes a line `KEY = VALUE`.
    mutating func add(_ line: TextFile.Line) throws(ArgumentError) {
        guard let sign = line.text.unicodeScalars.firstIndex(of: "=") else {
            throw self.file.error(
                "expected is [NAME] or KEY = VALUE, not '\(Self.shown(line.text))'",
                line: line.number
            )
        }
        let name = Self.trimmed(line.text[..<sign])
        let value = Self.trimmed(line.text[line.text.unicodeScalars.index(after: sign)...])
        guard let key = Key(rawValue: name) else {
            let known = Key.allCases.map(\.rawValue)
            let hint = Suggestion.nearest(to: name, in: known).map { "; did you mean '\($0)'?" } ?? ";"
            throw self.file.error(
                "unknown key '\(Self.shown(name))'\(hint) known keys: \(known.joined(separator: ", "))",
                line: line.number
            )
        }
        if value.isEmpty { throw self.file.error("\(name) has no value", line: line.number) }
        if key != .incorrectPassword, let first = self[key] {
            throw self.file.error("\(name) is there already, in line \(first.line)", line: line.number)
        }
        self.entries[key, default: []].append(Entry(value: value, line: line.number))
    }

    subscript(key: Key) -> Entry? { self.entries[key]?.first }

    /// All values of a key that may be given several times.
    func values(of key: Key) -> [String] { self.entries[key, default: []].map(\.value) }

    /// The value of a key that takes one of some words; nil if it is not there.
    func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ key: Key,
        of type: Value.Type = Value.self
    ) throws(ArgumentError) -> Value? {
        guard let entry = self[key] else { return nil }
        if let value = Value(rawValue: entry.value) { return value }
        let known = Value.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        throw self.error(at: key, "\(key.rawValue) is one of \(known), not '\(Self.shown(entry.value))'")
    }

    /// The words of a command line; nil if it is not there.
    func words(_ key: Key) throws(ArgumentError) -> [HopWord]? {
        guard let entry = self[key] else { return nil }
        do throws(ArgumentError) {
            return try HopWordSplitter.words(of: entry.value)
        } catch {
            throw self.error(at: key, "\(error)")
        }
    }

    /// What is wrong with a value, or with the section if the value is not there.
    func error(at key: Key?, _ text: String) -> ArgumentError {
        self.file.error(text, line: key.flatMap { self[$0] }?.line ?? self.line)
    }

    private static func shown(_ text: String) -> String { TerminalSanitizer.visible(text) }

    private static func trimmed(_ text: Substring) -> String {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }
        var scalars = text.unicodeScalars.drop(while: isSpace)
        while let last = scalars.last, isSpace(last) { scalars.removeLast() }
        return String(Substring(scalars))
    }
}
