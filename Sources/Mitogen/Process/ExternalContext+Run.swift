//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ExternalContext {
    /// The context that the function runs in, to call functions and services in, and to send to.
    public var here: Context { router.myself() }

    /// Runs a command beside the function and collects what it writes. It has no more time than the function.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - outputLimit: How many bytes it may write; 128 MiB by default.
    /// - Returns: How it ended (failing is not an error, see ``ProcessResult/checked()``) and what it wrote.
    /// - Throws: ``MitogenError`` as the function of the same name of ``Context``; `.cancelled` if the function is
    ///   cancelled, which ends the command.
    public func run(
        _ arguments: [String],
        stdin: ProcessInput = .null,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil,
        outputLimit: Int = 128 << 20
    ) async throws(MitogenError) -> ProcessResult {
        try await here.run(
            arguments,
            stdin: stdin,
            environment: environment,
            workingDirectory: workingDirectory,
            timeout: timeout,
            outputLimit: outputLimit
        )
    }

    /// Runs a command beside the function and passes on what it writes while it runs.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - environment: Variables to set in addition.
    ///   - workingDirectory: Where it runs; the context's own working directory by default.
    ///   - timeout: How long it may run; for ever by default. Then its process group gets TERM, and 2 s later KILL.
    ///   - onOutput: Called for each piece. Returning false ends the command.
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
        try await here.run(
            arguments,
            stdin: stdin,
            environment: environment,
            workingDirectory: workingDirectory,
            timeout: timeout,
            onOutput: onOutput
        )
    }
}
