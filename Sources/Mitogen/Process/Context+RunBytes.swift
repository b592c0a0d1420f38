//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Context {
    /// Runs a command whose words need not be UTF-8, and collects what it writes.
    ///
    /// The bytes reach the program as they are.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    /// - Returns: How it ended (failing is not an error) and what it wrote.
    /// - Throws: ``MitogenError`` as for a command of strings.
    @_disfavoredOverload  // Literals are strings.
    public func run(
        _ arguments: [ByteString],
        stdin: ProcessInput = .null,
        environment: [ByteString: ByteString] = [:],
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        outputLimit: Int = 128 << 20
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, workingDirectory)
        return try await run(command, stdin: stdin, timeout: timeout, outputLimit: outputLimit)
    }

    /// Runs a command whose words need not be UTF-8, and passes on what it writes while it runs.
    ///
    /// The bytes reach the program as they are.
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
    /// - Throws: ``MitogenError`` as for a command of strings.
    @_disfavoredOverload
    public func run(
        _ arguments: [ByteString],
        stdin: ProcessInput = .null,
        environment: [ByteString: ByteString] = [:],
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, workingDirectory)
        return try await run(command, stdin: stdin, timeout: timeout, onOutput: onOutput)
    }

    /// Runs a command, and tells which of its streams it closes before it ends.
    ///
    /// - Parameter whenClosed: Called in order with the output before it.
    package func run(
        _ arguments: [ByteString],
        stdin: ProcessInput,
        environment: [ByteString: ByteString],
        whenClosed: @Sendable (CommandStream) async -> Void,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let command = RunProcess.Invocation(arguments, environment, nil)
        return try await run(command, stdin: stdin, timeout: nil, whenClosed: whenClosed, onOutput: onOutput)
    }
}
