//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol
internal import Synchronization

/// Values that wait to be taken, and those who wait for one: both in the order in which they came.
package final class Mailbox<Element: Sendable>: Sendable {
    private struct State {
        var elements = Queue<Element>()
        var waiters = Queue<OneShot<Element>>()
        var passes = Passes()
        /// What every wait gets when the elements are taken, because nothing will follow.
        var last: Element?
        /// What every wait fails with, even if elements are left.
        var failure: MitogenError?
        /// Both are called when there is something that nobody waits for.
        var notify: (@Sendable () -> Void)?
        var owner: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    /// Adds a value, or gives it to the one who has waited longest.
    ///
    /// - Returns: Why it is not taken; nil if it is.
    @discardableResult
    package func put(_ element: Element) -> MitogenError? {
        while true {
            // Plain variables: copying an enumeration of them, in a generic type, is much code in every payload.
            var failure: MitogenError?
            var notify: (@Sendable () -> Void)?
            var owner: (@Sendable () -> Void)?
            let waiter = state.withLock { state -> OneShot<Element>? in
                failure = state.failure
                if failure != nil { return nil }
                if let waiter = state.waiters.popFirst() { return waiter }
                state.elements.append(element)
                (notify, owner) = (state.notify, state.owner)
                return nil
            }
            guard let waiter else {
                notify?()
                owner?()
                return failure
            }
            if waiter.resolve(.success(element)) { return nil }  // else it has given up waiting: the next one
        }
    }

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: What the mailbox was closed with; `.timeoutError`; `.cancelled` if the calling task is. No value is lost
    ///   by the last two.
    package func get(timeout: Duration? = nil) async throws(MitogenError) -> Element {
        // One who never has to wait ends as well.
        if Task.isCancelled { throw .cancelledCaller }
        var waiter: OneShot<Element>?
        var yields = false
        let found = state.withLock { state -> Result<Element, MitogenError>? in
            if let found = Self.take(from: &state) {
                yields = state.passes.isTurnOver()
                return found
            }
            if timeout == .zero { return .failure(Self.timeoutError) }
            state.passes = Passes()
            let new = OneShot<Element>()
            state.waiters.append(new) { $0.outcome != nil }
            waiter = new
            return nil
        }
        if let found {
            if yields { await Task.yield() }
            return try found.get()
        }
        guard let waiter else { throw Self.timeoutError }
        return try await wait(for: waiter, timeout)
    }

    private func wait(for waiter: OneShot<Element>, _ timeout: Duration?) async throws(MitogenError) -> Element {
        let sleeper = timeout.map { timeout in
            // Unstructured, because its only purpose is to end this wait, and it is cancelled when that is over.
            Task(executorPreference: FunctionExecutor.shared) {
                try await Task.sleep(for: timeout)
                waiter.resolve(.failure(Self.timeoutError))
            }
        }
        defer { sleeper?.cancel() }
        return try await waiter.value {
            // Resolving it, rather than only leaving, keeps `put` from handing a value to nobody.
            waiter.resolve(.failure(.cancelledCaller))
        }
    }

    /// What a wait would get at once; nil if it would wait.
    package func poll() -> Result<Element, MitogenError>? {
        state.withLock { Self.take(from: &$0) }
    }

    private static func take(from state: inout State) -> Result<Element, MitogenError>? {
        if let failure = state.failure { return .failure(failure) }
        return (state.elements.popFirst() ?? state.last).map { .success($0) }
    }

    /// How many values can be taken.
    package var count: Int {
        state.withLock { $0.failure == nil ? $0.elements.count + ($0.last == nil ? 0 : 1) : 0 }
    }

    /// What every wait fails with.
    package var failure: MitogenError? { state.withLock { $0.failure } }

    /// Whether every value was taken.
    package var isDrained: Bool { state.withLock { $0.elements.isEmpty } }

    // MARK: The end

    /// Ends every wait, now and later, and drops the values. Only the first call counts.
    package func close(with error: MitogenError) {
        end { state in
            state.failure = state.failure ?? error
            state.elements.removeAll()
            return .failure(error)
        }
    }

    /// Ends every wait, once the values that are here have been taken, with one that says why nothing follows.
    package func finish(with element: Element) {
        end { state in
            state.last = state.last ?? element
            return .success(element)
        }
    }

    private func end(_ change: (inout State) -> Result<Element, MitogenError>) {
        let (outcome, waiters, notify, owner) = state.withLock { state in
            (change(&state), state.waiters.takeAll(), state.notify, state.owner)
        }
        for waiter in waiters { waiter.resolve(outcome) }
        notify?()
        owner?()
    }

    // MARK: Being told

    /// Called for every value that nobody waits for, and at the end, on the thread of the one who put it.
    package var notify: (@Sendable () -> Void)? {
        get { state.withLock { $0.notify } }
        set { state.withLock { $0.notify = newValue } }
    }

    /// Has `owner` called as ``notify`` is.
    ///
    /// - Returns: How often it would have been called for what is here already; nil if there is an owner.
    package func claim(_ owner: @escaping @Sendable () -> Void) -> Int? {
        state.withLock { state in
            guard state.owner == nil else { return nil }
            state.owner = owner
            return state.elements.count + (state.failure != nil || state.last != nil ? 1 : 0)
        }
    }

    package func releaseOwner() {
        state.withLock { $0.owner = nil }
    }

    private static var timeoutError: MitogenError {
        MitogenError(.timeoutError, "no value has arrived in time")
    }
}
