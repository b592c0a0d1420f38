//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Takes from many sources as one: receivers, latches, results of calls, answers to messages, streams, and other
/// selects.
///
/// ```swift
/// let select = Select<Int>()
/// for worker in workers { try select.add(try worker.startCall(Work()), tag: worker.name) }
/// for try await event in select { print(event.tag ?? "?", event.result) }
/// ```
///
/// What a source fails with is an event like its values: it says which source it was, and does not disturb the others.
/// A source is in one select at a time. Several tasks may take from one select; each event goes to one of them.
public final class Select<Value: Sendable>: AsyncSequence, Sendable {
    /// Something that a source had.
    public struct Event: Sendable {
        /// The receiver, latch, call or answer itself, also if it is a source of a nested select; compare it with
        /// `===`. Of a stream it is what `add` returned.
        public let source: any AnyObject & Sendable
        /// What the source was added with; nil if nothing was given.
        public internal(set) var tag: (any Hashable & Sendable)?
        /// The value, or why there is none; ``MitogenError/isEndOfChannel`` tells the end of a sender from a loss.
        public let result: Result<Value, MitogenError>
        /// Whether the source has nothing more: it was closed, its senders were, its context is gone, or it is a call.
        /// The select then drops the source. A receiver that others send to as well goes on after the end of
        /// one.
        public let isLast: Bool
    }

    /// One source, as its select sees it.
    struct Member: Sendable {
        let source: any AnyObject & Sendable
        let tag: (any Hashable & Sendable)?
        /// What makes the next event, if there is one, and whether the member has no more. Making it may run code of
        /// the program, so no lock is held then.
        let poll: @Sendable () -> (makeEvent: @Sendable () -> Event, isLast: Bool)?
        let count: @Sendable () -> Int
        /// Whether the member will have nothing more, without saying so by an event.
        var isOver: @Sendable () -> Bool = { false }
        let release: @Sendable () -> Void
        /// Whether a select is this member, or in it.
        let contains: @Sendable (AnyObject) -> Bool
    }

    private struct State {
        var members: [ObjectIdentifier: Member] = [:]
        var isClosed = false
    }

    /// Whether a source is removed when it has had one event.
    public let isOneShot: Bool
    private let state = Mutex(State())
    /// Held from the look at a source until it is removed, so that nobody else takes a second event of it.
    private let shot = Mutex(())
    /// The sources that have something, each as often as it has.
    let wakeups = Mailbox<ObjectIdentifier>()

    /// Makes a select without sources.
    ///
    /// - Parameters:
    ///   - isOneShot: Whether a source is removed when it has had one event; true by default. If not, it stays until it
    ///     has no more.
    public init(isOneShot: Bool = true) {
        self.isOneShot = isOneShot
    }

    deinit {
        for member in state.withLock({ $0.members.values.map { $0 } }) { member.release() }
    }

    // MARK: Sources

    /// Whether there are sources left.
    public var hasSources: Bool { state.withLock { !$0.members.isEmpty } }

    /// How many values the sources have that can be taken, together.
    public var count: Int { members.reduce(0) { $0 + $1.count() } }

    /// Whether no source has anything to take.
    public var isEmpty: Bool { count == 0 }

    /// Removes a source, which keeps what was not taken.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if it is not one.
    public func remove(_ source: some AnyObject & Sendable) throws(MitogenError) {
        guard take(out: ObjectIdentifier(source)) else {
            throw MitogenError(.misuse, "Instance is not a member of this Select")
        }
    }

    /// Removes every source, and ends every wait with `.latchError`. Harmless when repeated.
    public func close() {
        let members = state.withLock { state in
            defer { state.members = [:] }
            state.isClosed = true
            return state.members.values.map { $0 }
        }
        for member in members { member.release() }
        wakeups.close(with: Self.closedError)
    }

    /// Adds a source that `claim` gets a hold of: it returns how often the source had something before, or nil if
    /// another select has it.
    func add(_ member: Member, _ kind: String, _ claim: (@escaping @Sendable () -> Void) -> Int?) throws(MitogenError) {
        let id = ObjectIdentifier(member.source)
        let error = state.withLock { state -> MitogenError? in
            if state.isClosed { return Self.closedError }
            if state.members[id] != nil {
                return MitogenError(.misuse, "Cannot add: \(kind) is already a member of this Select")
            }
            state.members[id] = member
            return nil
        }
        if let error { throw error }
        let count = claim { [weak self] in self?.wakeups.put(id) }
        guard let count else {
            _ = state.withLock { $0.members.removeValue(forKey: id) }
            throw MitogenError(.misuse, "Cannot add: \(kind) is already owned by another Select")
        }
        for _ in 0..<count { wakeups.put(id) }
    }

    var members: [Member] { state.withLock { $0.members.values.map { $0 } } }

    private func take(out id: ObjectIdentifier) -> Bool {
        let (member, isEmpty) = state.withLock { state in
            (state.members.removeValue(forKey: id), state.members.isEmpty)
        }
        member?.release()
        // Whoever waits is to see that nothing will come.
        if member != nil, isEmpty { wakeups.put(ObjectIdentifier(self)) }
        return member != nil
    }

    // MARK: Taking

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: ``MitogenError`` as ``nextEvent(timeout:)``, and what a source fails with. ``nextEvent(timeout:)`` tells
    ///   which source it is.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Value {
        try await nextEvent(timeout: timeout).result.get()
    }

    /// Takes the next event, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: ``MitogenError``: `.misuse` if there are no sources; `.latchError` if the select is or gets closed;
    ///   `.timeoutError`; `.cancelled` if the calling task is. Nothing is lost by the last two.
    public func nextEvent(timeout: Duration? = nil) async throws(MitogenError) -> Event {
        guard let event = try await nextEvent(timeout: timeout) else {
            throw MitogenError(.misuse, "Cannot get(), Select instance is empty")
        }
        return event
    }

    /// The next event; nil if there are no sources.
    private func nextEvent(timeout: Duration?) async throws(MitogenError) -> Event? {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var wasWoken = false
        while hasSources || state.withLock({ $0.isClosed }) {
            let left = deadline.map { Swift.max(.zero, ContinuousClock.now.duration(to: $0)) }
            let id = try await wakeups.get(timeout: left)
            wasWoken = true
            if let makeEvent = poll(id) { return makeEvent() }
        }
        // The next one who waits is to see it as well.
        if wasWoken { wakeups.put(ObjectIdentifier(self)) }
        return nil
    }

    /// The next event of any source, if there is one.
    func poll() -> (@Sendable () -> Event)? {
        while case .success(let id)? = wakeups.poll() {
            if let makeEvent = poll(id) { return makeEvent }
        }
        return nil
    }

    /// The next event of a source, which may be gone, or have been emptied by someone else.
    private func poll(_ id: ObjectIdentifier) -> (@Sendable () -> Event)? {
        isOneShot ? shot.withLock { _ in pollMember(id) } : pollMember(id)
    }

    private func pollMember(_ id: ObjectIdentifier) -> (@Sendable () -> Event)? {
        guard let member = state.withLock({ $0.members[id] }) else { return nil }
        guard let (makeEvent, isLast) = member.poll() else {
            if member.isOver() { _ = take(out: id) }
            return nil
        }
        if isOneShot || isLast { _ = take(out: id) }
        guard let tag = member.tag else { return makeEvent }
        return {
            var event = makeEvent()
            // One from a nested select may have its own.
            event.tag = event.tag ?? tag
            return event
        }
    }

    static var closedError: MitogenError {
        MitogenError(.latchError, "the Select has been closed")
    }

    // MARK: AsyncSequence

    /// The events, until there are no sources left.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(select: self)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let select: Select<Value>

        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Event? {
            try await select.nextEvent(timeout: nil)
        }
    }
}
