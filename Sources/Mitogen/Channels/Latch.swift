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
            let (isClosed, waiter, notify) = state.withLock { state in
                if state.isClosed { return (true, OneShot<Element>?.none, State().notify) }
                if let waiter = state.waiters.popFirst() { return (false, waiter, nil) }
                state.elements.append(element)
                return (false, nil, state.notify)
            }
            if isClosed { throw MitogenError(.latchError, "the Latch has been closed") }
            guard let waiter else {
                notify?(self)
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
        let waiter = OneShot<Element>()
        let found: Result<Element, MitogenError>? = state.withLock { state in
            if state.isClosed { return .failure(MitogenError(.latchError, "the Latch has been closed")) }
            if let element = state.elements.popFirst() { return .success(element) }
            if timeout == .zero { return .failure(Self.timeoutError) }
            state.waiters.append(waiter)
            return nil
        }
        if let found { return try found.get() }
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

    /// How many values can be taken.
    ///
    /// - Throws: ``MitogenError`` with `.latchError` if the latch is closed.
    public var count: Int {
        get throws(MitogenError) {
            let count = state.withLock { $0.isClosed ? nil : $0.elements.count }
            guard let count else { throw MitogenError(.latchError, "the Latch has been closed") }
            return count
        }
    }

    /// Whether no value can be taken.
    public var isEmpty: Bool {
        get throws(MitogenError) { try count == 0 }
    }

    /// Ends every wait, now and later, with `.latchError`. Harmless when repeated.
    public func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            return state.waiters.takeAll()
        }
        for waiter in waiters {
            waiter.resolve(.failure(MitogenError(.latchError, "the Latch has been closed")))
        }
    }

    private static var timeoutError: MitogenError {
        MitogenError(.timeoutError, "no value has arrived in time")
    }
}
