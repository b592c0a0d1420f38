//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ValueDecoder {
    /// Decodes this value as any type. The types that have an opcode are taken at once.
    func decodeValue<T: Decodable>(_ type: T.Type) throws -> T {
        if let result = Self.plain(value, type) {
            return result
        }
        if T.self == [UInt8].self {
            return unsafeBitCast(try bytes(), to: T.self)
        }
        do {
            return try T(from: self)
        } catch {
            settings.noteFailure(error, in: self)
            throw error
        }
    }

    /// Decodes a value within this one. Only types with parts get a decoder of their own.
    func decode<T: Decodable>(_ type: T.Type, from value: PickleValue, step: @autoclosure () -> Step) throws -> T {
        if let result = Self.plain(value, type) {
            return result
        }
        return try ValueDecoder(value, within: self, step: step()).decodeValue(type)
    }

    /// A value of the type that it has anyhow, or `nil` if the type has parts or does not match. In the latter case the
    /// type's own implementation finds that out, by asking for a single value.
    private static func plain<T>(_ value: PickleValue, _ type: T.Type) -> T? {
        switch value {
        case .string(let text) where T.self == String.self: unsafeBitCast(text, to: T.self)
        case .int(let value) where T.self == Int.self: unsafeBitCast(value, to: T.self)
        case .bool(let value) where T.self == Bool.self: unsafeBitCast(value, to: T.self)
        case .float(let value) where T.self == Double.self: unsafeBitCast(value, to: T.self)
        case .bytes(let bytes) where T.self == [UInt8].self: unsafeBitCast(bytes, to: T.self)
        default: nil
        }
    }

    func bool() throws -> Bool {
        guard case .bool(let result) = value else {
            throw mismatch(Bool.self, "bool")
        }
        return result
    }

    func text() throws -> String {
        switch value {
        case .string(let text), .secret(let text): return text
        default: throw mismatch(String.self, "text")
        }
    }

    func bytes() throws -> [UInt8] {
        switch value {
        case .bytes(let bytes), .blob(let bytes): return bytes
        default: throw mismatch([UInt8].self, "bytes")
        }
    }

    func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
        let result: T?
        switch value {
        case .int(let value): result = T(exactly: value)
        case .bigInteger(let value): result = value.exactly(T.self)
        default: throw mismatch(T.self, "int")
        }
        guard let result else {
            throw invalid("an integer does not fit \(T.self)")
        }
        return result
    }

    /// A float, or an integer that a float can hold exactly.
    func double() throws -> Double {
        switch value {
        case .float(let value): return value
        case .int(let value):
            guard let result = Double(exactly: value) else {
                throw invalid("an integer does not fit Double exactly")
            }
            return result
        case .bigInteger: throw invalid("an integer does not fit Double exactly")
        default: throw mismatch(Double.self, "float")
        }
    }

    /// Like other decoders this rounds to the nearest `Float`, but does not turn a number into infinity.
    func float() throws -> Float {
        let wide = try double()
        let result = Float(wide)
        guard result.isFinite || !wide.isFinite else {
            throw invalid("a float does not fit Float")
        }
        return result
    }

    func invalid(_ text: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: text))
    }
}

extension ValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool {
        if case .none = value { true } else { false }
    }

    func decode(_ type: Bool.Type) throws -> Bool { try bool() }

    func decode(_ type: String.Type) throws -> String { try text() }

    func decode(_ type: Double.Type) throws -> Double { try double() }

    func decode(_ type: Float.Type) throws -> Float { try float() }

    func decode<T: FixedWidthInteger & Decodable>(_ type: T.Type) throws -> T { try integer(type) }

    // The wide integers have default implementations, which would be preferred to the generic function.
    func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }

    func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try decode(type, from: value, step: .same)
    }
}
