//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ValueDecoder {
    /// The keyed container that values see: a `dict` that has been read.
    struct KeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
        private let decoder: ValueDecoder
        private let pairs: PickleDictionary

        init(decoder: ValueDecoder, pairs: PickleDictionary) {
            self.decoder = decoder
            self.pairs = pairs
        }

        var codingPath: [any CodingKey] { decoder.codingPath }

        /// Keys that are neither text nor integers belong to nothing that a Swift type could ask for.
        var allKeys: [Key] {
            pairs.entries.compactMap { entry in
                switch entry.key {
                case .string(let name): Key(stringValue: name)
                case .int(let number): Key(intValue: number)
                default: nil
                }
            }
        }

        func contains(_ key: Key) -> Bool {
            decoder.positional?.value(for: key.stringValue) != nil || position(of: key) != nil
        }

        func decodeNil(forKey key: Key) throws -> Bool {
            if case .none = try value(for: key) { true } else { false }
        }

        func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
            let value = try value(for: key)
            guard case .bool(let result) = value else {
                return try nested(value, key).bool()
            }
            return result
        }

        func decode(_ type: String.Type, forKey key: Key) throws -> String {
            let value = try value(for: key)
            guard case .string(let text) = value else {
                return try nested(value, key).text()
            }
            return text
        }

        func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
            let value = try value(for: key)
            guard case .float(let result) = value else {
                return try nested(value, key).double()
            }
            return result
        }

        func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
            try nested(value(for: key), key).float()
        }

        func decode<T: FixedWidthInteger & Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
            let value = try value(for: key)
            guard case .int(let number) = value, let result = T(exactly: number) else {
                return try nested(value, key).integer(type)
            }
            return result
        }

        // The wide integers have default implementations, which would be preferred to the generic function.
        func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 {
            try nested(value(for: key), key).integer(type)
        }

        func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 {
            try nested(value(for: key), key).integer(type)
        }

        func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
            try decoder.decode(type, from: value(for: key), step: .key(key))
        }

        func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type,
            forKey key: Key
        ) throws -> KeyedDecodingContainer<NestedKey> {
            try nested(value(for: key), key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try nested(value(for: key), key).unkeyedContainer()
        }

        func superDecoder() throws -> any Decoder {
            let key = PathKey.super
            return try nested(pairs[key.stringValue] ?? .none, key)
        }

        func superDecoder(forKey key: Key) throws -> any Decoder {
            try nested(position(of: key).map { pairs.entries[$0].value } ?? .none, key)
        }

        private func nested(_ value: PickleValue, _ key: any CodingKey) throws -> ValueDecoder {
            try ValueDecoder(value, within: decoder, step: .key(key))
        }

        private func value(for key: Key) throws -> PickleValue {
            if let value = decoder.positional?.value(for: key.stringValue) { return value }
            guard let position = position(of: key) else {
                let context = DecodingError.Context(
                    codingPath: decoder.codingPath + [key],
                    debugDescription: "the dict has no key \(PythonRepr.text(key.stringValue))"
                )
                throw DecodingError.keyNotFound(key, context)
            }
            return pairs.entries[position].value
        }

        /// Looks where the last key was and behind it, before it searches.
        private func position(of key: Key) -> Int? {
            let entries = pairs.entries
            let hint = decoder.hint
            for position in hint..<Swift.max(hint, Swift.min(hint + 2, entries.count)) {
                if matches(entries[position].key, key) {
                    decoder.hint = position
                    return position
                }
            }
            let found = pairs.position(of: key.stringValue) ?? key.intValue.flatMap { pairs.position(of: .int($0)) }
            if let found {
                decoder.hint = found
            }
            return found
        }

        private func matches(_ value: PickleValue, _ key: Key) -> Bool {
            switch value {
            case .string(let name): name.hasSameBytes(as: key.stringValue)
            case .int(let number): number == key.intValue
            default: false
            }
        }
    }
}
