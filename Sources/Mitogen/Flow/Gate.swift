//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol
internal import Synchronization

/// How often a place where tasks wait was passed without a wait.
///
/// Tasks give up their thread only where they wait. Of a thousand streams one whose two ends never had to kept a thread on
/// each side for itself, and sent fifty times as much as the others (measured).
struct Passes: Sendable {
    private var count = 0

    /// Counts a pass; true if it is time to let others run.
    mutating func isTurnOver() -> Bool {
        count = (count + 1) % 16
        return count == 0
    }
}

/// Lets those who want to send, or to take a place, on while there is credit: first come, first served.
package final class Gate: Sendable {
    private typealias Waiter = (bytes: Int, turn: OneShot<Void>)

    private struct State {
        var window: Window
        var waiters = Queue<Waiter>()
        /// While there are any, nobody is let on.
        var holds = 0
        var passes = Passes()
        var end: MitogenError?
    }

    private let state: Mutex<State>

    package init(_ window: Window) {
        state = Mutex(State(window: window))
    }

    /// A gate that lets so many on at the same time.
    package convenience init(places: Int) {
        self.init(Window(Credit(items: places, bytes: .max)))
    }

    /// Whether somebody who came now would have to wait.
    package var isShut: Bool { state.withLock { !Self.isOpen($0) } }

    private static func isOpen(_ state: State) -> Bool {
        state.holds == 0 && state.waiters.isEmpty && state.window.hasRoom
    }

    // MARK: Entering

    /// Waits for the turn, and takes room for one item.
    ///
    /// - Parameters:
    ///   - bytes: The item's size; 0 by default.
    ///   - pending: The wait also ends when this is resolved.
    /// - Throws: What the gate was closed with; `.cancelled` if the calling task is, or `pending` is resolved.
    package func enter(_ bytes: Int = 0, unless pending: OneShot<Message>? = nil) async throws(MitogenError) {
        // A function that never has to wait ends as well.
        if Task.isCancelled { throw .cancelledCaller }
        var yields = false
        guard let turn = request(bytes, &yields) else {
            if yields { await Task.yield() }
            return
        }
        pending?.whenResolved { _ in turn.resolve(.failure(.cancelledCaller)) }
        try await wait(for: turn, bytes)
    }

    /// Takes a place in the queue, which must be waited for by ``wait(for:_:)``.
    package func reserve(_ bytes: Int = 0) -> OneShot<Void> {
        var yields = false  // the caller goes on to wait
        if let turn = request(bytes, &yields) { return turn }
        let turn = OneShot<Void>()
        turn.resolve(.success(()))
        return turn
    }

    /// Waits for a place in the queue to have its turn.
    ///
    /// - Throws: What the gate was closed with, or the turn was given up with; `.cancelled` if the calling task is.
    package func wait(for turn: OneShot<Void>, _ bytes: Int = 0) async throws(MitogenError) {
        do throws(MitogenError) {
            try await turn.value()
        } catch {
            // If the turn came while the wait was given up, its room is for others.
            if !turn.resolve(.failure(error)), case .success = turn.outcome { leave(bytes) }
            throw error
        }
    }

    /// Nil if there is room, which is taken.
    ///
    /// - Parameter yields: Becomes true if the caller is to let other tasks run.
    private func request(_ bytes: Int, _ yields: inout Bool) -> OneShot<Void>? {
        state.withLock { state in
            if state.end == nil, Self.isOpen(state) {
                state.window.take(bytes)
                yields = state.passes.isTurnOver()
                return nil
            }
            state.passes = Passes()
            let turn = OneShot<Void>()
            if let end = state.end {
                turn.resolve(.failure(end))
            } else {
                state.waiters.append((bytes, turn)) { $0.turn.outcome != nil }
            }
            return turn
        }
    }

    /// Takes room for an item that cannot wait.
    ///
    /// - Returns: What is resolved when there is room again; nil if there is now.
    func overdraw(_ bytes: Int) -> OneShot<Void>? {
        state.withLock { state in
            state.window.take(bytes)
            if Self.isOpen(state) { return nil }
            let turn = OneShot<Void>()
            // The item that is taken with the turn is the next one, which is paid for when it comes.
            state.waiters.append((0, turn)) { $0.turn.outcome != nil }
            return turn
        }
    }

    // MARK: Room

    /// Gives room back: an item was not sent, or a place is free.
    package func leave(_ bytes: Int = 0) {
        add(Credit(items: 1, bytes: bytes))
    }

    /// The other end gives credit.
    package func add(_ credit: Credit) {
        change { $0.window.add(credit) }
    }

    /// Lets nobody on until ``release()``.
    package func hold() {
        state.withLock { $0.holds += 1 }
    }

    package func release() {
        change { $0.holds -= 1 }
    }

    /// Nobody gives credit: there is nothing to wait for.
    package func removeBound() {
        change { $0.window.removeBound() }
    }

    private func change(_ change: (inout State) -> Void) {
        var waiter = state.withLock { state in
            change(&state)
            return Self.next(&state)
        }
        while let (bytes, turn) = waiter {
            let isTaken = turn.resolve(.success(()))
            waiter = state.withLock { state in
                // Its room is for others if it has given up waiting.
                if !isTaken { state.window.add(Credit(items: 1, bytes: bytes)) }
                return Self.next(&state)
            }
        }
    }

    private static func next(_ state: inout State) -> Waiter? {
        guard state.holds == 0, state.window.hasRoom, let waiter = state.waiters.popFirst() else { return nil }
        state.window.take(waiter.bytes)
        return waiter
    }

    /// Ends every wait, now and later.
    package func close(with error: MitogenError) {
        let waiters = state.withLock { state in
            state.end = state.end ?? error
            return state.waiters.takeAll()
        }
        for waiter in waiters { waiter.turn.resolve(.failure(error)) }
    }
}

extension Gate {
    /// Runs `body` with a place.
    ///
    /// - Throws: `.cancelled` if the calling task is cancelled before that.
    package func withPermit<Value>(
        _ body: () async throws(MitogenError) -> Value
    ) async throws(MitogenError) -> Value {
        try await withPermit(reserve(), body)
    }

    /// Runs `body` when a place that was taken before has its turn.
    package func withPermit<Value>(
        _ turn: OneShot<Void>,
        _ body: () async throws(MitogenError) -> Value
    ) async throws(MitogenError) -> Value {
        try await wait(for: turn)
        defer { leave() }
        return try await body()
    }
}
