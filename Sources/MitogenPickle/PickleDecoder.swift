//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Reads `Codable` values from pickles; the counterpart of ``PickleEncoder``.
///
/// Dictionaries and keyword arguments become types with properties, where unknown keys are ignored and missing keys are
/// `nil` if the property is optional. Lists and tuples become unkeyed containers. Integers have to fit their type, a
/// `Double` also takes integers that it can hold exactly, `[UInt8]` takes bytes and blobs.
/// Text and bytes are different types, as in Python 3: a `String` takes text and secrets, never bytes.
public struct PickleDecoder: Sendable {
    /// The limits the input has to keep.
    public var limits: PickleLimits

    /// Information for the `init(from:)` of the values.
    public var userInfo: [CodingUserInfoKey: any Sendable]

    /// Gives this information, if set, when a value asks for it, which hardly one does.
    package var userInfoSource: (@Sendable () -> [CodingUserInfoKey: any Sendable])?

    /// A decoder.
    ///
    /// - Parameters:
    ///   - limits: The limits the input has to keep.
    ///   - userInfo: Information for the `init(from:)` of the values.
    public init(limits: PickleLimits = .default, userInfo: [CodingUserInfoKey: any Sendable] = [:]) {
        self.limits = limits
        self.userInfo = userInfo
    }

    /// Decodes the first pickle of a message.
    ///
    /// - Throws: ``PickleError`` with the offset and opcode if the bytes are no pickle, or with the coding path of
    ///   what does not match the type.
    public func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws(PickleError) -> T {
        try decode(type, from: PickleReader.decodeFirst(bytes, limits: limits))
    }

    /// Decodes the first pickle of a message that is part of a larger buffer.
    public func decode<T: Decodable>(_ type: T.Type, from bytes: ArraySlice<UInt8>) throws(PickleError) -> T {
        try decode(type, from: PickleReader.decodeFirst(bytes, limits: limits))
    }

    /// Decodes a value that has been read before.
    ///
    /// - Throws: ``PickleError`` with the coding path of what does not match the type.
    public func decode<T: Decodable>(_ type: T.Type, from value: PickleValue) throws(PickleError) -> T {
        try decode(type, from: ValueDecoder(root: value, of: self))
    }

    func decode<T: Decodable>(_ type: T.Type, from root: ValueDecoder) throws(PickleError) -> T {
        do {
            return try root.decodeValue(type)
        } catch {
            throw PickleError.wrapping(error, otherwise: .invalidValue, in: root.settings.failurePath ?? [])
        }
    }
}
