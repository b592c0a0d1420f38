//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Asks an engine's tool which process is a container's first one.
final class LeaderSearch: Sendable {
    let query: ToolQuery
    private let target: NamespaceTarget

    /// Starts the tool.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(_ target: NamespaceTarget, on broker: Broker) throws(MitogenError) {
        self.target = target
        query = try ToolQuery(
            ContainerLeader.arguments(
                target.container.tool,
                program: target.toolPath,
                container: target.container.name
            ),
            environment: ToolLocale.environment,
            hearsErrors: true,
            hint: "install \(target.program) on the machine where the connection is made, or name its path with "
                + "`toolPath`",
            on: broker
        )
    }

    /// What comes of it, by how the tool has ended and what it has said.
    func outcome(_ status: ExitStatus, _ lines: [String]) -> Result<Int32, MitogenError> {
        let tool = target.container.tool
        switch ContainerLeader(tool, said: lines) {
        case .running(let leader): return .success(leader)
        case .notRunning: return .failure(failure(.notRunning, lines))
        case .virtualMachine:
            return .failure(
                MitogenError(
                    .misuse,
                    "\(target.container.name) is a virtual machine, which has no namespaces here",
                    diagnostics: lines,
                    hint: tool == .machinectl ? "connect to it by SSH" : "use the method `\(tool.rawValue)`"
                )
            )
        case .unknown:
            if let known = ContainerFailure(tool, said: lines) { return .failure(failure(known, lines)) }
            let end = status == .exited(0) ? "has not told" : "ended with \(status) and has not told"
            return .failure(
                MitogenError(
                    .streamError,
                    "\(target.program) \(end) the first process of \(target.container.name)",
                    diagnostics: lines,
                    hint: "run it by hand: `\(query.command.joined(separator: " "))`"
                )
            )
        }
    }

    private func failure(_ meaning: ContainerFailure, _ lines: [String]) -> MitogenError {
        var failure = meaning.failure(target.container, during: .connecting)
        failure.lines = lines
        return failure.error
    }
}

extension Handshake {
    /// Asks for the container's first process, and goes on from there.
    func findLeader(_ target: NamespaceTarget) throws(MitogenError) {
        // Before the tool, whose words about it would be others.
        guard geteuid() == 0 else {
            throw NamespaceEntry.failure("cannot enter the container \(target.container.name)", EPERM)
        }
        let search = try LeaderSearch(target, on: router.broker)
        follow(search.query) { [self] status, lines in
            let result = search.outcome(status, lines)
            // Unstructured, as the attempt is one: whatever settles it counts here, too. Copying the program takes
            // milliseconds, which the Broker does not have.
            Task(executorPreference: FunctionExecutor.shared) { self.enter(target, result) }
        }
    }

    private func enter(_ target: NamespaceTarget, _ leader: Result<Int32, MitogenError>) {
        guard !isSettled else { return }
        do throws(MitogenError) {
            let images = router.images()
            let program = common.executable == nil ? try images.privateCopy() : nil
            let entry = try NamespaceEntry(target, leader: leader.get(), program: program)
            try start(
                image.command(argument: programArgument),
                // The program needs SWIFT_ROOT where there is no /proc.
                environment: entry.account.environment.map { ByteString($0) } + ["SWIFT_ROOT=/"],
                directory: entry.account.home,
                entry: entry
            )
        } catch {
            fail(error)
        }
    }
}
