//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The kinds of hops that a user adds to those of the tool, in a file.
///
/// A section for each kind, which begins with its name in brackets; then lines `KEY = VALUE`.
package struct HopTable: Hashable, Sendable {
    /// The kinds, in the order of the file.
    package private(set) var definitions: [HopDefinition] = []

    /// A table without any.
    package init() {}

    /// Takes the content of a file apart.
    ///
    /// - Throws: ``ArgumentError`` with the file's name, the line, and what to write.
    init(name: String, bytes: [UInt8]) throws(ArgumentError) {
        let file = Self.file(name)
        var current: HopSection?
        for line in try file.lines(of: bytes) {
            if line.text.hasPrefix("[") {
                try self.add(current)
                let name = try Self.sectionName(line, in: file)
                if self[name] != nil { throw file.error("[\(name)] is there already", line: line.number) }
                current = HopSection(name: name, in: file, line: line.number)
            } else if current != nil {
                try current?.add(line)
            } else {
                throw file.error(
                    "this stands before the first kind of hop; write its name in brackets, such as [nerdctl]",
                    line: line.number
                )
            }
        }
        try self.add(current)
    }

    static func file(_ name: String) -> TextFile {
        TextFile(kind: "hop table", content: "[NAME] or KEY = VALUE on each line", name: name)
    }

    private mutating func add(_ section: HopSection?) throws(ArgumentError) {
        guard let section else { return }
        self.definitions.append(try HopDefinition(section))
    }

    private static func sectionName(_ line: TextFile.Line, in file: TextFile) throws(ArgumentError) -> String {
        let name = String(line.text.dropFirst().dropLast())
        let shown = TerminalSanitizer.visible(line.text)
        guard line.text.hasSuffix("]"), Self.isName(name) else {
            throw file.error(
                "a kind of hop is named in brackets, with small letters, digits and '-', as in [my-tool], not \(shown)",
                line: line.number
            )
        }
        if HopKind.known.contains(where: { $0.name == name }) {
            throw file.error(
                "'\(name)' is a kind of hop that mitogen has itself: choose another name",
                line: line.number
            )
        }
        return name
    }

    private static func isName(_ name: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        guard let first = name.utf8.first, isLetter(first) else { return false }
        return name.utf8.allSatisfy { byte in
            isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        }
    }

    /// The definition of a kind; nil if the table has none.
    package subscript(name: String) -> HopDefinition? { self.definitions.first { $0.name == name } }

    /// The tool's own kinds and these.
    package var kinds: [HopKind] { HopKind.known + self.definitions.map(\.kind) }
}
