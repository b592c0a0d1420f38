//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Reads the operands of opcodes. A length is compared with the bytes that are there before anything is done with it.
struct PickleCursor: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    /// How many bytes have been read.
    var offset: Int { position - bytes.startIndex }

    /// Whether all bytes have been read.
    var isAtEnd: Bool { position == bytes.endIndex }

    /// How many bytes there are in all.
    var count: Int { bytes.count }

    mutating func readByte() throws(PickleError) -> UInt8 {
        guard position < bytes.endIndex else {
            throw Self.truncated
        }
        defer { position += 1 }
        return bytes[position]
    }

    /// A little-endian integer of the width of its type.
    mutating func readInteger<T: FixedWidthInteger>(_ type: T.Type) throws(PickleError) -> T {
        let width = T.bitWidth / 8
        guard bytes.endIndex - position >= width else {
            throw Self.truncated
        }
        var result: T = 0
        for offset in 0..<width {
            result |= T(truncatingIfNeeded: bytes[position + offset]) << T(truncatingIfNeeded: offset * 8)
        }
        position += width
        return result
    }

    /// A number of bytes. A count below zero is a length field that claims too much.
    mutating func read(_ count: Int) throws(PickleError) -> ArraySlice<UInt8> {
        guard count >= 0 else {
            throw PickleError(.malformed, "a length is negative")
        }
        guard bytes.endIndex - position >= count else {
            throw PickleError(
                .truncated,
                "the pickle ends after \(bytes.endIndex - position) of \(count) bytes of a value"
            )
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// The bytes of one line, without the line feed.
    mutating func readLine(limit: Int) throws(PickleError) -> ArraySlice<UInt8> {
        let rest = bytes[position...].prefix(limit + 1)
        guard let end = rest.firstIndex(of: 0x0A) else {
            throw rest.count > limit ? PickleError(.limitExceeded, "a line is too long") : Self.truncated
        }
        defer { position = end + 1 }
        return bytes[position..<end]
    }

    /// The bytes of two lines, with both line feeds.
    mutating func readTwoLines(limit: Int) throws(PickleError) -> ArraySlice<UInt8> {
        let start = position
        _ = try readLine(limit: limit)
        _ = try readLine(limit: limit)
        return bytes[start..<position]
    }

    private static var truncated: PickleError {
        PickleError(.truncated, "the pickle ends before its value is complete")
    }
}
