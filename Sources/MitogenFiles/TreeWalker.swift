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

/// Goes through what a path leads to, folders before what is in them, in the order of the names' bytes. It blocks.
///
/// Every folder is opened in the one before it without following links, so nothing that changes meanwhile leads it out
/// of the tree. Devices, FIFOs and sockets are not opened.
package struct TreeWalker {
    package enum Step {
        case entry(FileEntry)
        case failure(FileFailure)
    }

    private struct Level {
        let folder: Descriptor
        /// The names that are to come, the last one first.
        var names: [[UInt8]]
        /// Where the folder is in the transfer, and what messages call it.
        let path: [UInt8]
        let shown: [UInt8]
    }

    private let options: FileTransferOptions
    private let opensFiles: Bool
    private let isExcluded: ((FileEntry) -> Bool)?
    private let accounts: Accounts
    private var root: [UInt8]?
    private var levels: [Level] = []
    /// Where the first of the names of a file with several was.
    private var linked: [FileStatus.Identity: [UInt8]] = [:]
    /// What the entry that came last has put there.
    private var lastLinked: FileStatus.Identity?
    /// The file of the entry that came last, if it is a regular one.
    package private(set) var file: FileReader?

    /// - Parameters:
    ///   - root: The path. A symbolic link that it names is followed. If it ends with a slash, or with `.`, only what is in
    ///     the folder is gone through, with paths relative to it; otherwise all paths begin with its name.
    ///   - opensFiles: Whether regular files are opened, which their extended attributes need; true by default.
    ///   - isExcluded: Tells what is left out, with all that is in it; nothing by default.
    package init(
        root: [UInt8],
        options: FileTransferOptions,
        accounts: Accounts,
        opensFiles: Bool = true,
        isExcluded: ((FileEntry) -> Bool)? = nil
    ) {
        self.root = HomeFolder.expand(root)
        self.options = options
        self.accounts = accounts
        self.opensFiles = opensFiles
        self.isExcluded = isExcluded
    }

    /// Whether only what is in the folder is wanted.
    package static func isContents(_ root: [UInt8]) -> Bool {
        FilePath.hasTrailingSlash(root) || FilePath.split(root).name.isEmpty
    }

    /// The next entry, or why there is none.
    package mutating func next() -> Step? {
        file = nil
        lastLinked = nil
        if let root = root.take() { return visit { (walker) throws(FileFailure) in try walker.begin(root) } }
        while let last = levels.indices.last {
            guard let name = levels[last].names.popLast() else {
                levels.removeLast()
                continue
            }
            if let step = visit({ (walker) throws(FileFailure) in try walker.look(at: name, in: last) }) { return step }
        }
        return nil
    }

    private mutating func visit(
        _ body: (inout TreeWalker) throws(FileFailure) -> FileEntry?
    ) -> Step? {
        do throws(FileFailure) {
            return try body(&self).map { .entry($0) }
        } catch {
            return .failure(error)
        }
    }

    // MARK: Entries

    private mutating func begin(_ root: [UInt8]) throws(FileFailure) -> FileEntry? {
        let path = FilePath.withoutTrailingSlashes(root)
        let status = try FileStatus(of: path, in: .workingDirectory, follows: true, path: path)
        let isContents = Self.isContents(root)
        if isContents, status.kind != .folder { throw FileFailure(.isNotFolder, path, "is not a folder") }
        if status.kind == .folder, !options.isRecursive {
            throw FileFailure(.isFolder, path, "is a folder", hint: "\(.isRecursive) transfers folders")
        }
        let name = isContents ? [] : FilePath.split(path).name
        return try entry(path, in: .workingDirectory, status, path: name, shown: path, follows: true)
    }

    private mutating func look(at name: [UInt8], in level: Int) throws(FileFailure) -> FileEntry? {
        let (folder, shown) = (levels[level].folder, FilePath.join(levels[level].shown, name))
        do throws(FileFailure) {
            let status = try FileStatus(of: name, in: folder, path: shown)
            let path = FilePath.join(levels[level].path, name)
            return try entry(name, in: folder, status, path: path, shown: shown, follows: false)
        } catch  where error.reason == .noSuchFile {
            throw FileFailure(.vanished, shown, "was removed while the folder was read")
        }
    }

    private mutating func entry(
        _ name: [UInt8],
        in folder: Descriptor,
        _ status: FileStatus,
        path: [UInt8],
        shown: [UInt8],
        follows: Bool
    ) throws(FileFailure) -> FileEntry? {
        let kind: FileEntry.Kind
        switch status.kind {
        case .regular: kind = .regular
        case .folder: kind = .folder
        case .symbolicLink: kind = .symbolicLink
        case .other: kind = .regular
        }
        var entry = FileEntry(path: path, kind: kind, size: status.size, metadata: named(status.metadata))
        if let isExcluded, isExcluded(entry) { return nil }
        if status.kind == .other { throw FileReader.notRegular(status, shown) }
        switch kind {
        case .regular: try open(&entry, name, in: folder, status, shown, follows: follows)
        case .folder: try enter(&entry, name, in: folder, shown, follows: follows)
        case .symbolicLink: entry.target = try target(of: name, in: folder, shown)
        case .hardLink: break
        }
        if kind != .regular { entry.size = 0 }
        return entry
    }

    private func named(_ metadata: FileMetadata) -> FileMetadata {
        guard options.owner == .names else { return metadata }
        var metadata = metadata
        metadata.userName = accounts.userName(metadata.userID)
        metadata.groupName = accounts.groupName(metadata.groupID)
        return metadata
    }

    private mutating func open(
        _ entry: inout FileEntry,
        _ name: [UInt8],
        in folder: Descriptor,
        _ status: FileStatus,
        _ shown: [UInt8],
        follows: Bool
    ) throws(FileFailure) {
        var status = status
        if opensFiles {
            let reader = try FileReader(name, in: folder, follows: follows, path: shown)
            status = reader.status
            entry.size = status.size
            entry.metadata = named(status.metadata)
            if options.preservesAttributes { entry.metadata.attributes = FileAttributes.ofUser(reader.descriptor) }
            file = reader
        }
        guard status.linkCount > 1 else { return }
        if let first = linked[status.identity] {
            entry.kind = .hardLink
            entry.target = first
            entry.size = 0
            file = nil
        } else {
            linked[status.identity] = entry.path
            lastLinked = status.identity
        }
    }

    /// The file of the entry that came last could not be read: another name of it is no link to this one.
    mutating func noteUnread() {
        if let lastLinked { linked[lastLinked] = nil }
    }

    private mutating func enter(
        _ entry: inout FileEntry,
        _ name: [UInt8],
        in folder: Descriptor,
        _ shown: [UInt8],
        follows: Bool
    ) throws(FileFailure) {
        guard levels.count < FolderStack.deepest else {
            throw FileFailure(.other, shown, "is more than \(FolderStack.deepest) folders deep")
        }
        let descriptor = try FolderStack.open(name, in: folder, follows: follows, shown: shown)
        if options.preservesAttributes { entry.metadata.attributes = FileAttributes.ofUser(descriptor) }
        var names: UnsafeMutablePointer<CChar>?
        let count = cmitogen_file_list(descriptor.number, &names)
        defer { free(names) }
        try check(count, shown, "read the folder")
        let sorted = NameList(names, count: count).names.sorted { $1.lexicographicallyPrecedes($0) }
        levels.append(Level(folder: descriptor, names: sorted, path: entry.path, shown: shown))
    }

    private func target(of name: [UInt8], in folder: Descriptor, _ shown: [UInt8]) throws(FileFailure) -> [UInt8] {
        var result = 0
        let target = [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
            result = buffer.withMemoryRebound(to: CChar.self) { buffer in
                withName(name) { cmitogen_file_read_link(folder.number, $0, buffer.baseAddress, buffer.count) }
            }
            count = max(0, result)
        }
        try check(result, shown, "read the symbolic link")
        return target
    }
}
