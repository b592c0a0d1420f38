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

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// What comes after so many lines is not kept: a tool may print all that a container has logged.
    private static let lineLimit = 1000

    /// Starts the tool.
    ///
    /// - Parameters:
    ///   - environment: Its environment; that of this process by default.
    ///   - hearsErrors: Whether what it says on its standard error counts, too.
    ///   - hint: What to do if the tool is not there.
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(
        _ command: [String],
        environment: [ByteString] = ProcessIdentity.environment,
        hearsErrors: Bool = false,
        hint: String? = nil,
        on broker: Broker
    ) throws(MitogenError) {
        self.command = command
        var pipe: [Int32] = [0, 0]
        let piped = cmitogen_pipe(&pipe, true)
        guard piped >= 0 else { throw .system("cannot make a pipe", errno: -piped) }
        defer { _ = systemClose(pipe[1]) }
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: command.map { ByteString($0) },
                    environment: environment,
                    directory: nil,
                    descriptors: (.null, .descriptor(pipe[1]), hearsErrors ? .descriptor(pipe[1]) : .null)
                ),
                broker: broker
            )
        } catch {
            _ = systemClose(pipe[0])
            throw MitogenError(error.code, error.message, hint: hint ?? error.hint)
        }
        let said = Lines()
        self.said = said
        process = ChildProcess(process: spawned, diagnostics: pipe[0], broker: broker) { line in
            said.all.withLock { if $0.count < Self.lineLimit { $0.append(line) } }
        }
    }

    /// Calls `body` once, on the Broker's thread, when it has ended: with how it did, and what it has said.
    func whenDone(_ body: @escaping @Sendable (ExitStatus, [String]) -> Void) {
        process.process.whenEnded { [self] status in
            process.reportEnd(within: .seconds(1)) { [self] _ in body(status, said.all.withLock { $0 }) }
        }
    }
}
