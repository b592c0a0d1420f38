//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension StreamEncoder {
    /// The unkeyed container that values see: a `list` that is being written.
    struct UnkeyedContainer: UnkeyedEncodingContainer {
        private let encoder: StreamEncoder
        private let frame: Int
        private(set) var count = 0

        init(encoder: StreamEncoder, frame: Int) {
            self.encoder = encoder
            self.frame = frame
        }

        var codingPath: [any CodingKey] { encoder.codingPath }

        mutating func encodeNil() throws {
            try write { (writer) throws(PickleError) in try writer.writeNone() }
        }

        mutating func encode(_ value: Bool) throws {
            try write { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: String) throws {
            try write { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: Double) throws {
            try write { (writer) throws(PickleError) in try writer.write(value) }
        }

        mutating func encode(_ value: Float) throws {
            try encode(Double(value))
        }

        mutating func encode<T: FixedWidthInteger & Encodable>(_ value: T) throws {
            try write { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        // The wide integers have default implementations, which would be preferred to the generic function.
        mutating func encode(_ value: Int128) throws {
            try write { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        mutating func encode(_ value: UInt128) throws {
            try write { (writer) throws(PickleError) in try writer.write(integer: value) }
        }

        mutating func encode<T: Encodable>(_ value: T) throws {
            try encoder.select(frame)
            if try !encoder.encodePlain(value) {
                try encoder.undoingFailure(key: PathKey.position(count)) {
                    try encoder.encodeStructure(value)
                }
            }
            count += 1
        }

        mutating func nestedContainer<NestedKey: CodingKey>(
            keyedBy keyType: NestedKey.Type
        ) -> KeyedEncodingContainer<NestedKey> {
            guard encoder.mode == .streaming else {
                return splicedEncoder().container(keyedBy: keyType)
            }
            let nested = KeyedContainer<NestedKey>(encoder: encoder, frame: beginNested(isKeyed: true))
            return KeyedEncodingContainer(nested)
        }

        mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
            guard encoder.mode == .streaming else {
                return splicedEncoder().unkeyedContainer()
            }
            return UnkeyedContainer(encoder: encoder, frame: beginNested(isKeyed: false))
        }

        mutating func superEncoder() -> any Encoder {
            splicedEncoder()
        }

        private mutating func write(_ body: (inout PickleWriter) throws(PickleError) -> Void) throws {
            try encoder.select(frame)
            do throws(PickleError) {
                try body(&encoder.writer)
            } catch {
                throw encoder.fail(error.located(in: encoder.codingPath + [PathKey.position(count)]))
            }
            count += 1
        }

        private mutating func beginNested(isKeyed: Bool) -> Int {
            do {
                try encoder.select(frame)
                count += 1
                return encoder.beginContainer(isKeyed: isKeyed)
            } catch {
                encoder.failure = encoder.failure ?? error
                return -1
            }
        }

        private mutating func splicedEncoder() -> StreamEncoder {
            let key = PathKey.position(count)
            do {
                try encoder.select(frame)
                count += 1
                return try encoder.splicedEncoder(key: key)
            } catch {
                return encoder.failedEncoder(error, key: key)
            }
        }
    }
}
