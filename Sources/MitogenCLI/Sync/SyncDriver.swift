//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// Asks one target for what it has, decides, and sends what is missing.
struct SyncDriver {
    private static let mostListings = 64
    static let mostSignatures = 16
    /// Signatures are only asked for ahead as far as the files together are not larger.
    static let mostSignedBytes = 1 << 30

    let session: SyncSession
    let replies: SyncReplies
    private let planner: SyncPlanner
    private let lister: FolderLister
    private var sender: Sender<SyncStep>?
    var report = SyncReport()
    var changes: [SyncChange] = []
    var deletions: [SyncChange] = []
    /// Where a delta was sent, by the number of its entry.
    var deltas: [Int: SyncChange] = [:]
    var entryCount = 0
    /// Which of the changes each entry belongs to, and which is sent.
    var places: [Int] = []
    var place = 0
    /// What is sent.
    var path: [UInt8] = []
    /// What has to be sent whole, because a delta did not make the right file.
    var repeats: [SyncChange] = []

    var source: SyncSource { session.source }
    var options: SyncOptions { session.options }

    init(_ session: SyncSession, _ replies: SyncReplies) {
        self.session = session
        self.replies = replies
        let lister = FolderLister(options: session.options.transfer, accounts: Accounts())
        self.lister = lister
        let options = session.options
        planner = SyncPlanner(
            comparesContent: options.comparesContent,
            deletes: options.deletes && session.source.failures.isEmpty,
            isExcluded: { options.excludes($0, isFolder: $1) },
            listed: { lister.entry($0, name: $1) }
        )
    }

    mutating func perform() async throws(MitogenError) {
        guard case .ready(let handle) = try await next(), handle >= StandardHandle.firstFree else { throw unexpected }
        sender = Sender(to: session.context, handle: handle)
        try await compareFolders()
        try await compareContents()
        for change in deletions + changes where change.itemized != nil {
            await session.show(.change(target: session.target, change))
        }
        count()
        guard !options.isDryRun, !changes.isEmpty || !deletions.isEmpty else { return try await showConflicts() }
        for deletion in deletions {
            try await send(.remove(path: deletion.entry.path, isFolder: deletion.entry.kind == .folder))
        }
        announceSize()
        await shareTransfers()
        try await transfer()
        try await send(.flush)
        guard case .flushed = try await next() else { throw unexpected }
        place = changes.count
        for change in repeats { try await sendFile(change, nil) }
        try await send(.item(.finished))
        guard case .done = try await next() else { throw unexpected }
    }

    // MARK: The target

    func send(_ step: SyncStep) async throws(MitogenError) {
        try await sender?.send(step)
    }

    /// The next answer. Failures of single files are noted meanwhile.
    mutating func next() async throws(MitogenError) -> SyncEvent {
        while true {
            switch try await replies.next() {
            case .failed(let entry, let failure):
                if failure.reason == .checksumMismatch, let change = deltas.removeValue(forKey: entry) {
                    repeats.append(change)
                } else {
                    await fail(failure.error(in: session.context.name))
                }
            case .gaveUp(let failure): throw end(failure)
            case let event: return event
            }
        }
    }

    /// Why the target takes no more steps, if it has said so.
    func cause(of error: MitogenError) async -> MitogenError {
        guard error.code == .channelError else { return error }
        // Its stream ends with the function that takes them, or with the connection.
        while let event = try? await replies.next() {
            if case .gaveUp(let failure) = event { return end(failure) }
        }
        return FileFailure(error, at: path).error(in: session.context.name)
    }

    /// Why the target has given up, with how many files it was not to have any more.
    private func end(_ failure: FileFailure) -> MitogenError {
        let last = failure.lastEntry.flatMap { places.indices.contains($0) ? places[$0] : nil } ?? changes.count
        let rest = changes.dropFirst(last + 1).count { change in
            if case .file = change.action { true } else { change.action == .symbolicLink }
        }
        return failure.error(in: session.context.name, untried: rest)
    }

    mutating func fail(_ error: MitogenError) async {
        report.failures += 1
        await session.show(.failure(target: session.target, FailureReport(error)))
    }

    var unexpected: MitogenError {
        MitogenError(
            .channelError,
            "the target answers something that was not asked",
            context: session.context.name
        )
    }

    // MARK: Comparing

    private mutating func compareFolders() async throws(MitogenError) {
        var doomed: [[UInt8]] = []
        var asked = 0
        for (number, folder) in source.folders.enumerated() {
            while asked < min(source.folders.count, number + Self.mostListings) {
                try await ask(for: source.folders[asked])
                asked += 1
            }
            let answer = try await listing()
            if case .same = answer { continue }
            let plan = planner.plan(folder, found: answer.entries)
            doomed += plan.doomedFolders
            for change in plan.changes {
                if change.action == .delete { deletions.append(change) } else { changes.append(change) }
            }
        }
        try await compareDoomed(doomed)
    }

    private func ask(for folder: SyncSource.Folder) async throws(MitogenError) {
        var expected = folder.entries.map { lister.entry($0, name: $0.name) }
        if folder.path.isEmpty, let entry = folder.entry { expected.append(lister.entry(entry, name: [])) }
        let digest = options.comparesContent ? [] : FolderLister.digest(of: SyncListing.encode(expected))
        let names = folder.isWhole ? nil : folder.entries.map(\.name)
        try await send(.list(path: folder.path, names: names, digest: digest))
    }

    private enum Listing {
        case same
        case found([SyncEntry]?)

        var entries: [SyncEntry]? {
            guard case .found(let entries) = self else { return nil }
            return entries
        }
    }

    /// What one folder's names and metadata may take, which is about a million entries.
    private static let largestListing = 256 << 20
    private static let deepest = 512
    private static let mostDeletions = 4_000_000

    private mutating func listing() async throws(MitogenError) -> Listing {
        var bytes: [UInt8] = []
        while true {
            switch try await next() {
            case .same: return .same
            case .missing: return .found(nil)
            case .listing(let piece, let isLast):
                bytes += piece
                guard bytes.count <= Self.largestListing else { throw unexpected }
                guard isLast else { continue }
                guard let entries = SyncListing.decode(bytes) else { throw unexpected }
                return .found(entries)
            default: throw unexpected
            }
        }
    }

    /// Looks into the folders that are to be removed, level by level.
    private mutating func compareDoomed(_ first: [[UInt8]]) async throws(MitogenError) {
        var doomed = first
        var kept: Set<[UInt8]> = []
        var depth = 0
        while !doomed.isEmpty {
            depth += 1
            // A tree that goes on for ever is none.
            guard depth <= Self.deepest, deletions.count <= Self.mostDeletions else { throw unexpected }
            var next: [[UInt8]] = []
            var asked = 0
            for (number, folder) in doomed.enumerated() {
                while asked < min(doomed.count, number + Self.mostListings) {
                    try await send(.list(path: doomed[asked], names: nil, digest: []))
                    asked += 1
                }
                let plan = planner.planRemoval(of: folder, found: try await listing().entries ?? [])
                next += plan.doomedFolders
                deletions += plan.changes
                if plan.keepsFolder { keep(folder, &kept) }
            }
            doomed = next
        }
        deletions.removeAll { kept.contains($0.entry.path) }
        // What is in a folder before the folder.
        deletions.sort { $1.entry.path.lexicographicallyPrecedes($0.entry.path) }
    }

    private func keep(_ folder: [UInt8], _ kept: inout Set<[UInt8]>) {
        var path = folder
        while !path.isEmpty {
            kept.insert(path)
            path = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
        }
    }

    /// With --checksum: files of one size are the same if they have the same SHA-256.
    private mutating func compareContents() async throws(MitogenError) {
        let places = changes.indices.filter { if case .compare = changes[$0].action { true } else { false } }
        var asked = 0
        for (number, place) in places.enumerated() {
            while asked < min(places.count, number + Self.mostSignatures) {
                try await send(.hash(path: changes[places[asked]].entry.path))
                asked += 1
            }
            let own: [UInt8]
            do throws(FileFailure) {
                own = try source.open(changes[place].entry.path).digest()
            } catch {
                // It is noted when the file is sent.
                own = []
            }
            guard case .hash(let digest) = try await next() else { throw unexpected }
            guard case .compare(let oldSize, let metadata) = changes[place].action else { continue }
            if digest == own {
                changes[place].action = metadata ? .metadata : .enter
            } else {
                changes[place].action = .file(oldSize: oldSize)
                changes[place].differences.insert(.content)
            }
        }
        changes.removeAll { $0.action == .enter && $0.entry.kind == .regular }
        dropNeedlessFolders()
    }

    /// Folders in which nothing has changed after all need no time.
    private mutating func dropNeedlessFolders() {
        guard options.comparesContent else { return }
        var busy: Set<[UInt8]> = []
        for change in changes + deletions where change.action != .enter {
            busy.insert(
                change.entry.path.lastIndex(of: UInt8(ascii: "/")).map { Array(change.entry.path[..<$0]) } ?? []
            )
        }
        changes.removeAll { $0.action == .enter && !busy.contains($0.entry.path) }
    }
}
