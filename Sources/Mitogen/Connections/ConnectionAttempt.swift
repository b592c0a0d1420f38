//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

/// One attempt to start a context: does what its ``AttemptMachine`` says, and tells it what happens.
///
/// The first thing that settles the attempt counts: the child's greeting, the end of its stream, the deadline, the caller's
/// cancellation or the router's shutdown. After any but the first, the process is ended.
final class ConnectionAttempt: Sendable {
    typealias Machine = AttemptMachine<ChildProcess, ChildWire>

    struct State {
        var timeline = ConnectionTimeline()
        /// Runs out when the time for the attempt is over.
        var timer: Timer?
        /// What the attempt waits for while there is no process yet.
        var waitsFor: String?
        /// Until when more time is given for that.
        var patience: (@Sendable () -> ContinuousClock.Instant?)?
        /// The context's name, if that is the number of the process that was launched.
        var name: String?
        /// The tool that was launched.
        var tool: ConnectionTool?
        /// What brings the program where that finds no shell.
        var copy: CopyLauncher?
    }

    let rounds: ConnectionRounds
    let deadline: ContinuousClock.Instant
    let retries: ConnectionRetries
    private let machine: Mutex<Machine>
    let state = Mutex(State())
    let result = OneShot<Context>()
    /// That the far side has answered, or nothing more is to be expected.
    let answered = OneShot<Void>()

    /// - Parameters:
    ///   - deadline: When the time for the whole attempt is over.
    ///   - retries: What is to be done otherwise than before, as the attempts so far have failed.
    init(_ rounds: ConnectionRounds, until deadline: ContinuousClock.Instant, _ retries: ConnectionRetries) {
        self.rounds = rounds
        self.deadline = deadline
        self.retries = retries
        machine = Mutex(Machine(id: rounds.id, version: Mitogen.version))
    }

    var router: Router { rounds.router }
    var request: ConnectionRequest { rounds.request }
    var image: ImageSource { rounds.image }
    var common: CommonOptions { request.common }
    var remoteName: String { common.remoteName ?? ProcessIdentity.default }
    /// In which way another attempt may work, if this one has failed.
    var retry: ConnectionRetries.Reason? { machine.withLock { $0.retry } }
    /// Whether nothing more is to be done for the attempt.
    var isSettled: Bool { machine.withLock { $0.isSettled } }

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
    func launch(_ launcher: some Launcher) {
        waits(for: nil)
        trying { () throws(MitogenError) in try launcher.launch(self) }
    }

    /// Waits for what comes of the attempt.
    func finish() async throws(MitogenError) -> Context {
        defer { _ = router.attempts.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) } }
        do throws(MitogenError) {
            return try await result.value { [self] in fail(.cancelledCaller) }
        } catch {
            // Nobody takes a context that was there at the moment when its caller was cancelled.
            result.whenResolved {
                if case .success(let context) = $0 { _ = try? context.send(Message(handle: StandardHandle.shutdown)) }
            }
            throw error
        }
    }

    func fail(_ error: MitogenError) { feed { $0.fail(error) } }

    // MARK: What launchers have started

    /// A tool was started that is asked something or copies the program.
    func follow(_ process: ChildProcess) { feed { $0.helperStarted(process) } }

    func helperEnded() { machine.withLock { $0.helperEnded() } }

    /// A tool was started that brings the program.
    ///
    /// - Parameter copy: What is done where it finds no shell.
    func follow(
        _ process: ChildProcess,
        _ wire: ChildWire,
        _ stage: FirstStage,
        _ plan: ConnectionPlan,
        otherwise copy: CopyLauncher? = nil
    ) {
        state.withLock { ($0.tool, $0.copy) = (plan.tool, copy) }
        let otherwise = Machine.Otherwise(copies: copy != nil, question: plan.tool.container?.containerQuery)
        feed { $0.launched(process, wire, BootstrapMachine(stage, plan.tool), otherwise: otherwise) }
        wire.begin { [weak self] in self?.happened($0, hidesInput: $1) ?? false }
        if plan.startsProgram { router.broker.schedule { [self] in bootstrap { $0.startProgram() } } }
    }

    /// The program itself was started.
    ///
    /// - Parameter forked: The setup of a forked process; nil, the default, for others.
    func follow(_ spawned: SpawnedProcess, _ ends: ConnectionEnds, forked: ForkSetup? = nil) {
        let (name, logger) = (request.name(pid: spawned.pid), router.logger)
        state.withLock { state in
            state.timeline.note(.starting)
            state.name = name
        }
        let (wire, process) = ChildWire.takeOver(spawned, ends, on: router.broker) { logger.debug("\(name): \($0)") }
        feed { $0.launched(process, wire, image: image.identity) }
        wire.send(configuration(forked: forked))
        wire.begin { [weak self] in self?.happened($0, hidesInput: $1) ?? false }
        // The router began to leave before it knew of this attempt.
        if router.isLeaving { fail(.brokerIsLeaving) }
    }

    /// What the program waits for, as a frame.
    ///
    /// - Parameters:
    ///   - image: The identity of its image, if that is not the one that is started here.
    ///   - forked: What it does first, if it is forked.
    private func configuration(image: String? = nil, forked: ForkSetup? = nil) -> [UInt8] {
        var configuration = configuration(forImage: image ?? self.image.identity ?? "")
        configuration.fork = forked
        guard var message = try? Message.pickled(configuration, handle: StandardHandle.configure) else { return [] }
        message.dstID = rounds.id
        message.srcID = router.contextID
        message.authID = message.srcID
        return message.frame
    }

    private func configuration(forImage image: String) -> ChildConfiguration {
        router.configuration(for: rounds.id, common, remoteName: remoteName, image: image)
    }

    /// What starts a Python interpreter as this context.
    func stage(of python: PythonRuntime) throws(MitogenError) -> PythonStage {
        try python.stage(named: remoteName, for: configuration(forImage: ""))
    }

    // MARK: The machine

    func feed(_ event: (inout Machine) -> [Machine.Action]) {
        let actions = machine.withLock { event(&$0) }
        for action in actions { perform(action) }
    }

    /// Something has happened on the wire. Tells whether a tool may have asked something.
    private func happened(_ event: WireEvent, hidesInput: Bool?) -> Bool {
        if machine.withLock({ $0.bootstrap == nil }) {
            feed { $0.happened(event) }
            return false
        }
        return bootstrap { machine in
            if let hidesInput { machine.hidesInput = hidesInput }
            return machine.happened(event)
        }
    }

    @discardableResult
    private func bootstrap(_ event: (inout BootstrapMachine) -> [BootstrapAction]) -> Bool {
        var (isAnswer, mayAsk) = (false, false)
        let actions = machine.withLock { machine in
            machine.feed { inner in
                let before = inner.stage
                let actions = event(&inner)
                state.withLock { $0.timeline.note(inner) }
                isAnswer = before == .connecting && inner.stage != .connecting
                mayAsk = inner.mayAsk
                return actions
            }
        }
        if isAnswer { answered.resolve(.success(())) }
        for action in actions { perform(action) }
        return mayAsk
    }

    private func perform(_ action: Machine.Action) {
        switch action {
        case .bootstrap(let action, let wire): perform(action, wire)
        case .copyProgram: if let copy = state.withLock({ $0.copy.take() }) { launch(copy) }
        case .ask(let command, let error): fail(error, askingFor: command)
        case .explain(let process):
            process.reportEnd(within: .seconds(1)) { [weak self] detail in
                self?.feed { $0.explained(detail, lines: process.lastLines) }
            }
        case .cancel(let wire): wire.cancel()
        case .end(let process): process.terminate()
        case .succeed(let process, let wire, let greeting, let rest): succeed(process, wire, greeting, rest)
        case .fail(let error): settle(.failure(error))
        }
    }

    private func settle(_ outcome: Result<Context, MitogenError>) {
        let (timer, name, report) = state.withLock { ($0.timer.take(), $0.name ?? request.name(), $0.timeline.report) }
        timer?.cancel()
        result.resolve(outcome.mapError { $0.inContext(name).after(report) })
    }

    private func succeed(_ process: ChildProcess, _ wire: ChildWire, _ greeting: ChildGreeting?, _ rest: [UInt8]) {
        let report = state.withLock { state in
            state.timeline.note(.ready)
            return state.timeline.report
        }
        do throws(MitogenError) {
            let link = try wire.handOver()
            let name = request.name(pid: process.process.pid)
            let context = router.connectChild(
                link,
                id: rounds.id,
                name: name,
                info: greeting?.info,
                process: process,
                received: rest
            )
            context.state.connection = report
            settle(.success(context))
        } catch {
            process.terminate()
            settle(.failure(error))
        }
    }

    private func perform(_ action: BootstrapAction, _ wire: ChildWire) {
        guard let tool = state.withLock({ $0.tool }) else { return }
        switch action {
        case .send(let bytes): wire.send(bytes)
        case .typePassword: wire.type(secret: tool.password)
        case .typePassphrase: wire.type(secret: tool.passphrase)
        case .acceptHostKey: wire.type("yes\n")
        case .findImage(let platform):
            make { (images) throws(MitogenError) in
                let (image, path) = (try await images.search(platform).get(), images.path(for: platform))
                return { attempt in attempt.bootstrap { $0.found(image, at: path) } }
            }
        case .compress(let image, let forms):
            make { (images) throws(MitogenError) in
                let upload = try await images.compressed(image, tool.compressesImage ? forms : [.none]).get()
                return { $0.upload(upload, wire) }
            }
        // The image's bytes follow those that announce it. The others are the outer machine's.
        case .sendImage, .handOver, .fail: break
        case .configure:
            let image = machine.withLock { $0.bootstrap?.image?.key }
            wire.send(configuration(image: image))
        case .expectEnd: wire.awaitEnd()
        }
    }

    private func upload(_ upload: ImageStore.Upload, _ wire: ChildWire) {
        state.withLock { $0.timeline.noteImage(byteCount: upload.bytes.count) }
        bootstrap { $0.upload(upload.compression, byteCount: upload.bytes.count, sha256: upload.sha256) }
        wire.send(upload.bytes)
    }

    /// Makes images off the Broker's thread, where blocking is allowed; `body` returns what to do afterwards.
    private func make(
        _ body: @escaping @Sendable (ImageStore) async throws(MitogenError) -> @Sendable (ConnectionAttempt) -> Void
    ) {
        let images = router.images()
        // Unstructured, because it is an event of the machine that asks for it; it ends by itself.
        Task(executorPreference: FunctionExecutor.shared) { [weak self] in
            let next: @Sendable (ConnectionAttempt) -> Void
            do throws(MitogenError) {
                next = try await body(images)
            } catch {
                next = { attempt in attempt.bootstrap { $0.giveUp(error.code, error.message, hint: error.advice) } }
            }
            self?.router.broker.schedule { [weak self] in
                if let self { next(self) }
            }
        }
    }
}

extension BootstrapMachine {
    init(_ stage: FirstStage, _ tool: ConnectionTool) {
        let prompts = tool.prompts.map { table in
            PromptMachine(table, hasPassword: tool.password != nil, hasPassphrase: tool.passphrase != nil)
        }
        let isTerminal = tool.terminal == .all
        self.init(
            stage,
            prompts: prompts,
            on: isTerminal ? .output : .diagnostics,
            tool: tool.failures,
            hasDiagnostics: !isTerminal
        )
        container = tool.container
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
