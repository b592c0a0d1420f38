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
        case piece(ProcessOutput)
        case closed(CommandStream)
    }

    private struct State {
        /// The command is not trusted to keep to its window.
        var account = Account(ProcessWindow.output, first: Credit.first)
        var tally = Tally()
        /// Told once each, whatever the context says.
        var closed: Set<CommandStream> = []
        var call: RunningCall?
    }

    private let context: Context
    private let router: Router
    private let share: LinkBudget.Share
    /// Nil is the end.
    private let output = Mailbox<Arrival?>()
    /// Closed until the command has started and says so: what came earlier would find nobody.
    private let input = Gate(ProcessWindow.input)
    private let state = Mutex(State())
    private let ownHandle = Mutex<Handle>(0)

    /// How long after its time limit a command's end is waited for: as long as its own side may take to end it, and to
    /// say so.
    private static let grace = Duration.seconds(5)

    init(context: Context) throws(MitogenError) {
        self.context = context
        router = try context.callableRouter
        share = LinkBudget.Share(of: router.budget(of: context.id))
        let handle = try router.addHandler(respondent: context) { [weak self] message in self?.receive(message) }
        ownHandle.withLock { $0 = handle }
    }

    var handle: Handle { ownHandle.withLock { $0 } }

    func close() {
        try? router.deleteHandler(handle)
    }

    func run(
        _ request: RunProcess,
        stdin: ProcessInput,
        within timeout: Duration?,
        _ whenClosed: @Sendable (CommandStream) async -> Void,
        _ onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> RunProcess.Output {
        var request = request
        request.window = state.withLock { state in
            _ = state.account.begin(share: share.adjust)
            return state.account.limit
        }
        // The command's own limit is what is left of the task's, and its end is waited for a little longer.
        let call = try context.caller.start(request, keepsDeadline: false)
        state.withLock { $0.call = call }
        let timer = timeout.map { giveUp(call, after: $0) }
        defer { timer?.cancel() }
        call.pending.whenResolved { [weak self] in self?.callDidEnd($0) }
        return try await withInput(stdin) { () async throws(MitogenError) in
            while let arrival = try await nextArrival(of: call) {
                switch arrival {
                case .closed(let stream): await whenClosed(stream)
                case .piece(let piece):
                    if await pass(on: piece, to: onOutput) { continue }
                    call.cancel(because: MitogenError(.cancelled, "the command's output is not wanted any more"))
                    return RunProcess.Output(status: .signaled(15), hasTimedOut: false)
                }
            }
            return try await call.reply(timeout: nil).output()
        }
    }

    /// What comes next; nil if nothing does, and also if the call has failed, which says why.
    private func nextArrival(of call: RunningCall) async throws(MitogenError) -> Arrival? {
        do throws(MitogenError) {
            return try await output.get()
        } catch {
            // The command has ended well, but its output is not all here.
            if case .success(let answer)? = call.pending.outcome, !answer.isDead { throw error }
            return nil
        }
    }

    /// Gives the command up, also if its answer is here and only output is missing.
    private func end(_ call: RunningCall?, because error: MitogenError) {
        call?.cancel(because: error)
        output.close(with: error)
    }

    /// The other side keeps the time limit, unless it stands still.
    private func giveUp(_ call: RunningCall, after timeout: Duration) -> Timer {
        let name = context.displayName
        return router.broker.schedule(after: timeout + Self.grace) { [weak self] in
            let error = MitogenError(
                .timeoutError,
                "the command has not ended within \(timeout), and \(name) does not answer",
                context: name,
                hint: "the command may still run there"
            )
            self?.end(call, because: error)
        }
    }

    // MARK: Output

    private func receive(_ message: Message) {
        if message.isDead {
            let error = MitogenError(dead: message, localID: router.contextID, context: context.displayName)
            return output.close(with: error)
        }
        guard let event = ProcessEvent(decoding: message.data) else { return }
        switch event {
        case .inputCredit(let count): input.add(Credit(bytes: count))
        case .outputEnd(let pieces): end { $0.expect(pieces) }
        case .closed(let stream):
            if state.withLock({ $0.closed.insert(stream).inserted }) { output.put(.closed(stream)) }
        case .output(let bytes): receive(ProcessOutput(source: .standardOutput, bytes: bytes))
        case .error(let bytes): receive(ProcessOutput(source: .standardError, bytes: bytes))
        }
    }

    private func receive(_ piece: ProcessOutput) {
        let cost = ProcessEvent.cost(of: piece.bytes)
        let (isAllowed, call) = state.withLock { state in
            (piece.bytes.count <= ProcessEvent.mostBytes && state.account.receive(cost), state.call)
        }
        guard isAllowed else {
            let text = "the command's context sends more output than it may"
            return end(call, because: MitogenError(.streamError, text, context: context.displayName))
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

    private func pass(on piece: ProcessOutput, to onOutput: (ProcessOutput) async -> Bool) async -> Bool {
        guard await onOutput(piece) else { return false }
        let cost = ProcessEvent.cost(of: piece.bytes)
        let credit = state.withLock { $0.account.consume(cost, share: share.adjust) }
        if let credit, let message = message(ProcessControl(handle: handle, credit: credit.bytes)) {
            router.route(message)
        }
        return true
    }

    private func message(_ control: ProcessControl) -> Message? {
        var message = try? Message.pickled(control, handle: StandardHandle.processInput)
        message?.dstID = context.id
        return message
    }

    // MARK: Input

    /// Runs `body` while the input is sent.
    private func withInput<Value: Sendable>(
        _ stdin: ProcessInput,
        _ body: () async throws(MitogenError) -> Value
    ) async throws(MitogenError) -> Value {
        let input: AsyncStream<[UInt8]>
        switch stdin {
        case .null: return try await body()
        case .bytes(let bytes):
            input = AsyncStream {
                $0.yield(bytes); $0.finish()
            }
        case .stream(let stream): input = stream
        }
        let result = await withTaskGroup(of: Void.self) { group -> Result<Value, MitogenError> in
            group.addTask { await self.send(input) }
            defer { group.cancelAll() }
            do throws(MitogenError) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func send(_ input: AsyncStream<[UInt8]>) async {
        do throws(MitogenError) {
            for await bytes in input {
                for start in stride(from: 0, to: bytes.count, by: 64 << 10) {
                    let piece = Array(bytes[start..<min(bytes.count, start + 64 << 10)])
                    try await self.input.enter(piece.count)
                    guard let message = message(ProcessControl(handle: handle, input: piece)) else { return }
                    await router.routeInTurn(message)
                }
            }
            try await self.input.enter()
            if let message = message(ProcessControl(handle: handle, endsInput: true)) { router.route(message) }
        } catch {
            // The command has ended, or is given up.
        }
    }
}
