//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Context {
    /// Brings a script to this context, runs it, and collects what it writes.
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
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    /// - Returns: How it ended (failing is not an error) and what it wrote.
    /// - Throws: ``MitogenError`` as for a command; `.noPlaceToRun` or `.diskFull` if the file can be written nowhere.
    public func runScript(
        _ script: [UInt8],
        arguments: [ByteString] = [],
        stdin: ProcessInput = .null,
        environment: [ByteString: ByteString] = [:],
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        outputLimit: Int = 128 << 20
    ) async throws(MitogenError) -> ProcessResult {
        var command = RunProcess.Invocation(arguments, environment, workingDirectory)
        command.script = script
        return try await run(command, stdin: stdin, timeout: timeout, outputLimit: outputLimit)
    }

    /// Brings a script to this context, runs it, and passes on what it writes while it runs.
    ///
    /// - Parameters:
    ///   - script: The content; any bytes.
    ///   - arguments: The script's arguments, as they are.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - onOutput: Called for each piece, in order within standard output and standard error. Returning false ends
    ///     the script.
    /// - Returns: How it ended; the collected output is empty.
    /// - Throws: ``MitogenError`` as ``runScript(_:arguments:stdin:environment:workingDirectory:timeout:outputLimit:)``.
    public func runScript(
        _ script: [UInt8],
        arguments: [ByteString] = [],
        stdin: ProcessInput = .null,
        environment: [ByteString: ByteString] = [:],
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        var command = RunProcess.Invocation(arguments, environment, workingDirectory)
        command.script = script
        return try await run(command, stdin: stdin, timeout: timeout, onOutput: onOutput)
    }
}
