//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenBenchFunctions

/// Connects to targets hop by hop, and tells what happened.
struct Doctor: Sendable {
    let targets: [TargetSpecification]
    let hops: HopSettings
    /// The path of the program that is started as contexts.
    let image: String
    let usesHeld: Bool
    let writesJSON: Bool

    private static let calls = 50

    /// Does it, one target after the other.
    ///
    /// - Returns: The status to exit with.
    func examine() async -> Int32 {
        do {
            return try await TargetConnections.with(
                self.targets,
                self.hops,
                image: self.image,
                usesHeld: self.usesHeld
            ) { connections in
                var sink = DescriptorSink()
                var status: Int32 = 0
                for target in self.targets where try await !self.examine(target, connections, &sink) {
                    status = RunExitStatus.unreachable
                }
                return status
            }
        } catch OutputError.brokenPipe {
            return RunExitStatus.brokenPipe
        } catch {
            TargetConnections.complain(toolText(error))
            return RunExitStatus.failed
        }
    }

    /// Follows the hops of one target until one fails.
    ///
    /// - Returns: Whether all could be made.
    private func examine(
        _ target: TargetSpecification,
        _ connections: TargetConnections,
        _ sink: inout DescriptorSink
    ) async throws -> Bool {
        var context: Context?
        for count in 1...target.hops.count {
            let place = target.prefix(count)
            var finding: HopFinding
            do throws(MitogenError) {
                let hop = target.hops[count - 1]
                let before = Array(target.hops[..<(count - 1)])
                let next = try await connections.connect(hop, behind: before, via: context)
                finding = await self.finding(at: place, in: next)
                finding.held = connections.held(before + [hop])
                finding.holder = connections.holder
                if hop.kind == HopKind.kubectl.name, finding.failure == nil, finding.podContainer == nil {
                    finding.podContainer = await self.podContainer(of: hop, via: context, connections)
                }
                context = next
            } catch {
                finding = HopFinding(target: place, failure: error)
            }
            try sink.write(self.writesJSON ? finding.json + "\n" : finding.text, to: .stdout)
            if finding.failure != nil { return false }
        }
        return true
    }

    /// What is to be said about a context that was reached.
    private func finding(at place: TargetSpecification, in context: Context) async -> HopFinding {
        var finding = HopFinding(target: place, connection: context.connection)
        do throws(MitogenError) {
            var times: [Int64] = []
            for value in 0..<Self.calls {
                let start = monotonicNanoseconds()
                _ = try await context.call(BenchEcho(value))
                times.append(monotonicNanoseconds() - start)
            }
            finding.roundTrip = times.percentile(50) / 1000
            finding.processID = try await context.call(BenchProcessID())
        } catch {
            finding.failure = error
            return finding
        }
        // Where these programs are missing there is nothing to tell, and nothing wrong.
        finding.user = await self.firstLine(of: ["id", "-un"], in: context)
        finding.host = await self.firstLine(of: ["uname", "-n"], in: context)
        return finding
    }

    /// Asks kubectl, where it makes the connection, which container it takes if none is named and it does not say.
    private func podContainer(of hop: Hop, via: Context?, _ connections: TargetConnections) async -> String? {
        let query = self.hops.kubectlOptions(for: hop).containerQuery
        let place: Context?
        if let via { place = via } else { place = try? await connections.ownRouter().local() }
        guard let place, let result = try? await place.run(query, timeout: .seconds(10)), result.status.isSuccess else {
            return nil
        }
        let lines = result.outputText.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return ConnectionMethod.KubectlOptions.standardContainer(said: lines)
    }

    private func firstLine(of command: [String], in context: Context) async -> String? {
        guard let result = try? await context.run(command), result.status.isSuccess else { return nil }
        let line = result.outputText.prefix { !$0.isNewline }
        return line.isEmpty ? nil : String(line)
    }
}
