//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a synchronisation compares of something in a folder.
package struct SyncEntry: Sendable, Hashable {
    package enum Kind: UInt8, Sendable {
        case regular, folder, symbolicLink, other
    }

    /// Empty for the folder itself.
    package var name: [UInt8]
    package var kind: Kind
    /// The size in bytes of a regular file.
    package var size = 0
    package var modified = FileTime(seconds: 0, nanoseconds: 0)
    package var mode: UInt32 = 0
    /// Whose it is, as far as that is to be kept; otherwise empty.
    package var owner: [UInt8] = []
    /// What a symbolic link leads to.
    package var target: [UInt8] = []

    package init(name: [UInt8], kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// The content of a folder in few bytes, which are the same on both sides if nothing differs, so that comparing their
/// digests is enough for a folder that has not changed.
package enum SyncListing {
    /// - Returns: The entries in the order of their names, each as: kind, name, owner, and for a file its mode, size and
    ///   time, for a folder its mode and time, for a link its target. Numbers are LEB128.
    package static func encode(_ entries: [SyncEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            bytes.append(entry.kind.rawValue)
            append(entry.name, to: &bytes)
            append(entry.owner, to: &bytes)
            switch entry.kind {
            case .regular, .folder:
                LEB128.append(UInt64(entry.mode), to: &bytes)
                LEB128.append(UInt64(entry.kind == .regular ? entry.size : 0), to: &bytes)
                LEB128.append(LEB128.zigzag(entry.modified.seconds), to: &bytes)
                LEB128.append(UInt64(entry.modified.nanoseconds), to: &bytes)
            case .symbolicLink: append(entry.target, to: &bytes)
            case .other: break
            }
        }
        return bytes
    }

    /// - Returns: Nil if the bytes, which come from the other side, are no listing.
    package static func decode(_ bytes: [UInt8]) -> [SyncEntry]? {
        var rest = bytes[...]
        var entries: [SyncEntry] = []
        while let first = rest.popFirst() {
            guard let kind = SyncEntry.Kind(rawValue: first), let name = field(&rest), let owner = field(&rest),
                name.isEmpty ? kind == .folder : FilePath.isName(name)
            else { return nil }
            var entry = SyncEntry(name: name, kind: kind)
            entry.owner = owner
            switch kind {
            case .regular, .folder:
                guard let mode = LEB128.read(&rest), let size = LEB128.read(&rest), let seconds = LEB128.read(&rest),
                    let nanoseconds = LEB128.read(&rest), mode <= 0o7777, size < 1 << 62, nanoseconds < 1_000_000_000
                else { return nil }
                entry.mode = UInt32(mode)
                entry.size = Int(size)
                entry.modified = FileTime(seconds: LEB128.unzigzag(seconds), nanoseconds: Int32(nanoseconds))
            case .symbolicLink:
                guard let target = field(&rest) else { return nil }
                entry.target = target
            case .other: break
            }
            entries.append(entry)
        }
        return entries
    }

    private static func append(_ field: [UInt8], to bytes: inout [UInt8]) {
        LEB128.append(UInt64(field.count), to: &bytes)
        bytes += field
    }

    private static func field(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let count = LEB128.read(&rest), count <= UInt64(rest.count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }
}
