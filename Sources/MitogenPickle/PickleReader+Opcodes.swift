//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleReader {
    /// Longest line that `INT` may have: a sign and the digits of a 64-bit integer. Python 2 writes no others so.
    private static let longestIntLine = 20

    /// Longest module or class name.
    private static let longestName = 1_024

    mutating func execute(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .none: try push(.none)
        case .newTrue: try push(.bool(true))
        case .newFalse: try push(.bool(false))
        case .binInt1: try push(.int(Int(try cursor.readByte())))
        case .binInt2: try push(.int(Int(try cursor.readInteger(UInt16.self))))
        case .binInt: try push(.int(Int(try cursor.readInteger(Int32.self))))
        case .binFloat:
            let bits = try cursor.readInteger(UInt64.self).byteSwapped
            try push(.float(Double(bitPattern: bits)))
        case .int: try pushIntLine()
        case .long1: try pushLong(count: Int(try cursor.readByte()))
        case .long4: try pushLong(count: Int(try cursor.readInteger(Int32.self)))
        case .binUnicode: try pushText(count: Int(try cursor.readInteger(UInt32.self)))
        case .shortBinString, .shortBinBytes: try pushBytes(count: Int(try cursor.readByte()))
        case .binString: try pushBytes(count: Int(try cursor.readInteger(Int32.self)))
        case .binBytes: try pushBytes(count: Int(try cursor.readInteger(UInt32.self)))
        case .binBytes8: try pushBytes(count: Int(clamping: try cursor.readInteger(UInt64.self)))
        default: try executeStructural(opcode)
        }
    }

    private mutating func executeStructural(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .mark: try pushMark()
        case .emptyTuple: try push(.tuple([]))
        case .emptyList: try push(open: .list([]))
        case .emptyDict: try push(open: .dictionary(PickleDictionary()))
        case .append: try appendItems(from: top(1))
        case .appends: try appendItems(from: popMark())
        case .setItem: try setItems(from: top(2))
        case .setItems: try setItems(from: popMark())
        case .tuple1: try makeTuple(from: top(1))
        case .tuple2: try makeTuple(from: top(2))
        case .tuple3: try makeTuple(from: top(3))
        case .tuple: try makeTuple(from: popMark())
        case .global: try pushGlobal()
        case .reduce: try reduce()
        case .binPut: try storeTop(at: Int(try cursor.readByte()))
        case .longBinPut: try storeTop(at: Int(try cursor.readInteger(UInt32.self)))
        case .binGet: try fetch(Int(try cursor.readByte()))
        case .longBinGet: try fetch(Int(try cursor.readInteger(UInt32.self)))
        default: throw PickleError(.malformed, "the opcode is not allowed here")
        }
    }

    private mutating func pushGlobal() throws(PickleError) {
        let global = try PickleGlobal.find(try cursor.readTwoLines(limit: Self.longestName))
        var slot = PickleSlot()
        slot.state = .global
        slot.global = global
        try push(.none, slot)
    }

    private mutating func pushText(count: Int) throws(PickleError) {
        let bytes = try cursor.read(count)
        guard let text = Self.text(bytes) else {
            throw PickleError(.invalidValue, "a text is not valid UTF-8, or has surrogates, which Swift cannot hold")
        }
        try push(.string(text), bytes: count, inlineBytes: 15)
    }

    /// A text, or `nil` if the bytes are not UTF-8. Short ASCII texts, which most keys are, take the faster way.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        if bytes.count <= 64 && bytes.allSatisfy({ $0 < 0x80 }) {
            return String(decoding: bytes, as: UTF8.self)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private mutating func pushBytes(count: Int) throws(PickleError) {
        try push(.bytes(Array(try cursor.read(count))), bytes: count)
    }

    private mutating func pushLong(count: Int) throws(PickleError) {
        guard count <= limits.integerBytes else {
            throw PickleError(.limitExceeded, "an integer has \(count) bytes, \(limits.integerBytes) are allowed")
        }
        try push(.integer(littleEndianTwosComplement: try cursor.read(count)), bytes: count)
    }

    /// A decimal integer; `00` and `01` are how pickle protocol 1 writes booleans.
    private mutating func pushIntLine() throws(PickleError) {
        let line = try cursor.readLine(limit: Self.longestIntLine)
        if line.elementsEqual([0x30, 0x30]) || line.elementsEqual([0x30, 0x31]) {
            return try push(.bool(line.last == 0x31))
        }
        let digits = line.first == 0x2D ? line.dropFirst() : line
        let isDecimal = !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
        let hasLeadingZero = digits.count > 1 && digits.first == 0x30
        guard isDecimal, !hasLeadingZero, let value = Int(String(decoding: line, as: UTF8.self)) else {
            throw PickleError(.malformed, "an INT line is not a decimal 64-bit integer")
        }
        try push(.int(value))
    }
}
