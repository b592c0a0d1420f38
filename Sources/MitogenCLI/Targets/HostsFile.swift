//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A file of targets, one on each line, as `--hosts-file` names it.
///
/// Empty lines, and what follows a `#` at the beginning of a line or behind a space, do not count.
package struct HostsFile: Sendable {
    /// A line that names something.
    struct Line: Sendable {
        /// Counted from 1.
        let number: Int
        /// Without a comment, and without spaces around it.
        let text: String

        /// What the line stands for.
        func pattern(kinds: [HopKind]) throws(TargetSyntaxError) -> TargetPattern {
            guard try TargetSelection.entries(of: self.text).count == 1 else {
                throw .severalOnLine(line: self.text)
            }
            return try TargetPattern(parsingTargetOrHost: self.text, kinds: kinds)
        }
    }

    /// The name under which standard input is given.
    package static let standardInput = "-"
    private static let maximumSize = 16 << 20

    /// The file's name, for messages.
    let shownName: String
    let lines: [Line]

    /// Reads a file; `-` is standard input.
    ///
    /// - Throws: ``ArgumentError`` if it cannot be read, is no text or names nothing.
    package init(path: String) throws(ArgumentError) {
        let name = path == Self.standardInput ? "standard input" : TerminalSanitizer.visible(path)
        let descriptor = path == Self.standardInput ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(name, errno) }
        defer { close(descriptor) }
        try self.init(name: name, bytes: try Self.read(descriptor, name))
    }

    /// Takes the content of a file apart.
    ///
    /// - Throws: ``ArgumentError`` if it is no text or names nothing.
    init(name: String, bytes: [UInt8]) throws(ArgumentError) {
        // Editors on other systems put a mark at the beginning that says that the text is UTF-8.
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes[3...] : bytes[...]
        var lines: [Line] = []
        var number = 0
        for raw in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard !raw.contains(0), let text = String(validating: Self.content(of: raw), as: UTF8.self) else {
                throw ArgumentError("\(name):\(number): this is no text; a hosts file has one target on each line")
            }
            if !text.isEmpty { lines.append(Line(number: number, text: text)) }
        }
        guard !lines.isEmpty else { throw ArgumentError("the hosts file '\(name)' names no target") }
        self.shownName = name
        self.lines = lines
    }

    private static func content(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line
        if let comment = line.indices.first(where: { index in
            line[index] == UInt8(ascii: "#") && (index == line.startIndex || self.isSpace(line[index - 1]))
        }) {
            line = line[..<comment]
        }
        line = line.drop(while: self.isSpace)
        while let last = line.last, self.isSpace(last) { line.removeLast() }
        return line
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func read(_ descriptor: Int32, _ name: String) throws(ArgumentError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = systemRead(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw self.unreadable(name, errno) }
            bytes += buffer[..<count]
            // It may be a device, or a program, that never ends.
            guard bytes.count <= self.maximumSize else {
                throw ArgumentError("the hosts file '\(name)' is larger than \(self.maximumSize >> 20) MiB")
            }
        }
    }

    private static func unreadable(_ name: String, _ code: Int32) -> ArgumentError {
        ArgumentError("cannot read the hosts file '\(name)': \(String(cString: strerror(code)))")
    }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
