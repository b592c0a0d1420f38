//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

/// What something that is written gets besides its content.
struct MetadataChange {
    private let source: FileMetadata
    /// What it replaces.
    private let replaced: FileMetadata?
    private let options: FileTransferOptions
    private let owner: (user: UInt32, group: UInt32)?

    init(_ source: FileMetadata, _ replaced: FileMetadata?, _ options: FileTransferOptions, _ accounts: Accounts) {
        self.source = source
        self.replaced = replaced
        self.options = options
        owner =
            switch options.owner {
            case .writer: replaced.map { ($0.userID, $0.groupID) }
            case .numbers: (source.userID, source.groupID)
            case .names:
                (
                    source.userName.flatMap(accounts.userID) ?? source.userID,
                    source.groupName.flatMap(accounts.groupID) ?? source.groupID
                )
            }
    }

    /// First, as changing the owner takes away bits of the mode.
    ///
    /// - Parameter name: Something in the folder that `descriptor` is; nil for itself.
    func applyOwner(to descriptor: Descriptor, _ path: [UInt8], name: [UInt8]? = nil) throws(FileFailure) {
        guard let owner else { return }
        let current: FileMetadata
        if let name {
            current = try FileStatus(of: name, in: descriptor, path: path).metadata
        } else {
            current = try FileStatus(of: descriptor, path: path).metadata
        }
        guard current.userID != owner.user || current.groupID != owner.group else { return }
        let result = withOptionalName(name) {
            cmitogen_file_set_owner(descriptor.number, $0, owner.user, owner.group)
        }
        guard result < 0 else { return }
        var failure = FileFailure(errno: Int(result), path, "give it to user \(owner.user), group \(owner.group)")
        if options.owner == .writer {
            failure.hint = "the file that is replaced belongs to them; \(.writesInPlace) writes into it"
        }
        throw failure
    }

    func applyMode(to descriptor: Descriptor, _ path: [UInt8]) throws(FileFailure) {
        var mode = source.mode
        if options.preservesMetadata {
            // Otherwise it would become a program that runs as who has written it.
            if options.owner == .writer { mode &= 0o1777 }
        } else {
            mode = replaced?.mode ?? source.mode & 0o777 & ~cmitogen_file_mask()
        }
        try check(cmitogen_file_set_mode(descriptor.number, nil, mode), path, "set its permissions")
    }

    func applyAttributes(to descriptor: Descriptor, _ path: [UInt8]) throws(FileFailure) {
        guard options.preservesAttributes else { return }
        // Whatever the source has sent.
        for attribute in source.attributes where FileAttributes.isOfUser(attribute.name) {
            try FileAttributes.set(attribute, of: descriptor, path: path)
        }
    }

    func applyTimes(to descriptor: Descriptor, _ path: [UInt8], name: [UInt8]? = nil) throws(FileFailure) {
        guard options.preservesMetadata else { return }
        let (accessed, modified) = (source.accessed, source.modified)
        let result = withOptionalName(name) {
            cmitogen_file_set_times(
                descriptor.number,
                $0,
                Int64(accessed.seconds),
                accessed.nanoseconds,
                Int64(modified.seconds),
                modified.nanoseconds
            )
        }
        try check(result, path, "set its times")
    }

    private func withOptionalName(_ name: [UInt8]?, _ body: (UnsafePointer<CChar>?) -> Int32) -> Int32 {
        guard let name else { return body(nil) }
        return withName(name) { body($0) }
    }
}
