//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Numbers in seven bits a byte, the lowest first, as DWARF has them.
enum LEB128 {
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// The number at the beginning, which is removed; nil if it is not complete or too large.
    static func read(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var bits: UInt64 = 0
        while let byte = bytes.popFirst() {
            let digit = UInt64(byte & 0x7f)
            guard bits < 63 || bits == 63 && digit <= 1 else { return nil }
            value |= digit << bits
            bits += 7
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    /// A signed number as one that is small if its magnitude is.
    static func zigzag(_ value: Int) -> UInt64 { UInt64(bitPattern: Int64(value << 1 ^ value >> 63)) }
    static func unzigzag(_ value: UInt64) -> Int { Int(bitPattern: UInt(value >> 1)) ^ -Int(value & 1) }
}
