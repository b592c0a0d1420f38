//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The end of what a command writes to its standard error, for messages.
struct ErrorTail: Sendable {
    /// How many lines there are at most.
    static let lineCount = 20
    private static let byteCount = 16 << 10

    private(set) var bytes: [UInt8] = []

    mutating func add(_ piece: [UInt8]) {
        bytes += piece
        // Not for every piece: what is left is moved to the front.
        if bytes.count > 2 * Self.byteCount { bytes.removeFirst(bytes.count - Self.byteCount) }
    }

    /// The last lines, with U+FFFD for what is not UTF-8.
    static func lines(of bytes: [UInt8]) -> [String] {
        String(decoding: bytes.suffix(byteCount), as: UTF8.self).split(separator: "\n").suffix(lineCount)
            .map(String.init)
    }
}
