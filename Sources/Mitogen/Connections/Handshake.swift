//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One attempt to start a context, from the start of its process to its first answer (Mitogen semantics, section 5.6).
///
/// The first thing that settles the attempt counts: the child's greeting, the end of its stream, the deadline, the
/// caller's cancellation or the router's shutdown. After any but the first, the process is ended.
final class Handshake: Sendable {
    struct Parts {
        var stream: Stream?
        var process: ChildProcess?
        var driver: BootstrapDriver?
        var timer: Timer?
        /// What the child must answer with; nil where only the version is compared.
        var identity: String?
        /// In which way another attempt may work.
        var retry: ConnectionRetries.Reason?
        /// What is waited for before the tool is started.
        var waitsFor: String?
        /// Until when more time is given for that.
        var patience: (@Sendable () -> ContinuousClock.Instant?)?
        /// Counts the processes that were started one after the other; `process` is that of the last.
        var round = 0
    }

    let router: Router
    private let id: ContextID
    private let request: ConnectionRequest
    let image: ImageSource
    let deadline: ContinuousClock.Instant
    let clock: ConnectionClock?
    private let retries: ConnectionRetries
    let parts: Mutex<Parts>
    private let timeline = ConnectionTimeline()
    let result = OneShot<Context>()
    /// That the far side has answered, or nothing more is to be expected.
    let answered = OneShot<Void>()

    /// - Parameters:
    ///   - deadline: When the time for the whole attempt is over.
    ///   - clock: Is kept at that.
    ///   - retries: What is to be done otherwise than before, as the attempts so far have failed.
    init(
        router: Router,
        id: ContextID,
        request: ConnectionRequest,
        image: ImageSource,
        deadline: ContinuousClock.Instant,
        clock: ConnectionClock?,
        retries: ConnectionRetries
    ) {
        self.router = router
        self.id = id
        self.request = request
        self.image = image
        self.deadline = deadline
        self.clock = clock
        self.retries = retries
        parts = Mutex(Parts(identity: image.identity))
    }

    /// In which way another attempt may work, if this one has failed.
    var retry: ConnectionRetries.Reason? { parts.withLock { $0.retry } }

    var common: CommonOptions { request.common }

    /// Whether nothing more is to be done for the attempt.
    var isSettled: Bool { result.outcome != nil }

    /// Takes note of a process that is ended if the attempt is settled meanwhile.
    func follow(_ process: ChildProcess) {
        parts.withLock { $0.process = process }
        if case .failure = result.outcome { cleanUp() }
    }

    /// Begins the attempt: from now on it ends when its time is over, or the router's. ``finish()`` is to be called.
    func begin() {
        restart(until: deadline)
        result.whenResolved { [answered] _ in answered.resolve(.success(())) }
        #if Metrics
            router.metrics.follow(result, of: request)
        #endif
        // A router that ends gives up its attempts, also those whose tool has not connected anything yet.
        router.attempts.withLock { $0[ObjectIdentifier(self)] = self }
        if router.isLeaving { fail(.brokerIsLeaving) }
    }

    /// Starts what makes the connection.
    ///
    /// - Parameter way: The request's own, with what was found out since.
    func start(_ way: ConnectionRequest.Way) {
        guard !isSettled else { return }
        parts.withLock { parts in
            parts.waitsFor = nil
            parts.patience = nil
        }
        do throws(MitogenError) {
            switch way {
            case .program: try start(image.command(argument: programArgument))
            case .namespaces(let target): try findLeader(target)
            case .tool(let tool): try start(tool)
            case .fork(let target): try fork(target)
            }
        } catch {
            fail(error)
        }
    }

    /// Waits for what comes of the attempt.
    func finish() async throws(MitogenError) -> Context {
        defer { _ = router.attempts.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) } }
        return try await result.value { [self] in fail(.cancelledCaller) }
    }

    // MARK: Starting

    /// Brings the program to where the method leads, and runs it.
    private func start(_ tool: ConnectionTool) throws(MitogenError) {
        let remoteName = common.remoteName ?? ProcessIdentity.default
        let images = router.images()
        let program: FirstStage.Program
        if let executable = common.executable {
            program = .executable(executable)
        } else {
            program = try .image(images.own())
        }
        var stage = try FirstStage(
            program: program,
            usesCache: common.usesImageCache,
            replacesCached: retries.replacesCached,
            remoteName: remoteName,
            random: Self.randomWord()
        )
        if tool.dialect.speaksEnglish { stage.restores(locale: ToolLocale.own, insteadOf: ToolLocale.name) }
        stage.avoidsExec = retries.avoidsExec
        let copy = tool.copy.map { ProgramCopy(stage: stage, tool: tool, commands: $0) }
        if let copy, copy.commands.isOnlyWay { return start(copy, images, remoteName) }
        let attempt = Attempt(
            plan: ConnectionPlan(tool, stage),
            stage: stage,
            otherWay: copy,
            cleanUp: tool.cleanUp?.arguments(random: stage.random),
            endsWithoutUs: tool.container != nil || tool.dialect.speaksEnglish
        )
        try start(attempt, images, remoteName)
    }

    /// One way to get the program there.
    private struct Attempt {
        var plan: ConnectionPlan
        var stage: FirstStage
        /// What to try where there is no shell.
        var otherWay: ProgramCopy?
        /// The command that removes what is left.
        var cleanUp: [String]?
        /// Whether the tool ends by itself when this program does. An ssh that waits for a server, or for another ssh, does
        /// not look at its standard input; nor does any other program that starts one.
        var endsWithoutUs = true
        /// What runs such a command already, when it has to.
        var watchdog: Watchdog?
    }

    /// Starts a method's tool, and follows it as far as the program's first word.
    private func start(_ attempt: Attempt, _ images: ImageStore, _ remoteName: String) throws(MitogenError) {
        let name = request.name()
        let logger = router.logger
        let driver = BootstrapDriver(
            attempt.stage,
            plan: attempt.plan,
            images: images,
            configuration: { [weak self] image in self?.configurationFrame(remoteName, image) ?? [] },
            timeline: timeline,
            broker: router.broker,
            answered: { [answered] in answered.resolve(.success(())) }
        ) { [weak self] outcome in
            switch outcome {
            case .failed(let error, let retry):
                if error.code == .noShell, let copy = attempt.otherWay {
                    self?.start(copy, images, remoteName)
                } else if error.code == .noSuchContainer, let query = attempt.plan.container?.containerQuery {
                    self?.fail(error, askingFor: query)
                } else {
                    self?.parts.withLock { $0.retry = retry }
                    self?.fail(error)
                }
            case .ready(let descriptors, let bytes, let image):
                self?.parts.withLock { $0.identity = image }
                self?.handOver(descriptors, bytes, name: name)
            }
        }
        let round = parts.withLock { parts in
            parts.driver = driver
            return parts.round
        }
        let broker = router.broker
        let watchdog: Watchdog?
        if let running = attempt.watchdog {
            watchdog = running
        } else {
            watchdog = try Self.watchdog(attempt.cleanUp, on: broker)
        }
        let process = try driver.start { line in logger.debug("\(name): \(line)") }
        let isCurrent = parts.withLock { parts in
            guard parts.round == round else { return false }
            parts.process = process
            return true
        }
        // It has failed before it was known here, and another way is tried.
        if !isCurrent { process.terminate() }
        if let watchdog {
            process.process.whenEnded { $0 == .exited(0) ? watchdog.dismiss() : watchdog.trigger() }
        }
        if !attempt.endsWithoutUs { guardGroup(of: process.process) }
        if case .failure = result.outcome { cleanUp() }
    }

    private static func watchdog(_ command: [String]?, on broker: Broker) throws(MitogenError) -> Watchdog? {
        guard let command else { return nil }
        return try Watchdog(command, on: broker)
    }

    /// The tool has done what it can; something else is tried.
    func leaveTool() {
        let process = parts.withLock { parts in
            // From now on nobody knows more about the attempt than that its time is over.
            parts.driver = nil
            parts.round += 1
            return parts.process.take()
        }
        process?.terminate()
    }

    /// There is no shell: brings the program there without one.
    private func start(_ copy: ProgramCopy, _ images: ImageStore, _ remoteName: String) {
        leaveTool()
        do throws(MitogenError) {
            let watchdog = try Self.watchdog(copy.cleanUp, on: router.broker)
            result.whenResolved { if case .failure = $0 { watchdog?.trigger() } }
            guard copy.isNeeded else { return startProgram(copy, images, remoteName, watchdog) }
            // Unstructured, as the attempt is one: whatever settles it counts here, too. Reading the program takes
            // milliseconds, which the Broker does not have.
            Task(executorPreference: FunctionExecutor.shared) { self.bring(copy, images, remoteName, watchdog) }
        } catch {
            fail(error)
        }
    }

    private func bring(_ copy: ProgramCopy, _ images: ImageStore, _ remoteName: String, _ watchdog: Watchdog?) {
        guard !isSettled else { return }
        let broker = router.broker
        do throws(MitogenError) {
            let (process, leftovers) = try copy.start(images, on: broker) { [weak self] error in
                if let self, error == nil { return startProgram(copy, images, remoteName, watchdog) }
                self?.fail(error ?? .brokerIsLeaving)
            }
            result.whenResolved { outcome in
                process.process.whenEnded { _ in
                    if case .failure = outcome { return leftovers?.trigger() ?? () }
                    leftovers?.dismiss()
                    if !copy.commands.programRemovesFile { copy.remove(on: broker) }
                }
            }
            follow(process)
        } catch {
            fail(error)
        }
    }

    private func startProgram(
        _ copy: ProgramCopy,
        _ images: ImageStore,
        _ remoteName: String,
        _ watchdog: Watchdog?
    ) {
        guard result.outcome == nil else { return }
        do throws(MitogenError) {
            try start(Attempt(plan: copy.plan, stage: copy.stage, watchdog: watchdog), images, remoteName)
        } catch {
            fail(error)
        }
    }

    /// The program speaks: from here on there are only frames.
    private func handOver(_ descriptors: StreamDescriptors, _ bytes: [UInt8], name: String) {
        let stream = router.makeStream(descriptors: descriptors, remoteID: id, name: name, handshake: self)
        parts.withLock { parts in
            parts.stream = stream
            parts.driver = nil
        }
        stream.start(keepsAlive: true, received: bytes)
        if case .failure = result.outcome { cleanUp() }
    }

    /// What the child waits for, as a frame.
    private func configurationFrame(_ remoteName: String, _ image: String?) -> [UInt8] {
        let configuration = router.configuration(
            for: id,
            common,
            remoteName: remoteName,
            image: image ?? ""
        )
        guard var message = try? Message.pickled(configuration, handle: StandardHandle.configure) else { return [] }
        message.dstID = id
        message.srcID = router.contextID
        message.authID = message.srcID
        message.header.length = UInt32(message.data.count)
        return withUnsafeBytes(of: message.header.bytes) { Array($0[..<MessageHeader.size]) } + message.data
    }

    private static func randomWord() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        return String((0..<20).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
    }

    /// What makes the program a context.
    var programArgument: String { "mitogen:\(common.remoteName ?? ProcessIdentity.default)" }

    /// Starts the program itself, with the connection as its standard input and output.
    ///
    /// - Parameter entry: Where it is to run, if not here.
    func start(
        _ command: (path: String?, arguments: [String]),
        environment: [ByteString] = ProcessIdentity.environment,
        directory: String? = nil,
        entry: NamespaceEntry? = nil
    ) throws(MitogenError) {
        let ends = try ConnectionEnds(terminal: .none)
        defer { ends.closeFarEnds() }
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: command.arguments,
                    path: command.path,
                    environment: environment,
                    directory: directory,
                    descriptors: ends.descriptors,
                    entry: entry
                ),
                broker: router.broker
            )
        } catch {
            ends.closeNearEnds()
            throw MitogenError(error.code, "Child start failed: \(error.message)", hint: error.hint)
        }
        attach(spawned, ends)
    }

    /// Has a fork server make a copy of itself.
    private func fork(_ target: ForkTarget, isSecond: Bool = false) throws(MitogenError) {
        let server = try router.forkServers.server(for: target.preload, image, in: router)
        let ends = try ConnectionEnds(terminal: .none)
        waits(for: "waiting for the fork server, which may still run its preload function")
        server.fork(ends) { [self] outcome in
            switch outcome {
            case .forked(let pid):
                return attach(SpawnedProcess(child: pid, broker: router.broker), ends, forked: target.setup)
            case .failed(let error): fail(error)
            case .gone where isSecond: fail(MitogenError(.spawnError, "the fork server ends at once"))
            case .gone: do throws(MitogenError) { try fork(target, isSecond: true) } catch { fail(error) }
            }
            ends.closeNearEnds()
        }
    }

    private func attach(_ spawned: SpawnedProcess, _ ends: ConnectionEnds, forked: ForkSetup? = nil) {
        let name = request.name(pid: spawned.pid)
        let logger = router.logger
        timeline.note(.starting)
        let process = ChildProcess(process: spawned, diagnostics: ends.diagnostics, broker: router.broker) { line in
            logger.debug("\(name): \(line)")
        }
        let stream = router.makeStream(
            descriptors: StreamDescriptors(socket: ends.stream),
            remoteID: id,
            name: name,
            handshake: self
        )
        parts.withLock { parts in
            parts.stream = stream
            parts.process = process
        }
        var configuration = router.configuration(
            for: id,
            common,
            remoteName: common.remoteName ?? ProcessIdentity.default,
            image: image.identity ?? ""
        )
        configuration.fork = forked
        if var message = try? Message.pickled(configuration, handle: StandardHandle.configure) {
            message.dstID = id
            message.srcID = router.contextID
            message.authID = message.srcID
            stream.send(message)
        }
        stream.start(keepsAlive: true)
        // The router began to leave before it knew of this attempt.
        if router.isLeaving { fail(.brokerIsLeaving) }
        // It may have been settled while it was being started: then nobody else cleans up.
        if case .failure = result.outcome { cleanUp() }
    }

    // MARK: Events

    /// The child speaks.
    func receive(_ message: Message, from stream: Stream) {
        guard result.outcome == nil else { return }
        guard message.handle == StandardHandle.ready, message.srcID == id,
            let greeting = try? message.decode(as: ChildGreeting.self)
        else {
            return fail(MitogenError(.streamError, "the child began with something else than its greeting"))
        }
        if let mismatch = mismatch(greeting) { return fail(mismatch) }
        let process = parts.withLock { parts in
            parts.timer?.cancel()
            return parts.process
        }
        timeline.note(.ready)
        let context = router.connectChild(stream, name: stream.name, info: greeting.info, process: process)
        context.state.connection = timeline.report
        if !result.resolve(.success(context)) { stream.close(reason: "the attempt to connect was given up") }
    }

    /// Why the child is not what was started (architecture decision D4).
    private func mismatch(_ greeting: ChildGreeting) -> MitogenError? {
        if let expected = parts.withLock({ $0.identity }), greeting.image != expected {
            return MitogenError(
                .imageMismatch,
                "the child runs the image \(greeting.image), not \(expected) that was started",
                hint: "the program's file was probably replaced while it ran: start it again"
            )
        }
        guard greeting.version == Mitogen.version else {
            return MitogenError(
                .imageMismatch,
                "the child is Mitogen \(greeting.version), this program is \(Mitogen.version)",
                hint: "install the same version as `executable`"
            )
        }
        return nil
    }

    /// The stream ended before the greeting: both what was said and how the process ended belong into the error.
    func streamDidEnd(reason: String) {
        let process = parts.withLock { $0.process }
        let isEnd = reason == Stream.endOfFile
        let what =
            isEnd ? "EOF on stream: the child ended before it was ready" : "the child does not speak Mitogen: \(reason)"
        let code = isEnd ? MitogenError.Code.eofError : .streamError
        guard let process else { return fail(MitogenError(code, what)) }
        process.reportEnd(within: .seconds(1)) { [weak self] detail in
            let message = "\(what)\(detail.map { "; \($0)" } ?? "")"
            self?.fail(MitogenError(code, message, diagnostics: process.lastLines))
        }
    }

    /// Settles the attempt.
    func fail(_ error: MitogenError) {
        let name = parts.withLock { $0.stream?.name } ?? request.name()
        guard result.resolve(.failure(error.inContext(name).after(timeline.report))) else { return }
        cleanUp()
    }

    private func cleanUp() {
        let (stream, process, driver, timer) = parts.withLock { ($0.stream, $0.process, $0.driver, $0.timer) }
        timer?.cancel()
        driver?.cancel()
        stream?.close(reason: "the attempt to connect has failed")
        process?.terminate()
    }
}

extension MitogenError {
    static var brokerIsLeaving: MitogenError {
        MitogenError(
            .connectionCancelled,
            "Connection cancelled because the associated Broker began to shut down."
        )
    }
}
