//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Asks a tool about what is set up here, and collects the lines that it answers with.
final class ToolQuery: Sendable {
    let process: ChildProcess
    let command: [String]
    private let said: Lines
    private let complained: Lines
    private let complaintReader: LineReader?

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])

        @Sendable func add(_ line: String) { all.withLock { if $0.count < ToolQuery.lineLimit { $0.append(line) } } }
    }

    /// What comes after so many lines is not kept: a tool may print all that a container has logged.
    static let lineLimit = 1000

    /// Starts the tool.
    ///
    /// - Parameters:
    ///   - environment: Its environment; that of this process by default.
    ///   - hearsErrors: Whether what it says on its standard error counts, too. Otherwise that is in ``complaints``.
    ///   - hint: What to do if the tool is not there.
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(
        _ command: [String],
        environment: [ByteString] = ProcessIdentity.environment,
        hearsErrors: Bool = false,
        hint: Hint? = nil,
        on broker: Broker
    ) throws(MitogenError) {
        self.command = command
        let output = try Self.pipe()
        defer { _ = systemClose(output.write) }
        var errors: (read: Int32, write: Int32)?
        defer { if let errors { _ = systemClose(errors.write) } }
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            if !hearsErrors { errors = try Self.pipe() }
            spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: command.map { ByteString($0) },
                    environment: environment,
                    directory: nil,
                    descriptors: (
                        .null, .descriptor(output.write), .descriptor(errors?.write ?? output.write)
                    )
                ),
                broker: broker
            )
        } catch {
            _ = systemClose(output.read)
            if let errors { _ = systemClose(errors.read) }
            throw MitogenError(error.code, error.message, hint: hint ?? error.advice)
        }
        let (said, complained) = (Lines(), Lines())
        self.said = said
        self.complained = complained
        complaintReader = errors.map { LineReader(descriptor: $0.read, broker: broker, line: complained.add) }
        process = ChildProcess(process: spawned, diagnostics: output.read, broker: broker, whenLine: said.add)
    }

    private static func pipe() throws(MitogenError) -> (read: Int32, write: Int32) {
        var pipe: [Int32] = [0, 0]
        let made = cmitogen_pipe(&pipe, true)
        guard made >= 0 else { throw .system("cannot make a pipe", errno: -made) }
        return (pipe[0], pipe[1])
    }

    /// What it has said on its standard error, when it has ended, if that does not count as an answer.
    var complaints: [String] { complained.all.withLock { $0 } }

    /// Calls `body` once, on the Broker's thread, when it has ended: with how it did, and what it has said.
    func whenDone(_ body: @escaping @Sendable (ExitStatus, [String]) -> Void) {
        process.process.whenEnded { [self] status in
            process.reportEnd(within: .seconds(1)) { [self] _ in
                complaintReader?.drain()
                complaintReader?.close()
                body(status, said.all.withLock { $0 })
            }
        }
    }
}
