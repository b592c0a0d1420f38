//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Where commands run: in a context, or beside the remote function that asks, in its own.
public protocol ProcessHost: Sendable {
    /// The context that the commands run in.
    var processContext: Context { get }
}

extension Context: ProcessHost {
    /// This context.
    public var processContext: Context { self }
}

extension ExternalContext: ProcessHost {
    /// The context that the function runs in. Commands have no more time than the function, and end with it.
    public var processContext: Context { here }
}

extension ProcessHost {
    /// Runs a command and collects what it writes.
    ///
    /// The command is started directly, without a shell, in a session of its own.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments: `String`, or ``ByteString``
    ///     for words that need not be UTF-8, which reach the program as they are.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default. A literal changes some of them.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended, when its time is over, when it is not wanted any more, or when the calling task is
    ///     cancelled: by default its process group gets TERM, and 2 s later KILL. Cancelling does not wait for that.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    ///   - throwsOnFailure: Whether a failure is an error, see ``ProcessResult/checked()``; false by default.
    /// - Returns: How it ended and what it wrote.
    /// - Throws: ``MitogenError``: `.spawnError` if it cannot be started; `.commandFailed` if it is checked and has
    ///   failed; `.misuse` if it writes more than the limit, or a step of `teardown` makes no sense; `.cancelled` if the
    ///   calling task is, which ends the process group; `.channelError` if the context goes; `.timeoutError` if the context
    ///   has not told the command's end 3 s after `timeout` and the time of `teardown`, in which case the command may still
    ///   run; `.streamError` if the context sends more output than it may; `.inputFailed`, or another error, if its input
    ///   fails.
    public func run<Word: ProcessWord>(
        _ arguments: [Word],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: Word? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        outputLimit: Int = 128 << 20,
        throwsOnFailure: Bool = false
    ) async throws(MitogenError) -> ProcessResult {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.collect(request, outputLimit: outputLimit)
    }

    /// Runs a command and passes on what it writes while it runs.
    ///
    /// The command is suspended by its full pipes while `onOutput` does not keep up: at most 1 MiB is on the way. A closure
    /// that throws is taken by ``withOutput(of:stdin:environment:workingDirectory:timeout:teardown:throwsOnFailure:_:)``.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended; TERM by default, and 2 s later KILL.
    ///   - throwsOnFailure: Whether a failure is an error; false by default. What `onOutput` has ended has not failed.
    ///   - onOutput: Called for each piece, in order within standard output and standard error. Returning false ends
    ///     the command.
    /// - Returns: How it ended; the collected output is empty.
    /// - Throws: As the other `run`.
    public func run<Word: ProcessWord>(
        _ arguments: [Word],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: Word? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        throwsOnFailure: Bool = false,
        onOutput: (ProcessOutput.Piece) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.passOn(request, to: onOutput)
    }

    /// Runs a command and gives what it writes to `body` as a sequence: of pieces, of bytes or of lines.
    ///
    /// ```swift
    /// let first = try await host.withOutput(of: ["journalctl", "--follow"]) { output in
    ///     for try await line in output.lines() where line.contains("error") { return line }
    ///     return nil
    /// }
    /// ```
    ///
    /// The command is suspended by its full pipes while `body` does not ask for more: at most 1 MiB is on the way. If it
    /// still runs when `body` has returned or thrown, it is ended as `teardown` says; nobody waits for that.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended; TERM by default, and 2 s later KILL.
    ///   - throwsOnFailure: Whether the sequence throws `.commandFailed` at its end if the command has failed; false by default.
    ///   - body: What is done with the output. ``ProcessOutput/result()`` tells how the command has ended.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, such as the errors of the sequence; ``MitogenError`` if the command cannot be asked
    ///   for, or its input cannot be opened.
    public func withOutput<Word: ProcessWord, Value>(
        of arguments: [Word],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: Word? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        throwsOnFailure: Bool = false,
        _ body: (ProcessOutput) async throws -> Value
    ) async throws -> Value {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.withOutput(of: request, body)
    }
}

extension Context {
    /// Runs a command, and tells which of its streams it closes before it ends.
    ///
    /// - Parameter whenClosed: Called in order with the output before it.
    package func run(
        _ arguments: [ByteString],
        stdin: ProcessInput,
        environment: ProcessEnvironment,
        whenClosed: @escaping @Sendable (CommandStream) async -> Void,
        onOutput: (ProcessOutput.Piece) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, nil)
        return try await passOn(
            ProcessRequest(command: command, stdin: stdin, whenClosed: whenClosed),
            to: onOutput
        )
    }
}
