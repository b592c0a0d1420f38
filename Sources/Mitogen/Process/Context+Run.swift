//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

extension Context {
    /// Runs a command in this context and collects what it writes.
    ///
    /// The command is started directly, without a shell, in a session of its own. It gets the context's environment.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    /// - Returns: How it ended (failing is not an error) and what it wrote.
    /// - Throws: ``MitogenError``: `.spawnError` if it cannot be started; `.misuse` if it writes more than the limit;
    ///   `.cancelled` if the calling task is, which ends the process group; `.channelError` if the context goes;
    ///   `.timeoutError` if the context has not told the command's end 5 s after `timeout`, in which case the command may
    ///   still run; `.streamError` if the context sends more output than it may.
    public func run(
        _ arguments: [String],
        stdin: ProcessInput = .null,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil,
        outputLimit: Int = 128 << 20
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, workingDirectory)
        return try await run(command, stdin: stdin, timeout: timeout, outputLimit: outputLimit)
    }

    func run(
        _ command: RunProcess.Invocation,
        stdin: ProcessInput,
        timeout: Duration?,
        outputLimit: Int
    ) async throws(MitogenError) -> ProcessResult {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var isTooMuch = false
        let result = try await run(command, stdin: stdin, timeout: timeout) { piece in
            isTooMuch = isTooMuch || output.count + errors.count + piece.bytes.count > outputLimit
            if isTooMuch { return false }
            switch piece.source {
            case .standardOutput: output += piece.bytes
            case .standardError: errors += piece.bytes
            }
            return true
        }
        if isTooMuch {
            throw MitogenError(.misuse, "\(command.name) wrote more than \(outputLimit) bytes", context: displayName)
        }
        return ProcessResult(
            status: result.status,
            standardOutput: output,
            standardError: errors,
            hasTimedOut: result.hasTimedOut
        )
    }

    /// Runs a command in this context and passes on what it writes while it runs.
    ///
    /// The command is suspended by its full pipes while `onOutput` does not keep up: at most 1 MiB is on the way.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - onOutput: Called for each piece, in order within standard output and standard error. Returning false ends
    ///     the command.
    /// - Returns: How it ended; the collected output is empty.
    /// - Throws: As ``run(_:stdin:environment:workingDirectory:timeout:outputLimit:)-(_,_,_,String?,_,_)``.
    public func run(
        _ arguments: [String],
        stdin: ProcessInput = .null,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, workingDirectory)
        return try await run(command, stdin: stdin, timeout: timeout, onOutput: onOutput)
    }

    func run(
        _ command: RunProcess.Invocation,
        stdin: ProcessInput,
        timeout: Duration?,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let timeout = try CallDeadline.timeLeft(timeout)
        let session = try ProcessSession(context: self)
        defer { session.close() }
        var request = RunProcess(
            command: command,
            timeout: timeout.map { Double($0.nanoseconds) / 1e9 },
            hasInput: true,
            handle: session.handle
        )
        if case .null = stdin { request.hasInput = false }
        let result: RunProcess.Output
        do throws(MitogenError) {
            result = try await session.run(request, stdin: stdin, within: timeout, onOutput)
        } catch {
            throw await explain(error, of: command)
        }
        return ProcessResult(
            status: result.status,
            standardOutput: [],
            standardError: [],
            hasTimedOut: result.hasTimedOut
        )
    }
}

/// The caller's end of a command that runs in another context.
private final class ProcessSession: Sendable {
    private let context: Context
    private let router: Router
    let handle: Handle
    private let events: AsyncStream<ProcessEvent>
    private let continuation: AsyncStream<ProcessEvent>.Continuation
    private let input: CreditGate
    private let output: Output

    /// What has come of the command's output, counted. The command is not trusted to keep to its window.
    private final class Output: Sendable {
        let account = Mutex(CreditAccount(size: ProcessWindow.output))
        /// Resolved when it has sent more.
        let excess = OneShot<Void>()
    }

    /// How long after its time limit a command's end is waited for: as long as its own side may take to end it, and to
    /// say so.
    private static let grace = Duration.seconds(5)

    init(context: Context) throws(MitogenError) {
        let (events, continuation) = AsyncStream.makeStream(of: ProcessEvent.self)
        // Closed until the command has started and says so: what came earlier would find nobody.
        let input = CreditGate(window: ProcessWindow.input, isOpen: false)
        let output = Output()
        self.context = context
        router = try context.reachableRouter
        self.events = events
        self.continuation = continuation
        self.input = input
        self.output = output
        handle = try router.addHandler(respondent: context) { message in
            guard !message.isDead, let event = ProcessEvent(decoding: message.data) else { return }
            switch event {
            case .inputCredit(let count): input.giveBack(count)
            case .output(let bytes), .error(let bytes):
                guard bytes.count <= ProcessEvent.mostBytes,
                    output.account.withLock({ $0.receive(ProcessEvent.cost(of: bytes)) })
                else {
                    output.excess.resolve(.success(()))
                    return
                }
                continuation.yield(event)
            }
        }
    }

    func close() {
        try? router.deleteHandler(handle)
        continuation.finish()
    }

    func run(
        _ request: RunProcess,
        stdin: ProcessInput,
        within timeout: Duration?,
        _ onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> RunProcess.Output {
        // The command's own limit is what is left of the task's, and its end is waited for a little longer.
        let call = try context.caller.start(request, keepsDeadline: false)
        let timer = timeout.map { giveUp(call, after: $0) }
        defer { timer?.cancel() }
        let name = context.displayName
        output.excess.whenResolved { _ in
            let text = "the command's context sends more output than it may"
            call.cancel(because: MitogenError(.streamError, text, context: name))
        }
        // The answer comes after the last output on the same way.
        call.pending.whenResolved { [continuation] _ in continuation.finish() }
        return try await withInput(stdin) { () async throws(MitogenError) in
            for await event in events {
                // What has come before the call was given up is not wanted any more.
                if case .failure = call.pending.outcome { break }
                guard await pass(on: event, to: onOutput) else {
                    call.cancel(because: MitogenError(.cancelled, "the command's output is not wanted any more"))
                    return RunProcess.Output(status: .signaled(15), hasTimedOut: false)
                }
            }
            return try await call.reply(timeout: nil).output()
        }
    }

    /// The other side keeps the time limit, unless it stands still.
    private func giveUp(_ call: RunningCall, after timeout: Duration) -> Timer {
        let name = context.displayName
        return router.broker.schedule(after: timeout + Self.grace) {
            let error = MitogenError(
                .timeoutError,
                "the command has not ended within \(timeout), and \(name) does not answer",
                context: name,
                hint: "the command may still run there"
            )
            call.cancel(because: error)
        }
    }

    private func pass(on event: ProcessEvent, to onOutput: (ProcessOutput) async -> Bool) async -> Bool {
        let piece: ProcessOutput
        switch event {
        case .output(let bytes): piece = ProcessOutput(source: .standardOutput, bytes: bytes)
        case .error(let bytes): piece = ProcessOutput(source: .standardError, bytes: bytes)
        case .inputCredit: return true
        }
        guard await onOutput(piece) else { return false }
        let credit = output.account.withLock { $0.consume(ProcessEvent.cost(of: piece.bytes)) }
        if let credit { send(ProcessControl(handle: handle, credit: credit)) }
        return true
    }

    private func send(_ control: ProcessControl) {
        guard let message = try? Message.pickled(control, handle: StandardHandle.processInput) else { return }
        try? context.send(message)
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
                    send(ProcessControl(handle: handle, input: piece))
                }
            }
            try await self.input.enter(0)
            send(ProcessControl(handle: handle, endsInput: true))
        } catch {
            // The command has ended, or is given up.
        }
    }
}
