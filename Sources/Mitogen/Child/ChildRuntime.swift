//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The life of a process that was started as a context (Mitogen semantics, sections 5.4, 5.5 and 5.8).
enum ChildRuntime {
    private static let wasAsked = Atomic<Bool>(false)
    /// How to become the child of a Python master. Only who registers functions by name sets it: the code takes 17 KB of a
    /// compressed program, which others do not carry.
    static let pythonBootstrap = Mutex<PythonBootstrap.Begin?>(nil)
    /// What a process is that was started as a context; nil in others.
    static let place = Mutex<ProcessPlace?>(nil)

    #if Metrics || Tracing
        /// What the program wants done in every context, first of all.
        static let bootstrap = Mutex<@Sendable () -> Void>({})
    #endif

    /// Whether a copy of this program would become a child: only if it asks, and this one has.
    static var canBecomeChild: Bool { wasAsked.load(ordering: .relaxed) }

    /// Becomes a child if `argv` is the program and `mitogen:<name>`; returns otherwise.
    static func runIfRequested() {
        wasAsked.store(true, ordering: .relaxed)
        let arguments = ProcessIdentity.arguments
        if arguments.count > 2, arguments[1] == PythonBootstrap.argument {
            guard let begin = pythonBootstrap.withLock({ $0 }) else {
                fail("this program has registered no function that a Python master could call", status: 2)
            }
            run { () throws(MitogenError) in try begin(Array(arguments.dropFirst(2))) }
        }
        guard arguments.count == 2, arguments[1].hasPrefix("mitogen:") else { return }
        // su gives its program a terminal; then the first stage has set this.
        guard isatty(0) == 0 || getenv("SWIFT_ROOT") != nil else {
            fail("this is how a program starts its contexts; it cannot be done by hand", status: 2)
        }
        run { () throws(MitogenError) in (try readConfiguration(), nil) }
    }

    /// - Parameter read: Reads what this process is to be, and what a Python master has brought along, if the parent is one.
    private static func run(
        reading read: () throws(MitogenError) -> (ChildConfiguration, PythonBootstrap?)
    ) -> Never {
        cmitogen_close_from(3)
        removeOwnFile()
        noteUseOfCache()
        cmitogen_ignore_sigpipe()
        cmitogen_configure_allocator()
        OpenFilesLimit.raise()
        do {
            let (configuration, python) = try read()
            place.withLock { $0 = .beginning(configuration.contextID, parentIDs: configuration.parentIDs) }
            try configuration.fork?.begin()
            let output = try StandardStreams.takeOver()
            cmitogen_set_title(CommandLine.argc, CommandLine.unsafeArgv, "mitogen:\(configuration.remoteName)")
            let mainThread = MainThread<Int32>()
            #if Metrics || Tracing
                bootstrap.withLock { $0 }()
            #endif
            let router = try start(configuration, output, mainThread, python)
            if let fork = configuration.fork { try startForked(fork, router) }
            _exit(withExtendedLifetime(router) { mainThread.serve() })
        } catch {
            fail("\(error)", status: 1)
        }
    }

    /// Where an image is neither cached nor can be removed by the shell that starts it, it removes itself. The variable
    /// names its file; where a tool could set none, the name says what it is.
    private static func removeOwnFile() {
        // Set by the first stage, for a machine without /proc; commands are not to inherit it where there is one.
        if access("/proc/self/exe", F_OK) == 0 { unsetenv("SWIFT_ROOT") }
        if ProcessIdentity.programName.hasPrefix(ProgramCopyCommands.namePrefix) {
            unlink(ProcessIdentity.arguments[0])
        }
        guard let path = getenv("MITOGEN_UNLINK") else { return }
        unlink(path)
        unsetenv("MITOGEN_UNLINK")
    }

    /// Updates the time of the cached image that this process runs. An upload removes images older than two weeks.
    private static func noteUseOfCache() {
        let path = ProcessIdentity.arguments[0]
        if strstr(path, "/.cache/mitogen/") != nil { utimes(path, nil) }
    }

    static func fail(_ text: String, status: Int32) -> Never {
        cmitogen_complain("\(ProcessIdentity.programName): \(text)\n")
        exit(status)
    }

    /// What this process is to be. In a fork server it only returns in the processes that are forked.
    private static func readConfiguration() throws(MitogenError) -> ChildConfiguration {
        var message = try readFrame()
        if message.handle == StandardHandle.forkServer {
            let setup = try message.decode(as: ForkServerSetup.self)
            // It has no number of its own.
            place.withLock { $0 = .beginning(setup.parentIDs.first ?? 0, parentIDs: setup.parentIDs) }
            try ForkServerProcess.serve(setup)
            // A copy that gets no configuration is not wanted. It runs nothing that `preload` has registered for the end.
            do throws(MitogenError) { message = try readFrame() } catch { _exit(1) }
            // The configuration tells that the parent knows this process, so it leaves the fork server's group.
            setsid()
        }
        guard message.handle == StandardHandle.configure else {
            throw MitogenError(.streamError, "the parent's first message is not a configuration")
        }
        return try message.decode(as: ChildConfiguration.self)
    }

    /// The first frame on standard input, and no byte more: in a fork server requests follow.
    private static func readFrame() throws(MitogenError) -> Message {
        let limit = 1 << 20
        var frame = [UInt8](repeating: 0, count: MessageHeader.size)
        try readAll(&frame, from: 0)
        let header = frame.withUnsafeBytes { MessageHeader(parsing: $0) }
        let length = min(Int(header?.length ?? 0), limit)
        frame += [UInt8](repeating: 0, count: length)
        try readAll(&frame, from: MessageHeader.size)
        var decoder = FrameDecoder(maximumLength: limit)
        var message: Message?
        do {
            try frame.withUnsafeBytes { bytes in try decoder.feed(bytes) { message = $0 } }
        } catch {
            throw MitogenError(.streamError, "the parent's first frame is malformed: \(error)")
        }
        guard let message else { throw MitogenError(.streamError, "the parent's first frame is malformed") }
        return message
    }

    private static func readAll(_ bytes: inout [UInt8], from start: Int) throws(MitogenError) {
        var place = start
        while place < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                cmitogen_read(0, buffer.baseAddress.map { $0 + place }, buffer.count - place)
            }
            guard count > 0 else { throw MitogenError(.eofError, "the parent was gone before it sent a configuration") }
            place += count
        }
    }

    private static func start(
        _ configuration: ChildConfiguration,
        _ output: StandardStreams,
        _ mainThread: MainThread<Int32>,
        _ python: PythonBootstrap?
    ) throws(MitogenError) -> Router {
        let broker = try Broker(shutdownTimeout: .seconds(3))
        let logTarget = ForwardingLogHandler.install(level: configuration.logLevel)
        let router = try makeRouter(configuration, broker)
        place.withLock { $0 = .context(router) }
        output.capture(on: broker, router)
        router.dispatcher.install(in: router, waitingFor: configuration.fork?.delaysCalls == true ? forkedStart : nil)
        router.addHandler(StandardHandle.shutdown, .parents) { router, _, _ in router.shutdown() }
        // Last of all: what the router does at the end comes before.
        broker.onExit { mainThread.leave(with: 0) }
        let stream = router.makeStream(
            descriptors: output.stream,
            remoteID: configuration.parentIDs[0],
            name: "parent",
            isLegacy: python != nil
        )
        if let python {
            try python.finish(on: output.stream.transmit)
            router.modules.inherit(python.program)
            router.connectParent(stream)
        } else {
            router.connectParent(stream)
            try greet(router, configuration)
        }
        logTarget.open(router)
        return router
    }

    private static func greet(_ router: Router, _ configuration: ChildConfiguration) throws(MitogenError) {
        let greeting = ChildGreeting(
            image: ImageIdentity.own ?? "",
            version: Mitogen.version,
            pid: getpid(),
            info: .current
        )
        var message = try Message.pickled(greeting, handle: StandardHandle.ready)
        message.dstID = configuration.parentIDs[0]
        router.route(message)
    }

    private static func makeRouter(
        _ configuration: ChildConfiguration,
        _ broker: Broker
    ) throws(MitogenError) -> Router {
        guard !configuration.parentIDs.isEmpty else {
            throw MitogenError(.streamError, "the parent's configuration names no parent")
        }
        var table = RoutingTable(
            contextID: configuration.contextID,
            parentIDs: configuration.parentIDs,
            isUnidirectional: configuration.unidirectional
        )
        for ancestor in configuration.ancestors { table.peers[ancestor.id] = ancestor.info }
        var own = RouterConfiguration()
        own.isUnidirectional = configuration.unidirectional
        own.maxMessageSize = configuration.maxMessageSize
        own.forwardedLogLevel = configuration.logLevel
        own.keepAliveInterval = configuration.keepAliveInterval.flatMap { Duration(checkedSeconds: $0) }
        own.keepAliveTimeout =
            configuration.keepAliveTimeout.flatMap { Duration(checkedSeconds: $0) } ?? own.keepAliveTimeout
        let router = Router(broker: broker, ownsBroker: true, configuration: own, table: table)
        if configuration.debug { router.enableDebug() }
        router.isProfilingEnabled = configuration.profiling
        return router
    }

    // MARK: The end

    /// The link to the parent is gone: commands are ended, children lose their links, the process ends (at once, or
    /// 500 ms later if a command does not want to).
    static func parentWasLost(_ router: Router) {
        router.dispatcher.cancelAll()
        router.closeChildren()
        router.processes.terminateAll(after: .milliseconds(500), on: router.broker) {
            router.processes.leaveRestToGuard()
            _exit(0)
        }
    }

    /// See ``ExternalContext/detach(timeout:)``.
    static func detach(_ router: Router, timeout: Duration?) async throws(MitogenError) {
        guard let parent = router.parentID else {
            throw MitogenError(.misuse, "this context has no parent to let go of")
        }
        setsid()
        _ = try await router.context(parent).request(Message(handle: StandardHandle.detaching), timeout: timeout)
        await router.detachFromParent()
    }
}
