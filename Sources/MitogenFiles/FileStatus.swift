//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
package import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What `stat(2)` tells of a file.
package struct FileStatus: Sendable, Hashable {
    package enum Kind: Sendable {
        case regular, folder, symbolicLink, other
    }

    /// What tells one file from another, and one content from a later one.
    package struct Identity: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64
    }

    package var kind: Kind
    package var identity: Identity
    package var size: Int
    /// Whether it takes less space than its size.
    package var hasHoles: Bool
    /// Whether it takes no space at all, as what the kernel makes up.
    var hasNoBlocks: Bool
    package var linkCount: UInt32
    package var metadata: FileMetadata
    private var changed: FileTime

    init(_ status: cmitogen_file_status) {
        switch status.mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): kind = .regular
        case UInt32(S_IFDIR): kind = .folder
        case UInt32(S_IFLNK): kind = .symbolicLink
        default: kind = .other
        }
        identity = Identity(device: status.device, inode: status.inode)
        size = Int(status.size)
        hasHoles = status.blocks * 512 < status.size
        hasNoBlocks = status.blocks == 0
        linkCount = status.links
        changed = FileTime(seconds: Int(status.changed), nanoseconds: status.changed_ns)
        metadata = FileMetadata(
            mode: status.mode & 0o7777,
            userID: status.user,
            groupID: status.group,
            modified: FileTime(seconds: Int(status.modified), nanoseconds: status.modified_ns),
            accessed: FileTime(seconds: Int(status.accessed), nanoseconds: status.accessed_ns)
        )
    }

    /// Whether the content may be another one than it was at the time of `other`.
    func mayDiffer(from other: FileStatus) -> Bool {
        size != other.size || metadata.modified != other.metadata.modified || changed != other.changed
    }

    /// The status of an open file.
    package init(of descriptor: Descriptor, path: [UInt8]) throws(FileFailure) {
        var status = cmitogen_file_status()
        try check(cmitogen_file_get_status(descriptor.number, nil, false, &status), path, "look at it")
        self.init(status)
    }

    /// The status of what has a name in a folder.
    ///
    /// - Parameters:
    ///   - follows: Whether a symbolic link is followed.
    ///   - path: What messages call it.
    package init(
        of name: [UInt8],
        in folder: Descriptor,
        follows: Bool = false,
        path: [UInt8]
    ) throws(FileFailure) {
        var status = cmitogen_file_status()
        let result = withName(name) {
            cmitogen_file_get_status(folder.number, $0, follows, &status)
        }
        try check(result, path, "look at it")
        self.init(status)
    }

    /// The same; nil if there is nothing of that name.
    static func find(
        _ name: [UInt8],
        in folder: Descriptor,
        follows: Bool = false,
        path: [UInt8]
    ) throws(FileFailure) -> FileStatus? {
        do throws(FileFailure) {
            return try FileStatus(of: name, in: folder, follows: follows, path: path)
        } catch  where error.reason == .noSuchFile {
            return nil
        }
    }
}
