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

    private enum State {
        case waiting([Int: CheckedContinuation<Outcome, Never>])
        case resolved(Outcome)
    }

    private struct Storage {
        var state = State.waiting([:])
        var next = 0
        var observers: [@Sendable (Outcome) -> Void] = []
    }

    private let storage = Mutex(Storage())

    package init() {}

    /// The result, if it has arrived.
    package var outcome: Outcome? {
        storage.withLock { storage in
            guard case .resolved(let outcome) = storage.state else { return nil }
            return outcome
        }
    }

    /// Sets the result; false if there already is one.
    @discardableResult
    package func resolve(_ outcome: Outcome) -> Bool {
        let woken = storage.withLock {
            storage -> ([CheckedContinuation<Outcome, Never>], [@Sendable (Outcome) -> Void])? in
            guard case .waiting(let waiters) = storage.state else { return nil }
            storage.state = .resolved(outcome)
            defer { storage.observers = [] }
            return (waiters.values.map { $0 }, storage.observers)
        }
        guard let (waiters, observers) = woken else { return false }
        for waiter in waiters { waiter.resume(returning: outcome) }
        for observer in observers { observer(outcome) }
        return true
    }

    /// Calls `observer` with the result, at once if it is there.
    package func whenResolved(_ observer: @escaping @Sendable (Outcome) -> Void) {
        let outcome = storage.withLock { storage -> Outcome? in
            if case .resolved(let outcome) = storage.state { return outcome }
            storage.observers.append(observer)
            return nil
        }
        if let outcome { observer(outcome) }
    }

    /// Waits for the result, without ending the wait when the calling task is cancelled: whoever resolves it sees to
    /// that.
    package func wait() async -> Outcome {
        await withCheckedContinuation { continuation in
            let outcome = storage.withLock { storage -> Outcome? in
                guard case .waiting(var waiters) = storage.state else { return resolvedOutcome(storage) }
                storage.next += 1
                waiters[storage.next] = continuation
                storage.state = .waiting(waiters)
                return nil
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    /// Waits for the result.
    ///
    /// - Parameters:
    ///   - whenCancelled: Called when the waiting task is cancelled; may resolve the result.
    /// - Throws: The failure; `.cancelled` when the waiting task is cancelled.
    package func value(whenCancelled: @escaping @Sendable () -> Void = {}) async throws(MitogenError) -> Value {
        let key = storage.withLock { storage in
            storage.next += 1
            return storage.next
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome = storage.withLock { storage -> Outcome? in
                    guard case .waiting(var waiters) = storage.state else { return resolvedOutcome(storage) }
                    if Task.isCancelled { return .failure(.cancelledCaller) }
                    waiters[key] = continuation
                    storage.state = .waiting(waiters)
                    return nil
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            whenCancelled()
            wake(key)
        }
        return try outcome.get()
    }

    private func wake(_ key: Int) {
        let waiter = storage.withLock { storage -> CheckedContinuation<Outcome, Never>? in
            guard case .waiting(var waiters) = storage.state else { return nil }
            let waiter = waiters.removeValue(forKey: key)
            storage.state = .waiting(waiters)
            return waiter
        }
        waiter?.resume(returning: .failure(.cancelledCaller))
    }

    private func resolvedOutcome(_ storage: borrowing Storage) -> Outcome? {
        guard case .resolved(let outcome) = storage.state else { return nil }
        return outcome
    }
}

extension MitogenError {
    /// The task that waited was cancelled.
    package static var cancelledCaller: MitogenError {
        MitogenError(.cancelled, "the calling task was cancelled")
    }
}
