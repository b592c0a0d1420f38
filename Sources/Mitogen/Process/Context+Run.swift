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
    ///   `.cancelled` if the calling task is, which ends the process group; `.channelError` if the context goes.
    public func run(
        _ arguments: [String],
        stdin: ProcessInput = .null,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil,
        outputLimit: Int = 128 << 20
    ) async throws(MitogenError) -> ProcessResult {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var isTooMuch = false
        let result = try await run(
            arguments,
            stdin: stdin,
            environment: environment,
            workingDirectory: workingDirectory,
            timeout: timeout
        ) { piece in
            isTooMuch = isTooMuch || output.count + errors.count + piece.bytes.count > outputLimit
            if isTooMuch { return false }
            switch piece.source {
            case .standardOutput: output += piece.bytes
            case .standardError: errors += piece.bytes
            }
            return true
        }
        if isTooMuch {
            throw MitogenError(.misuse, "\(arguments[0]) wrote more than \(outputLimit) bytes", context: displayName)
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
    /// - Throws: As ``run(_:stdin:environment:workingDirectory:timeout:outputLimit:)``.
    public func run(
        _ arguments: [String],
        stdin: ProcessInput = .null,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let session = try ProcessSession(context: self)
        defer { session.close() }
        var request = RunProcess(
            arguments: arguments,
            environment: environment,
            directory: workingDirectory,
            timeout: timeout.map { Double($0.nanoseconds) / 1e9 },
            hasInput: true,
            handle: session.handle
        )
        if case .null = stdin { request.hasInput = false }
        let result = try await session.run(request, stdin: stdin, onOutput)
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
    private let room: ByteBudget

    init(context: Context) throws(MitogenError) {
        let (events, continuation) = AsyncStream.makeStream(of: ProcessEvent.self)
        // There is none before the command has started and says so: what came earlier would find nobody.
        let room = ByteBudget(0)
        self.context = context
        router = try context.reachableRouter
        self.events = events
        self.continuation = continuation
        self.room = room
        handle = try router.addHandler(respondent: context) { message in
            // Bounded by the window: the command sends no more before it hears that this was dealt with.
            guard !message.isDead, let event = ProcessEvent(decoding: message.data) else { return }
            if case .inputCredit(let count) = event { return room.add(count) }
            continuation.yield(event)
        }
    }

    func close() {
        try? router.deleteHandler(handle)
        continuation.finish()
    }

    func run(
        _ request: RunProcess,
        stdin: ProcessInput,
        _ onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> RunProcess.Output {
        let call = try context.caller.start(request)
        // The answer comes after the last output on the same way.
        call.pending.whenResolved { [continuation] _ in continuation.finish() }
        return try await withInput(stdin) { () async throws(MitogenError) in
            for await event in events {
                guard await pass(on: event, to: onOutput) else {
                    call.cancel(because: MitogenError(.cancelled, "the command's output is not wanted any more"))
                    return RunProcess.Output(status: .signaled(15), hasTimedOut: false)
                }
            }
            return try await call.reply(timeout: nil).output()
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
        send(ProcessControl(handle: handle, credit: piece.bytes.count))
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
        for await bytes in input {
            for start in stride(from: 0, to: bytes.count, by: 64 << 10) {
                let piece = Array(bytes[start..<min(bytes.count, start + 64 << 10)])
                guard await room.take(piece.count) else { return }
                send(ProcessControl(handle: handle, input: piece))
            }
        }
        guard await room.take(1) else { return }
        send(ProcessControl(handle: handle, endsInput: true))
    }
}

/// Bytes that may be sent; who wants more than there are waits.
private final class ByteBudget: Sendable {
    private struct State {
        var available: Int
        var waiter: (count: Int, OneShot<Void>)?
    }

    private let state: Mutex<State>

    init(_ count: Int) {
        state = Mutex(State(available: count))
    }

    func add(_ count: Int) {
        let waiter = state.withLock { state -> OneShot<Void>? in
            state.available += count
            guard let (wanted, waiter) = state.waiter, state.available >= wanted else { return nil }
            state.waiter = nil
            state.available -= wanted
            return waiter
        }
        waiter?.resolve(.success(()))
    }

    /// Takes `count` bytes, waiting for them if need be. False if the task was cancelled.
    func take(_ count: Int) async -> Bool {
        let waiter = state.withLock { state -> OneShot<Void>? in
            if state.available >= count {
                state.available -= count
                return nil
            }
            let waiter = OneShot<Void>()
            state.waiter = (count, waiter)
            return waiter
        }
        guard let waiter else { return !Task.isCancelled }
        do throws(MitogenError) {
            try await waiter.value()
            return true
        } catch {
            return false
        }
    }
}
