//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// The values of a ``RemoteStream``, as they come.
///
/// Each iteration runs the function once, from its first ``Iterator/next(isolation:)`` on. What it sends is kept here
/// until it is taken, up to the window; then the function is suspended. Leaving the loop, or letting go of the
/// iterator, cancels the function.
///
/// The iteration throws ``MitogenError``:
///
/// - what the function threw, after all values that it has sent, with the codes of ``Context/call(_:timeout:)->_``;
/// - `.channelError` as soon as the context is lost; values that have come but were not taken are dropped;
/// - `.timeoutError` and `.cancelled` likewise, when the time is over or the iterating task is cancelled;
/// - `.streamError` if a value is not an `Element`, which cancels the function.
public struct RemoteValues<Element: Decodable & Sendable>: AsyncSequence, Sendable {
    public typealias Failure = MitogenError
    public typealias AsyncIterator = Iterator

    let context: Context
    let name: String
    let window: Int
    let timeout: Duration?
    let begin: @Sendable (Handle) throws(MitogenError) -> RunningCall

    public func makeAsyncIterator() -> Iterator {
        Iterator(values: self)
    }

    /// One run of the function.
    public struct Iterator: AsyncIteratorProtocol {
        private let values: RemoteValues
        private var session: StreamSession?
        private var isOver = false

        init(values: RemoteValues) {
            self.values = values
        }

        /// The next value; nil when the function has returned, and after an error.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Element? {
            if isOver { return nil }
            do throws(MitogenError) {
                if session == nil { session = try start() }
                if let message = try await session?.next() { return try decode(message) }
            } catch {
                end()
                throw error.inContext(values.context.displayName)
            }
            end()
            return nil
        }

        private func start() throws(MitogenError) -> StreamSession {
            let session = try StreamSession(context: values.context, window: values.window)
            try session.start(timeout: values.timeout, values.begin)
            return session
        }

        private mutating func end() {
            isOver = true
            session = nil
        }

        private func decode(_ message: Message) throws(MitogenError) -> Element {
            do {
                let value = try message.rawValue(localID: .max)
                guard let router = values.context.router else { return try value.cast(to: Element.self) }
                // So that contexts in the value are the router's own.
                let here = ExternalContext(router: router, caller: values.context)
                return try ExternalContext.$current.withValue(here) {
                    try router.decoder.decode(Element.self, from: value)
                }
            } catch {
                throw MitogenError(.streamError, "a value of \(values.name) is not a \(Element.self): \(error)")
            }
        }
    }
}

/// The caller's end of a running stream: what has come and was not taken. It ends with its iterator.
final class StreamSession: Sendable {
    private struct State {
        var values = Queue<Message>()
        var account: CreditAccount
        var waiter: OneShot<Void>?
        /// The function has ended: this comes after the values.
        var end: Result<Void, MitogenError>?
        /// The iteration is over at once.
        var failure: MitogenError?
        var call: RunningCall?
        var handle: Handle = 0
    }

    private enum Step {
        case value(Message, credit: Int?)
        case end(Result<Void, MitogenError>)
        case wait(OneShot<Void>)
    }

    private let router: Router
    private let context: Context
    private let state: Mutex<State>

    init(context: Context, window: Int) throws(MitogenError) {
        self.context = context
        router = try context.reachableRouter
        state = Mutex(State(account: CreditAccount(size: window)))
    }

    deinit {
        stop(because: MitogenError(.cancelled, "the stream's values are not wanted any more"))
    }

    /// Sends the call off.
    func start(
        timeout: Duration?,
        _ begin: (Handle) throws(MitogenError) -> RunningCall
    ) throws(MitogenError) {
        let handle = try router.addHandler(respondent: context) { [weak self] message in self?.receive(message) }
        state.withLock { $0.handle = handle }
        let call = try begin(handle)
        state.withLock { $0.call = call }
        let timer = timeout.map { timeout in call.giveUp(after: timeout) }
        call.pending.whenResolved { [weak self] outcome in
            timer?.cancel()
            self?.callDidEnd(outcome, call)
        }
    }

    // MARK: Taking

    /// The next value's message; nil after the last one.
    func next() async throws(MitogenError) -> Message? {
        while true {
            if Task.isCancelled {
                stop(because: .cancelledCaller)
                throw .cancelledCaller
            }
            switch state.withLock({ Self.step(&$0) }) {
            case .value(let message, let credit):
                if let credit { send(credit: credit, for: message) }
                return message
            case .end(let result):
                try result.get()
                return nil
            case .wait(let waiter):
                try await waiter.value { [self] in stop(because: .cancelledCaller) }
            }
        }
    }

    private static func step(_ state: inout State) -> Step {
        if let failure = state.failure { return .end(.failure(failure)) }
        if let message = state.values.popFirst() {
            return .value(message, credit: state.account.consume(StreamMessages.cost(of: message.data)))
        }
        if let end = state.end { return .end(end) }
        let waiter = OneShot<Void>()
        state.waiter = waiter
        return .wait(waiter)
    }

    private func send(credit: Int, for message: Message) {
        try? context.send(Message(handle: message.replyTo, data: Array("\(credit)".utf8)))
    }

    // MARK: Receiving

    private func receive(_ message: Message) {
        if message.isDead {
            let text = message.deadReason(localID: router.contextID)
            return fail(MitogenError(.channelError, text, context: context.displayName))
        }
        let (isAllowed, waiter) = state.withLock { state -> (Bool, OneShot<Void>?) in
            guard state.account.receive(StreamMessages.cost(of: message.data)) else { return (false, nil) }
            state.values.append(message)
            return (true, state.waiter.take())
        }
        waiter?.resolve(.success(()))
        if !isAllowed { stop(because: MitogenError(.streamError, "the other end sends more than it may")) }
    }

    /// The answer comes after the last value, on the same way.
    private func callDidEnd(_ outcome: PendingReply.Outcome, _ call: RunningCall) {
        switch outcome {
        case .failure(let error): fail(error)
        case .success(let message) where message.isDead:
            do throws(MitogenError) {
                try CallReply(message: message, call: call).success()
            } catch {
                fail(error)
            }
        case .success(let message):
            // In the same process values take the way over the Broker's queue, which the answer does not.
            guard context.id == router.contextID, router.broker.scheduleLater({ [self] in finish(message, call) })
            else { return finish(message, call) }
        }
    }

    private func finish(_ message: Message, _ call: RunningCall) {
        let result: Result<Void, MitogenError>
        do throws(MitogenError) {
            result = .success(try CallReply(message: message, call: call).success())
        } catch {
            result = .failure(error)
        }
        let waiter = state.withLock { state in
            state.end = result
            return state.waiter.take()
        }
        waiter?.resolve(.success(()))
    }

    private func fail(_ error: MitogenError) {
        let waiter = state.withLock { state in
            state.failure = state.failure ?? error
            return state.waiter.take()
        }
        waiter?.resolve(.success(()))
    }

    /// Gives the call up, if it still runs, and expects no values any more.
    private func stop(because error: MitogenError) {
        fail(error)
        let (call, handle) = state.withLock { state in
            state.values.removeAll()
            return (state.call, state.handle)
        }
        call?.cancel(because: error)
        if handle != 0 { try? router.deleteHandler(handle) }
    }
}
