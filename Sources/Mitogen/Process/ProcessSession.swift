//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The caller's end of a command that runs in another context.
final class ProcessSession: Sendable {
    private enum Arrival: Sendable {
        case piece(ProcessOutput.Piece)
        case closed(CommandStream)
    }

    private struct State {
        /// The command is not trusted to keep to its window.
        var account = Account(ProcessWindow.output, first: Credit.first)
        var tally = Tally()
        /// Told once each, whatever the context says.
        var closed: Set<CommandStream> = []
        /// What the pieces cost that were given out, and may still be dealt with.
        var taken: [Int] = []
        var errorTail = ErrorTail()
        var handle: Handle = 0
        var call: RunningCall?
        var timer: Timer?
        var isClosed = false
        var reader = ReaderTime()
        /// Why the run was ended because of its input.
        var inputFailure: MitogenError?
        /// Why input was lost, which need not matter to the command.
        var inputLoss: MitogenError?
    }

    /// How long the caller has dealt with the pieces that it was given, which is none of the command's time.
    private struct ReaderTime {
        private var total: Int64 = 0
        private var since: Int64?

        mutating func begin() { since = monotonicNanoseconds() }

        mutating func end() {
            total = nanoseconds
            since = nil
        }

        var nanoseconds: Int64 { total + (since.map { monotonicNanoseconds() - $0 } ?? 0) }
    }

    private let request: ProcessRequest
    private let context: Context
    private let router: Router
    private let share: LinkBudget.Share
    /// Nil is the end.
    private let output = Mailbox<Arrival?>()
    /// Closed until the command has started and says so: what came earlier would find nobody.
    private let input = Gate(ProcessWindow.input)
    /// Where it is told that input was lost; 0 if there is none.
    private let inputHandle = Atomic<Handle>(0)
    /// How many bytes of input were sent.
    private let inputCount = Atomic<Int>(0)
    private let state = Mutex(State())

    /// How long a command's end is waited for after its time limit and the steps that end it.
    private static let grace = Duration.seconds(3)

    init(_ request: ProcessRequest, in context: Context) throws(MitogenError) {
        self.request = request
        self.context = context
        router = try context.callableRouter
        share = LinkBudget.Share(of: router.budget(of: context.id))
        let handle = try router.addHandler(respondent: context) { [weak self] message in self?.receive(message) }
        state.withLock { $0.handle = handle }
    }

    var handle: Handle { state.withLock { $0.handle } }

    /// Asks for the command.
    func start(_ message: RunProcess, within timeout: Duration?) throws(MitogenError) {
        if message.hasInput {
            let handle = try router.addHandler(respondent: context) { [weak self] in self?.inputWasLost($0) }
            inputHandle.store(handle, ordering: .relaxed)
        }
        var message = message
        message.window = state.withLock { state in
            _ = state.account.begin(share: share.adjust)
            return state.account.limit
        }
        // The command's own limit is what is left of the task's, and its end is waited for a little longer.
        let call = try context.caller.start(message, keepsDeadline: false)
        state.withLock { $0.call = call }
        if let timeout {
            watch(call, within: timeout, after: timeout + request.teardown.longest + Self.grace, readerTime: 0)
        }
        call.pending.whenResolved { [weak self] in self?.callDidEnd($0) }
    }

    /// Gives the command up if it still runs.
    func close() {
        let (call, timer) = state.withLock { state in
            state.isClosed = true
            return (state.call, state.timer)
        }
        timer?.cancel()
        end(call, because: MitogenError(.cancelled, "the command's output is not wanted any more"))
        try? router.removeHandler(at: handle)
        try? router.removeHandler(at: inputHandle.load(ordering: .relaxed))
    }

    // MARK: What comes

    /// The next piece of output; nil after the last one. What was given out before counts as dealt with.
    func next() async throws(MitogenError) -> ProcessOutput.Piece? {
        giveCredit()
        state.withLock { $0.reader.end() }
        while let arrival = try await nextArrival() {
            switch arrival {
            case .closed(let stream): await request.whenClosed(stream)
            case .piece(let piece):
                state.withLock { state in
                    state.reader.begin()
                    state.taken.append(ProcessEvent.cost(of: piece.bytes))
                    if piece.source == .standardError { state.errorTail.add(piece.bytes) }
                }
                return piece
            }
        }
        return nil
    }

    /// What comes next; nil if nothing does, and also if the call has failed, which says why.
    private func nextArrival() async throws(MitogenError) -> Arrival? {
        do throws(MitogenError) {
            return try await output.get()
        } catch {
            // The command has ended well, but its output is not all here.
            if case .success(let answer)? = state.withLock({ $0.call })?.pending.outcome, !answer.isDead { throw error }
            return nil
        }
    }

    /// How the command has ended, when ``next()`` has given nil.
    ///
    /// - Throws: Why it is not known; `.commandFailed` if it is checked.
    func result() async throws(MitogenError) -> ProcessResult {
        guard let call = state.withLock({ $0.call }) else { throw MitogenError(.misuse, "the command was not started") }
        let end: RunProcess.Output
        do throws(MitogenError) {
            end = try await call.reply(timeout: nil).output()
        } catch {
            let failure = state.withLock { $0.inputFailure ?? (error.code == .inputFailed ? $0.inputLoss : nil) }
            if let failure { throw failure }
            throw await context.explain(error, of: request.command)
        }
        let result = result(end)
        return request.throwsOnFailure ? try result.checked() : result
    }

    /// What becomes of a command that is ended because its output is not wanted.
    var endedEarly: ProcessResult { result(RunProcess.Output(status: .signaled(15), hasTimedOut: false)) }

    private func result(_ end: RunProcess.Output) -> ProcessResult {
        ProcessResult(
            status: end.status,
            standardOutput: [],
            standardError: [],
            hasTimedOut: end.hasTimedOut,
            command: request.command.name,
            context: context.name,
            errorTail: state.withLock { $0.errorTail.bytes }
        )
    }

    // MARK: The end

    /// Gives the command up, also if its answer is here and only output is missing.
    private func end(_ call: RunningCall?, because error: MitogenError) {
        call?.cancel(because: error)
        output.close(with: error)
    }

    /// Gives the command up when the other side, which keeps the time limit, stands still.
    ///
    /// - Parameters:
    ///   - delay: When to look. What the reader takes for its pieces after that comes on top.
    ///   - readerTime: How much of that is in it already, in nanoseconds.
    private func watch(_ call: RunningCall, within timeout: Duration, after delay: Duration, readerTime: Int64) {
        let timer = router.broker.schedule(after: delay) { [weak self] in
            guard let self else { return }
            let time = state.withLock { $0.reader.nanoseconds }
            guard time <= readerTime else {
                return watch(call, within: timeout, after: .nanoseconds(time - readerTime), readerTime: time)
            }
            end(
                call,
                because: MitogenError(
                    .timeoutError,
                    "the command has not ended within \(timeout), and \(context.name) does not answer",
                    context: context.name,
                    hint: "the command may still run there"
                )
            )
        }
        let isClosed = state.withLock { state in
            state.timer = timer
            return state.isClosed
        }
        if isClosed { timer.cancel() }
    }

    // MARK: Output

    private func receive(_ message: Message) {
        if message.isDead {
            // Everything is here.
            if state.withLock({ $0.tally.isComplete }) { return }
            let error = MitogenError(dead: message, localID: router.contextID, context: context.name)
            // Of a context that is gone the call's own answer says more.
            return error.dead == .gone ? output.close(with: error) : end(state.withLock { $0.call }, because: error)
        }
        guard let event = ProcessEvent(decoding: message.data) else { return }
        switch event {
        case .inputCredit(let count): input.add(Credit(bytes: count))
        case .outputEnd(let pieces): end { $0.expect(pieces) }
        case .closed(let stream):
            if state.withLock({ $0.closed.insert(stream).inserted }) { output.put(.closed(stream)) }
        case .output(let bytes): receive(ProcessOutput.Piece(source: .standardOutput, bytes: bytes))
        case .error(let bytes): receive(ProcessOutput.Piece(source: .standardError, bytes: bytes))
        }
    }

    private func receive(_ piece: ProcessOutput.Piece) {
        let cost = ProcessEvent.cost(of: piece.bytes)
        let (isAllowed, call) = state.withLock { state in
            (piece.bytes.count <= ProcessEvent.mostBytes && state.account.receive(cost), state.call)
        }
        guard isAllowed else {
            let text = "the command's context sends more output than it may"
            return end(call, because: MitogenError(.streamError, text, context: context.name))
        }
        output.put(.piece(piece))
        end { $0.receive() }
    }

    /// The answer may come before output that is still on its way.
    private func callDidEnd(_ outcome: PendingReply.Outcome) {
        switch outcome {
        // What has come before is not wanted any more.
        case .failure(let error): output.close(with: error)
        case .success(let answer) where answer.isDead: output.close(with: MitogenError(dead: answer))
        case .success: router.afterArrivals(from: context.id) { [self] in end { $0.answer() } }
        }
    }

    private func end(_ change: (inout Tally) -> Void) {
        let isComplete = state.withLock { state in
            change(&state.tally)
            return state.tally.isComplete
        }
        if isComplete { output.finish(with: nil) }
    }

    private func giveCredit() {
        let credits = state.withLock { state in
            defer { state.taken.removeAll(keepingCapacity: true) }
            return state.taken.compactMap { state.account.consume($0, share: share.adjust) }
        }
        for credit in credits {
            // The command would wait for ever for what is lost.
            let control = ProcessControl(handle: handle, credit: credit.bytes)
            if let message = message(control, to: StandardHandle.outputCredit, replyTo: handle) {
                router.route(message)
            }
        }
    }

    /// - Parameters:
    ///   - target: Input is a flow, behind which credit is not to wait.
    ///   - replyTo: Who is told of a loss.
    private func message(_ control: ProcessControl, to target: Handle, replyTo: Handle) -> Message? {
        var message = try? Message.pickled(control, handle: target)
        message?.dstID = context.id
        message?.header.replyTo = replyTo
        return message
    }

    // MARK: Input

    /// Our own end of the input is closed: not the fault of what gives it.
    private struct InputNotWanted: Error {}

    /// Runs `body` while the input is sent.
    func sending<Value>(_ write: ProcessInput.Writer?, _ body: () async -> Value) async -> Value {
        guard let write else { return await body() }
        // Unstructured, and not waited for: a source that does not end when it is cancelled is not to hold up the run.
        let sender = Task(executorPreference: FunctionExecutor.shared) { await self.send(write) }
        defer { sender.cancel() }
        return await body()
    }

    private func send(_ write: ProcessInput.Writer) async {
        do {
            try await write { piece in
                do throws(MitogenError) { try await self.send(piece) } catch { throw InputNotWanted() }
            }
        } catch is InputNotWanted {
            return
        } catch {
            if !Task.isCancelled { inputDidFail(failure(of: error)) }
            return
        }
        guard (try? await input.enter()) != nil else { return }
        sendInput(nil, replyTo: inputHandle.load(ordering: .relaxed))
    }

    /// - Parameters:
    ///   - piece: Some of it; nil is the end.
    ///   - replyTo: Who is told if it is lost.
    /// - Returns: What to wait for before more is sent.
    @discardableResult
    private func sendInput(_ piece: [UInt8]?, replyTo: Handle) -> OneShot<Void>? {
        let position = inputCount.wrappingAdd(piece?.count ?? 0, ordering: .relaxed).oldValue
        let control = ProcessControl(
            handle: handle,
            input: piece,
            endsInput: piece == nil ? true : nil,
            position: position
        )
        let message = message(control, to: StandardHandle.processInput, replyTo: replyTo)
        return message.flatMap { router.route($0, from: nil, waits: true) }
    }

    /// The command's context knows whether the command still wants input: it is told how much there was, by a message of
    /// which a loss ends the run.
    private func inputWasLost(_ message: Message) {
        let error = MitogenError(dead: message, localID: router.contextID, context: context.name)
        guard message.isDead, error.dead != .gone else { return }
        state.withLock { $0.inputLoss = error }
        input.close(with: error)
        sendInput(nil, replyTo: handle)
    }

    /// The command would take half of its input for all of it, unless it has ended or wants no more.
    private func inputDidFail(_ error: MitogenError) {
        let call = state.withLock { state -> RunningCall? in
            guard !state.closed.contains(.input), state.call?.pending.outcome == nil else { return nil }
            state.inputFailure = error
            return state.call
        }
        if let call { end(call, because: error) }
    }

    private func send(_ bytes: [UInt8]) async throws(MitogenError) {
        for start in stride(from: 0, to: bytes.count, by: 64 << 10) {
            let piece = Array(bytes[start..<min(bytes.count, start + 64 << 10)])
            try await input.enter(piece.count)
            try? await sendInput(piece, replyTo: inputHandle.load(ordering: .relaxed))?.value()
        }
    }

    private func failure(of error: any Error) -> MitogenError {
        (error as? MitogenError ?? MitogenError(.inputFailed, "the command's input has failed: \(error)"))
            .inContext(context.name)
    }
}
