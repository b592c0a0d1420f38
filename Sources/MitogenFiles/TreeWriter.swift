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

/// Writes what a transfer brings. It blocks; it is for one task.
package final class TreeWriter {
    /// What has come of an item.
    package enum Outcome: Sendable {
        case none
        /// So much of the file whose entry this was is there already.
        case offset(Int)
        case failed(FileFailure)
        /// The source could not read something.
        case sourceFailed(FileFailure)
        case finished(TransferCounts)
    }

    private struct OpenFile {
        let file: AtomicFile
        let entry: FileEntry
        var digest: ContentDigest
        /// What was there before.
        var existing = 0
    }

    private let destination: FileDestination
    private let options: FileTransferOptions
    private let accounts = Accounts()
    private var folders: FolderStack
    private var open: OpenFile?
    /// A folder that could not be made: what is in it is left out.
    private var missingFolder: [UInt8]?
    package private(set) var counts = TransferCounts()
    /// What may not be linked to, as what is there under its name is an older file.
    private var failed = FailedFiles()
    /// The file whose entry came last.
    private var lastFile: [UInt8]?
    /// Folders that were left and could not be given what they are to have.
    private var folderFailures: [FileFailure] = []
    /// The number of the entry that came last.
    package private(set) var entryNumber = -1

    /// - Parameters:
    ///   - path: Where to.
    ///   - isFolder: Whether it has to be a folder; see ``FileDestination``.
    package init(path: [UInt8], isFolder: Bool, options: FileTransferOptions) throws(FileFailure) {
        let path = HomeFolder.expand(path)
        let status = try FileStatus.find(
            path.isEmpty ? [UInt8(ascii: ".")] : path,
            in: .workingDirectory,
            follows: true,
            path: path
        )
        let state: FileDestination.State = status.map { $0.kind == .folder ? .folder : .other } ?? .missing
        let isFolder = isFolder || FilePath.hasTrailingSlash(path)
        guard let destination = FileDestination(path: path, state: state, isFolder: isFolder) else {
            throw FileFailure(.isNotFolder, path, "is not a folder")
        }
        self.destination = destination
        self.options = options
        if state == .missing, destination.name == nil {
            let result = withName(destination.folder) { cmitogen_file_make_directory(AT_FDCWD, $0, 0o777) }
            try MitogenFiles.check(result, destination.folder, "make the folder")
        }
        let root = try FolderStack.open(
            destination.folder,
            in: .workingDirectory,
            follows: true,
            shown: destination.folder
        )
        // A folder that is the working directory is not named in messages.
        let isHere = destination.folder == [UInt8(ascii: ".")]
        folders = FolderStack(root: root, path: isHere ? [] : destination.folder)
    }

    /// Whether the data of the entry that came last is of any use.
    package var wantsData: Bool { open != nil }

    package func take(_ item: FileItem) -> Outcome {
        do throws(FileFailure) {
            switch item {
            case .entry(let entry): return try begin(entry)
            case .start(let offset): open?.file.seek(to: offset)
            case .data(let bytes): try write(bytes)
            case .hole(let count): try skip(count)
            case .end(let digest): try end(digest)
            case .broken(let failure):
                drop()
                return .sourceFailed(failure)
            case .finished:
                drop()
                try leaveAll()
                return .finished(counts)
            case .answers: break
            }
            return .none
        } catch {
            drop()
            counts.failures += 1
            if let lastFile { failed.insert(lastFile) }
            var failure = error
            if failure.isFatal { failure.lastEntry = entryNumber }
            return .failed(failure)
        }
    }

    /// Gives up what is not complete.
    package func drop() {
        open?.file.discard()
        open = nil
    }

    // MARK: Entries

    private func begin(_ entry: FileEntry) throws(FileFailure) -> Outcome {
        drop()
        entryNumber += 1
        lastFile = entry.kind == .regular ? entry.path : nil
        if let missingFolder, entry.path.starts(with: missingFolder + [UInt8(ascii: "/")]) {
            if let lastFile { failed.insert(lastFile) }
            return .none
        }
        guard let parts = destination.components(of: entry.path) else {
            throw FileFailure(.unsafePath, entry.path, "leads out of the folder that is written")
        }
        guard let name = parts.last else {
            try keep(rootEntry: entry)
            return .none
        }
        let shown = folders.path(of: parts)
        do throws(FileFailure) {
            try folders.move(to: parts.dropLast(), leave: leaveNoting)
            switch entry.kind {
            case .folder: try enter(entry, name, shown)
            case .symbolicLink: try makeLink(entry, name, shown)
            case .hardLink: try makeHardLink(entry, name, shown)
            case .regular: return try openFile(entry, name, shown)
            }
        } catch {
            if entry.kind == .folder { missingFolder = entry.path }
            throw error
        }
        counts.entries += 1
        return .none
    }

    /// The root is there already: the folder that all goes into.
    private func keep(rootEntry entry: FileEntry) throws(FileFailure) {
        guard entry.kind == .folder else {
            throw FileFailure(.isFolder, destination.folder, "is a folder")
        }
        rootEntry = entry
    }

    private var rootEntry: FileEntry?

    private func enter(_ entry: FileEntry, _ name: [UInt8], _ shown: [UInt8]) throws(FileFailure) {
        let folder = folders.current
        let result = withName(name) { cmitogen_file_make_directory(folder.number, $0, 0o700) }
        if result != -EEXIST { try MitogenFiles.check(result, shown, "make the folder") }
        let descriptor = try FolderStack.open(name, in: folder, follows: false, shown: shown)
        let level = FolderStack.Level(name: name, descriptor: descriptor, pending: entry, isNew: result == 0)
        try folders.push(level, shown)
    }

    private func leave(_ level: FolderStack.Level, _ shown: [UInt8]) throws(FileFailure) {
        guard let entry = level.pending else { return }
        let change = MetadataChange(entry.metadata, nil, options, accounts)
        try change.applyOwner(to: level.descriptor, shown)
        if level.isNew || options.preservesMetadata { try change.applyMode(to: level.descriptor, shown) }
        try change.applyAttributes(to: level.descriptor, shown)
        try change.applyTimes(to: level.descriptor, shown)
    }

    private func leaveAll() throws(FileFailure) {
        try folders.move(to: [], leave: leaveNoting)
        guard let rootEntry, options.preservesMetadata else { return }
        let level = FolderStack.Level(name: [], descriptor: folders.root, pending: rootEntry)
        leaveNoting(level, folders.rootPath)
    }

    /// The failures of folders since this was asked the last time. They keep nothing else from being written.
    package func takeFolderFailures() -> [FileFailure] {
        defer { folderFailures = [] }
        return folderFailures
    }

    private func leaveNoting(_ level: FolderStack.Level, _ shown: [UInt8]) {
        do throws(FileFailure) {
            try leave(level, shown)
        } catch {
            counts.failures += 1
            folderFailures.append(error)
        }
    }

    private func makeLink(_ entry: FileEntry, _ name: [UInt8], _ shown: [UInt8]) throws(FileFailure) {
        guard !entry.target.isEmpty, !entry.target.contains(0) else {
            throw FileFailure(.unsafePath, shown, "leads to a path that is not one")
        }
        let folder = folders.current
        try replace(name, in: folder, shown) { (temporary) throws(FileFailure) in
            let result = withName(temporary) { new in
                withName(entry.target) { cmitogen_file_make_symbolic_link(folder.number, new, $0) }
            }
            try MitogenFiles.check(result, shown, "make the symbolic link")
            let change = MetadataChange(entry.metadata, nil, options, accounts)
            try change.applyOwner(to: folder, shown, name: temporary)
            try change.applyTimes(to: folder, shown, name: temporary)
        }
    }

    private func makeHardLink(_ entry: FileEntry, _ name: [UInt8], _ shown: [UInt8]) throws(FileFailure) {
        guard let parts = destination.components(of: entry.target), let other = parts.last else {
            throw FileFailure(.unsafePath, shown, "is to be a link to something outside of the folder")
        }
        guard !failed.contains(entry.target) else {
            let other = FilePath.visible(folders.path(of: parts))
            throw FileFailure(.other, shown, "is another name of \(other), which could not be written")
        }
        let folder = folders.current
        let source = try folders.openFolder(of: parts.dropLast())
        try replace(name, in: folder, shown) { (temporary) throws(FileFailure) in
            let result = withName(other) { old in
                withName(temporary) { cmitogen_file_make_hard_link(source.number, old, folder.number, $0) }
            }
            try MitogenFiles.check(result, shown, "make a hard link to \(FilePath.visible(folders.path(of: parts)))")
        }
    }

    /// Lets something that `make` makes under a temporary name take the place of what there is.
    private func replace(
        _ name: [UInt8],
        in folder: Descriptor,
        _ shown: [UInt8],
        make: (_ temporary: [UInt8]) throws(FileFailure) -> Void
    ) throws(FileFailure) {
        if try FileStatus.find(name, in: folder, path: shown)?.kind == .folder {
            throw FileFailure(.isFolder, shown, "is a folder")
        }
        let temporary = AtomicFile.temporaryName()
        // Two names of one file stay both when one is renamed to the other.
        defer { _ = withName(temporary) { cmitogen_file_remove(folder.number, $0, false) } }
        try make(temporary)
        let result = withName(temporary) { old in
            withName(name) { cmitogen_file_rename(folder.number, old, folder.number, $0) }
        }
        try MitogenFiles.check(result, shown, "replace it")
    }

    // MARK: Files

    private func openFile(_ entry: FileEntry, _ name: [UInt8], _ shown: [UInt8]) throws(FileFailure) -> Outcome {
        let file = try AtomicFile(name, in: folders.current, path: shown, options: options, digest: entry.digest)
        var open = OpenFile(file: file, entry: entry, digest: ContentDigest(isPlain: entry.digest != nil))
        defer { self.open = open }
        guard entry.digest != nil else { return .none }
        open.existing = options.writesInPlace ? 0 : min(try file.length(), entry.size)
        try file.readBack(to: open.existing) { open.digest.update($0) }
        return .offset(open.existing)
    }

    private func write(_ bytes: [UInt8]) throws(FileFailure) {
        guard let file = open?.file, let size = open?.entry.size else { return }
        guard bytes.count <= size - file.offset else { throw tooMuch(file) }
        // Somebody else had less of it.
        let known = max(0, min(bytes.count, (open?.existing ?? 0) - file.offset))
        if known > 0 { file.skip(known) }
        let new = known == 0 ? bytes : Array(bytes[known...])
        open?.digest.update(new)
        try file.write(new)
        counts.bytes += new.count
    }

    private func skip(_ count: Int) throws(FileFailure) {
        guard let file = open?.file, let size = open?.entry.size else { return }
        guard count <= size - file.offset else { throw tooMuch(file) }
        let known = max(0, min(count, (open?.existing ?? 0) - file.offset))
        file.skip(known)
        if count > known { open?.digest.skip(from: file.offset, count: count - known) }
        file.skip(count - known)
    }

    private func tooMuch(_ file: AtomicFile) -> FileFailure {
        FileFailure(.checksumMismatch, file.path, "the source sent more than the size that it had told")
    }

    private func end(_ digest: [UInt8]) throws(FileFailure) {
        guard var open else { return }
        self.open = nil
        guard open.file.offset == open.entry.size, open.digest.finish() == digest else {
            open.file.discardPartial()
            throw FileFailure(
                .checksumMismatch,
                open.file.path,
                "what arrived has another SHA-256 than what was sent; it was dropped"
            )
        }
        try open.file.commit(open.entry, options, accounts)
        counts.entries += 1
    }
}
