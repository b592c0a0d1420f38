//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Asks a tool something: runs it, and keeps what it says on both of its outputs.
final class ToolQuery: Sendable {
    let process: ChildProcess
    let command: [String]
    private let said: Lines

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// Starts the tool, in English.
    ///
    /// - Parameter hint: What to do if it is not there.
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(_ command: [String], hint: String, on broker: Broker) throws(MitogenError) {
        self.command = command
        var pipe: [Int32] = [0, 0]
        let piped = cmitogen_pipe(&pipe, true)
        guard piped >= 0 else { throw .system("cannot make a pipe", errno: -piped) }
        defer { _ = systemClose(pipe[1]) }
        let spawned: SpawnedProcess
        do throws(MitogenError) {
            spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: command,
                    environment: ToolLocale.environment,
                    directory: nil,
                    descriptors: (.null, .descriptor(pipe[1]), .descriptor(pipe[1]))
                ),
                broker: broker
            )
        } catch {
            _ = systemClose(pipe[0])
            throw MitogenError(error.code, error.message, hint: hint)
        }
        let said = Lines()
        self.said = said
        process = ChildProcess(process: spawned, diagnostics: pipe[0], broker: broker) { line in
            // What counts is near the beginning; after it a tool may print all that a container has logged.
            said.all.withLock { if $0.count < 200 { $0.append(line) } }
        }
    }

    /// Calls `body` once, on the Broker's thread, when the tool has ended, with what it has said.
    func whenDone(_ body: @escaping @Sendable (ExitStatus, [String]) -> Void) {
        process.process.whenEnded { [self] status in
            process.reportEnd(within: .seconds(1)) { [self] _ in body(status, said.all.withLock { $0 }) }
        }
    }
}
