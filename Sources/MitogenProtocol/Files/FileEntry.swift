//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// A point in time as files have it: seconds since 1970, and nanoseconds.
package struct FileTime: Sendable, Hashable {
    package var seconds: Int
    package var nanoseconds: Int32

    package init(seconds: Int, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// What a file is besides its content.
package struct FileMetadata: Sendable, Hashable {
    /// An extended attribute.
    package struct Attribute: Sendable, Hashable {
        package var name: [UInt8]
        package var value: [UInt8]

        package init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// The permission bits, with those for set-user-ID, set-group-ID and sticky: at most 0o7777.
    package var mode: UInt32
    package var userID: UInt32
    package var groupID: UInt32
    /// The names of the numbers where the file was read; nil if it has none.
    package var userName: String?
    package var groupName: String?
    package var modified: FileTime
    package var accessed: FileTime
    package var attributes: [Attribute] = []

    package init(
        mode: UInt32,
        userID: UInt32,
        groupID: UInt32,
        modified: FileTime,
        accessed: FileTime
    ) {
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
        self.modified = modified
        self.accessed = accessed
    }
}

/// Something in a tree of files.
package struct FileEntry: Sendable, Hashable {
    package enum Kind: UInt8, Sendable {
        case regular
        case folder
        case symbolicLink
        /// Another name of a regular file that came before in the same transfer.
        case hardLink
    }

    /// Where it is below the root of the transfer, with `/` between the parts; empty for the root itself.
    package var path: [UInt8]
    package var kind: Kind
    /// The size in bytes of a regular file.
    package var size: Int
    package var metadata: FileMetadata
    /// What a symbolic link leads to; the path in the transfer of the file that a hard link is another name of.
    package var target: [UInt8] = []
    /// The SHA-256 of the whole content, where the transfer can be resumed.
    package var digest: [UInt8]?

    package init(path: [UInt8], kind: Kind, size: Int, metadata: FileMetadata) {
        self.path = path
        self.kind = kind
        self.size = size
        self.metadata = metadata
    }

    /// The last part of the path.
    package var name: [UInt8] { FilePath.split(path).name }
}

extension FileTime: PickleValueConvertible {
    package var pickleValue: PickleValue { .tuple([.int(seconds), .integer(nanoseconds)]) }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        seconds = try fields.integer()
        nanoseconds = try fields.number()
        guard 0..<1_000_000_000 ~= nanoseconds else { throw PickleError(.typeMismatch, "expected nanoseconds") }
    }
}

extension FileMetadata: PickleValueConvertible {
    package var pickleValue: PickleValue {
        .tuple([
            .integer(mode), .integer(userID), .integer(groupID),
            userName.map { .string($0) } ?? .none, groupName.map { .string($0) } ?? .none,
            modified.pickleValue, accessed.pickleValue,
            .list(attributes.map { .tuple([.bytes($0.name), .bytes($0.value)]) }),
        ])
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        mode = try fields.number(UInt32.self) & 0o7777
        userID = try fields.number()
        groupID = try fields.number()
        userName = try fields.optionalText()
        groupName = try fields.optionalText()
        modified = try FileTime(pickleValue: fields.value())
        accessed = try FileTime(pickleValue: fields.value())
        for item in try fields.list() {
            var pair = try PickleFields(item)
            attributes.append(Attribute(name: try pair.bytes(), value: try pair.bytes()))
        }
    }
}

extension FileEntry: PickleValueConvertible {
    package var pickleValue: PickleValue {
        .tuple([
            .bytes(path), .integer(kind.rawValue), .int(size), metadata.pickleValue, .bytes(target),
            digest.map { .bytes($0) } ?? .none,
        ])
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        path = try fields.bytes()
        guard let kind = Kind(rawValue: try fields.number()) else {
            throw PickleError(.typeMismatch, "expected a kind of file")
        }
        self.kind = kind
        size = try fields.integer()
        metadata = try FileMetadata(pickleValue: fields.value())
        target = try fields.bytes()
        digest = try fields.optionalBytes()
        guard size >= 0, digest.map({ $0.count == 32 }) ?? true else {
            throw PickleError(.typeMismatch, "expected a size and a SHA-256")
        }
    }
}
