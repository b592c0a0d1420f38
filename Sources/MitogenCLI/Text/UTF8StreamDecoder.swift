//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Decodes UTF-8 that comes in pieces, one byte at a time, and never loses a byte.
///
/// What is not UTF-8 (overlong forms, surrogates and values above U+10FFFF included) is handed on byte by byte, so
/// the result does not depend on where the input was cut.
struct UTF8StreamDecoder: Sendable {
    /// What was found in the input.
    enum Element: Hashable, Sendable {
        /// A Unicode scalar value.
        case scalar(UInt32)
        /// A byte that belongs to no scalar value.
        case invalid(UInt8)
    }

    /// The bytes of a character whose end has not come, the last one lowest.
    private var held: UInt32 = 0
    private var heldCount = 0
    private var value: UInt32 = 0
    private var missing = 0
    private var allowed: ClosedRange<UInt8> = 0x80...0xbf

    /// Whether the input so far ends with a whole character.
    var isIdle: Bool { self.missing == 0 }

    /// Takes a byte and hands on what it completes.
    mutating func decode(_ byte: UInt8, _ emit: (Element) -> Void) {
        if self.missing > 0 {
            if self.allowed.contains(byte) {
                self.extend(with: byte, emit)
                return
            }
            self.finish(emit)
        }
        switch byte {
        case 0x00...0x7f: emit(.scalar(UInt32(byte)))
        case 0xc2...0xdf: self.begin(byte, bits: byte & 0x1f, missing: 1)
        case 0xe0: self.begin(byte, bits: 0, missing: 2, allowed: 0xa0...0xbf)
        case 0xed: self.begin(byte, bits: 0x0d, missing: 2, allowed: 0x80...0x9f)
        case 0xe1...0xef: self.begin(byte, bits: byte & 0x0f, missing: 2)
        case 0xf0: self.begin(byte, bits: 0, missing: 3, allowed: 0x90...0xbf)
        case 0xf1...0xf3: self.begin(byte, bits: byte & 0x07, missing: 3)
        case 0xf4: self.begin(byte, bits: 4, missing: 3, allowed: 0x80...0x8f)
        default: emit(.invalid(byte))
        }
    }

    /// Hands on the bytes of an incomplete character, as after the end of the input.
    mutating func finish(_ emit: (Element) -> Void) {
        for index in (0..<self.heldCount).reversed() {
            emit(.invalid(UInt8(truncatingIfNeeded: self.held >> UInt32(8 * index))))
        }
        self.heldCount = 0
        self.missing = 0
    }

    private mutating func begin(
        _ byte: UInt8,
        bits: UInt8,
        missing: Int,
        allowed: ClosedRange<UInt8> = 0x80...0xbf
    ) {
        self.held = UInt32(byte)
        self.heldCount = 1
        self.value = UInt32(bits)
        self.missing = missing
        self.allowed = allowed
    }

    private mutating func extend(with byte: UInt8, _ emit: (Element) -> Void) {
        self.value = self.value << 6 | UInt32(byte & 0x3f)
        self.missing -= 1
        self.allowed = 0x80...0xbf
        if self.missing > 0 {
            self.held = self.held << 8 | UInt32(byte)
            self.heldCount += 1
        } else {
            self.heldCount = 0
            emit(.scalar(self.value))
        }
    }

    /// Appends the UTF-8 form of a scalar value.
    static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: value >> shift & 0x3f) }
        switch value {
        case 0..<0x80:
            bytes.append(UInt8(truncatingIfNeeded: value))
        case 0x80..<0x800:
            bytes.append(0xc0 | UInt8(truncatingIfNeeded: value >> 6))
            bytes.append(continuation(0))
        case 0x800..<0x10000:
            bytes.append(0xe0 | UInt8(truncatingIfNeeded: value >> 12))
            bytes.append(continuation(6))
            bytes.append(continuation(0))
        default:
            bytes.append(0xf0 | UInt8(truncatingIfNeeded: value >> 18))
            bytes.append(continuation(12))
            bytes.append(continuation(6))
            bytes.append(continuation(0))
        }
    }
}
