//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
package import MitogenProtocol
internal import Synchronization

/// One context that a transfer goes to, with the targets that it is or passes the data on to.
final class TransferLink: Sendable {
    private struct State {
        var sender: Sender<FileItem>?
        var isGone = false
        /// The data of entries up to this one is of no use there.
        var unwanted = -1
        var offset: OneShot<Int?>?
        /// What was sent last.
        var path: [UInt8] = []
        /// The targets that have not ended.
        var open: Set<Int>
    }

    let plan: TransferPlan
    private let context: Context
    /// How long it may take nothing; a context that passes the data on waits as long for each of those behind it.
    private let patience: Duration?
    private let state: Mutex<State>
    private let ready = OneShot<Void>()
    private let giveUp = OneShot<FileFailure>()

    init(_ plan: TransferPlan, to context: Context, patience: Duration?) {
        self.plan = plan
        self.context = context
        self.patience = patience.map { $0 * (plan.height + 1) }
        state = Mutex(State(open: Set(plan.targets)))
    }

    var isGone: Bool { state.withLock { $0.isGone } }

    func wantsData(of entry: Int) -> Bool { state.withLock { !$0.isGone && $0.unwanted < entry } }

    // MARK: The other end's news

    /// Starts the writer in the context, and follows it to its end.
    func follow(_ function: ReceiveFiles, _ report: @escaping @Sendable (TransferEvent) async -> Void) async {
        let failure = await withTaskGroup(of: FileFailure?.self) { group in
            group.addTask { await self.iterate(function, report) }
            group.addTask { try? await self.giveUp.value() }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        let (open, path) = (leave(), state.withLock { $0.path })
        for target in open.sorted() {
            var failure =
                failure ?? FileFailure(.connection, [], "the context has ended the transfer without saying why")
            failure.path = path
            await report(.lost(target: target, failure))
        }
    }

    private func iterate(
        _ function: ReceiveFiles,
        _ report: @escaping @Sendable (TransferEvent) async -> Void
    ) async -> FileFailure? {
        do {
            for try await event in context.stream(function) { await receive(event, report) }
            return nil
        } catch {
            return FileFailure(error)
        }
    }

    private func receive(_ event: TransferEvent, _ report: @escaping @Sendable (TransferEvent) async -> Void) async {
        switch event {
        case .ready(let handle):
            // Values for a reserved handle would be orders with this context's authority.
            guard handle >= StandardHandle.firstFree else { return }
            state.withLock { $0.sender = Sender(to: context, handle: handle) }
            ready.resolve(.success(()))
        case .offset(let offset): state.withLock { $0.offset }?.resolve(.success(offset))
        case .unwanted(let entry):
            let waiter = state.withLock { state in
                state.unwanted = max(state.unwanted, entry)
                return state.offset
            }
            waiter?.resolve(.success(nil))
        case .failed(let target, _):
            if state.withLock({ $0.open.contains(target) }) { await report(event) }
        case .done(let target, _), .lost(let target, _):
            guard state.withLock({ $0.open.remove(target) }) != nil else { return }
            await report(event)
        }
    }

    /// Returns the targets that have not ended.
    private func leave() -> Set<Int> {
        let (open, offset) = state.withLock { state in
            state.isGone = true
            defer { state.open = [] }
            return (state.open, state.offset)
        }
        offset?.resolve(.success(nil))
        ready.resolve(.success(()))
        return open
    }

    // MARK: Sending

    /// Waits until items can be sent, or never will.
    func waitUntilReady(on broker: Broker) async throws(MitogenError) {
        do throws(MitogenError) {
            try await ready.value(within: patience, on: broker, "the context is not ready to write")
        } catch {
            try stop(because: error)
        }
    }

    /// Sends an item, unless it is of no use there.
    func send(_ item: FileItem) async throws(MitogenError) {
        guard let sender = state.withLock({ $0.isGone ? nil : $0.sender }) else { return }
        if case .entry(let entry) = item {
            state.withLock { state in
                state.path = entry.path
                if entry.digest != nil { state.offset = OneShot() }
            }
        }
        do throws(MitogenError) {
            try await sender.send(item, timeout: patience)
        } catch {
            try stop(because: error)
        }
    }

    /// From where on the data of the entry that was sent last is wanted; nil if it is not.
    func offset(on broker: Broker) async throws(MitogenError) -> Int? {
        guard !isGone, let offset = state.withLock({ $0.offset }) else { return nil }
        do throws(MitogenError) {
            return try await offset.value(within: patience, on: broker, "the context has not said what it has")
        } catch {
            try stop(because: error)
            return nil
        }
    }

    /// Everything is sent: the end must come.
    func expectEnd(on broker: Broker) -> Timer? {
        patience.map { patience in
            broker.schedule(after: patience) { [giveUp] in giveUp.resolve(.success(Self.stalled(patience))) }
        }
    }

    /// - Throws: `.cancelled`, which is about this side and not about the context.
    private func stop(because error: MitogenError) throws(MitogenError) {
        switch error.code {
        case .cancelled: throw error
        case .timeoutError: giveUp.resolve(.success(Self.stalled(patience ?? .zero)))
        // The receiver is gone, so the stream of its news is about to end, which says more.
        default: break
        }
        state.withLock { $0.isGone = true }
    }

    private static func stalled(_ patience: Duration) -> FileFailure {
        FileFailure(.stalled, [], "it has taken nothing for \(patience.components.seconds) s and was given up")
    }
}

extension FileFailure {
    /// What has become of a connection.
    ///
    /// - Parameter path: What was under way.
    package init(_ error: MitogenError, at path: [UInt8] = []) {
        let reason: Reason =
            switch error.code {
            case .cancelled: .cancelled
            case .timeoutError: .stalled
            default: .connection
            }
        self.init(reason, path, DeadReason.plain(error.message), hint: error.advice)
    }
}
