//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol
internal import Synchronization

extension Select {
    /// Adds a receiver, with what it already has.
    ///
    /// - Parameters:
    ///   - receiver: The receiver.
    ///   - tag: What its events have as their ``Event/tag``; nothing by default.
    /// - Throws: ``MitogenError``: `.misuse` if it is in a select already, `.latchError` if this one is closed.
    public func add(
        _ receiver: Receiver<Value>,
        tag: (any Hashable & Sendable)? = nil
    ) throws(MitogenError) where Value: Codable {
        try add(receiver, tag: tag) { $0 }
    }

    /// Adds a receiver of another type, whose values are transformed.
    public func add<Received>(
        _ receiver: Receiver<Received>,
        tag: (any Hashable & Sendable)? = nil,
        _ transform: @escaping @Sendable (Received) -> Value
    ) throws(MitogenError) {
        let messages = receiver.messages
        try add(messages, as: receiver, tag) { message throws(MitogenError) in
            transform(try messages.decode(message, as: Received.self))
        }
    }

    /// Adds a receiver of messages, with what it already has.
    public func add(
        _ receiver: MessageReceiver,
        tag: (any Hashable & Sendable)? = nil
    ) throws(MitogenError) where Value == Message {
        try add(receiver, as: receiver, tag) { $0 }
    }

    /// Adds a call: its result, or what it fails with, is its one event. A call may be in several selects, and can be
    /// waited for besides.
    ///
    /// - Throws: ``MitogenError``: `.misuse` if it is in this select already, `.latchError` if this one is closed.
    public func add(_ call: PendingCall<Value>, tag: (any Hashable & Sendable)? = nil) throws(MitogenError) {
        try add(call, tag: tag) { $0 }
    }

    /// Adds a call with another type of result, which is transformed.
    public func add<Output>(
        _ call: PendingCall<Output>,
        tag: (any Hashable & Sendable)? = nil,
        _ transform: @escaping @Sendable (Output) -> Value
    ) throws(MitogenError) {
        let member = Member(
            source: call,
            tag: tag,
            poll: {
                call.call.pending.outcome.map { outcome in
                    ({ Event(source: call, result: call.result(of: outcome).map(transform), isLast: true) }, true)
                }
            },
            count: { call.call.pending.outcome == nil ? 0 : 1 },
            release: {},
            contains: { _ in false }
        )
        try add(member, "the call") { wake in
            call.call.pending.whenResolved { _ in wake() }
            return 0
        }
    }

    /// Adds a latch, with what it already has.
    ///
    /// - Throws: ``MitogenError``: `.misuse` if it is in a select already, `.latchError` if this one is closed.
    public func add(_ latch: Latch<Value>, tag: (any Hashable & Sendable)? = nil) throws(MitogenError) {
        let member = Member(
            source: latch,
            tag: tag,
            poll: {
                latch.mailbox.poll().map { result in
                    var isLast = false
                    if case .failure = result { isLast = true }
                    return ({ [isLast] in Event(source: latch, result: result, isLast: isLast) }, isLast)
                }
            },
            count: { latch.mailbox.count },
            release: { latch.mailbox.releaseOwner() },
            contains: { _ in false }
        )
        try add(member, "Latch") { latch.mailbox.claim($0) }
    }

    /// Adds another select: its events are events of this one, with their own sources, and their own tags if they have any. It is removed when it has no
    /// sources left.
    ///
    /// - Throws: ``MitogenError``: `.misuse` if it is in a select already, or contains this one; `.latchError` if this
    ///   one is closed.
    public func add(_ select: Select<Value>, tag: (any Hashable & Sendable)? = nil) throws(MitogenError) {
        // One at a time, so that two selects cannot be added to each other at once.
        let result = nesting.withLock { _ -> Result<Void, MitogenError> in
            guard !select.contains(self) else {
                let text = "Adding this Select instance would create a Select cycle"
                return .failure(MitogenError(.misuse, text))
            }
            let member = Member(
                source: select,
                tag: tag,
                poll: { select.poll().map { ($0, !select.hasSources) } },
                count: { select.count },
                isOver: { !select.hasSources },
                release: { select.wakeups.releaseOwner() },
                contains: { select.contains($0) }
            )
            do throws(MitogenError) {
                let claim = { (wake: @escaping @Sendable () -> Void) in
                    // One that has no source is looked at as well, as it will say nothing.
                    select.wakeups.claim(wake).map { Swift.max($0, select.hasSources ? 0 : 1) }
                }
                return .success(try add(member, "Select", claim))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Whether a select is this one, or in it.
    private func contains(_ other: AnyObject) -> Bool {
        self === other || members.contains { $0.contains(other) }
    }

    private func add(
        _ messages: MessageReceiver,
        as source: any AnyObject & Sendable,
        _ tag: (any Hashable & Sendable)?,
        _ decode: @escaping @Sendable (Message) throws(MitogenError) -> Value
    ) throws(MitogenError) {
        let member = Member(
            source: source,
            tag: tag,
            poll: {
                messages.poll().map { message, isLast in
                    let makeEvent = { @Sendable in
                        let result = Self.value(of: message, from: messages, decode)
                        return Event(source: source, result: result, isLast: isLast)
                    }
                    return (makeEvent, isLast)
                }
            },
            count: { messages.count },
            release: { messages.inbox.mailbox.releaseOwner() },
            contains: { _ in false }
        )
        try add(member, "Receiver") { messages.inbox.mailbox.claim($0) }
    }

    private static func value(
        of result: Result<Message, MitogenError>,
        from messages: MessageReceiver,
        _ decode: (Message) throws(MitogenError) -> Value
    ) -> Result<Value, MitogenError> {
        do throws(MitogenError) {
            let message = try result.get()
            if message.isDead { throw messages.error(of: message) }
            return .success(try decode(message))
        } catch {
            return .failure(error)
        }
    }
}

/// Held while a select becomes the source of another one.
private let nesting = Mutex(())

extension PendingCall {
    fileprivate func result(of outcome: PendingReply.Outcome) -> Result<Output, MitogenError> {
        do throws(MitogenError) {
            return .success(try decode(CallReply(message: try outcome.get(), call: call)))
        } catch {
            return .failure(error)
        }
    }
}
