//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol
internal import Synchronization

/// A result that arrives once and is waited for by any number of tasks.
package final class OneShot<Value: Sendable>: Sendable {
    package typealias Outcome = Result<Value, MitogenError>

    private struct Waiter {
        let key: Int
        // Unsafe, because the state already guarantees one resumption: a waiter is taken out of it to be resumed. The
        // checked form costs an allocation for each call.
        let continuation: UnsafeContinuation<Outcome, Never>
    }

    private struct State {
        var outcome: Outcome?
        /// Mostly there is one waiter, which then needs no array.
        var first: Waiter?
        var others: [Waiter] = []
        var observers: [@Sendable (Outcome) -> Void] = []
        var nextKey = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// The result, if it has arrived.
    package var outcome: Outcome? { state.withLock { $0.outcome } }

    /// Sets the result; false if there already is one.
    @discardableResult
    package func resolve(_ outcome: Outcome) -> Bool {
        let woken = state.withLock { state -> (Waiter?, [Waiter], [@Sendable (Outcome) -> Void])? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            defer {
                state.first = nil
                state.others = []
                state.observers = []
            }
            return (state.first, state.others, state.observers)
        }
        guard let (first, others, observers) = woken else { return false }
        first?.continuation.resume(returning: outcome)
        for waiter in others { waiter.continuation.resume(returning: outcome) }
        for observer in observers { observer(outcome) }
        return true
    }

    /// Calls `observer` with the result, at once if it is there.
    package func whenResolved(_ observer: @escaping @Sendable (Outcome) -> Void) {
        let outcome = state.withLock { state -> Outcome? in
            if state.outcome == nil { state.observers.append(observer) }
            return state.outcome
        }
        if let outcome { observer(outcome) }
    }

    /// Waits for the result, also when the calling task is cancelled: whoever resolves it sees to the end.
    package func wait() async -> Outcome {
        let key = newKey()
        return await withUnsafeContinuation { enter($0, key, unless: { false }) }
    }

    /// Waits for the result.
    ///
    /// - Parameters:
    ///   - whenCancelled: Called when the waiting task is cancelled; may resolve the result.
    /// - Throws: The failure; `.cancelled` when the waiting task is cancelled.
    package func value(whenCancelled: @Sendable () -> Void = {}) async throws(MitogenError) -> Value {
        let key = newKey()
        let outcome = await withTaskCancellationHandler {
            await withUnsafeContinuation { enter($0, key, unless: { Task.isCancelled }) }
        } onCancel: {
            whenCancelled()
            leave(key)
        }
        return try outcome.get()
    }

    /// Waits for the result, and no longer than `timeout`.
    ///
    /// - Throws: The failure; `.timeoutError`, with `what` in its message; `.cancelled` when the waiting task is
    ///   cancelled. Other waits are not touched by the last two.
    package func value(within timeout: Duration?, on broker: Broker, _ what: String) async throws(MitogenError) -> Value
    {
        guard let timeout else { return try await value() }
        let key = newKey()
        var timer: Timer?
        let outcome = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                enter(continuation, key, unless: { Task.isCancelled })
                // Now that there is somebody to be woken.
                timer = broker.schedule(after: timeout) { [self] in
                    leave(key, with: MitogenError(.timeoutError, "\(what) within \(timeout)"))
                }
            }
        } onCancel: {
            leave(key)
        }
        timer?.cancel()
        return try outcome.get()
    }

    private func newKey() -> Int {
        state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
    }

    private func enter(_ continuation: UnsafeContinuation<Outcome, Never>, _ key: Int, unless isCancelled: () -> Bool) {
        let outcome = state.withLock { state -> Outcome? in
            if let outcome = state.outcome { return outcome }
            // Under the lock: a cancellation from here on finds the waiter.
            if isCancelled() { return .failure(.cancelledCaller) }
            let waiter = Waiter(key: key, continuation: continuation)
            if state.first == nil { state.first = waiter } else { state.others.append(waiter) }
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    private func leave(_ key: Int, with error: MitogenError = .cancelledCaller) {
        let waiter = state.withLock { state -> Waiter? in
            if state.first?.key == key { return state.first.take() }
            return state.others.firstIndex { $0.key == key }.map { state.others.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: .failure(error))
    }
}

extension MitogenError {
    /// The task that waited was cancelled.
    package static var cancelledCaller: MitogenError {
        MitogenError(.cancelled, "the calling task was cancelled")
    }
}
