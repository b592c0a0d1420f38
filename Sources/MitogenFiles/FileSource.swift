//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
package import MitogenProtocol
internal import Synchronization

/// Where the items of a transfer go.
package protocol FileSink: Sendable {
    func send(_ item: FileItem) async throws(MitogenError)
    /// Whether anybody is left who takes items.
    var hasReaders: Bool { get }
    /// Whether anybody can use the data of the entry with this number.
    func wantsData(of entry: Int) -> Bool
    /// From where on the data of the entry that was sent last is wanted; nil if it is not.
    func offset(of entry: Int) async throws(MitogenError) -> Int?
}

/// How far a transfer is, for who looks at it from outside.
package final class TransferProgress: Sendable {
    package struct State: Sendable {
        /// What was read, or was not needed; holes count.
        package var bytes = 0
        package var entries = 0
        /// How much it will be; nil as long as that is not known.
        package var totalBytes: Int?
        package var path: [UInt8] = []
    }

    private let mutex = Mutex(State())
    private let whole: TransferProgress?
    private let weight: Int

    /// - Parameters:
    ///   - whole: What this is a part of; nil by default.
    ///   - weight: How often its bytes count there, as they go to so many targets; 1 by default.
    package init(partOf whole: TransferProgress? = nil, weight: Int = 1) {
        self.whole = whole
        self.weight = weight
    }

    package var state: State { mutex.withLock { $0 } }

    package func setTotal(_ bytes: Int) {
        mutex.withLock { $0.totalBytes = bytes }
    }

    package func addToTotal(_ bytes: Int) {
        mutex.withLock { $0.totalBytes = ($0.totalBytes ?? 0) + bytes }
    }

    package func begin(_ entry: FileEntry) {
        mutex.withLock { state in
            state.entries += 1
            state.path = entry.path
        }
        whole?.begin(entry)
    }

    package func add(bytes: Int) {
        mutex.withLock { $0.bytes += bytes }
        whole?.add(bytes: bytes * weight)
    }
}

/// Files that were found before and are to be transferred, instead of all that is below some roots.
package struct FileListing: Sendable {
    /// Each folder before what is in it.
    package var entries: [FileEntry]
    /// Whether the destination has to be a folder; see ``FileDestination``.
    package var isFolder: Bool
    /// Opens the file of an entry, by its path in the transfer.
    package var open: @Sendable ([UInt8]) throws(FileFailure) -> FileReader

    package init(
        _ entries: [FileEntry],
        isFolder: Bool,
        open: @escaping @Sendable ([UInt8]) throws(FileFailure) -> FileReader
    ) {
        self.entries = entries
        self.isFolder = isFolder
        self.open = open
    }
}

extension FileEntry {
    /// What is known of the file now that it is open.
    package mutating func update(from file: FileReader) {
        size = file.status.size
        metadata.mode = file.status.metadata.mode
        metadata.modified = file.status.metadata.modified
    }
}

/// Reads files and folders, and sends them item by item. It blocks the thread that it runs on while it reads.
package struct FileSource: Sendable {
    package var roots: [[UInt8]]
    package var listing: FileListing?
    package var options: FileTransferOptions
    package var progress: TransferProgress?

    /// - Parameter listing: What to send instead of all that is below the roots.
    package init(
        roots: [[UInt8]],
        listing: FileListing? = nil,
        options: FileTransferOptions,
        progress: TransferProgress? = nil
    ) {
        self.roots = roots
        self.listing = listing
        self.options = options
        self.progress = progress
    }

    /// - Throws: ``MitogenError``, as the sink; what cannot be read is sent.
    package func send(to sink: any FileSink) async throws(MitogenError) {
        if let listing {
            try await send(listing, to: sink)
        } else {
            try await sendRoots(to: sink)
        }
        if sink.hasReaders { try await sink.send(.finished) }
    }

    private func send(_ listing: FileListing, to sink: any FileSink) async throws(MitogenError) {
        var number = -1
        for var entry in listing.entries where sink.hasReaders {
            var file: FileReader?
            do throws(FileFailure) {
                if entry.kind == .regular { file = try listing.open(entry.path) }
            } catch {
                try await sink.send(.broken(error))
                continue
            }
            if let file { entry.update(from: file) }
            number += 1
            progress?.begin(entry)
            if let failure = try await send(entry, number, file, to: sink) { try await sink.send(.broken(failure)) }
        }
    }

    private func sendRoots(to sink: any FileSink) async throws(MitogenError) {
        let accounts = Accounts()
        var number = -1
        for root in roots {
            var walker = TreeWalker(root: root, options: options, accounts: accounts)
            while sink.hasReaders, let step = walker.next() {
                switch step {
                case .failure(let failure): try await sink.send(.broken(failure))
                case .entry(let entry):
                    number += 1
                    progress?.begin(entry)
                    if let failure = try await send(entry, number, walker.file, to: sink) {
                        walker.noteUnread()
                        try await sink.send(.broken(failure))
                    }
                }
            }
        }
    }

    /// Sends one entry, with its content. Returns why that could not be read.
    private func send(
        _ entry: FileEntry,
        _ number: Int,
        _ file: FileReader?,
        to sink: any FileSink
    ) async throws(MitogenError) -> FileFailure? {
        guard var file else {
            try await sink.send(.entry(entry))
            return nil
        }
        var entry = entry
        var digest = ContentDigest()
        if options.isResumable {
            do throws(FileFailure) { entry.digest = try file.digest() } catch { return error }
        }
        try await sink.send(.entry(entry))
        if entry.digest != nil {
            guard let offset = try await sink.offset(of: number) else { return nil }
            file.seek(to: offset)
            progress?.add(bytes: file.offset)
            try await sink.send(.start(offset: file.offset))
        }
        while sink.wantsData(of: number) {
            let start = file.offset
            let next: FileItem?
            do throws(FileFailure) { next = try file.next() } catch { return error }
            guard let item = next else {
                try await sink.send(.end(digest: entry.digest ?? digest.finish()))
                return nil
            }
            if entry.digest == nil { update(&digest, with: item, at: start) }
            try await sink.send(item)
            progress?.add(bytes: file.offset - start)
        }
        return nil
    }

    private func update(_ digest: inout ContentDigest, with item: FileItem, at offset: Int) {
        switch item {
        case .data(let bytes): digest.update(bytes)
        case .hole(let count): digest.skip(from: offset, count: count)
        default: break
        }
    }

    /// Why none of the roots can be read; nil if one can.
    package func failuresOfAll() -> [FileFailure]? {
        var failures: [FileFailure] = []
        for root in roots {
            var walker = TreeWalker(root: root, options: options, accounts: Accounts())
            guard case .failure(let failure)? = walker.next() else { return nil }
            failures.append(failure)
        }
        return failures
    }

    /// How many files and links come after each of these entries, by what the folders say now.
    func filesAfter(_ numbers: [Int]) -> [Int] {
        var number = -1
        var counts = [Int](repeating: 0, count: numbers.count)
        func count(_ entry: FileEntry) {
            number += 1
            guard entry.kind != .folder else { return }
            for index in numbers.indices where number > numbers[index] { counts[index] += 1 }
        }
        listing?.entries.forEach(count)
        let accounts = Accounts()
        for root in listing == nil ? roots : [] {
            var walker = TreeWalker(root: root, options: options, accounts: accounts)
            while let step = walker.next(), !Task.isCancelled {
                if case .entry(let entry) = step { count(entry) }
            }
        }
        return counts
    }

    /// How many bytes there are to send, by what the folders say now.
    package func totalBytes() -> Int {
        var total = 0
        let accounts = Accounts()
        for root in roots {
            var walker = TreeWalker(root: root, options: options, accounts: accounts, opensFiles: false)
            while let step = walker.next(), !Task.isCancelled {
                if case .entry(let entry) = step { total += entry.size }
            }
        }
        return total
    }
}
