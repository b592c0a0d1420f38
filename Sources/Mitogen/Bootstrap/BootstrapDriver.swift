//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Carries out what a ``BootstrapMachine`` says, for one connection: starts the tool, reads, writes, types.
///
/// Everything happens on the Broker's thread but the making of images.
final class BootstrapDriver: Sendable {
    private struct State {
        var machine: BootstrapMachine
        var side: Side?
        /// The terminal's or pipe's own side, to type on.
        var terminal: Int32?
        /// The same, if it is a terminal for questions; nil when no more are expected.
        var questions: QuestionTerminal?
        /// The tool's process.
        var pid: Int32 = 0
        /// Runs out when nothing has come for a while.
        var silence: Timer?
        var pending = Queue<[UInt8]>()
        /// While it runs the Broker does not end.
        var grace: Timer?
        var isDone = false
    }

    /// What comes of it.
    enum Outcome: Sendable {
        /// The program speaks: its descriptor, the first bytes that it has said, and the identity of the image that
        /// was executed; nil for an executable.
        case ready(StreamDescriptors, [UInt8], image: String?)
        case failed(MitogenError, retry: ConnectionRetries.Reason?)
    }

    private let broker: Broker
    private let plan: ConnectionPlan
    private let images: ImageStore
    private let configuration: @Sendable (String?) -> [UInt8]
    private let timeline: ConnectionTimeline
    private let state: Mutex<State>
    private let answered: @Sendable () -> Void
    private let finished: @Sendable (Outcome) -> Void

    /// - Parameters:
    ///   - configuration: The frame that the program waits for, by the image's identity; nil for an executable.
    ///   - answered: Called when the first stage prints its marker, that is after all logins.
    ///   - finished: Called once, on the Broker's thread.
    init(
        _ stage: FirstStage,
        plan: ConnectionPlan,
        images: ImageStore,
        configuration: @escaping @Sendable (String?) -> [UInt8],
        timeline: ConnectionTimeline,
        broker: Broker,
        answered: @escaping @Sendable () -> Void,
        finished: @escaping @Sendable (Outcome) -> Void
    ) {
        self.broker = broker
        self.plan = plan
        self.images = images
        self.configuration = configuration
        self.timeline = timeline
        self.answered = answered
        self.finished = finished
        let prompts = plan.prompts.map { table in
            PromptMachine(table, hasPassword: plan.password != nil, hasPassphrase: plan.passphrase != nil)
        }
        let isTerminal = plan.terminal == .all
        var machine = BootstrapMachine(
            stage,
            prompts: prompts,
            on: isTerminal ? .output : .diagnostics,
            tool: plan.failures,
            hasDiagnostics: !isTerminal
        )
        machine.container = plan.container
        state = Mutex(State(machine: machine))
    }

    /// Starts the tool.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`; nothing is left then.
    func start(whenLine: @escaping @Sendable (String) -> Void) throws(MitogenError) -> ChildProcess {
        let ends = try ConnectionEnds(terminal: plan.terminal)
        defer { ends.closeFarEnds() }
        let questions = plan.hasQuestions ? QuestionTerminal(master: ends.diagnostics ?? ends.stream) : nil
        questions?.prepare()
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: plan.arguments,
                    environment: plan.environment,
                    directory: nil,
                    descriptors: ends.descriptors,
                    terminal: ends.terminalPath
                ),
                broker: broker
            )
        } catch {
            ends.closeNearEnds()
            let hint = error.hint ?? plan.container?.missingToolHint
            throw MitogenError(.spawnError, "Child start failed: \(error.message)", hint: hint)
        }
        let side = Side(descriptor: ends.stream, keepsAlive: true) { [weak self] readiness, scratch in
            guard let self else { return }
            if readiness.contains(.writable) { write() }
            if readiness.contains(.readable) || readiness.contains(.hangup) { read(ends.stream, scratch) }
        }
        // Before anything is read: the first question may come at once, on the Broker's thread.
        state.withLock { state in
            state.side = side
            state.terminal = ends.diagnostics ?? ends.stream
            state.questions = questions
            state.pid = spawned.pid
        }
        let process = ChildProcess(
            process: spawned,
            diagnostics: ends.diagnostics,
            broker: broker,
            raw: { [weak self] bytes in
                let copy = Array(bytes)
                self?.receive { $0.receive(diagnostics: copy) }
            },
            rewritten: withoutEcho,
            whenLine: whenLine
        )
        broker.startReceive(side)
        if plan.startsProgram { feed { $0.startProgram() } }
        process.whenDiagnosticsEnd { [weak self] in
            self?.state.withLock { $0.questions = nil }
            self?.feed { $0.diagnosticsDidEnd() }
        }
        spawned.whenEnded { [weak self] status in
            self?.broker.schedule { [weak self] in
                self?.feed { $0.processDidExit(BootstrapExit(status)) }
            }
        }
        return process
    }

    /// Removes the echo of a typed password from lines before they are kept or logged; nil if the tool asks nothing.
    private var withoutEcho: (@Sendable (String) -> String)? {
        guard let table = plan.prompts else { return nil }
        return { line in String(decoding: table.withoutEcho(Array(line.utf8)), as: UTF8.self) }
    }

    /// The time is over.
    func deadlineDidPass(_ timeout: Duration) {
        broker.schedule { [self] in feed { $0.deadlineDidPass(timeout) } }
    }

    /// Ends the attempt without a word.
    func cancel() {
        let (side, timers) = state.withLock { state in
            state.isDone = true
            return (state.side.take(), [state.grace.take(), state.silence.take()])
        }
        for timer in timers { timer?.cancel() }
        if let side { broker.close(side) }
    }

    // MARK: The machine

    private func feed(_ event: (inout BootstrapMachine) -> [BootstrapAction]) {
        let (actions, isAnswer) = state.withLock { state -> ([BootstrapAction], Bool) in
            guard !state.isDone else { return ([], false) }
            defer { timeline.note(state.machine) }
            let before = state.machine.stage
            let actions = event(&state.machine)
            return (actions, before == .connecting && state.machine.stage != .connecting)
        }
        if isAnswer { answered() }
        for action in actions { perform(action) }
    }

    /// Feeds what the tool has written, and looks when nothing more comes.
    private func receive(_ event: (inout BootstrapMachine) -> [BootstrapAction]) {
        let questions = state.withLock { $0.questions }
        feed { machine in
            if let questions { machine.hidesInput = questions.hidesInput }
            return event(&machine)
        }
        guard questions != nil else { return }
        let (old, mayAsk) = state.withLock { ($0.silence.take(), !$0.isDone && $0.machine.mayAsk) }
        old?.cancel()
        if mayAsk { awaitSilence(Self.shortSilence) }
    }

    /// The pieces of one line arrive within this time, so that a longer pause ends the line.
    private static let shortSilence = Duration.milliseconds(100)
    /// A prompt that is not recognized fails the attempt after this time without output.
    private static let longSilence = Duration.seconds(3)
    private static let silenceStep = Duration.seconds(1)

    private func awaitSilence(_ time: Duration, after: Duration = .zero) {
        let timer = broker.schedule(after: time - after) { [weak self] in self?.didFallSilent(time) }
        state.withLock { $0.silence = timer }
    }

    private func didFallSilent(_ time: Duration) {
        let (questions, pid) = state.withLock { ($0.questions, $0.pid) }
        guard let questions else { return }
        let sight = questions.sight(tool: pid)
        feed { $0.fellSilent(sight, isLong: time >= Self.longSilence) }
        guard state.withLock({ !$0.isDone && $0.machine.mayAsk }) else { return }
        awaitSilence(max(Self.longSilence, time + Self.silenceStep), after: time)
    }

    private func perform(_ action: BootstrapAction) {
        switch action {
        case .send(let bytes): send(bytes)
        case .typePassword: type(secret: plan.password)
        case .typePassphrase: type(secret: plan.passphrase)
        case .acceptHostKey: type("yes\n")
        case .findImage(let platform):
            let path = images.path(for: platform)
            make { [images] in
                await images.search(platform)
            } then: { driver, result in
                switch result {
                case .success(let image): driver.feed { $0.found(image, at: path) }
                case .failure(let error): driver.giveUp(error)
                }
            }
        case .compress(let image, let forms):
            let forms = plan.compressesImage ? forms : [.none]
            make { [images] in
                await images.compressed(image, forms)
            } then: { driver, upload in
                driver.upload(upload)
            }
        case .sendImage: break  // its bytes follow those that announce it, see `upload`
        case .configure: send(configuration(executedImage))
        case .handOver(let bytes): handOver(bytes)
        case .expectEnd:
            let timer = broker.schedule(after: .seconds(1)) { [weak self] in self?.feed { $0.graceDidEnd() } }
            state.withLock { $0.grace = timer }
        case .fail(let failure):
            finish(.failed(failure.error, retry: failure.retry))
        }
    }

    private var executedImage: String? { state.withLock { $0.machine.image?.key } }

    private func giveUp(_ error: MitogenError) {
        feed { $0.giveUp(error.code, error.message, hint: error.hint) }
    }

    private func upload(_ result: Result<ImageStore.Upload, MitogenError>) {
        switch result {
        case .failure(let error): giveUp(error)
        case .success(let upload):
            timeline.noteImage(byteCount: upload.bytes.count)
            feed { $0.upload(upload.compression, byteCount: upload.bytes.count, sha256: upload.sha256) }
            send(upload.bytes)
        }
    }

    /// Images are made on a thread where that may take its time.
    private func make<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value,
        then: @escaping @Sendable (BootstrapDriver, Value) -> Void
    ) {
        // Unstructured, because it is an event of the machine that asks for it; it ends by itself.
        Task(executorPreference: FunctionExecutor.shared) { [weak self] in
            let value = await body()
            self?.broker.schedule { [weak self] in
                if let self { then(self, value) }
            }
        }
    }

    // MARK: Input and output

    private func read(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return }
        guard count > 0 else {
            closeSide()
            return feed { $0.outputDidEnd() }
        }
        let bytes = Array(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        receive { $0.receive(output: bytes) }
    }

    private func send(_ bytes: [UInt8]) {
        let questions = state.withLock { state in
            state.pending.append(bytes)
            return state.questions.take()
        }
        // Nothing more is asked. If the terminal also is the connection, bytes must get through as they are.
        if plan.terminal == .all { questions?.makeRaw() }
        write()
    }

    private func write() {
        while true {
            guard
                let (side, bytes) = state.withLock({ state -> (Side, [UInt8])? in
                    guard let side = state.side, let bytes = state.pending.popFirst() else { return nil }
                    return (side, bytes)
                })
            else { break }
            let count = bytes.withUnsafeBytes { cmitogen_write2(side.descriptor, $0.baseAddress, $0.count, nil, 0) }
            if count == bytes.count { continue }
            guard count >= 0 || count == -Int(EAGAIN) else { return }  // reading will tell why
            state.withLock { $0.pending.prepend(Array(bytes.dropFirst(max(0, count)))) }
            return broker.startTransmit(side)
        }
        if let side = state.withLock({ $0.side }) { broker.stopTransmit(side) }
    }

    private func type(secret: Secret?) {
        state.withLock { $0.questions }?.hideInput()
        type((secret?.value ?? "") + "\n")
    }

    private func type(_ text: String) {
        guard let terminal = state.withLock({ $0.terminal }) else { return }
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { cmitogen_write2(terminal, $0.baseAddress, $0.count, nil, 0) }
    }

    // MARK: The end

    private func handOver(_ bytes: [UInt8]) {
        guard let side = state.withLock({ $0.side }) else { return }
        // A second number for the same connection: the first one is closed with its side.
        let descriptor = cmitogen_duplicate(side.descriptor, 3)
        closeSide()
        guard descriptor >= 0 else {
            let error = MitogenError.system("cannot duplicate the connection", errno: -descriptor)
            return finish(.failed(error, retry: nil))
        }
        finish(.ready(StreamDescriptors(socket: descriptor), bytes, image: executedImage))
    }

    private func closeSide() {
        let side = state.withLock { state in
            if plan.terminal == .all { state.questions = nil }
            return state.side.take()
        }
        if let side { broker.close(side) }
    }

    private func finish(_ outcome: Outcome) {
        let (isFirst, timers) = state.withLock { state in
            defer { state.isDone = true }
            return (!state.isDone, [state.grace.take(), state.silence.take()])
        }
        for timer in timers { timer?.cancel() }
        closeSide()
        if isFirst { finished(outcome) }
    }
}

extension BootstrapExit {
    init(_ status: ExitStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let number): self = .signalled(number)
        }
    }
}
