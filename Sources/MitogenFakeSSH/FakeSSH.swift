//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs programs of this machine whose ssh leads over an existing tree: rsync, scp, sftp, git and whatever else starts
/// an `ssh` or takes the name of one.
public enum FakeSSH {
    /// How long the program may take to end after TERM, before it gets KILL.
    private static let grace = Duration.seconds(2)

    /// Runs a program of this machine; each ssh that it starts runs its command in `destination`.
    ///
    /// The program has this process's standard input, output and error, and finds a folder in front of its `PATH` with
    /// an `ssh` that is this very executable; `scp` and `sftp` there start the real ones with `-S`. Git and rsync are told
    /// by `GIT_SSH_COMMAND` and `RSYNC_RSH`. Any number of ssh processes may run, also at a time. The host and the options
    /// about the connection are not looked at, as there is one already. The command is run by the account's login
    /// shell, in its home directory, as sshd does it; `-s sftp` starts the sftp-server that is there.
    ///
    /// Input, output, standard error and exit status are carried as they are, with the windows of
    /// ``ProcessHost/run(_:stdin:environment:workingDirectory:timeout:teardown:throwsOnFailure:onOutput:)``. A signal that ends
    /// the ssh ends its command. An ssh ends with 255 if a signal has ended the command, if the connection is lost, and
    /// if it is asked for what is not possible; it says so on its standard error. When the program has ended, what is left
    /// of its ssh processes is ended.
    ///
    /// Where there is a controlling terminal, the program is in this process's group, so that it can use the terminal
    /// and gets its signals. Otherwise it has a session of its own, which is ended with this process.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - destination: Where the commands run.
    ///   - environment: Variables of the program to set in addition to this process's.
    ///   - workingDirectory: Where the program runs; this process's working directory by default.
    ///   - timeout: How long the program may run; for ever by default. Then it gets TERM, and 2 s later KILL.
    /// - Returns: How the program ended; that it failed is no error.
    /// - Throws: ``MitogenError``: `.spawnError` if it cannot be started; `.timeoutError` after `timeout`; `.cancelled` if
    ///   the calling task is, which ends the program in the same way; `.streamError` if there is no place for the
    ///   folder; `.misuse` if no router is known for `destination`.
    public static func run(
        _ arguments: [String],
        to destination: Context,
        environment: [String: String] = [:],
        workingDirectory: String? = nil,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> ExitStatus {
        try await run(
            arguments.map { ByteString($0) },
            to: destination,
            environment: Dictionary(
                environment.map { (ByteString($0.key), ByteString($0.value)) },
                uniquingKeysWith: { _, new in new }
            ),
            workingDirectory: workingDirectory.map { ByteString($0) },
            timeout: timeout
        )
    }

    /// Runs a program whose words need not be UTF-8; see the other `run`.
    ///
    /// - Parameters:
    ///   - arguments: The program, a path or a name to look for in `PATH`, and its arguments.
    ///   - destination: Where the commands run.
    ///   - environment: Variables of the program to set in addition to this process's.
    ///   - workingDirectory: Where the program runs; this process's working directory by default.
    ///   - timeout: How long the program may run; for ever by default. Then it gets TERM, and 2 s later KILL.
    /// - Returns: How the program ended; that it failed is no error.
    /// - Throws: ``MitogenError`` as for a program of strings.
    @_disfavoredOverload  // Literals are strings.
    public static func run(
        _ arguments: [ByteString],
        to destination: Context,
        environment: [ByteString: ByteString] = [:],
        workingDirectory: ByteString? = nil,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> ExitStatus {
        try await run(
            arguments,
            to: destination,
            environment: environment,
            workingDirectory: workingDirectory,
            timeout: timeout,
            describing: { "\($0)" },
            whenStarted: { _ in }
        )
    }

    /// - Parameters:
    ///   - describe: What an ssh that fails says about an error.
    ///   - whenStarted: Called with the program's process, to send it signals.
    package static func run(
        _ arguments: [ByteString],
        to destination: Context,
        environment: [ByteString: ByteString],
        workingDirectory: ByteString?,
        timeout: Duration?,
        describing describe: @escaping @Sendable (MitogenError) -> String,
        whenStarted: (LocalProgram) -> Void
    ) async throws(MitogenError) -> ExitStatus {
        guard let router = destination.router else {
            throw MitogenError(.misuse, "the context was decoded outside a call, so no router is known for it")
        }
        let folder = try PrivateFolder()
        defer { folder.remove() }
        let listener = SSHListener(folder.listener, broker: router.broker, describing: describe)
        defer { listener.close() }
        let path = environment["PATH"] ?? getenv("PATH").map(bytes)
        let variables = ProgramEnvironment.variables(folder: folder.path, path: path)
        let program = try router.startProgram(
            arguments,
            environment: environment.merging(variables) { _, new in new },
            directory: workingDirectory
        )
        whenStarted(program)
        let outcome = await withTaskGroup(of: Result<ExitStatus, MitogenError>?.self) { group in
            group.addTask {
                await listener.serve(by: destination)
                return nil
            }
            group.addTask { await end(of: program, within: timeout, router.broker) }
            var outcome: Result<ExitStatus, MitogenError>?
            for await result in group where result != nil {
                outcome = result
                group.cancelAll()
            }
            return outcome
        }
        // The second task has an outcome always.
        return try outcome?.get() ?? .exited(-1)
    }

    private static func bytes(of text: UnsafeMutablePointer<CChar>) -> ByteString {
        ByteString(bytes: UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) })
    }

    /// Waits for the end of the program, and brings it about if its time is over or the task is cancelled.
    private static func end(
        of program: LocalProgram,
        within timeout: Duration?,
        _ broker: Broker
    ) async -> Result<ExitStatus, MitogenError> {
        let end = OneShot<ExitStatus>()
        program.process.whenEnded { end.resolve(.success($0)) }
        let timer = timeout.map { timeout in
            broker.schedule(after: timeout) {
                end.resolve(.failure(MitogenError(.timeoutError, "\(program.name) has not ended within \(timeout)")))
            }
        }
        defer { timer?.cancel() }
        do throws(MitogenError) {
            return .success(try await end.value())
        } catch {
            program.signal(SIGTERM)
            let kill = broker.schedule(after: grace) { program.signal(SIGKILL) }
            _ = await program.process.waitUntilEnded()
            kill.cancel()
            return .failure(error)
        }
    }
}
