//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// What the copies of one sender share.
final class SenderEnd: Sendable {
    private struct State {
        var outbox: Outbox?
        var isClosed = false
        /// How many values are being sent.
        var sending = 0
    }

    let context: Context
    let handle: Handle
    private let state = Mutex(State())

    init(context: Context, handle: Handle) {
        self.context = context
        self.handle = handle
    }

    /// Bytes go as they are to those who are known to read that.
    var writerOptions: PickleWriter.Options {
        .init(bytesStyle: outbox?.takesBinary == true ? .binary : .python)
    }

    /// - Parameter timeout: How long the value may wait here; for ever by default.
    func send(_ data: [UInt8], within timeout: Duration?) async throws(MitogenError) {
        guard let timeout else { return try await send(data) }
        let broker = try context.reachableRouter.broker
        // A task of its own, which is cancelled when the time is over: so both ends agree on what was sent. It ends
        // before this function does.
        let task = Task { () async -> Result<Void, MitogenError> in
            do throws(MitogenError) { return .success(try await self.send(data)) } catch { return .failure(error) }
        }
        let isOver = OneShot<Void>()
        let timer = broker.schedule(after: timeout) {
            isOver.resolve(.success(()))
            task.cancel()
        }
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        timer.cancel()
        guard case .failure(let error) = result, error.code == .cancelled, isOver.outcome != nil else {
            return try result.get()
        }
        throw MitogenError(.timeoutError, "the value was not sent within \(timeout)", context: context.name)
    }

    func send(_ data: [UInt8]) async throws(MitogenError) {
        let router = try context.reachableRouter
        let isLarge = data.count > min(MessagePart.threshold, router.maxMessageSize)
        if isLarge { try await outbox?.learnReceiver() }
        guard data.count <= router.maxMessageSize || outbox?.takesParts == true else {
            throw MitogenError(
                .channelError,
                "\(DeadReason.tooLarge(maximum: router.maxMessageSize)): the value takes \(data.count)",
                context: context.name,
                hint: "send it in pieces"
            )
        }
        // Otherwise one who never has to wait would never notice.
        if Task.isCancelled { throw .cancelledCaller }
        let isOpen = state.withLock { state in
            if !state.isClosed { state.sending += 1 }
            return !state.isClosed
        }
        guard isOpen, let outbox else {
            throw MitogenError(.channelError, "the Sender has been closed", context: context.name)
        }
        var rest: OneShot<Void>?
        defer { if rest == nil { didSend(router) } }
        try await outbox.reserve(data.count)
        do throws(MitogenError) {
            // A copy that fails between these lines is answered with a dead message that nobody waits for any more.
            let message = Message(
                dstID: context.id,
                handle: handle,
                replyTo: outbox.returnHandle,
                encoding: .pickle,
                data: data
            )
            rest = try await router.send(message, takesParts: isLarge && outbox.takesParts)
        } catch {
            outbox.gate.leave(data.count)
            throw error
        }
        guard let rest else { return }
        // The task was cancelled, and what comes next must not overtake this.
        outbox.hold(until: rest)
        rest.whenResolved { [self] _ in if let router = context.router { didSend(router) } }
    }

    func close() {
        guard let router = context.router else { return }
        let isLast = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed && state.sending == 0
        }
        if isLast { sayClosed(router) }
    }

    private func didSend(_ router: Router) {
        let isLast = state.withLock { state in
            state.sending -= 1
            return state.isClosed && state.sending == 0
        }
        if isLast { sayClosed(router) }
    }

    private func sayClosed(_ router: Router) {
        let end = Message.dead(DeadReason.senderClosed, dstID: context.id, handle: handle)
        // Only who has opened a channel can end it.
        guard let outbox else { return router.route(end) }
        outbox.whenOpen { router.route(end) }
    }

    /// Where what this end may send is counted; nil if no router is known.
    private var outbox: Outbox? {
        if let known = state.withLock({ $0.outbox }) { return known }
        guard let router = context.router else { return nil }
        let outbox = router.outboxes.outbox(for: .init(contextID: context.id, handle: handle), in: router)
        return state.withLock { state in
            state.outbox = state.outbox ?? outbox
            return state.outbox
        }
    }
}
