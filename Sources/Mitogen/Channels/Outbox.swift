//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// What one context may still send to one receiver of another, and who waits to send more; shared by all senders to it
/// in this context, because the receiver counts what comes from the context.
final class Outbox: Sendable {
    struct Key: Hashable, Sendable {
        let contextID: ContextID
        let handle: Handle
    }

    private typealias Waiter = (byteCount: Int, turn: OneShot<Void>)

    private enum Phase {
        case new
        case opening
        case open
    }

    private struct State {
        var phase = Phase.new
        var window = SendWindow()
        var waiters = Queue<Waiter>()
        /// How many values have to arrive before anything else is sent.
        var holds = 0
        var failure: MitogenError?
        var returnHandle: Handle = 0
        var takesBinary = false
        var takesParts = false
    }

    let key: Key
    /// Is resolved when it is known what the receiver's context understands.
    private let known = OneShot<Void>()
    /// Is resolved when the question is on its way.
    private let opened = OneShot<Void>()
    // Weak, as the router holds this.
    private weak let router: Router?
    private let state: Mutex<State>

    init(_ key: Key, router: Router) {
        self.key = key
        self.router = router
        var state = State()
        let info = router.peerInfo(key.contextID)
        state.takesBinary = info?.has(PeerInfo.binaryBytes) == true
        state.takesParts = key.contextID != router.contextID && info?.has(PeerInfo.messageParts) == true
        self.state = Mutex(state)
    }

    deinit {
        let handle = state.withLock { $0.returnHandle }
        if handle != 0 { try? router?.deleteHandler(handle) }
    }

    /// Where credit, and the reason why a value cannot be delivered, come to.
    var returnHandle: Handle { state.withLock { $0.returnHandle } }
    /// Whether the receiver holds its senders up.
    var isBounded: Bool { state.withLock { $0.window.isBounded } }
    /// Whether the other side is known to read bytes as they are.
    var takesBinary: Bool { state.withLock { $0.takesBinary } }
    /// Whether the other side puts large values together.
    var takesParts: Bool { state.withLock { $0.takesParts } }
    /// Why nothing can be sent any more.
    var failure: MitogenError? { state.withLock { $0.failure } }

    /// Waits until a value of so many bytes may be sent, which it then has to be.
    ///
    /// - Throws: ``MitogenError``: `.channelError` if the receiver cannot be reached any more, `.cancelled`.
    func reserve(_ byteCount: Int) async throws(MitogenError) {
        let turn = state.withLock { state -> OneShot<Void>? in
            if state.phase == .open, state.failure == nil, state.holds == 0, state.waiters.isEmpty,
                state.window.hasRoom
            {
                state.window.take(byteCount: byteCount)
                return nil
            }
            let turn = OneShot<Void>()
            if let failure = state.failure {
                turn.resolve(.failure(failure))
                return turn
            }
            state.waiters.append((byteCount, turn)) { $0.turn.outcome != nil }
            return turn
        }
        if turn != nil { beginToOpen() }
        try await turn?.value { turn?.resolve(.failure(.cancelledCaller)) }
    }

    /// A value for which there was room was not sent after all.
    func giveBack(_ byteCount: Int) {
        state.withLock { $0.window.add(ChannelCredit(values: 1, bytes: byteCount)) }
        admitWaiters()
    }

    /// Lets nobody send until a value has arrived, or is lost.
    func hold(until arrival: OneShot<Void>) {
        state.withLock { $0.holds += 1 }
        arrival.whenResolved { [self] _ in
            state.withLock { $0.holds -= 1 }
            admitWaiters()
        }
    }

    // MARK: Opening

    /// Waits until it is known whether the receiver takes values in parts.
    func learnReceiver() async throws(MitogenError) {
        beginToOpen()
        try await known.value()
    }

    /// Calls `body` once the receiver's context was told that there is a sender, or cannot be.
    func whenOpen(_ body: @escaping @Sendable () -> Void) {
        beginToOpen()
        opened.whenResolved { _ in body() }
    }

    private func beginToOpen() {
        let mustOpen = state.withLock { state in
            defer { if state.phase == .new { state.phase = .opening } }
            return state.phase == .new
        }
        if mustOpen { open() }
    }

    /// Before the first value the receiver is told where credit is to go. Values follow at once: a first window is
    /// granted unasked, and the answer comes long before it is used up.
    private func open() {
        guard let router else { return fail(.routerIsShutDown) }
        do throws(MitogenError) {
            let inlet = FunctionHandler { [weak self] message, _ in self?.receive(message) }
            let handle = try router.add(inlet, respondent: key.contextID)
            state.withLock { $0.returnHandle = handle }
            if router.has(PeerInfo.flowControl, key.contextID) == false {
                removeBound()
            } else {
                ask(router, returnHandle: handle)
            }
        } catch {
            return fail(error)
        }
        state.withLock { $0.phase = .open }
        opened.resolve(.success(()))
        admitWaiters()
    }

    private func ask(_ router: Router, returnHandle: Handle) {
        let opening = ChannelOpening(handle: key.handle, returnHandle: returnHandle)
        let question = Message(dstID: key.contextID, handle: StandardHandle.openChannel, data: opening.data)
        let pending = PendingReply()
        _ = router.send(question, awaiting: pending)
        pending.whenResolved { [weak self] in self?.learn($0) }
    }

    /// Every context answers: one that does not know the question with a dead message.
    private func learn(_ outcome: PendingReply.Outcome) {
        guard case .success(let answer) = outcome else { return fail(.routerIsShutDown) }
        if answer.isDead {
            let reason = answer.deadReason(localID: .max)
            // Nobody at the handle itself is told in the answer to the value.
            return reason == DeadReason.invalidHandle ? removeBound() : failDead(reason)
        }
        let capabilities = UInt32(String(decoding: answer.data.prefix(20), as: UTF8.self)) ?? 0
        let info = PeerInfo(revision: 0, capabilities: capabilities)
        state.withLock { state in
            state.takesBinary = info.has(PeerInfo.binaryBytes)
            state.takesParts = key.contextID != router?.contextID && info.has(PeerInfo.messageParts)
        }
        if !info.has(PeerInfo.flowControl) { removeBound() }
        known.resolve(.success(()))
    }

    /// Nobody gives credit: what there is to keep is the senders' own.
    private func removeBound() {
        state.withLock { $0.window.removeBound() }
        known.resolve(.success(()))
        router?.outboxes.remove(self)
        admitWaiters()
    }

    // MARK: Credit

    private func receive(_ message: Message) {
        if message.isDead { return failDead(message.deadReason(localID: .max)) }
        guard let credit = ChannelCredit(parsing: message.data) else { return }
        state.withLock { $0.window.add(credit) }
        admitWaiters()
    }

    private func admitWaiters() {
        while let waiter = state.withLock({ state -> Waiter? in
            guard state.phase == .open, state.holds == 0, state.window.hasRoom, let waiter = state.waiters.popFirst()
            else { return nil }
            state.window.take(byteCount: waiter.byteCount)
            return waiter
        }) {
            if waiter.turn.resolve(.success(())) { continue }
            // It has given up waiting.
            state.withLock { $0.window.add(ChannelCredit(values: 1, bytes: waiter.byteCount)) }
        }
    }

    // MARK: Ending

    private func failDead(_ reason: String) {
        let name = router?.contextByID(key.contextID, creates: false)?.displayName ?? "context \(key.contextID)"
        fail(MitogenError(.channelError, reason, context: name))
    }

    /// Nothing can be sent any more: every sender is told.
    private func fail(_ error: MitogenError) {
        let (waiters, handle) = state.withLock { state in
            state.failure = state.failure ?? error
            defer { state.returnHandle = 0 }
            return (state.waiters.takeAll(), state.returnHandle)
        }
        if let router {
            router.outboxes.remove(self)
            if handle != 0 { try? router.deleteHandler(handle) }
        }
        known.resolve(.failure(error))
        opened.resolve(.failure(error))
        for waiter in waiters { waiter.turn.resolve(.failure(error)) }
    }
}

/// The outboxes of one router, for as long as there is a receiver at the other end that gives credit.
final class OutboxTable: Sendable {
    private let outboxes = Mutex<[Outbox.Key: Outbox]>([:])

    func outbox(for key: Outbox.Key, in router: Router) -> Outbox {
        outboxes.withLock { outboxes in
            if let known = outboxes[key] { return known }
            let outbox = Outbox(key, router: router)
            outboxes[key] = outbox
            return outbox
        }
    }

    func remove(_ outbox: Outbox) {
        outboxes.withLock { outboxes in
            if outboxes[outbox.key] === outbox { outboxes[outbox.key] = nil }
        }
    }
}
