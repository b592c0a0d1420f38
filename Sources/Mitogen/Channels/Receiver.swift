//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

/// Takes values from other contexts, in the order they come (Mitogen semantics, section 6.2).
///
/// ```swift
/// let receiver = try Receiver<Int>(router: router)
/// let call = try worker.startCall(Count(to: 10, into: receiver.makeSender()))
/// for try await number in receiver { print(number) }
/// ```
///
/// Each sending context may have 256 values or 1 MiB here that were not taken; then its `send` waits. Several tasks may
/// take from one receiver; each value goes to one of them, the longest waiting first. When the last reference to it is
/// gone it is closed: keep it for as long as senders are to reach it.
public final class Receiver<Element: Codable & Sendable>: AsyncSequence, Sendable {
    /// The same receiver, without decoding.
    public let messages: MessageReceiver

    /// Registers a receiver.
    ///
    /// - Parameters:
    ///   - router: The router of this context.
    ///   - handle: The handle; a new one, 1,000 or above, by default.
    ///   - persists: False to take one value only.
    ///   - policy: Who may send; everyone by default.
    ///   - respondent: The only context that may send; when it is gone, every wait fails with `.channelError`. Any
    ///     context by default, and then none is waited for in particular.
    ///   - overwrites: Whether the handle may be in use already.
    ///   - bufferLimit: How many bytes to keep of senders that know no flow control, 64 MiB by default; see
    ///     ``MessageReceiver``.
    ///   - valueLimit: The largest value in bytes, 1 GiB by default; see ``MessageReceiver``.
    /// - Throws: ``MitogenError`` with `.misuse` if the handle is taken or the router is shut down.
    public convenience init(
        router: Router,
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: Context? = nil,
        overwrites: Bool = false,
        bufferLimit: Int = 64 << 20,
        valueLimit: Int = 1 << 30
    ) throws(MitogenError) {
        self.init(
            try MessageReceiver(
                router: router,
                at: handle,
                persists: persists,
                policy: policy,
                respondent: respondent,
                overwrites: overwrites,
                bufferLimit: bufferLimit,
                valueLimit: valueLimit
            )
        )
    }

    /// Decodes what a receiver of messages takes.
    public init(_ messages: MessageReceiver) {
        self.messages = messages
    }

    public var router: Router { messages.router }
    /// Where values have to be sent to.
    public var handle: Handle { messages.handle }

    /// What sends to this receiver, here and in every context that it is passed to.
    public func makeSender() -> Sender<Element> {
        Sender(to: router.myself(), handle: handle)
    }

    /// Called for every message that nobody waits for, on the Broker's thread. It must not block.
    public var notify: (@Sendable () -> Void)? {
        get { messages.notify }
        set { messages.notify = newValue }
    }

    /// How many messages can be taken, dead ones included; 0 when closed.
    public var count: Int { messages.count }

    /// Whether there is nothing to take.
    public var isEmpty: Bool { messages.isEmpty }

    /// Unregisters the handle, ends every wait with `.channelError`, and tells senders. Values that were not taken are
    /// lost. Harmless when repeated.
    public func close() {
        messages.close()
    }

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: ``MitogenError``: `.channelError` with the reason if a sender was closed or the receiver is (then
    ///   ``MitogenError/isEndOfChannel`` is true), or the respondent is gone; `.timeoutError`; `.cancelled` if the
    ///   calling task is (no value is lost by these two); `.streamError` if the value is not an `Element`, which
    ///   concerns this value only.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Element {
        try messages.decode(await messages.get(timeout: timeout), as: Element.self)
    }

    // MARK: AsyncSequence

    /// The values, until a sender or the receiver is closed.
    ///
    /// Anything else that ends them is thrown, and so is a value that cannot be decoded, as data would be missing
    /// without notice otherwise. Iterating again goes on with what comes after that.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(messages: messages.makeAsyncIterator())
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var messages: MessageReceiver.AsyncIterator

        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Element? {
            guard let message = try await messages.next(isolation: actor) else { return nil }
            return try messages.receiver.decode(message, as: Element.self)
        }
    }
}
