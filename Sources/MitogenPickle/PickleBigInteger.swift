//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// An integer of any size: Python integers have no bounds.
///
/// It is kept as pickle sends it (Mitogen wire protocol, section 2.2, `LONG1` and `LONG4`): two's complement, least
/// significant byte first, of minimal length. Values that fit `Int` are normally a ``PickleValue/int(_:)`` instead;
/// ``PickleValue/integer(_:)`` and ``PickleValue/integer(littleEndianTwosComplement:)`` choose between the two.
public struct PickleBigInteger: Sendable, Hashable {
    /// Two's complement, least significant byte first, of minimal length; zero has one byte.
    public let littleEndianBytes: [UInt8]

    /// An integer from two's complement bytes, least significant first; no bytes mean zero.
    public init(littleEndianTwosComplement bytes: some Collection<UInt8>) {
        var bytes = Array(bytes)
        while bytes.count > 1, let last = bytes.last, last == 0 || last == 0xFF {
            guard (bytes[bytes.count - 2] ^ last) & 0x80 == 0 else {
                break
            }
            bytes.removeLast()
        }
        self.littleEndianBytes = bytes.isEmpty ? [0] : bytes
    }

    /// An integer of the value of another one.
    public init<T: FixedWidthInteger>(_ value: T) {
        var bytes: [UInt8] = []
        var rest = value
        var isComplete = false
        while !isComplete {
            let byte = UInt8(truncatingIfNeeded: rest)
            bytes.append(byte)
            rest >>= 8
            isComplete = byte & 0x80 == 0 ? rest == 0 : T.isSigned && rest == ~0
        }
        self.littleEndianBytes = bytes
    }

    /// Whether the integer is below zero.
    public var isNegative: Bool {
        (littleEndianBytes.last ?? 0) & 0x80 != 0
    }

    /// The same value as another integer type, or `nil` if it does not fit.
    public func exactly<T: FixedWidthInteger>(_ type: T.Type) -> T? {
        let width = T.bitWidth / 8
        if isNegative && !T.isSigned {
            return nil
        }
        let hasSignByte = !T.isSigned && littleEndianBytes.count == width + 1 && littleEndianBytes.last == 0
        guard littleEndianBytes.count <= width || hasSignByte else {
            return nil
        }
        // For an unsigned type a set top bit without a sign byte would mean a negative value, refused above.
        var result: T = isNegative ? ~0 : 0
        for byte in littleEndianBytes.prefix(width).reversed() {
            result = (result << 8) | T(truncatingIfNeeded: byte)
        }
        return result
    }
}

extension PickleBigInteger: CustomStringConvertible {
    /// The integer in decimal.
    public var description: String {
        var words = magnitudeWords
        var groups: [UInt64] = []
        while !words.isEmpty {
            groups.append(Self.divide(&words, by: 1_000_000_000))
        }
        var text = isNegative ? "-" : ""
        text += String(groups.last ?? 0)
        for group in groups.dropLast().reversed() {
            let digits = String(group)
            text += String(repeating: "0", count: 9 - digits.utf8.count) + digits
        }
        return text
    }

    /// The absolute value in 32-bit words, least significant first.
    private var magnitudeWords: [UInt64] {
        var carry: UInt64 = isNegative ? 1 : 0
        let fill: UInt8 = isNegative ? 0xFF : 0
        var words: [UInt64] = []
        for start in stride(from: 0, to: littleEndianBytes.count, by: 4) {
            var word: UInt64 = 0
            for offset in 0..<4 {
                let position = start + offset
                let byte = position < littleEndianBytes.count ? littleEndianBytes[position] : fill
                word |= UInt64(byte ^ fill) << UInt64(offset * 8)
            }
            word += carry
            carry = word >> 32
            words.append(word & 0xFFFF_FFFF)
        }
        if carry != 0 {
            words.append(carry)
        }
        return words
    }

    /// Divides in place, drops leading zero words and returns the remainder.
    private static func divide(_ words: inout [UInt64], by divisor: UInt64) -> UInt64 {
        var remainder: UInt64 = 0
        for position in words.indices.reversed() {
            let value = remainder << 32 | words[position]
            words[position] = value / divisor
            remainder = value % divisor
        }
        while words.last == 0 {
            words.removeLast()
        }
        return remainder
    }
}
