//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    /// Writes `None`.
    public mutating func writeNone() throws(PickleError) {
        try willWrite()
        append(.none)
        didWrite()
    }

    /// Writes a bool.
    public mutating func write(_ value: Bool) throws(PickleError) {
        try willWrite()
        append(value ? .newTrue : .newFalse)
        didWrite()
    }

    /// Writes an integer, in the shortest of its forms.
    public mutating func write(_ value: Int) throws(PickleError) {
        try willWrite()
        appendInteger(value)
        didWrite()
    }

    /// Writes an integer of any fixed width.
    public mutating func write(integer value: some FixedWidthInteger) throws(PickleError) {
        if let value = Int(exactly: value) {
            try write(value)
        } else {
            try write(PickleBigInteger(value))
        }
    }

    /// Writes an integer of any size.
    public mutating func write(_ value: PickleBigInteger) throws(PickleError) {
        if let small = value.exactly(Int.self) {
            return try write(small)
        }
        guard let count = Int32(exactly: value.littleEndianBytes.count) else {
            throw PickleError(.limitExceeded, "an integer is too long for a pickle")
        }
        try willWrite()
        if count <= 0xFF {
            append(.long1, UInt8(count))
        } else {
            append(.long4, UInt32(count))
        }
        bytes.append(contentsOf: value.littleEndianBytes)
        didWrite()
    }

    /// Writes a float.
    public mutating func write(_ value: Double) throws(PickleError) {
        try willWrite()
        append(.binFloat, value.bitPattern.byteSwapped)
        didWrite()
    }

    /// Writes a text.
    public mutating func write(_ text: String) throws(PickleError) {
        try willWrite()
        try appendText(text)
        didWrite()
    }

    /// Appends an opcode and its operand, least significant byte first.
    mutating func append(_ opcode: PickleOpcode, _ operand: some FixedWidthInteger) {
        bytes.append(opcode.rawValue)
        withUnsafeBytes(of: operand.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends a text, or a reference to it if it is stored.
    mutating func appendText(_ text: String) throws(PickleError) {
        if options.memoizes, let index = memo[.value(.string(text))] {
            return appendFetch(index)
        }
        try appendUnstored(text)
        if options.memoizes {
            appendStore(.value(.string(text)))
        }
    }

    private mutating func appendUnstored(_ text: String) throws(PickleError) {
        guard let count = UInt32(exactly: text.utf8.count) else {
            throw PickleError(.limitExceeded, "a text is too long for a pickle")
        }
        append(.binUnicode, count)
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func appendInteger(_ value: Int) {
        switch value {
        case 0...0xFF: append(.binInt1, UInt8(truncatingIfNeeded: value))
        case 0x100...0xFFFF: append(.binInt2, UInt16(truncatingIfNeeded: value))
        case Int(Int32.min)...Int(Int32.max): append(.binInt, Int32(truncatingIfNeeded: value))
        default:
            // A sign bit has to remain, so as many bytes as hold the value without its leading copies of the sign.
            let bits = Int.bitWidth - (value < 0 ? ~value : value).leadingZeroBitCount
            let count = bits / 8 + 1
            append(.long1, UInt8(truncatingIfNeeded: count))
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(count)) }
        }
    }
}
