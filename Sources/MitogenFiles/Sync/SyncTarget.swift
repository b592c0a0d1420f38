//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The side of a synchronisation that has the old files. It blocks; it is for one task.
///
/// Everything is opened below the destination's folder without following links, so that nothing outside is read, changed
/// or removed.
final class SyncTarget {
    private static let pieceSize = 256 << 10
    private static let mostSigned = 64

    private let path: [UInt8]
    private let isFolder: Bool
    private let options: FileTransferOptions
    private let destination: FileDestination
    private let accounts = Accounts()
    /// Nil as long as the destination's folder is not there.
    private var folders: FolderStack?
    /// Made when something is to be written, as it makes the destination's folder.
    private var writer: TreeWriter?
    /// Files whose signature was asked for, until the operations on them come.
    private var signed: [[UInt8]: OldFile] = [:]
    /// The one whose signature is being made.
    private var signing: OldFile?
    private var patch: Patch?
    /// The number of the entry that came last.
    private var entryNumber = -1

    init(path: [UInt8], isFolder: Bool, options: FileTransferOptions) throws(FileFailure) {
        self.path = path
        self.isFolder = isFolder || FilePath.hasTrailingSlash(path)
        self.options = options
        let expanded = HomeFolder.expand(path)
        let status = try FileStatus.find(
            expanded.isEmpty ? [UInt8(ascii: ".")] : expanded,
            in: .workingDirectory,
            follows: true,
            path: expanded
        )
        let state: FileDestination.State = status.map { $0.kind == .folder ? .folder : .other } ?? .missing
        guard let destination = FileDestination(path: expanded, state: state, isFolder: self.isFolder) else {
            throw FileFailure(.isNotFolder, expanded, "is not a folder")
        }
        self.destination = destination
    }

    /// Does a step.
    ///
    /// - Parameter answers: What is to be said goes here.
    /// - Returns: Whether the same step is to be taken again, after the answers have gone.
    func take(_ step: SyncStep, _ answers: inout [SyncEvent]) -> Bool {
        do throws(FileFailure) {
            switch step {
            case .list(let path, let names, let digest): answers += try list(path, names, digest)
            case .sign(let path): return sign(path, &answers)
            case .hash(let path): answers.append(.hash(try? hash(path)))
            case .item(let item): try write(item, &answers)
            case .patch(let operations): try apply(operations, &answers)
            case .remove(let path, let isFolder): try remove(path, isFolder)
            case .adjust(let entry): try adjust(entry)
            case .flush: answers.append(.flushed)
            }
        } catch {
            if case .list = step { answers.append(.missing) }
            answers.append(error.isFatal ? .gaveUp(error) : .failed(entry: -1, error))
        }
        return false
    }

    // MARK: Reading

    /// The folder that something is in, its name there, and what messages call it.
    private func find(_ path: [UInt8]) throws(FileFailure) -> (folder: Descriptor, name: [UInt8], shown: [UInt8]) {
        guard let parts = destination.components(of: path), let name = parts.last else {
            throw FileFailure(.unsafePath, path, "leads out of the folder that is written")
        }
        let folders = try openRoot()
        return (try folders.openFolder(of: parts.dropLast()), name, folders.path(of: parts))
    }

    private func openRoot() throws(FileFailure) -> FolderStack {
        if let folders { return folders }
        let shown = destination.folder
        let root = try FolderStack.open(shown, in: .workingDirectory, follows: true, shown: shown)
        let folders = FolderStack(root: root, path: shown == [UInt8(ascii: ".")] ? [] : shown)
        self.folders = folders
        return folders
    }

    private func list(_ path: [UInt8], _ names: [[UInt8]]?, _ digest: [UInt8]) throws(FileFailure) -> [SyncEvent] {
        let listing: [UInt8]
        do throws(FileFailure) {
            let folders = try openRoot()
            let lister = FolderLister(options: options, accounts: accounts)
            if let name = destination.name, path.isEmpty {
                listing = try lister.list(folders.root, [name], as: names?.first, shown: folders.rootPath)
            } else {
                guard let parts = destination.components(of: path) else {
                    throw FileFailure(.unsafePath, path, "leads out of the folder that is written")
                }
                let folder = try folders.openFolder(of: parts[...])
                listing = try lister.list(folder, names, withItself: path.isEmpty, shown: folders.path(of: parts))
            }
        } catch  where [.noSuchFile, .isNotFolder].contains(error.reason) {
            return [.missing]
        }
        if !digest.isEmpty, FolderLister.digest(of: listing) == digest { return [.same] }
        var pieces: [SyncEvent] = []
        for start in stride(from: 0, to: max(1, listing.count), by: Self.pieceSize) {
            let end = min(start + Self.pieceSize, listing.count)
            pieces.append(.listing(Array(listing[start..<end]), isLast: end == listing.count))
        }
        return pieces
    }

    private func hash(_ path: [UInt8]) throws(FileFailure) -> [UInt8] {
        let (folder, name, shown) = try find(path)
        return try FileReader(name, in: folder, path: shown).digest()
    }

    private func sign(_ path: [UInt8], _ answers: inout [SyncEvent]) -> Bool {
        do throws(FileFailure) {
            if signing == nil {
                // So many are never asked for at a time.
                guard signed.count < Self.mostSigned else { throw FileFailure(.other, path, "") }
                let (folder, name, shown) = try find(path)
                signing = try OldFile(name, in: folder, path: shown)
            }
            guard let file = signing, let records = try file.nextRecords() else {
                throw FileFailure(.changed, path, "")
            }
            let isComplete = file.isSigned
            answers.append(.signature(fileSize: file.blocks.fileSize, records, isLast: isComplete))
            if isComplete {
                signed[path] = file
                signing = nil
            }
            return !isComplete
        } catch {
            // Whatever the reason is, the file can be sent whole.
            signing = nil
            answers.append(.unsigned)
            return false
        }
    }

    // MARK: Writing

    private func openWriter() throws(FileFailure) -> TreeWriter {
        if let writer { return writer }
        let writer = try TreeWriter(path: path, isFolder: isFolder, options: options)
        self.writer = writer
        return writer
    }

    private func write(_ item: FileItem, _ answers: inout [SyncEvent]) throws(FileFailure) {
        let writer: TreeWriter
        do throws(FileFailure) {
            writer = try openWriter()
        } catch {
            return answers.append(.gaveUp(error))
        }
        if case .entry(let entry) = item {
            entryNumber += 1
            patch = signed.removeValue(forKey: entry.path).map { Patch(of: $0, fileSize: entry.size) }
        }
        if case .end = item, let patch {
            self.patch = nil
            do throws(DeltaError) { try patch.applier.finish() } catch {
                return fail(writer, patch.file.path, "\(error)", &answers)
            }
        }
        let outcome = writer.take(item)
        for failure in writer.takeFolderFailures() { answers.append(.failed(entry: -1, failure)) }
        report(outcome, of: writer, &answers)
    }

    private func report(_ outcome: TreeWriter.Outcome, of writer: TreeWriter, _ answers: inout [SyncEvent]) {
        switch outcome {
        case .none, .offset, .sourceFailed: break
        case .finished(let counts): answers.append(.done(counts))
        case .failed(let failure):
            patch = nil
            answers.append(
                failure.isFatal ? .gaveUp(failure) : .failed(entry: entryNumber, failure)
            )
        }
    }

    private func apply(_ operations: [UInt8], _ answers: inout [SyncEvent]) throws(FileFailure) {
        // Without one it has failed before, which was said.
        guard let writer, var patch, writer.wantsData else { return }
        self.patch = nil
        patch.applier.feed(operations)
        do throws(DeltaError) {
            while let step = try patch.applier.next() {
                guard try self.apply(step, from: patch.file, to: writer, &answers) else { return }
            }
            self.patch = patch
        } catch {
            fail(writer, patch.file.path, "\(error)", &answers)
        }
    }

    /// False if it has failed, which was said.
    private func apply(
        _ step: PatchApplier.Step,
        from file: OldFile,
        to writer: TreeWriter,
        _ answers: inout [SyncEvent]
    ) throws(DeltaError) -> Bool {
        switch step {
        case .write(let bytes): report(writer.take(.data(Array(bytes))), of: writer, &answers)
        case .copy(let offset, let length):
            for start in stride(from: offset, to: offset + length, by: FileItem.pieceSize) {
                let count = min(FileItem.pieceSize, offset + length - start)
                guard let bytes = file.read(count, at: start) else {
                    fail(writer, file.path, "was changed while it was read", &answers)
                    return false
                }
                report(writer.take(.data(bytes)), of: writer, &answers)
                if !writer.wantsData { break }
            }
        }
        return writer.wantsData
    }

    /// The file that came last is to be sent whole.
    private func fail(_ writer: TreeWriter, _ path: [UInt8], _ reason: String, _ answers: inout [SyncEvent]) {
        writer.drop()
        answers.append(.failed(entry: entryNumber, FileFailure(.checksumMismatch, path, reason)))
    }

    private func remove(_ path: [UInt8], _ isFolder: Bool) throws(FileFailure) {
        let (folder, name, shown) = try find(path)
        let system = try FileStatus(of: [UInt8(ascii: "/")], in: .workingDirectory, path: path)
        guard try FileStatus(of: openRoot().root, path: path).identity != system.identity else {
            throw FileFailure(.unsafePath, shown, "is not removed: the destination is the root of the file system")
        }
        let result = withName(name) { cmitogen_file_remove(folder.number, $0, isFolder) }
        if result != -ENOENT { try check(result, shown, "remove it") }
    }

    private func adjust(_ entry: FileEntry) throws(FileFailure) {
        let (folder, name, shown) = try find(entry.path)
        let number = withName(name) { cmitogen_file_open(folder.number, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) }
        let descriptor = Descriptor(try check(number, shown, "open it"))
        let change = MetadataChange(entry.metadata, nil, options, accounts)
        try change.applyOwner(to: descriptor, shown)
        try change.applyMode(to: descriptor, shown)
        try change.applyTimes(to: descriptor, shown)
    }
}

/// A file that is being made from an old one.
private struct Patch {
    let file: OldFile
    var applier: PatchApplier

    init(of file: OldFile, fileSize: Int) {
        self.file = file
        applier = PatchApplier(blocks: file.blocks, fileSize: fileSize)
    }
}
