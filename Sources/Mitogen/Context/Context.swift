//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Another process of the tree, or this one: something to send messages to and call functions in (Mitogen semantics,
/// section 6.5).
///
/// A context is only a number and a name; that one exists does not mean that it can be reached. It can be an argument
/// or a result of a remote function, and then names the same process everywhere.
public final class Context: Sendable {
    /// The router that reaches it; nil for one that was decoded outside a remote function.
    public let router: Router?
    public let id: ContextID
    /// The context through which it was started, if it was not started here.
    public let via: Context?
    private let storedName: Mutex<String?>
    private let hub = EventHub<ContextEvent>()
    private let loss = OneShot<String>()

    init(router: Router?, id: ContextID, name: String?, via: Context? = nil) {
        self.router = router
        self.id = id
        self.via = via
        storedName = Mutex(name)
    }

    /// The name that it was given when it was started, or that its route was announced with.
    public var name: String? { storedName.withLock { $0 } }

    func rename(_ name: String) {
        storedName.withLock { $0 = name }
    }

    /// What to call it in messages for people.
    package var displayName: String { name ?? "context \(id)" }

    // MARK: Messages

    /// Sends a message to this context.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the context was decoded where no router is known.
    public func send(_ message: Message) throws(MitogenError) {
        var message = message
        message.dstID = id
        try reachableRouter.route(message)
    }

    /// Sends a message and returns at once; its answer is waited for later.
    ///
    /// - Returns: The answer to come. It fails when this context, the way to it or the router goes.
    public func sendAsync(_ message: Message) throws(MitogenError) -> PendingMessage {
        var message = message
        message.dstID = id
        let router = try reachableRouter
        let pending = PendingReply()
        let handle = router.send(message, awaiting: pending)
        return PendingMessage(pending: pending, handle: handle, context: self, router: router)
    }

    /// Sends a message and waits for its answer.
    ///
    /// - Parameters:
    ///   - message: What to send; its destination and reply handle are filled in.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Returns: The answer, which is not a dead message.
    /// - Throws: ``MitogenError``: `.channelError` if the message cannot be delivered or the context goes,
    ///   `.timeoutError`, and `.cancelled` if the calling task is.
    public func sendAwait(_ message: Message, timeout: Duration? = nil) async throws(MitogenError) -> Message {
        try await sendAsync(message).get(timeout: timeout)
    }

    var reachableRouter: Router {
        get throws(MitogenError) {
            guard let router else {
                throw MitogenError(.misuse, "\(displayName) was decoded outside a call, so no router is known for it")
            }
            return router
        }
    }

    // MARK: Ending

    /// Asks the context to end, with all that it started.
    ///
    /// - Parameters:
    ///   - waits: Whether to wait until it is gone; false by default. A context that is already gone is not waited
    ///     for.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError``: `.timeoutError`, and `.cancelled` if the calling task is.
    public func shutdown(waits: Bool = false, timeout: Duration? = nil) async throws(MitogenError) {
        let router = try reachableRouter
        let isKnown = router.contextByID(id, creates: false) === self
        try send(Message(handle: StandardHandle.shutdown))
        guard waits, isKnown else { return }
        let loss = self.loss
        _ = try await withDeadline(timeout, on: router.broker, loss, "\(displayName) has not ended") {
            () async throws(MitogenError) in
            try await loss.value()
        }
    }

    /// What happens to this context, from now on.
    public var events: AsyncStream<ContextEvent> { hub.events() }

    func didDisconnect(reason: String) {
        guard loss.resolve(.success(reason)) else { return }
        hub.send(.disconnected(reason: reason))
        hub.finish()
    }
}

/// Something that happened to a context.
public enum ContextEvent: Sendable, Hashable {
    /// It cannot be reached any more.
    case disconnected(reason: String)
}

extension Context: Hashable {
    /// The same context of the same router.
    public static func == (left: Context, right: Context) -> Bool {
        left.id == right.id && left.router === right.router
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
    }
}

extension Context: CustomStringConvertible {
    public var description: String { "Context(\(id), \(name.map { "'\($0)'" } ?? "unnamed"))" }
}

extension Context: PickleValueConvertible {
    public var pickleValue: PickleValue { .context(id: id, name: name.map { String($0.prefix(99)) }) }

    /// Takes the context that a message names: the router's own object where a remote function is running.
    public convenience init(pickleValue: PickleValue) throws(PickleError) {
        guard case .context(let id, let name) = pickleValue else {
            throw PickleError(.typeMismatch, "expected a context")
        }
        self.init(router: ExternalContext.current?.router, id: id, name: name)
    }
}
