//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Splits a command line of a hop table into words, as a shell would that knows quotes and nothing else.
///
/// Between single quotes everything stands for itself. A backslash makes the next character stand for itself, also
/// between double quotes. Braces with letters in them are placeholders, any other brace stands for itself.
struct HopWordSplitter {
    private let scalars: [Unicode.Scalar]
    private var position = 0

    /// - Throws: ``ArgumentError`` without the name of the file.
    static func words(of line: String) throws(ArgumentError) -> [HopWord] {
        var splitter = HopWordSplitter(scalars: Array(line.unicodeScalars))
        var words: [HopWord] = []
        while let word = try splitter.next() { words.append(word) }
        return words
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private mutating func take() -> Unicode.Scalar? {
        guard self.position < self.scalars.count else { return nil }
        defer { self.position += 1 }
        return self.scalars[self.position]
    }

    private mutating func next() throws(ArgumentError) -> HopWord? {
        while self.position < self.scalars.count, Self.isSpace(self.scalars[self.position]) { self.position += 1 }
        guard self.position < self.scalars.count else { return nil }
        var word = HopWord()
        while let scalar = self.take(), !Self.isSpace(scalar) {
            switch scalar {
            case "'": try self.literal(into: &word)
            case "\"": try self.quoted(into: &word)
            default: try self.append(scalar, to: &word)
            }
        }
        return word
    }

    private mutating func literal(into word: inout HopWord) throws(ArgumentError) {
        while let scalar = self.take() {
            if scalar == "'" { return }
            word.append(scalar)
        }
        throw Self.unclosed("'")
    }

    private mutating func quoted(into word: inout HopWord) throws(ArgumentError) {
        while let scalar = self.take() {
            if scalar == "\"" { return }
            try self.append(scalar, to: &word)
        }
        throw Self.unclosed("\"")
    }

    private mutating func append(_ scalar: Unicode.Scalar, to word: inout HopWord) throws(ArgumentError) {
        switch scalar {
        case "\\":
            guard let next = self.take() else {
                throw ArgumentError("nothing follows the last backslash; write \\\\ for one that stands for itself")
            }
            word.append(next)
        case "{":
            if let placeholder = try self.placeholder() { word.append(placeholder) } else { word.append(scalar) }
        default: word.append(scalar)
        }
    }

    /// What stands behind an opening brace, if that begins a placeholder.
    private mutating func placeholder() throws(ArgumentError) -> HopWord.Placeholder? {
        let end = self.scalars[self.position...].firstIndex { !Self.isLetter($0) } ?? self.scalars.count
        guard end > self.position, end < self.scalars.count, self.scalars[end] == "}" else { return nil }
        var name = ""
        name.unicodeScalars.append(contentsOf: self.scalars[self.position..<end])
        guard let placeholder = HopWord.Placeholder(rawValue: name) else {
            let known = HopWord.Placeholder.allCases.map(\.text).joined(separator: ", ")
            throw ArgumentError("unknown placeholder {\(name)}; known are \(known); write \\{ for a mere brace")
        }
        self.position = end + 1
        return placeholder
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func unclosed(_ quote: String) -> ArgumentError {
        ArgumentError("a quote is not closed; write \\\(quote) for one that stands for itself, and \\# for a '#'")
    }
}
