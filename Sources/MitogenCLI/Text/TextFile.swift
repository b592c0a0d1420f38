//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A file of lines that people write, as the tool reads it.
///
/// Empty lines, and what follows a `#` at the beginning of a line or behind a space, do not count.
struct TextFile: Sendable {
    /// A line that says something.
    struct Line: Sendable {
        /// Counted from 1.
        let number: Int
        /// Without a comment, and without spaces around it.
        let text: String
    }

    private static let maximumSize = 16 << 20

    /// What it is, such as "hosts file".
    let kind: String
    /// What such a file has, such as "one target on each line".
    let content: String
    /// The file's name, harmless to print.
    let name: String
    /// Whether a `#` in quotes is a part of the line.
    var hasQuotes = false

    /// Reads a file to its end.
    ///
    /// - Throws: ``ArgumentError`` if it cannot be read, or is too large.
    func read(_ descriptor: Int32) throws(ArgumentError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw self.unreadable(errno) }
            bytes += buffer[..<count]
            // It may be a device, or a program, that never ends.
            guard bytes.count <= Self.maximumSize else {
                throw ArgumentError(
                    "the \(self.kind) '\(self.name)' is larger than \(Self.maximumSize >> 20) MiB",
                    isAboutFile: true
                )
            }
        }
    }

    /// Takes the content of a file apart.
    ///
    /// - Throws: ``ArgumentError`` if it is no text.
    func lines(of bytes: [UInt8]) throws(ArgumentError) -> [Line] {
        // Editors on other systems put a mark at the beginning that says that the text is UTF-8.
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes[3...] : bytes[...]
        var lines: [Line] = []
        var number = 0
        for raw in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard !raw.contains(0), let text = String(validating: self.content(of: raw), as: UTF8.self) else {
                throw self.error("this is no text; a \(self.kind) has \(self.content)", line: number)
            }
            if !text.isEmpty { lines.append(Line(number: number, text: text)) }
        }
        return lines
    }

    /// What is wrong with a line.
    func error(_ text: String, line: Int) -> ArgumentError {
        ArgumentError("\(self.name):\(line): \(text)", isAboutFile: true)
    }

    /// Why the file cannot be read.
    func unreadable(_ code: Int32) -> ArgumentError {
        ArgumentError(
            "cannot read the \(self.kind) '\(self.name)': \(String(cString: strerror(code)))",
            isAboutFile: true
        )
    }

    private func content(of line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line
        if let comment = self.comment(in: line) { line = line[..<comment] }
        line = line.drop(while: Self.isSpace)
        while let last = line.last, Self.isSpace(last) { line.removeLast() }
        return line
    }

    /// Where the comment of a line begins.
    private func comment(in line: ArraySlice<UInt8>) -> Int? {
        var index = line.startIndex
        while index < line.endIndex {
            let byte = line[index]
            if byte == UInt8(ascii: "#"), index == line.startIndex || Self.isSpace(line[index - 1]) { return index }
            // An apostrophe without a second one is no quote.
            if self.hasQuotes, byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\""),
                let end = line[(index + 1)...].firstIndex(of: byte)
            {
                index = end
            }
            index += 1
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
