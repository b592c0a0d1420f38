//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What was said during an attempt to connect, by both the tool and the far side, for the error of the attempt.
///
/// The last 100 lines are kept, and 64 KiB; an error shows 10. Nothing that steers a terminal gets through.
struct Transcript: Sendable {
    static let lineLimit = 100
    static let byteLimit = 64 << 10
    private static let longestLine = 4096

    /// So many of the last lines say what is wrong, or nothing does.
    static let shownLines = 10

    private(set) var lines: [String] = []
    private var size = 0
    /// How many of the lines came before the answer to a question.
    private var answerStart = 0

    /// The last lines since a question was answered, for an error.
    var lastLines: [String] { answer.suffix(Self.shownLines) }

    /// The lines since a question was answered; all if none was.
    var answer: [String] { Array(lines[answerStart...]) }

    /// A question is answered.
    mutating func beginAnswer() { answerStart = lines.count }

    /// Adds a line without its end.
    mutating func append(_ bytes: some Collection<UInt8>) {
        let text = Self.printable(bytes)
        guard !text.isEmpty else { return }
        lines.append(text)
        size += text.utf8.count
        while lines.count > Self.lineLimit || size > Self.byteLimit {
            size -= lines.removeFirst().utf8.count
            answerStart = max(0, answerStart - 1)
        }
    }

    /// A line as it can be shown: valid, without control characters and spaces at its ends, and not too long.
    static func printable(_ bytes: some Collection<UInt8>) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in String(decoding: bytes.prefix(longestLine), as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x0D: continue
            case 0x09: scalars.append(" ")
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: scalars.append("\u{FFFD}")
            default: scalars.append(scalar)
            }
        }
        while scalars.last == " " { scalars.removeLast() }
        return String(scalars)
    }
}
