//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
public import MitogenProtocol
internal import Synchronization

/// The centre of one context: it knows the way to every other context, delivers messages to handles, and starts new
/// contexts (Mitogen semantics, sections 4 and 6.4).
///
/// A program has one as the master of its tree, or several for separate trees; in a context it is
/// ``ExternalContext/router``. What it knows is one value behind a lock, so that messages are routed on the thread
/// that sends them, with no change of threads; functions behind handles run on the Broker's thread.
public final class Router: Sendable {
    struct Core {
        var state: RouterState
        var streams = NumberedObjects<Stream>()
        var contexts = NumberedObjects<ContextState>()
        var children: [LinkID: ChildProcess] = [:]
        /// How many blocks of ids the contexts behind each stream were handed.
        var blockCounts: [LinkID: Int] = [:]
        var nextLink: UInt32 = 1
        /// How often each stream's peer has done something wrong with routes.
        var complaints: [LinkID: Int] = [:]
        /// What each stream has said last of a context that is gone.
        var losses: [LinkID: RouteLoss] = [:]
        var assembly: MessageAssembly
        /// Looks whether messages that others wait for get on.
        var stallTimer: Timer?
        /// The next look at the links to children.
        var keepAliveTimer: Timer?
        var keepAlives: [LinkID: KeepAlive] = [:]
        /// The receivers here that contexts have begun to send to.
        var openChannels: [ContextID: Set<Handle>] = [:]
        /// Whether the Broker has begun to shut down: no connection is made any more.
        var isLeaving = false
        var isShutDown = false
        var isDetached = false
        var isDebugEnabled = false
        /// For whom children were made that others have asked for.
        var requesters: [ContextID: Requester] = [:]
        /// The contexts that an attached program has told what it understands.
        var introductions: Set<ContextID> = []

        /// What is known about a context. It is not kept of any number of contexts that someone has only named: nobody
        /// would ever say that those are gone.
        mutating func contextState(_ id: ContextID, name: String?) -> ContextState {
            if let known = contexts[id] { return known }
            let new = ContextState(name: name)
            let isThere = state.table.hasRoute(to: id)
            if isThere || state.table.link(for: id) != nil && contexts.count < RoutingTable.limitPerLink {
                contexts[id] = new
            }
            return new
        }
    }

    /// The thread that does this router's input and output.
    public let broker: Broker
    public let configuration: RouterConfiguration
    let core: Mutex<Core>
    let eventHub = EventHub<Router.Event>()
    var logger: Logger { LibraryLogHandler.logger() }
    /// For what other contexts do wrong.
    var peerLogger: Logger { LibraryLogHandler.logger(about: .context) }
    let connectionLimit: Gate
    let serverPlaces = ServerPlaces()
    let proxiedAttempts = Mutex<[ProxiedAttempt: ConnectionClock]>([:])
    let forkServers = ForkServers()
    let sshConfigurations = SSHConfigurations()
    let dispatcher = CallDispatcher()
    /// The attempts to connect that are not settled.
    let attempts = Mutex<[ObjectIdentifier: ConnectionAttempt]>([:])
    let codingInformation = Mutex<[CodingUserInfoKey: any Sendable]>([:])
    let processes = ProcessTable()
    let functions = RunningFunctions()
    let profile = RouterProfile()
    #if Metrics
        let metrics = RouterMetrics()
    #endif
    let outboxes = OutboxTable()
    let logWindow = LogWindow()
    package let modules = ModuleRelay()
    /// Numbers large messages.
    let transferCount = Atomic<UInt32>(0)
    private let imageStore = Mutex<ImageStore?>(nil)
    let imageDeliveries = ImageDeliveries()
    private let ownsBroker: Bool
    /// Whether this is the router of a program that has attached itself to a tree, and lives on without it.
    let isAttached: Bool
    /// Whether its parent is another router of the same process, which it does not end with itself.
    let isInProcess: Bool

    /// Makes the router of a master.
    ///
    /// - Parameters:
    ///   - broker: The Broker to use; a new one by default, which ends with this router.
    ///   - configuration: How the router behaves.
    /// - Throws: ``MitogenError`` if a Broker is needed and its descriptors or thread cannot be made.
    public convenience init(
        broker: Broker? = nil,
        configuration: RouterConfiguration = .init()
    ) throws(MitogenError) {
        OpenFilesLimit.raise()
        let table = RoutingTable(contextID: 0, parentIDs: [], isUnidirectional: configuration.isUnidirectional)
        if let broker {
            self.init(broker: broker, ownsBroker: false, configuration: configuration, table: table)
        } else {
            let broker = try Broker(shutdownTimeout: configuration.shutdownTimeout)
            self.init(broker: broker, ownsBroker: true, configuration: configuration, table: table)
        }
        addMasterHandlers()
        if DiagnosisEnvironment.wantsDebug { enableDebug() }
        if DiagnosisEnvironment.wantsProfiling || configuration.isProfilingEnabled { isProfilingEnabled = true }
    }

    init(
        broker: Broker,
        ownsBroker: Bool,
        configuration: RouterConfiguration,
        table: RoutingTable,
        isAttached: Bool = false,
        isInProcess: Bool = false
    ) {
        self.broker = broker
        self.isAttached = isAttached
        self.isInProcess = isInProcess
        self.ownsBroker = ownsBroker
        self.configuration = configuration
        connectionLimit = Gate(places: max(1, configuration.maxConcurrentConnections))
        let state = RouterState(table: table, maxMessageSize: configuration.maxMessageSize)
        let assembly = MessageAssembly(
            bytesPerLink: configuration.maxMessageSize,
            patience: configuration.stallLimit.nanoseconds
        )
        core = Mutex(Core(state: state, assembly: assembly))
        addRouteHandlers()
        addChannelHandlers()
        addPartHandler()
        addKeepAlive()
        modules.install(in: self)
        dispatcher.acceptOwnCalls(in: self)
        dispatcher.acceptCancellations(in: self)
        processes.install(in: self)
        broker.onShutdown { [tether = Tether(self)] in tether.object?.beginShutdown() }
        broker.onExit { [tether = Tether(self)] in tether.object?.finishShutdown() }
    }

    /// A router that its program has forgotten ends when nothing refers to it any more, and with it its contexts.
    deinit {
        for stream in core.withLock({ $0.streams.values }) { stream.close(reason: "the router is gone") }
        forkServers.close()
        if ownsBroker { broker.shutdown() }
        DebugFile.shared.close(for: ObjectIdentifier(self))
    }

    // MARK: Identity

    /// This context's number; 0 in the master.
    public var contextID: ContextID { core.withLock { $0.state.table.contextID } }
    /// The number of the context that started this one; nil in the master.
    public var parentID: ContextID? { core.withLock { $0.state.table.parentID } }
    /// The numbers of this context's ancestors, the nearest first; empty in the master.
    public var parentIDs: [ContextID] { core.withLock { $0.state.table.parentIDs } }
    /// Whether this is the root of its tree.
    public var isMaster: Bool { contextID == 0 }
    /// Whether contexts can only talk to their ancestors and descendants.
    public var isUnidirectional: Bool { core.withLock { $0.state.table.isUnidirectional } }
    /// The largest message in bytes.
    public var maxMessageSize: Int { configuration.maxMessageSize }

    /// This context, as something to send to. Functions, streams, commands and services can be called in it, by itself;
    /// in a master nobody else can call functions.
    public func myself() -> Context {
        Context(router: self, id: contextID, state: ContextState(name: "self"))
    }

    /// The images that this router sends.
    func images() -> ImageStore {
        let path: String
        switch configuration.image {
        case .currentProgram: path = ProcessIdentity.executablePath
        case .file(let file): path = file
        }
        return imageStore.withLock { store in
            let images =
                store
                ?? ImageStore(
                    path: path,
                    provider: configuration.payloadProvider,
                    compression: configuration.imageCompression,
                    broker: broker
                )
            store = images
            return images
        }
    }

    // MARK: Handles

    /// Registers a function for messages to a handle.
    ///
    /// - Parameters:
    ///   - handle: The handle; a new one, 1,000 or above, by default.
    ///   - persists: False to take one message only.
    ///   - policy: Who may send to it; everyone by default.
    ///   - respondent: The only context that may send to it; its end delivers a dead message. Any by default.
    ///   - overwrites: Whether the handle may be in use already.
    ///   - function: Runs on the Broker's thread for every message, dead ones included. It must not block.
    /// - Returns: The handle.
    /// - Throws: ``MitogenError`` with `.misuse` if the handle is taken or the router is shut down.
    @discardableResult
    public func addHandler(
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: Context? = nil,
        overwrites: Bool = false,
        _ function: @escaping @Sendable (Message) -> Void
    ) throws(MitogenError) -> Handle {
        try add(
            FunctionHandler { message, _ in function(message) },
            at: handle,
            persists: persists,
            policy: policy,
            respondent: respondent?.id,
            overwrites: overwrites
        )
    }

    /// Removes what is registered for a handle.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if nothing is.
    public func removeHandler(at handle: Handle) throws(MitogenError) {
        guard let handler = core.withLock({ $0.state.handles.remove(handle) }) else {
            throw MitogenError(.misuse, "nothing is registered for handle \(handle)")
        }
        if let inbox = handler as? Inbox { close(inbox, at: handle) }
    }

    @discardableResult
    func add(
        _ handler: HandleTable.Handler,
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: ContextID? = nil,
        overwrites: Bool = false
    ) throws(MitogenError) -> Handle {
        // What is replaced ends outside the lock, because that may need the router.
        var replaced: HandleTable.Handler?
        let result: Result<Handle, MitogenError> = core.withLock { core in
            guard !core.isShutDown else { return .failure(.routerIsShutDown) }
            replaced = handle.flatMap { core.state.handles.handler(at: $0) }
            let added = core.state.handles.add(
                handler,
                at: handle,
                persists: persists,
                policy: policy,
                respondent: respondent,
                overwrites: overwrites
            )
            return added.map(Result.success)
                ?? .failure(MitogenError(.misuse, "cannot register a handle that already exists: \(handle ?? 0)"))
        }
        let handle = try result.get()
        // A receiver that has lost its handle gets nothing any more, and its senders are to know.
        if replaced !== handler, let inbox = replaced as? Inbox { close(inbox, at: handle) }
        return handle
    }

    // MARK: Contexts

    /// The context with this number.
    ///
    /// - Parameters:
    ///   - id: The number.
    ///   - creates: Whether to return one that the router does not know yet; true by default.
    ///   - name: The name of one that is not known yet.
    public func context(id: ContextID, creates: Bool = true, name: String? = nil) -> Context? {
        let state = core.withLock { core in
            creates ? core.contextState(id, name: name) : core.contexts[id]
        }
        return state.map { Context(router: self, id: id, state: $0) }
    }

    func context(_ id: ContextID, name: String? = nil) -> Context {
        Context(router: self, id: id, state: core.withLock { $0.contextState(id, name: name) })
    }

    /// The name of the stream by which a context is reached; nil if there is none.
    public func streamName(id: ContextID) -> String? {
        core.withLock { core in
            core.state.table.link(for: id).flatMap { core.streams[$0]?.name }
        }
    }

    /// What a context, or this one, understands beyond the common protocol; nil if nothing is known.
    func peerInfo(_ id: ContextID) -> PeerInfo? {
        core.withLock { core in
            core.state.table.peers[id] ?? (id == core.state.table.contextID ? .current : nil)
        }
    }

    // MARK: Ending

    /// Asks the Broker to end, and with it this router and every context that it started.
    public func shutdown() {
        broker.shutdown()
    }

    /// Waits for the Broker's end.
    public func join() async {
        await broker.join()
    }

    /// What happens to this router, from now on.
    public var events: AsyncStream<Router.Event> { eventHub.events() }
}

extension Router {
    /// Something that happened to a router.
    public enum Event: Sendable {
        /// A context can be reached.
        case connected(Context)
        /// A context cannot be reached any more.
        case disconnected(Context, reason: String)
        /// The router has begun to shut down.
        case shutdown
    }
}

extension MitogenError {
    static var routerIsShutDown: MitogenError {
        MitogenError(.misuse, "the router has been shut down", hint: "keep it until its last call has returned")
    }
}
