//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// A queue between tasks: values come out in the order they went in, to waiters in the order they came (Mitogen
/// semantics, section 6.1).
public final class Latch<Element: Sendable>: Sendable {
    private struct State {
        var elements = Queue<Element>()
        var waiters = Queue<OneShot<Element>>()
        var isClosed = false
        var notify: (@Sendable (Latch<Element>) -> Void)?
        /// What every wait gets when the elements are taken, because nothing will follow.
        var last: Element?
        /// Tells the Select that this is a source of.
        var owner: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    public init() {}

    /// Called for every value that nobody waits for, on the thread of the one who put it. It must not block.
    public var notify: (@Sendable (Latch<Element>) -> Void)? {
        get { state.withLock { $0.notify } }
        set { state.withLock { $0.notify = newValue } }
    }

    /// Adds a value and wakes the one who has waited longest, if there is one.
    ///
    /// - Throws: ``MitogenError`` with `.latchError` if the latch is closed.
    public func put(_ element: Element) throws(MitogenError) {
        while true {
            // Plain variables: copying an enumeration of them, in a generic type, is much code in every payload.
            var isClosed = false
            var notify: (@Sendable (Latch<Element>) -> Void)?
            var owner: (@Sendable () -> Void)?
            let waiter = state.withLock { state -> OneShot<Element>? in
                isClosed = state.isClosed
                if isClosed { return nil }
                if let waiter = state.waiters.popFirst() { return waiter }
                state.elements.append(element)
                (notify, owner) = (state.notify, state.owner)
                return nil
            }
            if isClosed { throw Self.closedError }
            guard let waiter else {
                notify?(self)
                owner?()
                return
            }
            if waiter.resolve(.success(element)) { return }  // else it has given up waiting: the next one
        }
    }

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: ``MitogenError``: `.latchError` if the latch is or gets closed, even if values are left;
    ///   `.timeoutError`; `.cancelled` if the calling task is. No value is lost by the last two.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Element {
        // One who never has to wait ends as well.
        if Task.isCancelled { throw .cancelledCaller }
        var waiter: OneShot<Element>?
        let found = state.withLock { state -> Result<Element, MitogenError>? in
            if let found = Self.take(from: &state) { return found }
            if timeout == .zero { return .failure(Self.timeoutError) }
            let new = OneShot<Element>()
            state.waiters.append(new) { $0.outcome != nil }
            waiter = new
            return nil
        }
        if let found { return try found.get() }
        guard let waiter else { throw Self.timeoutError }
        return try await wait(for: waiter, timeout)
    }

    /// What a wait would get at once; nil if it would wait.
    func poll() -> Result<Element, MitogenError>? {
        state.withLock { Self.take(from: &$0) }
    }

    private static func take(from state: inout State) -> Result<Element, MitogenError>? {
        if state.isClosed { return .failure(closedError) }
        return (state.elements.popFirst() ?? state.last).map { .success($0) }
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

    /// How many values can be taken.
    ///
    /// - Throws: ``MitogenError`` with `.latchError` if the latch is closed.
    public var count: Int {
        get throws(MitogenError) {
            let count = state.withLock { $0.isClosed ? nil : $0.elements.count + ($0.last == nil ? 0 : 1) }
            guard let count else { throw Self.closedError }
            return count
        }
    }

    /// Whether no value can be taken.
    public var isEmpty: Bool {
        get throws(MitogenError) { try count == 0 }
    }

    /// Ends every wait, now and later, with `.latchError`. Harmless when repeated.
    public func close() {
        let (waiters, owner) = state.withLock { state in
            state.isClosed = true
            return (state.waiters.takeAll(), state.owner)
        }
        for waiter in waiters { waiter.resolve(.failure(Self.closedError)) }
        owner?()
    }

    /// Ends every wait, once the values that are here have been taken, with one that says why nothing follows.
    func finish(with element: Element) {
        let (waiters, notify, owner) = state.withLock { state in
            state.last = state.last ?? element
            return (state.waiters.takeAll(), state.notify, state.owner)
        }
        for waiter in waiters { waiter.resolve(.success(element)) }
        notify?(self)
        owner?()
    }

    // MARK: As the source of a Select

    /// Has `owner` called whenever there is something to poll for that nobody waits for.
    ///
    /// - Returns: How often it would have been called for what is here already; nil if there is an owner.
    func claim(_ owner: @escaping @Sendable () -> Void) -> Int? {
        state.withLock { state in
            guard state.owner == nil else { return nil }
            state.owner = owner
            return state.elements.count + (state.isClosed || state.last != nil ? 1 : 0)
        }
    }

    func release() {
        state.withLock { $0.owner = nil }
    }

    /// Whether every value was taken.
    var isDrained: Bool { state.withLock { $0.elements.isEmpty } }

    private static var closedError: MitogenError {
        MitogenError(.latchError, "the Latch has been closed")
    }

    private static var timeoutError: MitogenError {
        MitogenError(.timeoutError, "no value has arrived in time")
    }
}
