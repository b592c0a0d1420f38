//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Bytes that travel marked as bulk data (`mitogen.core.Blob`; Mitogen wire protocol, section 2.4).
///
/// The mark keeps the bytes out of the peer's logs; it does not make them smaller. Decoding also accepts plain bytes.
public struct Blob: Sendable, Hashable, PickleValueConvertible {
    /// The bytes.
    public var bytes: [UInt8]

    /// Marks bytes as bulk data.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes of ``PickleValue/blob(_:)`` or ``PickleValue/bytes(_:)``.
    public init(pickleValue: PickleValue) throws(PickleError) {
        switch pickleValue {
        case .blob(let bytes), .bytes(let bytes): self.init(bytes)
        default: throw PickleError(.typeMismatch, "expected Blob but found \(pickleValue.kind)")
        }
    }

    /// The bytes as ``PickleValue/blob(_:)``.
    public var pickleValue: PickleValue { .blob(bytes) }
}

extension Blob: CustomStringConvertible {
    /// The number of bytes, as Python Mitogen prints it.
    public var description: String { pickleValue.description }
}
