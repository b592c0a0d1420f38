//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A type with a form of its own in pickles, beyond what `Codable` can express: a reference to a context, say.
///
/// The protocol brings the `Codable` implementation along, which hands the ``pickleValue`` to ``PickleEncoder`` and
/// takes it from ``PickleDecoder``; so the type keeps its form within optionals, arrays, dictionaries and other types.
/// Other coders have nothing to match, and get an error. A type that writes its own `encode(to:)` or `init(from:)`
/// instead of the ones that come with the protocol gives up its own form.
public protocol PickleValueConvertible: Codable {
    /// The form in pickles.
    var pickleValue: PickleValue { get }

    /// A value from its form in pickles.
    ///
    /// - Throws: ``PickleError``, usually with the code ``PickleError/Code/typeMismatch``.
    init(pickleValue: PickleValue) throws(PickleError)
}

extension PickleValueConvertible {
    /// Reads the form in pickles; only ``PickleDecoder`` can.
    public init(from decoder: any Decoder) throws {
        let value = try PickleValue(from: decoder)
        do throws(PickleError) {
            try self.init(pickleValue: value)
        } catch {
            throw error.located(in: decoder.codingPath)
        }
    }

    /// Writes the form in pickles; only ``PickleEncoder`` can.
    public func encode(to encoder: any Encoder) throws {
        try pickleValue.encode(to: encoder)
    }
}

extension PickleValue: Codable {
    /// Takes the value as it is; only ``PickleDecoder`` has one.
    public init(from decoder: any Decoder) throws {
        guard let decoder = decoder as? ValueDecoder else {
            let text = "a PickleValue can only be decoded by PickleDecoder"
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: text))
        }
        self = decoder.value
    }

    /// Writes the value as it is; only ``PickleEncoder`` can.
    public func encode(to encoder: any Encoder) throws {
        guard let encoder = encoder as? StreamEncoder else {
            let text = "a PickleValue can only be encoded by PickleEncoder"
            throw EncodingError.invalidValue(kind, .init(codingPath: encoder.codingPath, debugDescription: text))
        }
        try encoder.encode(pickleValue: self)
    }

    /// Decodes a `Codable` type from this value, as ``PickleDecoder`` does.
    ///
    /// - Parameter type: The type to decode.
    /// - Throws: ``PickleError`` with the coding path of what does not match.
    public func cast<T: Decodable>(to type: T.Type) throws(PickleError) -> T {
        try PickleDecoder().decode(type, from: self)
    }
}
