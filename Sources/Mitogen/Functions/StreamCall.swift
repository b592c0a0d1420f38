//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// The call that runs a ``RemoteStream``.
struct StreamCall<S: RemoteStream>: RemoteFunction, WrappedFunction {
    var stream: S
    /// The caller's handle that the values go to.
    var handle: Handle
    var window: Int

    static var wrapped: Any.Type { S.self }

    func run(in context: ExternalContext) async throws {
        let sender = try StreamSender(to: handle, of: context.caller, in: context.router, window: window)
        defer { sender.close() }
        try await stream.run(in: context, yield: StreamWriter(sender: sender))
    }
}

/// The callee's end of a stream: lets values go as long as the caller takes them.
///
/// Each value is a message that names the handle for credit as the one to answer. So a caller that does not know the
/// stream any more makes its router say so.
final class StreamSender: Sendable {
    private let router: Router
    private let caller: Context
    private let handle: Handle
    private let creditHandle: Handle
    private let gate: StreamGate
    let writerOptions: PickleWriter.Options

    init(to handle: Handle, of caller: Context, in router: Router, window: Int) throws(MitogenError) {
        let gate = StreamGate(window: window)
        self.router = router
        self.caller = caller
        self.handle = handle
        self.gate = gate
        let isBinary = caller.peer?.has(PeerInfo.binaryBytes) == true
        writerOptions = PickleWriter.Options(bytesStyle: isBinary ? .binary : .python)
        creditHandle = try router.addHandler(respondent: caller) { message in
            if message.isDead {
                gate.close(because: "the values are not wanted any more: \(message.deadReason(localID: .max))")
            } else if let credit = Int(String(decoding: message.data, as: UTF8.self)) {
                gate.giveBack(credit)
            }
        }
    }

    func close() {
        try? router.deleteHandler(creditHandle)
        gate.close(because: "the stream's function has returned")
    }

    func send(_ data: [UInt8]) async throws(MitogenError) {
        guard data.count <= router.maxMessageSize else {
            let text = DeadReason.tooLarge(maximum: router.maxMessageSize)
            throw MitogenError(.channelError, "\(text): a value of the stream has \(data.count) bytes")
        }
        try await gate.enter(StreamMessages.cost(of: data))
        if data.count > Stream.smallMessage { await router.waitForRoom(towards: caller.id) }
        router.route(
            Message(dstID: caller.id, handle: handle, replyTo: creditHandle, encoding: .pickle, data: data)
        )
    }
}

enum StreamMessages {
    /// What a value counts in the window: its bytes, and about what it takes to keep it.
    static func cost(of data: [UInt8]) -> Int { data.count + 128 }
}

/// Lets those who want to send on when the window has room, in the order in which they came.
private final class StreamGate: Sendable {
    private struct State {
        var window: CreditWindow
        var waiters = Queue<(cost: Int, turn: OneShot<Void>)>()
        var end: MitogenError?
    }

    private let state: Mutex<State>

    init(window: Int) {
        state = Mutex(State(window: CreditWindow(size: window)))
    }

    func enter(_ cost: Int) async throws(MitogenError) {
        // A function that never has to wait ends as well.
        if Task.isCancelled { throw .cancelledCaller }
        let turn: Result<OneShot<Void>?, MitogenError> = state.withLock { state in
            if let end = state.end { return .failure(end) }
            if state.waiters.isEmpty, !state.window.isFull {
                state.window.take(cost)
                return .success(nil)
            }
            let turn = OneShot<Void>()
            state.waiters.append((cost, turn))
            return .success(turn)
        }
        guard let turn = try turn.get() else { return }
        do throws(MitogenError) {
            try await turn.value()
        } catch {
            // If the turn came while the wait was given up, its room is for others.
            if !turn.resolve(.failure(error)), case .success = turn.outcome { giveBack(cost) }
            throw error
        }
    }

    func giveBack(_ count: Int) {
        state.withLock { $0.window.giveBack(count) }
        while let turn = nextTurn() {
            if !turn.turn.resolve(.success(())) { state.withLock { $0.window.giveBack(turn.cost) } }
        }
    }

    private func nextTurn() -> (cost: Int, turn: OneShot<Void>)? {
        state.withLock { state in
            guard !state.window.isFull, let next = state.waiters.popFirst() else { return nil }
            state.window.take(next.cost)
            return next
        }
    }

    func close(because reason: String) {
        let error = MitogenError(.cancelled, reason)
        let waiters = state.withLock { state in
            state.end = state.end ?? error
            return state.waiters.takeAll()
        }
        for waiter in waiters { waiter.turn.resolve(.failure(error)) }
    }
}
