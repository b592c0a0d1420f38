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
        guard !self.lines.isEmpty else { throw ArgumentError("the hosts file '\(name)' names no target") }
        self.shownName = name
    }

    private static func file(_ name: String) -> TextFile {
        TextFile(kind: "hosts file", content: "one target on each line", name: name)
    }
}

extension TextFile.Line {
    /// What the line of a hosts file stands for.
    func pattern(kinds: [HopKind]) throws(TargetSyntaxError) -> TargetPattern {
        guard try TargetSelection.entries(of: self.text).count == 1 else {
            throw .severalOnLine(line: self.text)
        }
        return try TargetPattern(parsingTargetOrHost: self.text, kinds: kinds)
    }
}
