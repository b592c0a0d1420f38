//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ProcessHost {
    /// Brings a script along, runs it, and collects what it writes.
    ///
    /// It is written to a file that only the user may read and execute (mode 0700), in the first of `TMPDIR`, `/tmp`,
    /// `/var/tmp`, `HOME`, `/run`, `XDG_RUNTIME_DIR` and `/dev/shm` that takes it. The program that its first line names
    /// (`#!`, with one argument at most) gets the file's path and the arguments; without such a line that is `/bin/sh`.
    /// What begins as an ELF executable is executed itself. The context removes the file when the script has ended, and
    /// when the context itself ends, for whatever reason but SIGKILL and crashes.
    ///
    /// - Parameters:
    ///   - script: The content; any bytes.
    ///   - arguments: The script's arguments, as they are.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended; TERM by default, and 2 s later KILL.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    ///   - throwsOnFailure: Whether a failure is an error; false by default.
    /// - Returns: How it ended and what it wrote.
    /// - Throws: ``MitogenError`` as for a command; `.noPlaceToRun` or `.diskFull` if the file can be written nowhere.
    public func runScript(
        _ script: [UInt8],
        arguments: [ByteString] = [],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        outputLimit: Int = 128 << 20,
        throwsOnFailure: Bool = false
    ) async throws(MitogenError) -> ProcessResult {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory, script: script),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.collect(request, outputLimit: outputLimit)
    }

    /// Brings a script along, runs it, and passes on what it writes while it runs.
    ///
    /// - Parameters:
    ///   - script: The content; any bytes.
    ///   - arguments: The script's arguments, as they are.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended; TERM by default, and 2 s later KILL.
    ///   - throwsOnFailure: Whether a failure is an error; false by default. What `onOutput` has ended has not failed.
    ///   - onOutput: Called for each piece, in order within standard output and standard error. Returning false ends
    ///     the script.
    /// - Returns: How it ended; the collected output is empty.
    /// - Throws: ``MitogenError`` as
    ///   ``runScript(_:arguments:stdin:environment:workingDirectory:timeout:teardown:outputLimit:throwsOnFailure:)``.
    public func runScript(
        _ script: [UInt8],
        arguments: [ByteString] = [],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        throwsOnFailure: Bool = false,
        onOutput: (ProcessOutput.Piece) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory, script: script),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.passOn(request, to: onOutput)
    }

    /// Brings a script along, runs it, and gives what it writes to `body` as a sequence.
    ///
    /// - Parameters:
    ///   - script: The content; any bytes.
    ///   - arguments: The script's arguments, as they are.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Its variables; those of the context by default.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then it is ended.
    ///   - teardown: How it is ended; TERM by default, and 2 s later KILL.
    ///   - throwsOnFailure: Whether the sequence throws `.commandFailed` at its end if the script has failed; false by default.
    ///   - body: What is done with the output.
    /// - Returns: What `body` returns.
    /// - Throws: As ``withOutput(of:stdin:environment:workingDirectory:timeout:teardown:throwsOnFailure:_:)``.
    public func withOutput<Value>(
        ofScript script: [UInt8],
        arguments: [ByteString] = [],
        stdin: ProcessInput = .null,
        environment: ProcessEnvironment = .inherited,
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        teardown: [TeardownStep] = [.terminate(wait: .seconds(2))],
        throwsOnFailure: Bool = false,
        _ body: (ProcessOutput) async throws -> Value
    ) async throws -> Value {
        let request = ProcessRequest(
            command: RunProcess.Invocation(arguments, environment, workingDirectory, script: script),
            stdin: stdin,
            timeout: timeout,
            teardown: teardown,
            throwsOnFailure: throwsOnFailure
        )
        return try await processContext.withOutput(of: request, body)
    }
}
