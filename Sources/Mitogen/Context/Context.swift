//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle
public import MitogenProtocol
internal import Synchronization

/// Another process of the tree, or this one: something to send messages to and call functions in (Mitogen semantics,
/// section 6.5).
///
/// A context is only a number and a name; that one exists does not mean that it can be reached. It can be an argument
/// or a result of a remote function, and then names the same process everywhere.
public struct Context: Sendable {
    /// The router that reaches it; nil for one that was decoded outside a remote function.
    public let router: Router?
    public let id: ContextID
    let state: ContextState

    init(router: Router?, id: ContextID, state: ContextState) {
        self.router = router
        self.id = id
        self.state = state
    }

    /// The name that it was given when it was started, or that its route was announced with; `context` and its number
    /// where this router knows none, as of a context that was decoded outside a remote function.
    public var name: String { state.name ?? "context \(id)" }

    /// The context through which it was started, if it was not started here.
    public var via: Context? {
        guard let router, let via = state.via else { return nil }
        return router.context(via)
    }

    /// What the connection to it took; nil if it was made neither here nor for here.
    public var connection: ConnectionReport? { state.connection }

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
    public func startRequest(_ message: Message) throws(MitogenError) -> PendingMessage {
        var message = message
        message.dstID = id
        let router = try reachableRouter
        let pending = PendingReply()
        let handle = router.send(message, awaiting: pending)
        return PendingMessage(pending: pending, handle: handle, context: self, router: router)
    }

    /// Sends a message that may be answered again and again.
    ///
    /// - Parameters:
    ///   - message: What to send; its destination and reply handle are filled in.
    ///   - persists: False to take one answer only.
    /// - Returns: Where the answers arrive, which takes them from this context only. It ends with `.channelError` when
    ///   this context, the way to it or the router goes, and is closed with its last reference.
    /// - Throws: ``MitogenError`` with `.misuse` if no router is known, or that is shut down.
    public func startRequest(_ message: Message, persists: Bool) throws(MitogenError) -> MessageReceiver {
        let router = try reachableRouter
        let receiver = try MessageReceiver(router: router, persists: persists, respondent: self)
        var message = message
        message.dstID = id
        message.replyTo = receiver.handle
        router.route(message)
        return receiver
    }

    /// Sends a message, waits for its answer and decodes that.
    ///
    /// - Parameters:
    ///   - message: What to send; its destination and reply handle are filled in.
    ///   - type: What the answer is decoded as.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Returns: The answer's value.
    /// - Throws: ``MitogenError`` as ``request(_:timeout:)``; `.callError` if the answer is an error, as Python's
    ///   `CallError` is; `.streamError` if it is not a `type`.
    public func request<Value: Decodable>(
        _ message: Message,
        as type: Value.Type,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Value {
        let answer = try await request(message, timeout: timeout)
        do throws(MitogenError) {
            return try answer.decode(as: type)
        } catch {
            throw error.inContext(name)
        }
    }

    /// Sends a message and waits for its answer.
    ///
    /// - Parameters:
    ///   - message: What to send; its destination and reply handle are filled in.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Returns: The answer, which is not a dead message.
    /// - Throws: ``MitogenError``: `.channelError` if the message cannot be delivered or the context goes,
    ///   `.timeoutError`, and `.cancelled` if the calling task is.
    public func request(_ message: Message, timeout: Duration? = nil) async throws(MitogenError) -> Message {
        let pending = try startRequest(message)
        do throws(MitogenError) {
            return try await pending.get(timeout: timeout)
        } catch {
            // Nobody else can ask for the answer.
            if error.code == .timeoutError || error.code == .cancelled { pending.cancel() }
            throw error
        }
    }

    var reachableRouter: Router {
        get throws(MitogenError) {
            guard let router else {
                throw MitogenError(.misuse, "\(name) was decoded outside a call, so no router is known for it")
            }
            return router
        }
    }

    /// The router, for what runs in the context.
    ///
    /// - Throws: `.misuse` if a message has named the program itself: whoever sends it could have the program run what it
    ///   means to run elsewhere.
    var callableRouter: Router {
        get throws(MitogenError) {
            let router = try reachableRouter
            if state.isNamedByPeer, id == router.contextID {
                throw MitogenError(
                    .misuse,
                    "a message has named the program itself as the context to call",
                    hint: "\(.programsOnly)router.myself() calls functions, commands and services in the program"
                )
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
    /// - Throws: ``MitogenError``: when waiting, `.channelError` if the context refuses, `.timeoutError`, and `.cancelled`
    ///   if the calling task is.
    public func shutdown(waits: Bool = false, timeout: Duration? = nil) async throws(MitogenError) {
        guard waits else { return try reachableRouter.route(Message(dstID: id, handle: StandardHandle.shutdown)) }
        try await startShutdown().wait(timeout: timeout)
    }

    /// Asks the context to end, with all that it started; its end is waited for later.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if no router is known for the context.
    public func startShutdown() throws(MitogenError) -> PendingShutdown {
        try PendingShutdown(of: self, through: reachableRouter)
    }

    /// What happens to this context, from now on.
    public var events: AsyncStream<Context.Event> { state.hub.events() }
}

/// What a router knows about a context: the same for everyone who names it.
final class ContextState: Sendable {
    private struct Names {
        var name: String?
        var via: ContextID?
        var connection: ConnectionReport?
        var isUnidirectional = false
    }

    private let names: Mutex<Names>
    let hub = EventHub<Context.Event>()
    /// Resolved with the reason when it cannot be reached any more.
    let loss = OneShot<String>()
    /// Whether a message has named the program itself.
    let isNamedByPeer: Bool

    init(name: String?, isNamedByPeer: Bool = false) {
        names = Mutex(Names(name: name))
        self.isNamedByPeer = isNamedByPeer
    }

    var name: String? { names.withLock { $0.name } }
    var via: ContextID? { names.withLock { $0.via } }

    var connection: ConnectionReport? {
        get { names.withLock { $0.connection } }
        set { names.withLock { $0.connection = newValue } }
    }

    /// Whether it was started from here and passes messages only between ancestors and descendants.
    var isUnidirectional: Bool {
        get { names.withLock { $0.isUnidirectional } }
        set { names.withLock { $0.isUnidirectional = newValue } }
    }

    func rename(_ name: String, via: ContextID? = nil) {
        names.withLock { names in
            names.name = name
            names.via = via ?? names.via
        }
    }

    func didDisconnect(reason: String) {
        guard loss.resolve(.success(reason)) else { return }
        hub.send(.disconnected(reason: reason))
        hub.finish()
    }
}

extension Context {
    /// Something that happened to a context.
    public enum Event: Sendable, Hashable {
        /// It cannot be reached any more.
        case disconnected(reason: String)
    }
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
    public var description: String { "Context(\(id), \(state.name.map { "'\($0)'" } ?? "unnamed"))" }
}

extension Context: PickleValueConvertible {
    public var pickleValue: PickleValue {
        .context(id: id, name: state.name)
    }

    /// Takes the context that a message names: one that the router of the running remote function knows.
    public init(pickleValue: PickleValue) throws(PickleError) {
        guard case .context(let id, let name) = pickleValue else {
            throw PickleError(.typeMismatch, "expected a context")
        }
        let router = ExternalContext.current?.router
        if let router, router.isMaster, id == router.contextID {
            self.init(router: router, id: id, state: ContextState(name: name, isNamedByPeer: true))
            return
        }
        self = router?.context(id, name: name) ?? Context(router: nil, id: id, state: ContextState(name: name))
    }
}
