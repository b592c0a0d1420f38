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

/// Makes the listings that a synchronisation compares.
package struct FolderLister {
    private let options: FileTransferOptions
    private let accounts: Accounts

    package init(options: FileTransferOptions, accounts: Accounts) {
        self.options = options
        self.accounts = accounts
    }

    package static func digest(of listing: [UInt8]) -> [UInt8] {
        var hash = Hash()
        hash.update(listing)
        return Array(hash.finish()[..<16])
    }

    /// The part of an entry that is compared.
    package func entry(_ entry: FileEntry, name: [UInt8]) -> SyncEntry {
        let kind: SyncEntry.Kind =
            switch entry.kind {
            case .regular, .hardLink: .regular
            case .folder: .folder
            case .symbolicLink: .symbolicLink
            }
        return self.entry(name, kind, size: entry.size, entry.metadata, target: entry.target)
    }

    private func entry(
        _ name: [UInt8],
        _ kind: SyncEntry.Kind,
        size: Int,
        _ metadata: FileMetadata,
        target: [UInt8]
    ) -> SyncEntry {
        var entry = SyncEntry(name: name, kind: kind)
        if kind == .regular { entry.size = size }
        if kind == .symbolicLink { entry.target = target }
        entry.modified = metadata.modified
        // The other bits are only given together with the owner.
        entry.mode = metadata.mode & (options.owner == .writer ? 0o1777 : 0o7777)
        entry.owner = owner(metadata)
        return entry
    }

    private func owner(_ metadata: FileMetadata) -> [UInt8] {
        switch options.owner {
        case .writer: return []
        case .numbers: return Array("\(metadata.userID):\(metadata.groupID)".utf8)
        case .names:
            let user = metadata.userName ?? accounts.userName(metadata.userID) ?? "\(metadata.userID)"
            let group = metadata.groupName ?? accounts.groupName(metadata.groupID) ?? "\(metadata.groupID)"
            return Array("\(user):\(group)".utf8)
        }
    }

    /// - Parameters:
    ///   - names: What to look at; everything if nil. What is not there is left out.
    ///   - newName: What the first of the names is called.
    ///   - withItself: Whether the folder comes first.
    func list(
        _ folder: Descriptor,
        _ names: [[UInt8]]?,
        as newName: [UInt8]? = nil,
        withItself: Bool = false,
        shown: [UInt8]
    ) throws(FileFailure) -> [UInt8] {
        var entries: [SyncEntry] = []
        if withItself, names == nil {
            entries.append(entry([], .folder, size: 0, try FileStatus(of: folder, path: shown).metadata, target: []))
        }
        var wanted = names ?? []
        if names == nil { wanted = try allNames(folder, shown) }
        for name in wanted where FilePath.isName(name) {
            let path = FilePath.join(shown, name)
            guard let status = try FileStatus.find(name, in: folder, path: path) else { continue }
            let kind: SyncEntry.Kind =
                switch status.kind {
                case .regular: .regular
                case .folder: .folder
                case .symbolicLink: .symbolicLink
                case .other: .other
                }
            let target = kind == .symbolicLink ? try Self.target(of: name, in: folder, path) : []
            entries.append(entry(newName ?? name, kind, size: status.size, status.metadata, target: target))
        }
        return SyncListing.encode(entries)
    }

    private func allNames(_ folder: Descriptor, _ shown: [UInt8]) throws(FileFailure) -> [[UInt8]] {
        var names: UnsafeMutablePointer<CChar>?
        let count = cmitogen_file_list(folder.number, &names)
        defer { free(names) }
        try check(count, shown, "read the folder")
        return NameList(names, count: count).names
    }

    private static func target(of name: [UInt8], in folder: Descriptor, _ shown: [UInt8]) throws(FileFailure) -> [UInt8]
    {
        var result = 0
        let target = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
            result = buffer.withMemoryRebound(to: CChar.self) { buffer in
                withName(name) { cmitogen_file_read_link(folder.number, $0, buffer.baseAddress, buffer.count) }
            }
            count = max(0, result)
        }
        // It has been replaced meanwhile: then it differs.
        if result == -EINVAL || result == -ENOENT { return [] }
        try check(result, shown, "read the symbolic link")
        return target
    }
}
