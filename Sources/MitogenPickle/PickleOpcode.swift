//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The pickle opcodes that Mitogen peers write (Mitogen wire protocol, sections 2.2 and 2.3), and the three of later
/// pickle protocols that carry bytes without the detour over text between Swift peers.
enum PickleOpcode: UInt8 {
    case mark = 0x28
    case emptyTuple = 0x29
    case stop = 0x2E
    case binBytes = 0x42
    case shortBinBytes = 0x43
    case binFloat = 0x47
    case int = 0x49
    case binInt = 0x4A
    case binInt1 = 0x4B
    case binInt2 = 0x4D
    case none = 0x4E
    case reduce = 0x52
    case binString = 0x54
    case shortBinString = 0x55
    case binUnicode = 0x58
    case emptyList = 0x5D
    case append = 0x61
    case global = 0x63
    case appends = 0x65
    case binGet = 0x68
    case longBinGet = 0x6A
    case binPut = 0x71
    case longBinPut = 0x72
    case setItem = 0x73
    case tuple = 0x74
    case setItems = 0x75
    case emptyDict = 0x7D
    case proto = 0x80
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case newTrue = 0x88
    case newFalse = 0x89
    case long1 = 0x8A
    case long4 = 0x8B
    case binBytes8 = 0x8E

    /// An opcode for messages: its code in hexadecimal, its character and its name as far as it has them.
    static func describe(_ byte: UInt8) -> String {
        name(of: byte).map { "0x\(PythonRepr.hex(byte)) \($0)" } ?? "0x\(PythonRepr.hex(byte))"
    }

    /// The name of any opcode of pickle protocols 0 to 5, also of the refused ones: that is what an error has to name.
    private static func name(of byte: UInt8) -> String? {
        byte < 0x80 ? textName(of: byte) : binaryName(of: byte)
    }

    private static func textName(of byte: UInt8) -> String? {
        switch Unicode.Scalar(byte) {
        case "(": "MARK"
        case ")": "EMPTY_TUPLE"
        case ".": "STOP"
        case "0": "POP"
        case "1": "POP_MARK"
        case "2": "DUP"
        case "B": "BINBYTES"
        case "C": "SHORT_BINBYTES"
        case "F": "FLOAT"
        case "G": "BINFLOAT"
        case "I": "INT"
        case "J": "BININT"
        case "K": "BININT1"
        case "L": "LONG"
        case "M": "BININT2"
        case "N": "NONE"
        case "P": "PERSID"
        case "Q": "BINPERSID"
        case "R": "REDUCE"
        case "S": "STRING"
        case "T": "BINSTRING"
        case "U": "SHORT_BINSTRING"
        case "V": "UNICODE"
        case "X": "BINUNICODE"
        case "]": "EMPTY_LIST"
        case "a": "APPEND"
        case "b": "BUILD"
        case "c": "GLOBAL"
        case "d": "DICT"
        case "e": "APPENDS"
        case "g": "GET"
        case "h": "BINGET"
        case "i": "INST"
        case "j": "LONG_BINGET"
        case "l": "LIST"
        case "o": "OBJ"
        case "p": "PUT"
        case "q": "BINPUT"
        case "r": "LONG_BINPUT"
        case "s": "SETITEM"
        case "t": "TUPLE"
        case "u": "SETITEMS"
        case "}": "EMPTY_DICT"
        default: nil
        }
    }

    private static func binaryName(of byte: UInt8) -> String? {
        let names = [
            "PROTO", "NEWOBJ", "EXT1", "EXT2", "EXT4", "TUPLE1", "TUPLE2", "TUPLE3", "NEWTRUE", "NEWFALSE", "LONG1",
            "LONG4", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES8", "EMPTY_SET", "ADDITEMS", "FROZENSET",
            "NEWOBJ_EX", "STACK_GLOBAL", "MEMOIZE", "FRAME", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER",
        ]
        let position = Int(byte) - 0x80
        return names.indices.contains(position) ? names[position] : nil
    }
}
