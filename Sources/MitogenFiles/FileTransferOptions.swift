//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
public import MitogenPickle
internal import MitogenProtocol

/// How files are read and written.
public struct FileTransferOptions: Sendable, Hashable {
    /// Whose the files that are written become.
    public enum Owner: Int, Sendable, Hashable {
        /// Those of the account that writes them; what is replaced keeps its owner. This is the default.
        case writer
        /// The accounts with the same names; the numbers where there is no such name.
        case names
        /// The same numbers.
        case numbers
    }

    /// Whether folders are transferred, with all that is in them; false by default.
    public var isRecursive = false
    /// Whether files get the permissions and times (nanoseconds) that they have at the source; false by default. Otherwise
    /// new ones get its permissions without what the writer's umask takes away, and what is replaced keeps its own.
    public var preservesMetadata = false
    public var owner = Owner.writer
    /// Whether files get the extended attributes that they have at the source; false by default.
    public var preservesAttributes = false
    /// Whether files are written into instead of being replaced; false by default. A transfer that fails then leaves a
    /// file that is neither the old nor the new one.
    public var writesInPlace = false
    /// Whether what was transferred is kept after a failure, under a name that begins with `.mitogen-`, so that the next
    /// transfer of the same content to the same place goes on from there; false by default. The source is then read
    /// twice.
    public var isResumable = false
    /// Whether each file is on the disk before it gets its name; true by default.
    public var synchronizes = true

    public init() {}
}

extension FileTransferOptions: PickleValueConvertible {
    public var pickleValue: PickleValue {
        .tuple([
            .bool(isRecursive), .bool(preservesMetadata), .int(owner.rawValue), .bool(preservesAttributes),
            .bool(writesInPlace), .bool(isResumable), .bool(synchronizes),
        ])
    }

    public init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        isRecursive = try fields.bool()
        preservesMetadata = try fields.bool()
        owner = Owner(rawValue: try fields.integer()) ?? .writer
        preservesAttributes = try fields.bool()
        writesInPlace = try fields.bool()
        isResumable = try fields.bool()
        synchronizes = try fields.bool()
    }
}
