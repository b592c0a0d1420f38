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

/// A command that runs here for another context: its output is sent as it comes, as long as the caller keeps up, and
/// its input arrives from there.
final class Command: Sendable {
    private struct State {
        var outputs: [Int32: Broker.Side] = [:]
        var input: Broker.Side?
        var pendingInput = Queue<ArraySlice<UInt8>>()
        var inputEnds = false
        /// How many bytes of input have come.
        var inputCount = 0
        /// Why the command is not to go on with what it has.
        var failure: MitogenError?
        /// How many pieces of output were sent.
        var pieces = 0
        var isPaused = false
        /// Whether the caller has given the command up: what it still writes is read and dropped.
        var isAbandoned = false
        var isEnding = false
        /// What was read while paused: that a pipe is closed at the other end is told also then.
        var held = Queue<ProcessEvent>()
        var hasTimedOut = false
        var timers: [Timer] = []
        var quietTimer: Timer?
        var lastOutput: Int64 = 0
    }

    private let router: Router
    private let caller: ContextID
    private let handle: Handle
    private let process: SpawnedProcess
    private let teardown: [RunProcess.Step]
    private let gate: Gate
    private let state = Mutex(State())
    private let end = OneShot<RunProcess.Output>()

    /// After the command itself has ended, others may still hold its pipes: they are read until nothing has come for
    /// so long.
    private static let quiet = Duration.seconds(1)

    init(_ request: RunProcess, for caller: ContextID, in router: Router) throws(MitogenError) {
        self.router = router
        self.caller = caller
        handle = request.handle
        teardown = request.teardown
        gate = Gate(Window(ProcessWindow.output, first: request.window))
        let pipes = try CommandPipes(hasInput: request.hasInput)
        do throws(MitogenError) {
            var request = SpawnRequest(
                arguments: request.command.arguments,
                environment: Self.environment(
                    adding: request.command.environment,
                    removing: request.command.unset,
                    inherits: request.command.inheritsEnvironment
                ),
                directory: request.command.directory,
                descriptors: (
                    pipes.input.map { .descriptor($0.child) } ?? .null, .descriptor(pipes.output.child),
                    .descriptor(pipes.error.child)
                )
            )
            process = try router.processes.start { (guardDescriptor) throws(MitogenError) in
                request.guardDescriptor = guardDescriptor
                return try SpawnedProcess(request, broker: router.broker) { [processes = router.processes] pid in
                    processes.leaveGuard(pid)
                }
            }
        } catch {
            pipes.closeChildEnds()
            pipes.closeParentEnds()
            throw error
        }
        pipes.closeChildEnds()
        router.processes.add(self, for: ProcessKey(caller: caller, handle: handle))
        start(pipes, timeout: request.timeout)
    }

    /// This process's environment, or an empty one, with some variables set and others removed.
    ///
    /// - Parameters:
    ///   - additions: Variables as `NAME=VALUE`.
    ///   - removed: Names.
    ///   - inherits: Whether this process's variables are in it; true by default.
    static func environment(
        adding additions: [ByteString],
        removing removed: [ByteString] = [],
        inherits: Bool = true
    ) -> [ByteString] {
        guard inherits else { return additions }
        let equalsSign = UInt8(ascii: "=")
        let names = Set(additions.map { $0.bytes.prefix { $0 != equalsSign } } + removed.map { $0.bytes[...] })
        return ProcessIdentity.environment.filter { !names.contains($0.bytes.prefix { $0 != equalsSign }) } + additions
    }

    private func start(_ pipes: CommandPipes, timeout: Double?) {
        let broker = router.broker
        for (descriptor, isError) in [(pipes.output.own, false), (pipes.error.own, true)] {
            let side = Broker.Side(descriptor: descriptor, keepsAlive: true) { [weak self] _, scratch in
                self?.receive(descriptor, isError: isError, scratch)
            }
            state.withLock { $0.outputs[descriptor] = side }
        }
        // Not before both are known: a short command that has closed the first would be done without the second.
        for side in state.withLock({ Array($0.outputs.values) }) { broker.startReceiving(side) }
        if let input = pipes.input {
            let side = Broker.Side(descriptor: input.own, keepsAlive: false) { [weak self] _ in self?.writeInput() }
            state.withLock { $0.input = side }
            send(.inputCredit(ProcessWindow.inputSize))
        }
        // A limit that is no time for a clock is none.
        if let timeout = timeout.flatMap({ Duration(checkedSeconds: $0) }) {
            let timer = broker.schedule(after: timeout) { [weak self] in self?.timeOut() }
            state.withLock { $0.timers.append(timer) }
        }
        process.whenEnded { [self] _ in
            broker.schedule { [self] in
                closeInput()
                finishIfDone()
                // The pipes may still hold what it wrote: the silence is counted from here.
                state.withLock { $0.lastOutput = monotonicNanoseconds() }
                waitForQuiet()
            }
        }
    }

    func waitUntilEnded() async throws(MitogenError) -> RunProcess.Output {
        try await end.wait().get()
    }

    // MARK: Output

    private func receive(_ descriptor: Int32, isError: Bool, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, min(scratch.count, ProcessEvent.mostBytes))
        if count == -Int(EAGAIN) { return }
        guard count > 0 else { return closeOutput(descriptor, isError: isError) }
        let bytes = Array(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        state.withLock { $0.lastOutput = monotonicNanoseconds() }
        pass(on: isError ? .error(bytes) : .output(bytes))
    }

    /// Sends something that is in order with the output, or keeps it while the caller has not taken enough.
    private func pass(on event: ProcessEvent) {
        let isHeld = state.withLock { state in
            if state.isPaused { state.held.append(event) }
            return state.isPaused
        }
        guard !isHeld, let turn = sendInWindow(event) else { return }
        let paused = state.withLock { state in
            state.isPaused = true
            return Array(state.outputs.values)
        }
        for side in paused { router.broker.stopReceiving(side) }
        wait(for: turn)
    }

    /// - Returns: What to wait for before anything else is sent; nil if there is room.
    private func sendInWindow(_ event: ProcessEvent) -> OneShot<Void>? {
        if state.withLock({ $0.isAbandoned }) { return nil }
        send(event)
        guard let bytes = event.bytes else { return nil }
        state.withLock { $0.pieces += 1 }
        return gate.overdraw(ProcessEvent.cost(of: bytes))
    }

    private func wait(for turn: OneShot<Void>) {
        turn.whenResolved { [weak self] _ in
            guard let self else { return }
            router.broker.schedule { [weak self] in self?.resume() }
        }
    }

    /// There is room again. On the Broker's thread.
    private func resume() {
        while let event = state.withLock({ $0.held.popFirst() }) {
            if let turn = sendInWindow(event) { return wait(for: turn) }
        }
        let resumed = state.withLock { state in
            state.isPaused = false
            return Array(state.outputs.values)
        }
        for side in resumed { router.broker.startReceiving(side) }
        finishIfDone()
    }

    private func send(_ event: ProcessEvent) {
        // Output is a flow, so it names who takes credit for it; the rest is not to wait behind it.
        let replyTo = event.isOutput ? StandardHandle.processInput : 0
        router.route(Message(dstID: caller, handle: handle, replyTo: replyTo, encoding: .binary, data: event.data))
    }

    private func closeOutput(_ descriptor: Int32, isError: Bool) {
        if !isError, process.status == nil { pass(on: .closed(.output)) }
        if let side = state.withLock({ $0.outputs.removeValue(forKey: descriptor) }) { router.broker.close(side) }
        finishIfDone()
    }

    private func finishIfDone() {
        guard let status = process.status, state.withLock({ $0.outputs.isEmpty && !$0.isPaused }) else { return }
        finish(status)
    }

    private func finish(_ status: ExitStatus) {
        let (timers, hasTimedOut, outputs) = state.withLock { state in
            defer { state.outputs = [:] }
            // One that is left keeps the Broker until it fires.
            let timers = state.timers + [state.quietTimer].compactMap { $0 }
            return (timers, state.hasTimedOut, state.outputs.values.map { $0 })
        }
        for timer in timers { timer.cancel() }
        for side in outputs { router.broker.close(side) }
        router.processes.remove(ProcessKey(caller: caller, handle: handle))
        send(.outputEnd(pieces: state.withLock { $0.pieces }))
        let failure = state.withLock { $0.failure }
        let output = RunProcess.Output(status: status, hasTimedOut: hasTimedOut)
        end.resolve(failure.map { .failure($0) } ?? .success(output))
    }

    private func waitForQuiet() {
        guard end.outcome == nil, let status = process.status else { return }
        let (isPaused, last) = state.withLock { ($0.isPaused, $0.lastOutput) }
        if !isPaused, monotonicNanoseconds() - last >= Self.quiet.nanoseconds { return finish(status) }
        let timer = router.broker.schedule(after: .milliseconds(200)) { [weak self] in self?.waitForQuiet() }
        state.withLock { $0.quietTimer = timer }
    }

    // MARK: Input and credit

    /// The caller has sent input, or has dealt with output. On the Broker's thread.
    func receive(_ control: ProcessControl) {
        if let credit = control.credit { gate.add(Credit(bytes: credit)) }
        let isWhole = state.withLock { state in
            guard control.input != nil || control.endsInput == true, let input = state.input else { return true }
            guard control.position ?? state.inputCount == state.inputCount else {
                // Nobody misses it if the command has closed its input.
                if Self.hasNoReader(input.descriptor) { return true }
                state.failure = Self.lostInput(after: state.inputCount)
                return false
            }
            if let bytes = control.input {
                state.inputCount += bytes.count
                state.pendingInput.append(bytes[...])
            }
            if control.endsInput == true { state.inputEnds = true }
            return true
        }
        // It would take what has come for all, so its input stays open.
        if isWhole { writeInput() } else { terminate() }
    }

    private static func hasNoReader(_ pipe: Int32) -> Bool {
        var entry = pollfd(fd: pipe, events: 0, revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLERR) != 0
    }

    private static func lostInput(after count: Int) -> MitogenError {
        MitogenError(.inputFailed, "input of the command was lost on the way, after \(count) bytes; it was ended")
    }

    private func writeInput() {
        while true {
            let (side, bytes, ends) = state.withLock { state in
                (state.input, state.pendingInput.popFirst(), state.inputEnds)
            }
            guard let side else { return }
            guard let bytes else {
                router.broker.stopTransmitting(side)
                if ends { closeInput() }
                return
            }
            let count = bytes.withUnsafeBytes { cmitogen_write2(side.descriptor, $0.baseAddress, $0.count, nil, 0) }
            if count > 0 { send(.inputCredit(count)) }
            if count == bytes.count { continue }
            guard count >= 0 || count == -Int(EAGAIN) else {
                send(.closed(.input))  // it does not want any more
                return closeInput()
            }
            // A slice: the rest of a large piece is not copied for each write.
            state.withLock { $0.pendingInput.prepend(bytes.dropFirst(max(0, count))) }
            return router.broker.startTransmitting(side)
        }
    }

    private func closeInput() {
        let (side, lost) = state.withLock { state in
            (state.input.take(), state.pendingInput.takeAll().reduce(0) { $0 + $1.count })
        }
        if let side { router.broker.close(side) }
        // Whoever sends does not wait for room that never comes.
        if lost > 0 || side != nil { send(.inputCredit(lost + ProcessWindow.inputSize)) }
    }

    // MARK: Ending

    private func timeOut() {
        state.withLock { $0.hasTimedOut = true }
        terminate()
    }

    /// The caller has given the command up: no credit for its output comes any more.
    func abandon() {
        state.withLock { $0.isAbandoned = true }
        gate.removeBound()
        terminate()
    }

    /// Goes through the steps that the caller has chosen, once, and ends with KILL.
    func terminate() {
        let begins = state.withLock { state in
            defer { state.isEnding = true }
            return !state.isEnding
        }
        guard begins, end.outcome == nil else { return }
        process.end(.command(teardown))
    }
}
