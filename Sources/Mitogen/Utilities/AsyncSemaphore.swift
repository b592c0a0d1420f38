//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Lets so many tasks on at the same time; the others wait in order.
package final class AsyncSemaphore: Sendable {
    private struct State {
        var free: Int
        var waiters = Queue<OneShot<Void>>()
    }

    private let state: Mutex<State>

    package init(count: Int) {
        state = Mutex(State(free: count))
    }

    /// Runs `body` when it is its turn.
    ///
    /// - Throws: `.cancelled` if the calling task is cancelled before that.
    package func withPermit<Value>(
        _ body: () async throws(MitogenError) -> Value
    ) async throws(MitogenError) -> Value {
        try await withPermit(reserve(), body)
    }

    /// Takes a place in the queue. It must be used, by ``withPermit(_:_:)`` or ``wait(for:)``.
    package func reserve() -> OneShot<Void> {
        let turn = OneShot<Void>()
        let isFree = state.withLock { state in
            guard state.free > 0 else {
                state.waiters.append(turn)
                return false
            }
            state.free -= 1
            return true
        }
        if isFree { turn.resolve(.success(())) }
        return turn
    }

    /// Runs `body` when a place that was taken before has its turn.
    package func withPermit<Value>(
        _ turn: OneShot<Void>,
        _ body: () async throws(MitogenError) -> Value
    ) async throws(MitogenError) -> Value {
        try await wait(for: turn)
        defer { release() }
        return try await body()
    }

    /// Whether nobody is let on at once.
    var isExhausted: Bool { state.withLock { $0.free == 0 } }

    /// Waits for a place that was taken before to have its turn; ``release()`` is to be called after that.
    ///
    /// - Throws: What the turn was given up with; `.cancelled` if the calling task is cancelled before that.
    func wait(for turn: OneShot<Void>) async throws(MitogenError) {
        do throws(MitogenError) {
            try await turn.value()
        } catch {
            // If the turn came while the wait was given up, it goes to the next one.
            if !turn.resolve(.failure(error)), case .success = turn.outcome { release() }
            throw error
        }
    }

    func release() {
        while let next = state.withLock({ state -> OneShot<Void>? in
            if let next = state.waiters.popFirst() { return next }
            state.free += 1
            return nil
        }) {
            if next.resolve(.success(())) { return }
        }
    }
}
