//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

/// Takes the messages that are sent to a handle, in the order they come (Mitogen semantics, section 6.2).
///
/// It is a ``Receiver`` that does not decode. Several tasks may take from it; each message goes to one of them, the
/// longest waiting first. When the last reference to it is gone it is closed.
public final class MessageReceiver: AsyncSequence, Sendable {
    public let router: Router
    /// Where messages have to be sent to.
    public let handle: Handle
    /// The only context that may send here, if there is one.
    public let respondent: Context?
    let inbox: Inbox

    /// Registers a receiver.
    ///
    /// - Parameters:
    ///   - router: The router of this context.
    ///   - handle: The handle; a new one, 1,000 or above, by default.
    ///   - persists: False to take one message only.
    ///   - policy: Who may send; everyone by default.
    ///   - respondent: The only context that may send; when it is gone, every wait fails with `.channelError`. Any
    ///     context by default, and then none is waited for in particular.
    ///   - overwrites: Whether the handle may be in use already.
    ///   - bufferLimit: How many bytes to keep of senders that know no flow control, 64 MiB by default. If they send
    ///     more, the receiver ends with `.channelError` after what it has kept. Senders that know it are held up
    ///     instead, each after 256 values or 1 MiB.
    ///   - valueLimit: The largest value in bytes, 1 GiB by default and 4 GiB at most. What is larger than 1 MiB comes
    ///     in parts from senders that can do that; others can send no more than ``Router/maxMessageSize``.
    /// - Throws: ``MitogenError`` with `.misuse` if the handle is taken or the router is shut down.
    public init(
        router: Router,
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: Context? = nil,
        overwrites: Bool = false,
        bufferLimit: Int = 64 << 20,
        valueLimit: Int = 1 << 30
    ) throws(MitogenError) {
        self.router = router
        self.respondent = respondent
        inbox = Inbox(persists: persists, bufferLimit: bufferLimit, valueLimit: valueLimit)
        self.handle = try router.add(
            inbox,
            at: handle,
            persists: persists,
            policy: policy,
            respondent: respondent?.id,
            overwrites: overwrites
        )
    }

    deinit {
        close()
    }

    /// Called for every message that nobody waits for, on the Broker's thread. It must not block.
    public var notify: (@Sendable () -> Void)? {
        get { inbox.mailbox.notify }
        set { inbox.mailbox.notify = newValue }
    }

    /// How many messages can be taken, dead ones included; 0 when closed.
    public var count: Int { inbox.mailbox.count }

    /// Whether there is no message to take.
    public var isEmpty: Bool { count == 0 }

    /// Unregisters the handle, ends every wait with `.channelError`, and tells senders. Messages that were not taken
    /// are lost. Harmless when repeated.
    public func close() {
        router.close(inbox, at: handle)
    }

    /// Takes the next message, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    ///   - throwsDead: Whether a dead message is thrown, as `.channelError`, or returned; thrown by default. It does not
    ///     close the receiver: other senders may still send.
    /// - Throws: ``MitogenError``: `.channelError` for a dead message, and once the receiver is closed; `.timeoutError`;
    ///   `.cancelled` if the calling task is. No message is lost by the last two.
    public func get(timeout: Duration? = nil, throwsDead: Bool = true) async throws(MitogenError) -> Message {
        let message = try await next(timeout: timeout)
        if throwsDead, message.isDead { throw error(of: message) }
        return message
    }

    // MARK: Parts

    /// The next message, dead or not.
    func next(timeout: Duration?) async throws(MitogenError) -> Message {
        let arrival = try await inbox.mailbox.get(timeout: timeout)
        inbox.release(arrival, through: router)
        return arrival.message
    }

    /// The next message; nil at the regular end: its sender, or this receiver, was closed.
    func nextBeforeEnd() async throws(MitogenError) -> Message? {
        do throws(MitogenError) {
            return try await get()
        } catch  where error.isEndOfChannel {
            return nil
        }
    }

    /// The next message, dead or not, if there is one, and whether it is the receiver's end: nobody is known who would
    /// send more.
    func poll() -> (Result<Message, MitogenError>, isLast: Bool)? {
        switch inbox.mailbox.poll() {
        case .success(let arrival):
            inbox.release(arrival, through: router)
            return (.success(arrival.message), arrival.message.isDead && (arrival.isEnd || inbox.isOver))
        case .failure(let error): return (.failure(error), true)
        case nil: return nil
        }
    }

    /// What a dead message says.
    func error(of dead: Message) -> MitogenError {
        MitogenError(dead: dead, localID: router.contextID, context: name(ofSource: dead))
    }

    /// Decodes the value in a message. Contexts and senders in it belong to this receiver's router.
    func decode<Value: Decodable>(_ message: Message, as type: Value.Type) throws(MitogenError) -> Value {
        // Before anything can fail: errors name it.
        let source = router.context(message.srcID)
        do {
            return try router.decode(type, from: message.unpickle(), sentBy: source)
        } catch {
            let error = error as? MitogenError ?? MitogenError(.streamError, "invalid message: \(error)")
            throw name(ofSource: message).map { error.inContext($0) } ?? error
        }
    }

    private func name(ofSource message: Message) -> String? {
        if message.srcID == router.contextID { return respondent?.name }
        return router.context(id: message.srcID, creates: false)?.name
    }

    // MARK: AsyncSequence

    /// The messages, until a sender or the receiver is closed.
    ///
    /// A dead message for any other reason is thrown. Iterating again goes on with what comes after that.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(receiver: self)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let receiver: MessageReceiver
        private var hasEnded = false

        init(receiver: MessageReceiver) {
            self.receiver = receiver
        }

        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Message? {
            if hasEnded { return nil }
            let message = try await receiver.nextBeforeEnd()
            hasEnded = message == nil
            return message
        }
    }
}
