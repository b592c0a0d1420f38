//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ValueDecoder {
    /// The unkeyed container that values see: a `list` or `tuple` that has been read.
    struct UnkeyedContainer: UnkeyedDecodingContainer {
        private let decoder: ValueDecoder
        private let items: [PickleValue]
        private(set) var currentIndex = 0

        init(decoder: ValueDecoder, items: [PickleValue]) {
            self.decoder = decoder
            self.items = items
        }

        var codingPath: [any CodingKey] { decoder.codingPath }

        var count: Int? { items.count }

        var isAtEnd: Bool { currentIndex >= items.count }

        /// Goes past a `nil`, and past nothing else.
        mutating func decodeNil() throws -> Bool {
            guard case .none = try current() else {
                return false
            }
            currentIndex += 1
            return true
        }

        mutating func decode(_ type: Bool.Type) throws -> Bool {
            try take { try $0.bool() }
        }

        mutating func decode(_ type: String.Type) throws -> String {
            try take { try $0.text() }
        }

        mutating func decode(_ type: Double.Type) throws -> Double {
            try take { try $0.double() }
        }

        mutating func decode(_ type: Float.Type) throws -> Float {
            try take { try $0.float() }
        }

        mutating func decode<T: FixedWidthInteger & Decodable>(_ type: T.Type) throws -> T {
            try take { try $0.integer(type) }
        }

        // The wide integers have default implementations, which would be preferred to the generic function.
        mutating func decode(_ type: Int128.Type) throws -> Int128 {
            try take { try $0.integer(type) }
        }

        mutating func decode(_ type: UInt128.Type) throws -> UInt128 {
            try take { try $0.integer(type) }
        }

        mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
            let result = try decoder.decode(type, from: current(), step: .position(currentIndex))
            currentIndex += 1
            return result
        }

        mutating func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type
        ) throws -> KeyedDecodingContainer<NestedKey> {
            try take { try $0.container(keyedBy: type) }
        }

        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
            try take { try $0.unkeyedContainer() }
        }

        mutating func superDecoder() throws -> any Decoder {
            try take { $0 }
        }

        /// Goes past an item only if it could be decoded, so that another type can be tried.
        private mutating func take<T>(_ body: (ValueDecoder) throws -> T) throws -> T {
            let nested = try ValueDecoder(current(), within: decoder, step: .position(currentIndex))
            let result = try body(nested)
            currentIndex += 1
            return result
        }

        private func current() throws -> PickleValue {
            guard currentIndex < items.count else {
                let context = DecodingError.Context(
                    codingPath: decoder.codingPath + [PathKey.position(currentIndex)],
                    debugDescription: "the list has only \(items.count) items"
                )
                throw DecodingError.valueNotFound(PickleValue.self, context)
            }
            return items[currentIndex]
        }
    }
}
