//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Passes events on to whoever listens: sequences for tasks, and functions for this module's own parts.
final class EventHub<Event: Sendable>: Sendable {
    private struct State {
        var next = 0
        var listeners: [Int: @Sendable (Event) -> Void] = [:]
        var finishers: [Int: @Sendable () -> Void] = [:]
        var isFinished = false
    }

    private let state = Mutex(State())

    /// The events from now on. The newest 1,000 are kept for a reader that is behind.
    func events() -> AsyncStream<Event> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1000)) { continuation in
            guard let key = add({ continuation.yield($0) }, whenFinished: { continuation.finish() }) else {
                return continuation.finish()
            }
            continuation.onTermination = { [weak self] _ in self?.remove(key) }
        }
    }

    /// Calls `listener` for every event, on the thread it happens on; nil if no more events will come.
    @discardableResult
    func listen(_ listener: @escaping @Sendable (Event) -> Void) -> Int? {
        add(listener, whenFinished: {})
    }

    func remove(_ key: Int) {
        state.withLock { state in
            state.listeners[key] = nil
            state.finishers[key] = nil
        }
    }

    func send(_ event: Event) {
        let listeners = state.withLock { state in state.listeners.sorted { $0.key < $1.key }.map(\.value) }
        for listener in listeners { listener(event) }
    }

    /// No more events will come: every sequence ends.
    func finish() {
        let finishers = state.withLock { state in
            defer {
                state.listeners = [:]
                state.finishers = [:]
                state.isFinished = true
            }
            return state.finishers.values.map { $0 }
        }
        for finish in finishers { finish() }
    }

    private func add(_ listener: @escaping @Sendable (Event) -> Void, whenFinished: @escaping @Sendable () -> Void)
        -> Int?
    {
        state.withLock { state in
            guard !state.isFinished else { return nil }
            state.next += 1
            state.listeners[state.next] = listener
            state.finishers[state.next] = whenFinished
            return state.next
        }
    }
}
