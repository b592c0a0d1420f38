//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol
internal import Synchronization

extension Select {
    /// Adds the answer to a message. It is one event: the answer, or its error. A dead message is `.channelError`.
    ///
    /// - Parameters:
    ///   - answer: The answer. It may be in several selects, and can be waited for besides.
    ///   - tag: What its event has as its ``Event/tag``; nothing by default.
    /// - Throws: ``MitogenError``: `.misuse` if it is in this select already, `.latchError` if this one is closed.
    public func add(
        _ answer: PendingMessage,
        tag: (any Hashable & Sendable)? = nil
    ) throws(MitogenError) where Value == Message {
        try add(answer, tag: tag) { $0 }
    }

    /// Adds the answer to a message, which is transformed.
    public func add(
        _ answer: PendingMessage,
        tag: (any Hashable & Sendable)? = nil,
        _ transform: @escaping @Sendable (Message) -> Value
    ) throws(MitogenError) {
        let member = Member(
            source: answer,
            tag: tag,
            poll: {
                answer.outcome.map { outcome in
                    ({ Event(source: answer, result: outcome.map(transform), isLast: true) }, true)
                }
            },
            count: { answer.outcome == nil ? 0 : 1 },
            release: {},
            contains: { _ in false }
        )
        try add(member, "the answer") { wake in
            answer.whenResolved(wake)
            return 0
        }
    }

    /// Adds the values of a stream, whose function begins now. The select has to be one that takes more than one event of
    /// a source: `Select(isOneShot: false)`.
    ///
    /// The end of the function without an error is no event: the source is removed then. Removing the source, or closing
    /// the select, cancels the function.
    ///
    /// - Parameters:
    ///   - values: The stream.
    ///   - tag: What its events have as their ``Event/tag``; nothing by default.
    /// - Returns: The source, which is the ``Event/source`` of its events and can be removed.
    /// - Throws: ``MitogenError``: `.misuse` if the select is one-shot, `.latchError` if it is closed, and if the call
    ///   cannot be sent.
    @discardableResult
    public func add(
        _ values: RemoteValues<Value>,
        tag: (any Hashable & Sendable)? = nil
    ) throws(MitogenError) -> any AnyObject & Sendable where Value: Decodable {
        try add(values, tag: tag) { $0 }
    }

    /// Adds the values of a stream of another type, which are transformed.
    @discardableResult
    public func add<Element: Decodable & Sendable>(
        _ values: RemoteValues<Element>,
        tag: (any Hashable & Sendable)? = nil,
        _ transform: @escaping @Sendable (Element) -> Value
    ) throws(MitogenError) -> any AnyObject & Sendable {
        guard !isOneShot else {
            throw MitogenError(
                .misuse,
                "a stream has more than one value, and this Select takes one event of each source",
                hint: "\(.programsOnly)make it with Select(isOneShot: false)"
            )
        }
        let session = try values.start()
        // The select holds the source, and with it the function: when it is gone, that is cancelled.
        let source = StreamSource(session)
        let member = Member(
            source: source,
            tag: tag,
            poll: { [source] in
                guard let (result, isLast) = source.poll() else { return nil }
                let makeEvent = { @Sendable in
                    Event(source: source, result: Self.value(of: result, in: values).map(transform), isLast: isLast)
                }
                return (makeEvent, isLast)
            },
            count: { session.arrivals.count },
            isOver: { source.isOver },
            release: { source.release() },
            contains: { _ in false }
        )
        try add(member, "the stream") { session.arrivals.claim($0) }
        return source
    }

    private static func value<Element: Decodable & Sendable>(
        of result: Result<Message, MitogenError>,
        in values: RemoteValues<Element>
    ) -> Result<Element, MitogenError> {
        do throws(MitogenError) {
            return .success(try values.decode(try result.get()))
        } catch {
            return .failure(error.inContext(values.context.name))
        }
    }
}

/// A stream that a select takes from.
private final class StreamSource: Sendable {
    private let session: Mutex<StreamSession?>
    private let hasEnded = Atomic<Bool>(false)

    init(_ session: StreamSession) {
        self.session = Mutex(session)
    }

    /// Whether the function has returned.
    var isOver: Bool { hasEnded.load(ordering: .relaxed) }

    /// The next value, if there is one; nil at the end, too.
    func poll() -> (Result<Message, MitogenError>, isLast: Bool)? {
        guard let (result, isLast) = session.withLock({ $0 })?.poll() else { return nil }
        switch result {
        case .success(let message?): return (.success(message), isLast)
        case .success(nil):
            hasEnded.store(true, ordering: .relaxed)
            return nil
        case .failure(let error): return (.failure(error), isLast)
        }
    }

    func release() {
        let session = session.withLock { $0.take() }
        session?.arrivals.releaseOwner()
    }
}
