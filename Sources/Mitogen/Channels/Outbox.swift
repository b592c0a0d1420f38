//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// What one context may still send to one receiver of another, shared by all senders to it in this context, because the
/// receiver counts what comes from the context.
final class Outbox: Sendable {
    struct Key: Hashable, Sendable {
        let contextID: ContextID
        let handle: Handle
    }

    private struct State {
        /// Whether the receiver's context was told that there is a sender, or that has begun.
        var isOpening = false
        var returnHandle: Handle = 0
        var takesBinary = false
        var takesParts = false
    }

    let key: Key
    /// Is held until the question whether the receiver gives credit is on its way.
    let gate = Gate(Window(ChannelOpening.window, first: Credit.first))
    /// Is resolved when it is known what the receiver's context understands.
    private let known = OneShot<Void>()
    /// Is resolved when the question is on its way.
    private let opened = OneShot<Void>()
    // The router holds this.
    private let tether: Tether<Router>
    private var router: Router? { tether.object }
    /// What the receiver's context was called at first: the router forgets it when it is gone.
    private let firstName: String
    private let state: Mutex<State>

    init(_ key: Key, router: Router) {
        self.key = key
        tether = Tether(router)
        firstName = router.context(id: key.contextID, creates: false)?.name ?? "context \(key.contextID)"
        var state = State()
        let info = router.peerInfo(key.contextID)
        state.takesBinary = info?.has(PeerInfo.binaryBytes) == true
        state.takesParts = key.contextID != router.contextID && info?.has(PeerInfo.messageParts) == true
        self.state = Mutex(state)
        gate.hold()
    }

    deinit {
        let handle = state.withLock { $0.returnHandle }
        if handle != 0 { try? router?.removeHandler(at: handle) }
    }

    /// Where credit, and the reason why a value cannot be delivered, come to.
    var returnHandle: Handle { state.withLock { $0.returnHandle } }
    /// Whether the other side is known to read bytes as they are.
    var takesBinary: Bool { state.withLock { $0.takesBinary } }
    /// Whether the other side puts large values together.
    var takesParts: Bool { state.withLock { $0.takesParts } }

    /// Waits until a value of so many bytes may be sent, which it then has to be, or ``Gate/leave(_:)`` called.
    ///
    /// - Throws: ``MitogenError``: `.channelError` if the receiver cannot be reached any more, `.cancelled`.
    func reserve(_ byteCount: Int) async throws(MitogenError) {
        open()
        try await gate.enter(byteCount)
    }

    /// Lets nobody send until a value has arrived, or is lost.
    func hold(until arrival: OneShot<Void>) {
        gate.hold()
        arrival.whenResolved { [gate] _ in gate.release() }
    }

    // MARK: Opening

    /// Waits until it is known whether the receiver takes values in parts.
    func learnReceiver() async throws(MitogenError) {
        open()
        try await known.value()
    }

    /// Calls `body` once the receiver's context was told that there is a sender, or cannot be.
    func whenOpen(_ body: @escaping @Sendable () -> Void) {
        open()
        opened.whenResolved { _ in body() }
    }

    /// Before the first value the receiver is told where credit is to go. Values follow at once: the first bytes are
    /// granted unasked.
    private func open() {
        let isFirst = state.withLock { state in
            defer { state.isOpening = true }
            return !state.isOpening
        }
        guard isFirst else { return }
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
        opened.resolve(.success(()))
        gate.release()
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
            // Nobody at the handle itself is told in the answer to the value.
            return MitogenError(dead: answer).dead == .invalidHandle ? removeBound() : fail(answer)
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
        known.resolve(.success(()))
        router?.outboxes.remove(self)
        gate.removeBound()
    }

    /// The receiver gives credit, or is gone.
    private func receive(_ message: Message) {
        if message.isDead { return fail(message) }
        if let credit = Credit(parsing: message.data) { gate.add(credit) }
    }

    // MARK: Ending

    private func fail(_ dead: Message) {
        let name = router?.context(id: key.contextID, creates: false)?.name
        fail(MitogenError(dead: dead, context: name ?? firstName))
    }

    /// Nothing can be sent any more: every sender is told.
    private func fail(_ error: MitogenError) {
        let handle = state.withLock { state in
            defer { state.returnHandle = 0 }
            return state.returnHandle
        }
        if let router {
            router.outboxes.remove(self)
            if handle != 0 { try? router.removeHandler(at: handle) }
        }
        known.resolve(.failure(error))
        opened.resolve(.failure(error))
        gate.close(with: error)
    }
}

/// The outboxes of one router, for as long as there is a receiver at the other end that gives credit.
final class OutboxTable: Sendable {
    private let outboxes = Mutex<[Outbox.Key: Outbox]>([:])

    func outbox(for key: Outbox.Key, in router: Router) -> Outbox {
        if let known = outboxes.withLock({ $0[key] }) { return known }
        // Not under the lock: it takes the router's.
        let new = Outbox(key, router: router)
        return outboxes.withLock { outboxes in
            let outbox = outboxes[key] ?? new
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
