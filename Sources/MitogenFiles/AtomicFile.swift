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

/// A file that is written next to the one that it replaces, and takes its place when it is complete.
///
/// Until then it has no name where the file system can do that (`O_TMPFILE`), so that not even a killed process leaves
/// anything behind; elsewhere it has a temporary one. It can be read by its owner only.
package final class AtomicFile {
    /// Where the content goes until it is complete.
    private enum Place {
        case unnamed
        case temporary([UInt8])
        /// Kept after a failure, so that the next attempt goes on from there.
        case partial([UInt8])
        case inPlace
    }

    package let path: [UInt8]
    let name: [UInt8]
    let folder: Descriptor
    let descriptor: Descriptor
    /// What is there now, under the name.
    let old: FileStatus?
    private var place: Place
    private let synchronizes: Bool
    package private(set) var offset = 0
    private var syncedTo = 0

    private static let syncPiece = 8 << 20
    /// How much may wait to be written to the disk, so that the end does not take long.
    private static let syncWindow = 64 << 20

    /// - Parameters:
    ///   - path: What messages call it.
    ///   - digest: The SHA-256 of the content, if the transfer can be resumed.
    package init(
        _ name: [UInt8],
        in folder: Descriptor,
        path: [UInt8],
        options: FileTransferOptions,
        digest: [UInt8]? = nil
    ) throws(FileFailure) {
        self.name = name
        self.folder = folder
        self.path = path
        synchronizes = options.synchronizes
        old = try FileStatus.find(name, in: folder, path: path)
        if let old, [.folder, .other].contains(old.kind) { throw FileReader.notRegular(old, path) }
        if old?.kind == .symbolicLink, options.writesInPlace {
            throw FileFailure(.unsafePath, path, "is a symbolic link, which is not followed")
        }
        do throws(FileFailure) {
            if options.writesInPlace {
                (descriptor, place) = (try Self.openInPlace(name, in: folder, path), .inPlace)
            } else if options.isResumable, let digest {
                let partial = Self.partialName(of: name, digest)
                (descriptor, place) = (try Self.openPartial(partial, in: folder, path), .partial(partial))
            } else {
                (descriptor, place) = try Self.openNew(in: folder, path)
            }
        } catch {
            throw Self.explain(error, name, in: folder, old, options)
        }
    }

    deinit {
        discard()
    }

    // MARK: Opening

    private static func open(
        _ name: [UInt8],
        in folder: Descriptor,
        _ flags: Int32,
        _ path: [UInt8]
    ) throws(FileFailure) -> Descriptor {
        let number = withName(name) {
            cmitogen_file_open(folder.number, $0, O_RDWR | O_NOFOLLOW | O_NONBLOCK | flags, 0o600)
        }
        let descriptor = Descriptor(try check(number, path, "write it"))
        let status = try FileStatus(of: descriptor, path: path)
        guard status.kind == .regular else { throw FileReader.notRegular(status, path) }
        return descriptor
    }

    private static func openNew(in folder: Descriptor, _ path: [UInt8]) throws(FileFailure) -> (Descriptor, Place) {
        let number = cmitogen_file_open_unnamed(folder.number)
        switch -number {
        // What file systems say that do not know it.
        case EOPNOTSUPP, EISDIR, EINVAL, ENOENT, ENOSYS:
            let name = temporaryName()
            return (try open(name, in: folder, O_CREAT | O_EXCL, path), .temporary(name))
        default: return (Descriptor(try check(number, path, "make a file next to it")), .unnamed)
        }
    }

    private static func openInPlace(
        _ name: [UInt8],
        in folder: Descriptor,
        _ path: [UInt8]
    ) throws(FileFailure) -> Descriptor {
        let descriptor = try open(name, in: folder, O_CREAT, path)
        try check(cmitogen_file_resize(descriptor.number, 0), path, "write it")
        return descriptor
    }

    /// Opens what an earlier attempt may have left.
    private static func openPartial(
        _ name: [UInt8],
        in folder: Descriptor,
        _ path: [UInt8]
    ) throws(FileFailure) -> Descriptor {
        // Where an attempt was cut off its process may live a little longer.
        for _ in 0..<50 {
            let descriptor = try open(name, in: folder, O_CREAT, path)
            let status = try FileStatus(of: descriptor, path: path)
            guard status.metadata.userID == geteuid(), status.linkCount <= 1 else {
                throw FileFailure(
                    .permissionDenied,
                    path,
                    "its partial copy \(FilePath.visible(name)) belongs to somebody else"
                )
            }
            let result = cmitogen_file_lock(descriptor.number)
            if result == -EWOULDBLOCK {
                usleep(100_000)
                continue
            }
            try check(result, path, "lock its partial copy")
            // Whoever had the lock may have let the file take its place, or dropped it: it is no partial copy then.
            if try FileStatus.find(name, in: folder, path: path)?.identity == status.identity { return descriptor }
        }
        throw FileFailure(
            .other,
            path,
            "another transfer writes it at the same time",
            hint: "repeat this one when that has ended: it goes on from there"
        )
    }

    static func temporaryName() -> [UInt8] {
        Array(".mitogen-\(String(UInt64.random(in: 1 << 60 ... .max), radix: 16))".utf8)
    }

    static func partialName(of name: [UInt8], _ digest: [UInt8]) -> [UInt8] {
        var hash = Hash()
        hash.update(name + [0] + digest)
        return Array(".mitogen-\(ContentDigest.text(Array(hash.finish()[..<16]))).part".utf8)
    }

    /// Says what can be done where a file may be written, but nothing be made next to it.
    private static func explain(
        _ failure: FileFailure,
        _ name: [UInt8],
        in folder: Descriptor,
        _ old: FileStatus?,
        _ options: FileTransferOptions
    ) -> FileFailure {
        guard !options.writesInPlace, old?.kind == .regular, [.permissionDenied, .readOnly].contains(failure.reason),
            mayWrite(name, in: folder)
        else { return failure }
        return FileFailure(.cannotReplace, failure.path, failure.message, hint: inPlaceHint)
    }

    private static func mayWrite(_ name: [UInt8], in folder: Descriptor) -> Bool {
        withName(name) { cmitogen_file_may_write(folder.number, $0) } == 0
    }

    private static let inPlaceHint: Hint =
        "the file itself can be written: \(.writesInPlace) does, without replacing it"

    // MARK: Writing

    /// How much is there already, of an earlier attempt.
    package func length() throws(FileFailure) -> Int { try FileStatus(of: descriptor, path: path).size }

    /// Calls `body` with what is there already, up to `end`.
    func readBack(to end: Int, _ body: ([UInt8]) -> Void) throws(FileFailure) {
        var start = 0
        while start < end {
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: min(FileItem.pieceSize, end - start)) { buffer, count in
                result = cmitogen_file_read(descriptor.number, buffer.baseAddress, buffer.count, Int64(start))
                count = max(0, result)
            }
            guard try check(result, path, "read its partial copy") > 0 else { return }
            body(bytes)
            start += bytes.count
        }
    }

    package func seek(to offset: Int) {
        self.offset = offset
        syncedTo = offset
    }

    package func write(_ bytes: [UInt8]) throws(FileFailure) {
        let result = bytes.withUnsafeBytes {
            cmitogen_file_write(descriptor.number, $0.baseAddress, $0.count, Int64(offset))
        }
        try check(result, path, "write it")
        offset += bytes.count
        guard synchronizes, offset - syncedTo >= Self.syncPiece else { return }
        // What is on its way to the disk already need not be waited for in the end.
        let older = max(0, syncedTo - Self.syncWindow)
        let olderLength = syncedTo >= Self.syncWindow ? offset - syncedTo : 0
        cmitogen_file_start_sync(
            descriptor.number,
            Int64(syncedTo),
            Int64(offset - syncedTo),
            Int64(older),
            Int64(olderLength)
        )
        syncedTo = offset
    }

    package func skip(_ count: Int) {
        offset += count
    }

    // MARK: The end

    /// Gives the file its size, owner, permissions and times, and lets it take its place.
    package func commit(_ entry: FileEntry, _ options: FileTransferOptions, _ accounts: Accounts) throws(FileFailure) {
        try check(cmitogen_file_resize(descriptor.number, Int64(entry.size)), path, "write it")
        do throws(FileFailure) {
            try applyMetadata(entry, options, accounts)
            if synchronizes { try check(cmitogen_file_sync(descriptor.number), path, "write it to the disk") }
            try takePlace()
        } catch {
            // What is advised here is to write into the old file.
            throw Self.mayWrite(name, in: folder) ? error : FileFailure(error.reason, error.path, error.message)
        }
        if synchronizes { Self.synchronize(folder) }
    }

    /// A name that was made is on the disk with its folder. Some file systems cannot do that for a folder.
    static func synchronize(_ folder: Descriptor) {
        _ = cmitogen_file_sync(folder.number)
    }

    private func applyMetadata(
        _ entry: FileEntry,
        _ options: FileTransferOptions,
        _ accounts: Accounts
    ) throws(FileFailure) {
        let replaced = old?.kind == .regular ? old : nil
        let isWrittenInto: Bool = if case .inPlace = place { replaced != nil } else { false }
        let change = MetadataChange(entry.metadata, replaced?.metadata, options, accounts)
        if !isWrittenInto || options.owner != .writer { try change.applyOwner(to: descriptor, path) }
        if replaced != nil, !isWrittenInto { try keepLabels() }
        if !isWrittenInto || options.preservesMetadata { try change.applyMode(to: descriptor, path) }
        try change.applyAttributes(to: descriptor, path)
        try change.applyTimes(to: descriptor, path)
    }

    /// The access control list and the security label of what is replaced.
    private func keepLabels() throws(FileFailure) {
        for attribute in ["system.posix_acl_access", "security.selinux"].map({ Array($0.utf8) }) {
            guard let value = FileAttributes.value(attribute, of: name, in: folder),
                FileAttributes.value(attribute, of: descriptor) != value
            else { continue }
            try FileAttributes.set(FileMetadata.Attribute(name: attribute, value: value), of: descriptor, path: path)
        }
    }

    private func takePlace() throws(FileFailure) {
        switch place {
        case .inPlace: break
        case .unnamed:
            if old == nil {
                let result = withName(name) { cmitogen_file_name_unnamed(descriptor.number, folder.number, $0) }
                if result == 0 { return }
                if result != -EEXIST { try check(result, path, "give it its name") }
            }
            let temporary = Self.temporaryName()
            let result = withName(temporary) { cmitogen_file_name_unnamed(descriptor.number, folder.number, $0) }
            try check(result, path, "give it a name")
            place = .temporary(temporary)
            try rename(temporary)
        case .temporary(let temporary), .partial(let temporary): try rename(temporary)
        }
    }

    private func rename(_ temporary: [UInt8]) throws(FileFailure) {
        let result = withName(temporary) { old in
            withName(name) { cmitogen_file_rename(folder.number, old, folder.number, $0) }
        }
        // A file that something is mounted on, or that is somebody else's in a sticky folder.
        guard ![EBUSY, EPERM, EACCES, EXDEV].contains(-result) else {
            var failure = FileFailure(errno: Int(result), path, "replace it")
            failure.reason = .cannotReplace
            failure.hint = Self.inPlaceHint
            throw failure
        }
        try check(result, path, "replace it")
        place = .unnamed
    }

    /// Removes what was written, unless it is to be kept for the next attempt. Harmless when repeated, and afterwards.
    package func discard() {
        guard case .temporary(let name) = place else { return }
        remove(name)
    }

    /// Removes also what would be kept: it is not what it should be.
    package func discardPartial() {
        if case .partial(let name) = place { remove(name) }
        discard()
    }

    private func remove(_ name: [UInt8]) {
        _ = withName(name) { cmitogen_file_remove(folder.number, $0, false) }
        place = .unnamed
    }
}
