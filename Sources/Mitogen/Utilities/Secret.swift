//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle

/// A password or the like. It prints as `<redacted>`, in every way of printing.
///
/// It travels, inside the connection, to the context that has to type it, and is not kept there. Only the encoder of
/// messages gets the text: every other one, such as one that writes JSON for people, gets `<redacted>`.
public struct Secret: Sendable, Hashable, Codable {
    /// The text itself.
    public let value: String

    public init(_ value: String) {
        self.value = value
    }

    public init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(String.self)
    }

    public func encode(to encoder: any Encoder) throws {
        if PickleEncoder.isMaking(encoder) { return try PickleValue.secret(value).encode(to: encoder) }
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self.init(value)
    }
}
