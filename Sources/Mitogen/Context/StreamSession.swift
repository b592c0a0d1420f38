//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The caller's end of a running stream: what has come and was not taken. It ends with its iterator.
final class StreamSession: Sendable {
    enum Arrival: Sendable {
        case value(Message)
        /// The function has ended, and this comes after the values.
        case end(Result<Void, MitogenError>)
    }

    private struct State {
        var account: Account
        var call: RunningCall?
        var timer: Timer?
        var handle: Handle = 0
        var tally = Tally()
        /// What the function has ended with.
        var end: Result<Void, MitogenError>?
    }

    private let router: Router
    private let context: Context
    private let share: LinkBudget.Share
    let arrivals = Mailbox<Arrival>()
    private let state: Mutex<State>

    init(context: Context, window: Int) throws(MitogenError) {
        self.context = context
        router = try context.callableRouter
        share = LinkBudget.Share(of: router.budget(of: context.id))
        state = Mutex(State(account: Account(StreamMessages.most(window), first: Credit.first)))
    }

    deinit {
        stop(because: MitogenError(.cancelled, "the stream's values are not wanted any more"))
    }

    /// Sends the call off.
    func start(
        timeout: Duration?,
        _ begin: (Handle, _ first: Int) throws(MitogenError) -> RunningCall
    ) throws(MitogenError) {
        let handle = try router.addHandler(respondent: context) { [weak self] message in self?.receive(message) }
        let first = state.withLock { state in
            state.handle = handle
            _ = state.account.begin(share: share.adjust)
            return state.account.limit
        }
        let call = try begin(handle, first)
        state.withLock { $0.call = call }
        // It goes on after the answer, while values are missing.
        let timer = timeout.map { timeout in
            router.broker.schedule(after: timeout) { [weak self] in
                let text = "\(call.functionName) has not returned within \(timeout)"
                self?.stop(because: MitogenError(.timeoutError, text))
            }
        }
        state.withLock { $0.timer = timer }
        call.pending.whenResolved { [weak self] outcome in self?.callDidEnd(outcome, call) }
    }

    /// The next value's message; nil after the last one.
    func next() async throws(MitogenError) -> Message? {
        let arrival: Arrival
        do throws(MitogenError) {
            arrival = try await arrivals.get()
        } catch {
            stop(because: error)
            throw error
        }
        return try take(arrival)
    }

    /// What has arrived, if there is anything, and whether it is the last.
    func poll() -> (Result<Message?, MitogenError>, isLast: Bool)? {
        switch arrivals.poll() {
        case .success(let arrival):
            do throws(MitogenError) {
                let message = try take(arrival)
                return (.success(message), message == nil)
            } catch {
                return (.failure(error), true)
            }
        case .failure(let error): return (.failure(error), true)
        case nil: return nil
        }
    }

    /// The message of a value; nil at the end.
    private func take(_ arrival: Arrival) throws(MitogenError) -> Message? {
        switch arrival {
        case .end(let result):
            try result.get()
            return nil
        case .value(let message):
            let cost = StreamMessages.cost(of: message.data)
            let credit = state.withLock { $0.account.consume(cost, share: share.adjust) }
            if let credit { try? context.send(Message(handle: message.replyTo, data: credit.data)) }
            return message
        }
    }

    // MARK: Receiving

    private func receive(_ message: Message) {
        if message.isDead {
            let error = MitogenError(dead: message, localID: router.contextID, context: context.name)
            return arrivals.close(with: error)
        }
        if let count = StreamMessages.count(in: message) { return end { $0.tally.expect(count) } }
        let isAllowed = state.withLock { $0.account.receive(StreamMessages.cost(of: message.data)) }
        guard isAllowed else {
            return stop(because: MitogenError(.streamError, "the other end sends more than it may"))
        }
        arrivals.put(.value(message))
        end { $0.tally.receive() }
    }

    /// The answer may come before values that are still on their way.
    private func callDidEnd(_ outcome: PendingReply.Outcome, _ call: RunningCall) {
        switch outcome {
        case .failure(let error): arrivals.close(with: error)
        case .success(let message) where message.isDead:
            arrivals.close(with: MitogenError(dead: message, to: call.functionName, localID: router.contextID))
        case .success(let message):
            router.afterArrivals(from: context.id) { [self] in finish(message, call) }
        }
    }

    private func finish(_ message: Message, _ call: RunningCall) {
        let result: Result<Void, MitogenError>
        do throws(MitogenError) {
            result = .success(try CallReply(message: message, call: call).success())
        } catch {
            result = .failure(error)
        }
        end { state in
            state.end = result
            state.tally.answer()
        }
    }

    /// Something has come that may be the last.
    private func end(_ change: (inout State) -> Void) {
        let end = state.withLock { state in
            change(&state)
            return state.tally.isComplete ? state.end : nil
        }
        guard let end else { return }
        cancelTimer()
        arrivals.finish(with: .end(end))
    }

    /// One that waits would keep the Broker.
    private func cancelTimer() {
        state.withLock { $0.timer.take() }?.cancel()
    }

    /// Gives the call up, if it still runs, and expects no values any more.
    private func stop(because error: MitogenError) {
        arrivals.close(with: error)
        cancelTimer()
        let (call, handle) = state.withLock { ($0.call, $0.handle) }
        call?.cancel(because: error)
        if handle != 0 { try? router.removeHandler(at: handle) }
    }
}
