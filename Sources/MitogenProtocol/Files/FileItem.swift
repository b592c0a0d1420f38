//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// One step of a transfer, from who reads the files to who writes them.
///
/// After an entry for a regular file come its data and holes, then ``end(digest:)`` or ``broken(_:)``. Folders come
/// before what is in them.
package enum FileItem: Sendable, Hashable {
    case entry(FileEntry)
    /// The data begins at this offset, as what is before it is there; only where the transfer can be resumed.
    case start(offset: Int)
    case data([UInt8])
    /// So many bytes that are zero and take no space.
    case hole(Int)
    /// The file is complete. See ``ContentDigest`` for what the digest covers.
    case end(digest: [UInt8])
    /// Something could not be read; if it is the file whose data came last, that is to be dropped.
    case broken(FileFailure)
    /// That was all.
    case finished
    /// Where the writer is to send the offsets at which data may begin.
    case answers(contextID: UInt32, handle: UInt32)

    /// How many bytes of a file travel in one item.
    package static let pieceSize = 128 << 10
}

extension FileItem: PickleValueConvertible {
    package var pickleValue: PickleValue {
        switch self {
        case .data(let bytes): .bytes(bytes)
        case .hole(let count): .int(count)
        case .finished: .none
        case .entry(let entry): .tuple([.int(0), entry.pickleValue])
        case .start(let offset): .tuple([.int(1), .int(offset)])
        case .end(let digest): .tuple([.int(2), .bytes(digest)])
        case .broken(let failure): .tuple([.int(3), failure.pickleValue])
        case .answers(let id, let handle): .tuple([.int(4), .integer(id), .integer(handle)])
        }
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        switch pickleValue {
        case .bytes(let bytes): self = .data(bytes)
        case .int(let count) where count > 0: self = .hole(count)
        case .none: self = .finished
        default: self = try Self(fields: PickleFields(pickleValue))
        }
    }

    private init(fields: consuming PickleFields) throws(PickleError) {
        switch try fields.integer() {
        case 0: self = .entry(try FileEntry(pickleValue: fields.value()))
        case 1: self = .start(offset: max(0, try fields.integer()))
        case 2: self = .end(digest: try fields.bytes())
        case 3: self = .broken(try FileFailure(pickleValue: fields.value()))
        case 4: self = .answers(contextID: try fields.number(), handle: try fields.number())
        default: throw PickleError(.typeMismatch, "expected a step of a transfer")
        }
    }
}
