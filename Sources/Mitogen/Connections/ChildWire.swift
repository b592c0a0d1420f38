//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The connection to a process that is to become a context, or to the tool that starts it: reads its output, writes its
/// input, and types answers to its questions. A ``Stream`` takes the connection over when the context has greeted.
///
/// Everything happens on the Broker's thread.
final class ChildWire: Sendable {
    /// Takes an event, and whether the terminal hides what is typed, if there is one. Tells whether the tool may have
    /// asked something.
    typealias Handler = @Sendable (WireEvent, _ hidesInput: Bool?) -> Bool

    private struct State {
        /// The terminal's or pipe's own side, to type on.
        let terminal: Int32
        /// The same, if it is a terminal for questions; nil when no more are expected.
        var questions: QuestionTerminal?
        /// The tool's process.
        let pid: Int32
        var side: Broker.Side?
        var handler: Handler?
        /// What has happened before somebody took it.
        var early: [WireEvent] = []
        /// Runs out when nothing has come for a while.
        var silence: Timer?
        /// While it runs the Broker does not end.
        var grace: Timer?
        /// Slices, because a terminal takes 4 KiB at a time, and an image is not copied for each.
        var pending = Queue<ArraySlice<UInt8>>()
        var isOver = false
    }

    private let broker: Broker
    /// Whether the terminal that is typed on is the whole connection.
    private let isTerminal: Bool
    private let state: Mutex<State>

    /// Starts a tool. What happens waits until ``begin(_:)``.
    ///
    /// - Parameter whenLine: Called with every line of its diagnostics.
    /// - Throws: ``MitogenError`` with `.spawnError`; nothing is left then.
    static func start(
        _ plan: ConnectionPlan,
        on broker: Broker,
        whenLine: @escaping @Sendable (String) -> Void
    ) throws(MitogenError) -> (ChildWire, ChildProcess) {
        let ends = try ConnectionEnds(terminal: plan.tool.terminal)
        let questions = plan.hasQuestions ? QuestionTerminal(master: ends.diagnostics ?? ends.stream) : nil
        questions?.prepare()
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            spawned = try ends.spawn(plan.arguments, environment: plan.environment, on: broker)
        } catch {
            throw MitogenError(.spawnError, error.message, hint: error.advice ?? plan.tool.container?.missingToolHint)
        }
        return takeOver(spawned, ends, questions, rewritten: plan.withoutEcho, on: broker, whenLine: whenLine)
    }

    /// Takes over a process and the near ends of what leads to it.
    static func takeOver(
        _ spawned: SpawnedProcess,
        _ ends: ConnectionEnds,
        _ questions: QuestionTerminal? = nil,
        rewritten: (@Sendable (String) -> String)? = nil,
        on broker: Broker,
        whenLine: @escaping @Sendable (String) -> Void
    ) -> (ChildWire, ChildProcess) {
        let wire = ChildWire(ends, questions, tool: spawned.pid, on: broker)
        let process = ChildProcess(
            process: spawned,
            diagnostics: ends.diagnostics,
            broker: broker,
            raw: { [weak wire] in wire?.happened(.diagnostics(Array($0))) },
            rewritten: rewritten,
            whenLine: whenLine
        )
        process.whenDiagnosticsEnd { [weak wire] in
            wire?.state.withLock { $0.questions = nil }
            wire?.happened(.diagnosticsEnded)
        }
        spawned.whenEnded { [weak wire] status in
            broker.schedule { [weak wire] in wire?.happened(.exited(BootstrapExit(status))) }
        }
        return (wire, process)
    }

    private init(_ ends: ConnectionEnds, _ questions: QuestionTerminal?, tool: Int32, on broker: Broker) {
        self.broker = broker
        isTerminal = ends.diagnostics == nil
        state = Mutex(State(terminal: ends.diagnostics ?? ends.stream, questions: questions, pid: tool))
        let side = Broker.Side(descriptor: ends.stream, keepsAlive: true) { [weak self] readiness, scratch in
            if readiness.contains(.writable) { self?.write() }
            if readiness.contains(.readable) || readiness.contains(.hangup) { self?.read(ends.stream, scratch) }
        }
        state.withLock { $0.side = side }
    }

    /// From now on events are taken.
    func begin(_ handler: @escaping Handler) {
        broker.schedule { [self] in
            let (side, early) = state.withLock { state -> (Broker.Side?, [WireEvent]) in
                guard !state.isOver else { return (nil, []) }
                state.handler = handler
                defer { state.early = [] }
                return (state.side, state.early)
            }
            if let side { broker.startReceiving(side) }
            for event in early { happened(event) }
        }
    }

    /// Lets go of the connection: nothing happens any more.
    func cancel() {
        let (side, timers) = state.withLock { state in
            state.isOver = true
            state.handler = nil
            return (state.side.take(), [state.grace.take(), state.silence.take()])
        }
        for timer in timers { timer?.cancel() }
        if let side { broker.close(side) }
    }

    /// Gives the connection away, under a second number: the first one is closed with its side.
    ///
    /// - Throws: ``MitogenError``, if there is no number for it.
    func handOver() throws(MitogenError) -> StreamDescriptors {
        guard let side = state.withLock({ $0.side }) else {
            throw MitogenError(.eofError, "the connection has ended")
        }
        let descriptor = cmitogen_duplicate(side.descriptor, 3)
        cancel()
        guard descriptor >= 0 else { throw .system("cannot duplicate the connection", errno: -descriptor) }
        return StreamDescriptors(socket: descriptor)
    }

    // MARK: Events

    private func happened(_ event: WireEvent) {
        let (handler, questions) = state.withLock { state in
            if state.handler == nil, !state.isOver { state.early.append(event) }
            return (state.handler, state.questions)
        }
        guard let handler else { return }
        let mayAsk = handler(event, questions?.hidesInput)
        guard questions != nil else { return }
        switch event {
        case .output, .diagnostics:
            let old = state.withLock { $0.silence.take() }
            old?.cancel()
            if mayAsk { awaitSilence(Self.shortSilence) }
        default: break
        }
    }

    /// The pieces of one line arrive within this time, so that a longer pause ends the line.
    private static let shortSilence = Duration.milliseconds(100)
    /// A prompt that is not recognized fails the attempt after this time without output.
    private static let longSilence = Duration.seconds(3)
    private static let silenceStep = Duration.seconds(1)

    private func awaitSilence(_ time: Duration, after: Duration = .zero, seen: TerminalSight? = nil) {
        let timer = broker.schedule(after: time - after) { [weak self] in self?.didFallSilent(time, seen) }
        let isOver = state.withLock { state in
            if !state.isOver { state.silence = timer }
            return state.isOver
        }
        if isOver { timer.cancel() }
    }

    private func didFallSilent(_ time: Duration, _ seen: TerminalSight?) {
        let (handler, questions, pid) = state.withLock { ($0.handler, $0.questions, $0.pid) }
        guard let handler, let questions else { return }
        let sight = questions.sight(tool: pid)
        let isLong = time >= Self.longSilence
        // A tool that was just resumed may not have written yet, so the same has to be seen twice.
        if isLong, seen != sight {
            return awaitSilence(time + Self.shortSilence, after: time, seen: sight)
        }
        let event = WireEvent.silent(sight, isLong: isLong)
        if handler(event, questions.hidesInput) {
            awaitSilence(max(Self.longSilence, time + Self.silenceStep), after: time)
        }
    }

    /// Waits a second for what else belongs to the end.
    func awaitEnd() {
        let timer = broker.schedule(after: .seconds(1)) { [weak self] in self?.happened(.waitedForEnd) }
        state.withLock { $0.grace = timer }
    }

    private func read(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return }
        guard count > 0 else {
            closeSide()
            let isEnd = [0, -Int(EIO), -Int(ECONNRESET), -Int(EPIPE)].contains(count)
            let reason = isEnd ? nil : "the connection failed: \(String(cString: strerror(Int32(-count))))"
            return happened(.outputEnded(reason))
        }
        happened(.output(Array(UnsafeRawBufferPointer(rebasing: scratch[..<count]))))
    }

    private func closeSide() {
        let side = state.withLock { state in
            if isTerminal { state.questions = nil }
            return state.side.take()
        }
        if let side { broker.close(side) }
    }

    // MARK: Output

    func send(_ bytes: [UInt8]) {
        let questions = state.withLock { state in
            state.pending.append(bytes[...])
            return state.questions.take()
        }
        // Nothing more is asked. If the terminal also is the connection, bytes must get through as they are.
        if isTerminal { questions?.makeRaw() }
        write()
    }

    private func write() {
        while true {
            guard
                let (side, bytes) = state.withLock({ state -> (Broker.Side, ArraySlice<UInt8>)? in
                    guard let side = state.side, let bytes = state.pending.popFirst() else { return nil }
                    return (side, bytes)
                })
            else { break }
            let count = bytes.withUnsafeBytes { cmitogen_write2(side.descriptor, $0.baseAddress, $0.count, nil, 0) }
            if count == bytes.count { continue }
            guard count >= 0 || count == -Int(EAGAIN) else { return }  // reading will tell why
            state.withLock { $0.pending.prepend(bytes.dropFirst(max(0, count))) }
            return broker.startTransmitting(side)
        }
        if let side = state.withLock({ $0.side }) { broker.stopTransmitting(side) }
    }

    /// Types a secret and a line end, where it is not shown.
    func type(secret: Secret?) {
        state.withLock { $0.questions }?.hideInput()
        type((secret?.value ?? "") + "\n")
    }

    func type(_ text: String) {
        let terminal = state.withLock { $0.terminal }
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { cmitogen_write2(terminal, $0.baseAddress, $0.count, nil, 0) }
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
