//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A file of targets, one on each line, as `--hosts-file` names it.
package struct HostsFile: Sendable {
    /// The name under which standard input is given.
    package static let standardInput = "-"

    /// The file's name, for messages.
    let shownName: String
    let lines: [TextFile.Line]

    /// Reads a file; `-` is standard input.
    ///
    /// - Throws: ``ArgumentError`` if it cannot be read, is no text or names nothing.
    package init(path: String) throws(ArgumentError) {
        let name = path == Self.standardInput ? "standard input" : TerminalSanitizer.visible(path)
        let descriptor = path == Self.standardInput ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.file(name).unreadable(errno) }
        defer { close(descriptor) }
        try self.init(name: name, bytes: try Self.file(name).read(descriptor))
    }

    /// Takes the content of a file apart.
    ///
    /// - Throws: ``ArgumentError`` if it is no text or names nothing.
    init(name: String, bytes: [UInt8]) throws(ArgumentError) {
        self.lines = try Self.file(name).lines(of: bytes)
        if let line = self.lines.first(where: \.isOfInventory) {
            throw Self.file(name).error(
                "this is an Ansible inventory: give it with -i, and say which of it with -t @GROUP or --all",
                line: line.number
            )
        }
        guard !self.lines.isEmpty else {
            throw ArgumentError("the hosts file '\(name)' names no target", isAboutFile: true)
        }
        self.shownName = name
    }

    private static func file(_ name: String) -> TextFile {
        TextFile(kind: "hosts file", content: "one target on each line", name: name)
    }
}

extension TextFile.Line {
    /// Whether only an inventory of Ansible has such a line: the name of a group in brackets, or variables of a host.
    fileprivate var isOfInventory: Bool {
        let words = self.text.split(whereSeparator: \.isWhitespace)
        if words.dropFirst().contains(where: { $0.contains("=") }) { return true }
        guard words.count == 1, self.text.first == "[", self.text.last == "]" else { return false }
        let name = self.text.dropFirst().dropLast()
        // A range of hosts has digits or a list; an address, more colons.
        return !name.isEmpty && name.count { $0 == ":" } <= 1
            && name.allSatisfy { $0.isLetter || $0.isNumber || "_:-.".contains($0) }
            && !name.allSatisfy { $0.isNumber || $0 == "-" }
    }

    /// What the line of a hosts file stands for.
    func pattern(kinds: [HopKind], groups: NodeGroups) throws(TargetSyntaxError) -> TargetPattern {
        guard try NodeSetExpression(parsing: self.text).terms.count == 1 else {
            throw .severalOnLine(line: self.text)
        }
        if self.text.contains(where: \.isWhitespace), TargetPattern.beginsWithHost(self.firstWord, kinds: kinds) {
            throw .severalWords(line: self.text)
        }
        return try TargetPattern(parsingTargetOrHost: self.text, kinds: kinds, groups: groups)
    }

    private var firstWord: String { String(self.text.prefix { !$0.isWhitespace }) }
}
