//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// A path as it travels to services: text where it is UTF-8, as Python's methods want it; bytes otherwise.
struct ServicePath: PickleValueConvertible, Sendable, Hashable {
    let bytes: [UInt8]

    init(_ path: ByteString) {
        bytes = path.bytes
    }

    var pickleValue: PickleValue {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.utf8.elementsEqual(bytes) ? .string(text) : .bytes(bytes)
    }

    init(pickleValue: PickleValue) throws(PickleError) {
        switch pickleValue {
        case .string(let text): bytes = Array(text.utf8)
        case .bytes(let bytes): self.bytes = bytes
        default: throw PickleError(.typeMismatch, "expected a path")
        }
    }

    /// The path in the way that Python's messages show it.
    var quoted: String { "'\(FilePath.visible(bytes))'" }
}
