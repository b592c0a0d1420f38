//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Lets those who want to send on when the window has room, in the order in which they came (architecture decision
/// D9).
final class CreditGate: Sendable {
    private struct State {
        var window: CreditWindow
        var waiters = Queue<(cost: Int, turn: OneShot<Void>)>()
        var end: MitogenError?
        /// Is resolved when nothing is under way.
        var whenEmpty: OneShot<Void>?
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - window: What may be under way.
    ///   - isOpen: False if nothing may be sent before the other end has given credit.
    init(window: Int, isOpen: Bool = true) {
        var window = CreditWindow(size: window)
        if !isOpen { window.take(window.size) }
        state = Mutex(State(window: window))
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
            state.waiters.append((cost, turn)) { $0.turn.outcome != nil }
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

    /// Takes the credit that a message has: a decimal number.
    ///
    /// - Parameter window: The size that the window has from now on, if that is more than it had.
    func giveBack(_ credit: Message, widening window: Int = 0) {
        guard credit.data.count <= 20, let count = Int(String(decoding: credit.data, as: UTF8.self)) else { return }
        giveBack(count, widening: window)
    }

    func giveBack(_ count: Int, widening window: Int = 0) {
        let whenEmpty = state.withLock { state in
            state.window.widen(to: window)
            state.window.giveBack(count)
            return state.window.used == 0 && state.waiters.isEmpty ? state.whenEmpty : nil
        }
        whenEmpty?.resolve(.success(()))
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

    /// Waits until the other end has dealt with everything.
    ///
    /// - Returns: What is resolved then, if the calling task is cancelled before: all has been sent.
    func drain() async throws(MitogenError) -> OneShot<Void>? {
        let empty = state.withLock { state in
            let empty = state.whenEmpty ?? OneShot<Void>()
            state.whenEmpty = empty
            if let end = state.end {
                empty.resolve(.failure(end))
            } else if state.window.used == 0 {
                empty.resolve(.success(()))
            }
            return empty
        }
        do throws(MitogenError) {
            try await empty.value()
        } catch {
            guard let outcome = empty.outcome else { return empty }
            try outcome.get()
        }
        return nil
    }

    /// Ends every wait, now and later.
    func close(with error: MitogenError) {
        let (waiters, empty) = state.withLock { state in
            state.end = state.end ?? error
            return (state.waiters.takeAll(), state.whenEmpty)
        }
        for waiter in waiters { waiter.turn.resolve(.failure(error)) }
        empty?.resolve(.failure(error))
    }
}
