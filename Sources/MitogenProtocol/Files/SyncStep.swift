//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// What who has the new files asks of who has the old ones. The answers come in the same order.
package enum SyncStep: Sendable, Hashable {
    /// What is in a folder: all, or some names. With the digest of a listing, whether it is still the same.
    case list(path: [UInt8], names: [[UInt8]]?, digest: [UInt8])
    /// The signature of a file.
    case sign(path: [UInt8])
    /// The SHA-256 of a file.
    case hash(path: [UInt8])
    /// To be written.
    case item(FileItem)
    /// The content of the entry that came last, as operations on the old file, whose signature was asked for.
    case patch([UInt8])
    case remove(path: [UInt8], isFolder: Bool)
    /// A file whose content is right gets its metadata.
    case adjust(FileEntry)
    /// Everything before has been done.
    case flush
}

/// The answers to ``SyncStep``, and failures.
package enum SyncEvent: Sendable, Hashable {
    /// Steps can be sent to this handle of the context that says so.
    case ready(handle: UInt32)
    /// A part of a ``SyncListing``.
    case listing([UInt8], isLast: Bool)
    /// The listing has the digest that was sent.
    case same
    /// There is no such folder.
    case missing
    /// A part of the signature of a file.
    case signature(fileSize: Int, [UInt8], isLast: Bool)
    /// There is no file that can be read; it is to be sent whole.
    case unsigned
    /// Nil if it could not be read.
    case hash([UInt8]?)
    /// Something could not be done: for an entry its number (the first is 0), otherwise -1.
    case failed(entry: Int, FileFailure)
    case flushed
    case done(TransferCounts)
    /// Nothing more will be done.
    case gaveUp(FileFailure)
}

extension SyncStep: PickleValueConvertible {
    package var pickleValue: PickleValue {
        switch self {
        case .item(let item): item.pickleValue
        case .list(let path, let names, let digest):
            .tuple([.int(10), .bytes(path), names.map { .list($0.map { .bytes($0) }) } ?? .none, .bytes(digest)])
        case .sign(let path): .tuple([.int(11), .bytes(path)])
        case .hash(let path): .tuple([.int(12), .bytes(path)])
        case .patch(let operations): .tuple([.int(13), .bytes(operations)])
        case .remove(let path, let isFolder): .tuple([.int(14), .bytes(path), .bool(isFolder)])
        case .adjust(let entry): .tuple([.int(15), entry.pickleValue])
        case .flush: .tuple([.int(16)])
        }
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        guard case .tuple(let fields) = pickleValue, case .int(10...) = fields.first else {
            self = .item(try FileItem(pickleValue: pickleValue))
            return
        }
        try self.init(fields: PickleFields(pickleValue))
    }

    private init(fields: consuming PickleFields) throws(PickleError) {
        switch try fields.integer() {
        case 10:
            let path = try fields.bytes()
            var names: [[UInt8]]?
            if case .list(let values) = try fields.value() {
                names = []
                for case .bytes(let name) in values { names?.append(name) }
            }
            self = .list(path: path, names: names, digest: try fields.bytes())
        case 11: self = .sign(path: try fields.bytes())
        case 12: self = .hash(path: try fields.bytes())
        case 13: self = .patch(try fields.bytes())
        case 14: self = .remove(path: try fields.bytes(), isFolder: try fields.bool())
        case 15: self = .adjust(try FileEntry(pickleValue: fields.value()))
        case 16: self = .flush
        default: throw PickleError(.typeMismatch, "expected a step of a synchronisation")
        }
    }
}

extension SyncEvent: PickleValueConvertible {
    package var pickleValue: PickleValue {
        switch self {
        case .ready(let handle): .tuple([.int(0), .integer(handle)])
        case .listing(let bytes, let isLast): .tuple([.int(1), .bytes(bytes), .bool(isLast)])
        case .same: .tuple([.int(2)])
        case .missing: .tuple([.int(3)])
        case .signature(let size, let bytes, let isLast): .tuple([.int(4), .int(size), .bytes(bytes), .bool(isLast)])
        case .unsigned: .tuple([.int(5)])
        case .hash(let digest): .tuple([.int(6), digest.map { .bytes($0) } ?? .none])
        case .failed(let entry, let failure): .tuple([.int(7), .int(entry), failure.pickleValue])
        case .flushed: .tuple([.int(8)])
        case .done(let counts): .tuple([.int(9), counts.pickleValue])
        case .gaveUp(let failure): .tuple([.int(10), failure.pickleValue])
        }
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        switch try fields.integer() {
        case 0: self = .ready(handle: try fields.number())
        case 1: self = .listing(try fields.bytes(), isLast: try fields.bool())
        case 2: self = .same
        case 3: self = .missing
        case 4:
            self = .signature(fileSize: try fields.integer(), try fields.bytes(), isLast: try fields.bool())
        case 5: self = .unsigned
        case 6: self = .hash(try fields.optionalBytes())
        case 7: self = .failed(entry: try fields.integer(), try FileFailure(pickleValue: fields.value()))
        case 8: self = .flushed
        case 9: self = .done(try TransferCounts(pickleValue: fields.value()))
        case 10: self = .gaveUp(try FileFailure(pickleValue: fields.value()))
        default: throw PickleError(.typeMismatch, "expected news of a synchronisation")
        }
    }
}
