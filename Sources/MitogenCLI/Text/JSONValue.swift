//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A JSON value that was read; numbers stay as they are written.
enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// What is wrong with a text, and at which byte, counted from 1.
    struct SyntaxError: Error, Hashable {
        let problem: String
        let offset: Int
    }

    /// How deep values may lie in values, as each level takes from the stack.
    private static let maximumDepth = 200

    /// Reads a text that is one value.
    ///
    /// - Throws: ``SyntaxError``.
    init(parsing bytes: [UInt8]) throws(SyntaxError) {
        var reader = Reader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.skipSpaces()
        guard reader.isAtEnd else { throw reader.error("something follows the value") }
    }

    subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The members of an object; nil of anything else.
    var object: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The strings of an array; nil if it is none, or has something else.
    var strings: [String]? {
        guard case .array(let values) = self else { return nil }
        let strings = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
        return strings.count == values.count ? strings : nil
    }

    /// A value that is not made of others, as a text.
    var scalarText: String? {
        switch self {
        case .null, .array, .object: nil
        case .bool(let value): value ? "true" : "false"
        case .number(let text), .string(let text): text
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0

        var isAtEnd: Bool { self.place == self.bytes.count }
        var next: UInt8? { self.isAtEnd ? nil : self.bytes[self.place] }

        func error(_ problem: String) -> SyntaxError { SyntaxError(problem: problem, offset: self.place + 1) }

        mutating func skipSpaces() {
            while let byte = self.next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { self.place += 1 }
        }

        mutating func value(depth: Int) throws(SyntaxError) -> JSONValue {
            guard depth < JSONValue.maximumDepth else { throw self.error("values lie too deep in each other") }
            self.skipSpaces()
            switch self.next {
            case UInt8(ascii: "{"): return try self.object(depth)
            case UInt8(ascii: "["): return try self.array(depth)
            case UInt8(ascii: "\""): return .string(try self.string())
            case nil: throw self.error("a value is missing")
            default: return try self.word()
            }
        }

        private mutating func word() throws(SyntaxError) -> JSONValue {
            let start = self.place
            while let byte = self.next, !",]}: \t\r\n".utf8.contains(byte) { self.place += 1 }
            let text = String(decoding: self.bytes[start..<self.place], as: UTF8.self)
            switch text {
            case "null": return .null
            case "true": return .bool(true)
            case "false": return .bool(false)
            default:
                guard Double(text) != nil, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }) else {
                    self.place = start
                    throw self.error("a value is expected")
                }
                return .number(text)
            }
        }

        private mutating func array(_ depth: Int) throws(SyntaxError) -> JSONValue {
            self.place += 1
            var values: [JSONValue] = []
            self.skipSpaces()
            if self.take(UInt8(ascii: "]")) { return .array([]) }
            while true {
                values.append(try self.value(depth: depth + 1))
                self.skipSpaces()
                if self.take(UInt8(ascii: "]")) { return .array(values) }
                guard self.take(UInt8(ascii: ",")) else { throw self.error("',' or ']' is expected") }
            }
        }

        private mutating func object(_ depth: Int) throws(SyntaxError) -> JSONValue {
            self.place += 1
            var members: [String: JSONValue] = [:]
            self.skipSpaces()
            if self.take(UInt8(ascii: "}")) { return .object([:]) }
            while true {
                self.skipSpaces()
                guard self.next == UInt8(ascii: "\"") else { throw self.error("the name of a member is expected") }
                let name = try self.string()
                self.skipSpaces()
                guard self.take(UInt8(ascii: ":")) else { throw self.error("':' is expected") }
                members[name] = try self.value(depth: depth + 1)
                self.skipSpaces()
                if self.take(UInt8(ascii: "}")) { return .object(members) }
                guard self.take(UInt8(ascii: ",")) else { throw self.error("',' or '}' is expected") }
            }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard self.next == byte else { return false }
            self.place += 1
            return true
        }

        private mutating func string() throws(SyntaxError) -> String {
            self.place += 1
            var text: [UInt8] = []
            while let byte = self.next {
                self.place += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard let result = String(validating: text, as: UTF8.self) else { throw self.error("no UTF-8") }
                    return result
                case UInt8(ascii: "\\"): try self.escape(into: &text)
                case ..<0x20: throw self.error("a control character is in a string")
                default: text.append(byte)
                }
            }
            throw self.error("a string does not end")
        }

        private mutating func escape(into text: inout [UInt8]) throws(SyntaxError) {
            guard let byte = self.next else { throw self.error("a string does not end") }
            self.place += 1
            switch byte {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0c)
            case UInt8(ascii: "n"): text.append(0x0a)
            case UInt8(ascii: "r"): text.append(0x0d)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
            case UInt8(ascii: "u"):
                var value = UInt32(try self.digits())
                if (0xd800..<0xdc00).contains(value), self.take(UInt8(ascii: "\\")), self.take(UInt8(ascii: "u")) {
                    let low = UInt32(try self.digits())
                    guard (0xdc00..<0xe000).contains(low) else { throw self.error("half a character") }
                    value = 0x10000 + (value - 0xd800) << 10 + (low - 0xdc00)
                }
                guard Unicode.Scalar(value) != nil else { throw self.error("half a character") }
                UTF8StreamDecoder.append(value, to: &text)
            default: throw self.error("an escape that JSON does not have")
            }
        }

        private mutating func digits() throws(SyntaxError) -> UInt16 {
            let digits = self.bytes[self.place...].prefix(4)
            guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw self.error("four hexadecimal digits are expected") }
            self.place += 4
            return value
        }
    }
}
