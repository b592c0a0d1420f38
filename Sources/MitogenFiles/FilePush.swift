//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
package import MitogenProtocol
internal import Synchronization

/// Writes files and folders of this context in others, in many at once if need be.
///
/// The source is read once. Where several targets have the same way for a part, the data crosses it once: the context at
/// its end passes it on, and keeps nothing of it on its disk.
public struct FilePush: Sendable {
    /// What to read. A path that ends with a slash means what is in the folder, otherwise the folder itself comes along.
    public var sources: [ByteString]
    /// Where to write: a folder that things are put into, if it is one, or if there are several sources, or it ends with a
    /// slash; then it is made if need be. Otherwise the new name of the source.
    public var destination: ByteString
    public var options = FileTransferOptions()
    /// How long a target may take nothing before it is given up, so that the others go on: for ever if there is one
    /// target, 60 s if there are several. One that only passes data on has as much more for each context behind it.
    public var patience: Duration?

    package var progress: TransferProgress?
    /// What to write instead of all that is below the sources.
    package var listing: FileListing?

    public init(_ sources: [ByteString], to destination: ByteString) {
        self.sources = sources
        self.destination = destination
    }

    /// Something that happened to one target of a transfer.
    package enum Event: Sendable {
        case failed(target: Int, MitogenError)
        case sourceFailed(MitogenError)
        case ended(target: Int, FileTransferReport)
    }

    /// Transfers the files.
    ///
    /// - Parameter targets: Contexts below this one.
    /// - Returns: What has come of each target, in their order. Files that cannot be read or written, and targets that are
    ///   lost, are in there, and do not keep the others from going on.
    /// - Throws: ``MitogenError``: `.misuse` if a target is no context of a router here; `.cancelled` if the calling task
    ///   is. What was under way is dropped then in every target.
    public func run(on targets: [Context]) async throws(MitogenError) -> [FileTransferReport] {
        try await run(on: targets) { _ in }
    }

    /// - Parameter onEvent: Called with what happens, from several tasks at the same time.
    package func run(
        on targets: [Context],
        onEvent: @escaping @Sendable (Event) async -> Void
    ) async throws(MitogenError) -> [FileTransferReport] {
        guard let router = targets.first?.router else {
            if targets.isEmpty { return [] }
            throw MitogenError(.misuse, "the target was decoded outside a call, so no router is known for it")
        }
        let reports = TransferReports(targets: targets)
        let result = await withTaskExecutorPreference(FunctionExecutor.shared) {
            await self.work(reports, in: router, onEvent)
        }
        try result.get()
        let all = reports.all
        // The targets may have been left before the source has noticed.
        if Task.isCancelled, all.contains(where: { !$0.isComplete }) { throw .cancelledCaller }
        return all
    }

    // On the threads of functions, which may block, whatever actor the caller runs on.
    @concurrent
    private func work(
        _ reports: TransferReports,
        in router: Router,
        _ onEvent: @escaping @Sendable (Event) async -> Void
    ) async -> Result<Void, MitogenError> {
        let roots = sources.map(\.bytes)
        let parameters = ReceiveFiles(
            destination: destination.bytes,
            isFolder: listing?.isFolder ?? (roots.count != 1 || TreeWalker.isContents(roots[0])),
            options: options,
            patience: patience ?? (reports.count > 1 ? .seconds(60) : nil)
        )
        let fanout = FileFanout(TransferPlan.plans(for: reports.paths), in: router, parameters)
        let sink = ReportingSink(base: fanout, reports: reports, onEvent: onEvent)
        do throws(MitogenError) {
            try await fanout.run { event in
                if let event = reports.note(event) { await onEvent(event) }
            } feed: { () async throws(MitogenError) in
                let source = FileSource(roots: roots, listing: listing, options: options, progress: progress)
                try await source.send(to: sink)
            }
            reports.tellRest(of: FileSource(roots: roots, listing: listing, options: options))
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

/// Notes what could not be read, once for all targets.
private struct ReportingSink: FileSink {
    let base: FileFanout
    let reports: TransferReports
    let onEvent: @Sendable (FilePush.Event) async -> Void

    var hasReaders: Bool { base.hasReaders }

    func wantsData(of entry: Int) -> Bool { base.wantsData(of: entry) }

    func offset(of entry: Int) async throws(MitogenError) -> Int? { try await base.offset(of: entry) }

    func send(_ item: FileItem) async throws(MitogenError) {
        if case .broken(let failure) = item {
            let error = failure.error(in: nil)
            reports.noteSourceFailure(error)
            await onEvent(.sourceFailed(error))
        }
        try await base.send(item)
    }
}

/// What has come of the targets so far.
private final class TransferReports: Sendable {
    private struct State {
        var reports: [FileTransferReport]
        var sourceFailures: [MitogenError] = []
        /// Why targets have given up, by their numbers in the plan; each is the last of its failures.
        var ends: [(target: Int, entry: Int, failure: FileFailure)] = []
    }

    /// The targets that have numbers in the plan: each context once.
    private let targets: [Context]
    /// The number in the plan of each target that was named.
    private let numbers: [Int]
    private let state: Mutex<State>
    /// So many failures of one target are kept; all are counted and told.
    private static let mostFailures = 1000

    init(targets named: [Context]) {
        var targets: [Context] = []
        numbers = named.map { target in
            if let known = targets.firstIndex(of: target) { return known }
            targets.append(target)
            return targets.count - 1
        }
        self.targets = targets
        state = Mutex(State(reports: targets.map { _ in FileTransferReport() }))
    }

    var count: Int { targets.count }

    /// One for each target that was named.
    var all: [FileTransferReport] {
        state.withLock { state in
            numbers.map { number in
                var report = state.reports[number]
                report.failures = state.sourceFailures + report.failures
                return report
            }
        }
    }

    /// The contexts that lead to each target.
    var paths: [[ContextID]] {
        targets.map { target in
            var path = [target.id]
            var context = target.via
            while let next = context, next.id != target.router?.contextID, !path.contains(next.id) {
                path.insert(next.id, at: 0)
                context = next.via
            }
            // A context that somebody else has started is known to be behind a neighbour at least.
            // What lies above is only on the way: it takes no orders from here.
            if let next = target.nextHop, next.id != path.first, target.router?.parentIDs.contains(next.id) != true {
                path.insert(next.id, at: 0)
            }
            return path
        }
    }

    func noteSourceFailure(_ error: MitogenError) {
        state.withLock { if $0.sourceFailures.count < Self.mostFailures { $0.sourceFailures.append(error) } }
    }

    /// Notes what a target tells, and gives what is to be told about it.
    func note(_ event: TransferEvent) -> FilePush.Event? {
        switch event {
        case .ready, .offset, .unwanted: return nil
        case .failed(let number, let failure):
            guard let (target, error) = add(failure, to: number) else { return nil }
            return .failed(target: target, error)
        case .lost(let number, let failure):
            guard let (target, _) = add(failure, to: number) else { return nil }
            return .ended(
                target: target,
                state.withLock { state in
                    if let entry = failure.lastEntry { state.ends.append((number, entry, failure)) }
                    return state.reports[number]
                }
            )
        case .done(let number, let counts):
            guard let target = numbers.firstIndex(of: number) else { return nil }
            let report = state.withLock { state in
                state.reports[number].finish(counts)
                return state.reports[number]
            }
            return .ended(target: target, report)
        }
    }

    /// Says of the targets that have given up how many files they were not to have any more.
    func tellRest(of source: FileSource) {
        let ends = state.withLock { $0.ends }
        guard !ends.isEmpty else { return }
        let counts = source.filesAfter(ends.map(\.entry))
        state.withLock { state in
            for index in ends.indices {
                let (number, _, failure) = ends[index]
                // It was not kept if there are too many.
                guard let last = state.reports[number].failures.indices.last,
                    state.reports[number].failures[last].message == failure.text
                else { continue }
                state.reports[number].failures[last] = failure.error(in: targets[number].name, untried: counts[index])
            }
        }
    }

    /// - Returns: The target that was named, and the error; nil if there is no such number.
    private func add(_ failure: FileFailure, to number: Int) -> (target: Int, error: MitogenError)? {
        guard let target = numbers.firstIndex(of: number) else { return nil }
        let error = failure.error(in: targets[number].name)
        state.withLock { state in
            guard state.reports[number].failures.count < Self.mostFailures else { return }
            state.reports[number].failures.append(error)
        }
        return (target, error)
    }
}

extension FileFailure {
    /// The failure that has ended a transfer, as an error.
    ///
    /// - Parameter count: How many files come after the one that has failed.
    package func error(in context: String?, untried count: Int) -> MitogenError {
        var failure = self
        if count > 0 { failure.message += "; the other \(count == 1 ? "file was" : "\(count) files were") not tried" }
        return failure.error(in: context)
    }
}
