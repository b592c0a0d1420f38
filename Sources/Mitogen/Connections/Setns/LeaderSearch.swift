//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

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
            hint: "install \(target.program) on the machine where the connection is made\(.toolPath)",
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
