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
            hasTimedOut: result.hasTimedOut,
            command: command.name,
            context: displayName
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
    /// - Throws: As the other `run`.
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
        whenClosed: @Sendable (CommandStream) async -> Void = { _ in },
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
            result = try await session.run(request, stdin: stdin, within: timeout, whenClosed, onOutput)
        } catch {
            throw await explain(error, of: command)
        }
        return ProcessResult(
            status: result.status,
            standardOutput: [],
            standardError: [],
            hasTimedOut: result.hasTimedOut,
            command: command.name,
            context: displayName
        )
    }
}
