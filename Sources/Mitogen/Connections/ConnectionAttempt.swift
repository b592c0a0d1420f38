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

    /// What is waited for before there is a process.
    struct Waiting {
        var timer: Timer?
        var text: String?
        /// Until when more time is given for it.
        var patience: (@Sendable () -> ContinuousClock.Instant?)?
    }

    /// What is known of what was launched.
    private struct Launched {
        /// The context's name, if that is its process's.
        var name: String?
        var plan: ConnectionPlan?
        /// What brings the program where there is no shell.
        var copy: CopyLauncher?
    }

    let router: Router
    let id: ContextID
    let request: ConnectionRequest
    let image: ImageSource
    let deadline: ContinuousClock.Instant
    let clock: ConnectionClock?
    let retries: ConnectionRetries
    private let machine: Mutex<Machine>
    let waiting = Mutex(Waiting())
    private let launched = Mutex(Launched())
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
        machine = Mutex(Machine(id: id, version: Mitogen.version))
    }

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
        launched.withLock { $0 = Launched(plan: plan, copy: copy) }
        let otherwise = Machine.Otherwise(copies: copy != nil, question: plan.container?.containerQuery)
        feed { $0.launched(process, wire, BootstrapMachine(stage, plan), otherwise: otherwise) }
        wire.begin { [weak self] in self?.happened($0, hidesInput: $1) ?? false }
        if plan.startsProgram { router.broker.schedule { [self] in bootstrap { $0.startProgram() } } }
    }

    /// The program itself was started.
    ///
    /// - Parameter forked: The setup of a forked process; nil, the default, for others.
    func follow(_ spawned: SpawnedProcess, _ ends: ConnectionEnds, forked: ForkSetup? = nil) {
        timeline.note(.starting)
        let (name, logger) = (request.name(pid: spawned.pid), router.logger)
        launched.withLock { $0.name = name }
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
        let image = image ?? self.image.identity ?? ""
        var configuration = router.configuration(for: id, common, remoteName: remoteName, image: image)
        configuration.fork = forked
        guard var message = try? Message.pickled(configuration, handle: StandardHandle.configure) else { return [] }
        message.dstID = id
        message.srcID = router.contextID
        message.authID = message.srcID
        return message.frame
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
                timeline.note(inner)
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
        case .copyProgram: if let copy = launched.withLock({ $0.copy.take() }) { launch(copy) }
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
        waiting.withLock { $0.timer.take() }?.cancel()
        let name = launched.withLock { $0.name } ?? request.name()
        result.resolve(outcome.mapError { $0.inContext(name).after(timeline.report) })
    }

    private func succeed(_ process: ChildProcess, _ wire: ChildWire, _ greeting: ChildGreeting, _ rest: [UInt8]) {
        timeline.note(.ready)
        do throws(MitogenError) {
            let link = try wire.handOver()
            let name = request.name(pid: process.process.pid)
            let context = router.connectChild(
                link,
                id: id,
                name: name,
                info: greeting.info,
                process: process,
                received: rest
            )
            context.state.connection = timeline.report
            settle(.success(context))
        } catch {
            process.terminate()
            settle(.failure(error))
        }
    }

    private func perform(_ action: BootstrapAction, _ wire: ChildWire) {
        guard let plan = launched.withLock({ $0.plan }) else { return }
        switch action {
        case .send(let bytes): wire.send(bytes)
        case .typePassword: wire.type(secret: plan.password)
        case .typePassphrase: wire.type(secret: plan.passphrase)
        case .acceptHostKey: wire.type("yes\n")
        case .findImage(let platform):
            let images = router.images()
            make {
                await images.search(platform)
            } then: { attempt, result in
                switch result {
                case .success(let image): attempt.bootstrap { $0.found(image, at: images.path(for: platform)) }
                case .failure(let error): attempt.giveUp(error)
                }
            }
        case .compress(let image, let forms):
            let images = router.images()
            make {
                await images.compressed(image, plan.compressesImage ? forms : [.none])
            } then: { attempt, result in
                attempt.upload(result, wire)
            }
        // The image's bytes follow those that announce it. The others are the outer machine's.
        case .sendImage, .handOver, .fail: break
        case .configure:
            let image = machine.withLock { $0.bootstrap?.image?.key }
            wire.send(configuration(image: image))
        case .expectEnd: wire.awaitEnd()
        }
    }

    private func giveUp(_ error: MitogenError) {
        bootstrap { $0.giveUp(error.code, error.message, hint: error.advice) }
    }

    private func upload(_ result: Result<ImageStore.Upload, MitogenError>, _ wire: ChildWire) {
        switch result {
        case .failure(let error): giveUp(error)
        case .success(let upload):
            timeline.noteImage(byteCount: upload.bytes.count)
            bootstrap { $0.upload(upload.compression, byteCount: upload.bytes.count, sha256: upload.sha256) }
            wire.send(upload.bytes)
        }
    }

    /// Images are made on a thread where that may take its time.
    private func make<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (ConnectionAttempt, Value) -> Void
    ) {
        // Unstructured, because it is an event of the machine that asks for it; it ends by itself.
        Task(executorPreference: FunctionExecutor.shared) { [weak self] in
            let value = await body()
            self?.router.broker.schedule { [weak self] in
                if let self { then(self, value) }
            }
        }
    }
}

extension BootstrapMachine {
    init(_ stage: FirstStage, _ plan: ConnectionPlan) {
        let prompts = plan.prompts.map { table in
            PromptMachine(table, hasPassword: plan.password != nil, hasPassphrase: plan.passphrase != nil)
        }
        let isTerminal = plan.terminal == .all
        self.init(
            stage,
            prompts: prompts,
            on: isTerminal ? .output : .diagnostics,
            tool: plan.failures,
            hasDiagnostics: !isTerminal
        )
        container = plan.container
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
