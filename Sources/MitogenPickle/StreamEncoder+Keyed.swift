//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension StreamEncoder {
    /// The keyed container that values see: a `dict` that is being written.
    struct KeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
        private let encoder: StreamEncoder
        private let frame: Int
        private var hasIntegerKeys: Bool?

        init(encoder: StreamEncoder, frame: Int) {
            self.encoder = encoder
            self.frame = frame
        }

        var codingPath: [any CodingKey] { encoder.codingPath }

        mutating func encodeNil(forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.writeNone() }
        }

        mutating func encode(_ value: Bool, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: String, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: Double, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: Float, forKey key: Key) throws {
            try encode(Double(value), forKey: key)
        }

        mutating func encode<T: FixedWidthInteger & Encodable>(_ value: T, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        // The wide integers have default implementations, which would be preferred to the generic function.
        mutating func encode(_ value: Int128, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        mutating func encode(_ value: UInt128, forKey key: Key) throws {
            try write(key) { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
            try encoder.select(frame)
            let isInteger = isInteger(key)
            try encoder.undoingFailure(key: key) {
                try encoder.located { (writer) throws(PickleError) in try writer.write(key, isInteger: isInteger) }
                try encoder.encodeValue(value)
            }
        }

        mutating func nestedContainer<NestedKey: CodingKey>(
            keyedBy keyType: NestedKey.Type,
            forKey key: Key
        ) -> KeyedEncodingContainer<NestedKey> {
            guard encoder.mode == .streaming else {
                return superEncoder(for: key).container(keyedBy: keyType)
            }
            let nested = KeyedContainer<NestedKey>(encoder: encoder, frame: beginNested(key, isKeyed: true))
            return KeyedEncodingContainer(nested)
        }

        mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            guard encoder.mode == .streaming else {
                return superEncoder(for: key).unkeyedContainer()
            }
            return UnkeyedContainer(encoder: encoder, frame: beginNested(key, isKeyed: false))
        }

        mutating func superEncoder() -> any Encoder {
            superEncoder(for: PathKey.super)
        }

        mutating func superEncoder(forKey key: Key) -> any Encoder {
            superEncoder(for: key)
        }

        /// Writes a key and its value, without the bookkeeping that only values with parts need.
        private mutating func write(
            _ key: Key,
            _ body: (inout PickleWriter) throws(PickleError) -> Void
        ) throws {
            try encoder.select(frame)
            let isInteger = isInteger(key)
            do throws(PickleError) {
                try encoder.writer.write(key, isInteger: isInteger, body)
            } catch {
                throw encoder.fail(error.located(in: encoder.codingPath + [key]))
            }
        }

        private mutating func beginNested(_ key: Key, isKeyed: Bool) -> Int {
            do {
                try encoder.select(frame)
                try encoder.writer.write(key, isInteger: isInteger(key))
                return encoder.beginContainer(isKeyed: isKeyed)
            } catch {
                encoder.failure = encoder.failure ?? error
                return -1
            }
        }

        private mutating func superEncoder(for key: any CodingKey) -> StreamEncoder {
            do {
                try encoder.select(frame)
                try encoder.writer.write(key, isInteger: (key as? Key).map { isInteger($0) } ?? false)
                return try encoder.splicedEncoder(key: key)
            } catch {
                return encoder.failedEncoder(error, key: key)
            }
        }

        /// Whether a key is to be a Python integer, which only the keys of dictionaries are: the key `"5"` of a
        /// `[String: T]` has an integer value too, and so has a property of a type with integer coding keys.
        private mutating func isInteger(_ key: Key) -> Bool {
            guard key.intValue != nil else {
                return false
            }
            if let hasIntegerKeys {
                return hasIntegerKeys
            }
            let result = hasIntegerDictionaryKeys(encoder.scope.type)
            hasIntegerKeys = result
            return result
        }
    }
}

extension PickleWriter {
    /// Writes a coding key and what belongs to it.
    fileprivate mutating func write(
        _ key: some CodingKey,
        isInteger: Bool,
        _ body: (inout PickleWriter) throws(PickleError) -> Void
    ) throws(PickleError) {
        try write(key, isInteger: isInteger)
        try body(&self)
    }

    /// Writes a coding key as the key of a `dict`.
    mutating func write(_ key: some CodingKey, isInteger: Bool) throws(PickleError) {
        if isInteger, let value = key.intValue {
            try write(value)
        } else {
            try write(key.stringValue)
        }
    }
}
