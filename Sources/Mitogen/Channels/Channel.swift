//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

/// A ``Receiver`` and a ``Sender`` in one: values come in from, and go out to, a channel of another context (Mitogen
/// semantics, section 6.2).
///
/// Neither side knows the other's handle at first; the program exchanges the senders, as an argument of a call, say.
public final class Channel<Incoming: Codable & Sendable, Outgoing: Codable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = Incoming

    public let receiver: Receiver<Incoming>
    public let sender: Sender<Outgoing>

    /// Joins two ends.
    public init(receiver: Receiver<Incoming>, sender: Sender<Outgoing>) {
        self.receiver = receiver
        self.sender = sender
    }

    /// Registers a receiver, and sends to a handle of another context.
    ///
    /// - Parameters:
    ///   - router: The router of this context.
    ///   - context: Where to send to. The receiver takes values from there only, and its end ends them.
    ///   - handle: The handle there.
    ///   - ownHandle: The receiver's handle; a new one by default.
    /// - Throws: ``MitogenError`` with `.misuse` if the handle is taken or the router is shut down.
    public convenience init(
        router: Router,
        to context: Context,
        handle: Handle,
        at ownHandle: Handle? = nil
    ) throws(MitogenError) {
        self.init(
            receiver: try Receiver(router: router, at: ownHandle, respondent: context),
            sender: Sender(to: context, handle: handle)
        )
    }

    /// See ``Sender/send(_:timeout:)``.
    public func send(_ value: Outgoing, timeout: Duration? = nil) async throws(MitogenError) {
        try await sender.send(value, timeout: timeout)
    }

    /// See ``Receiver/get(timeout:)``.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Incoming {
        try await receiver.get(timeout: timeout)
    }

    /// Closes both ends. Harmless when repeated.
    public func close() {
        receiver.close()
        sender.close()
    }

    /// See ``Receiver/makeAsyncIterator()``.
    public func makeAsyncIterator() -> Receiver<Incoming>.AsyncIterator {
        receiver.makeAsyncIterator()
    }
}
