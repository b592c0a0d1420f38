//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen bench`.
package struct BenchCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure calls, and the bare system calls that they cannot do without.",
        discussion: """
            Round trips and throughput of a socket pair between two processes are measured in the same run, as what \
            is possible on this machine at this moment.

            EXAMPLES:
              mitogen bench
              mitogen bench -t local+local
              taskset -c 0 mitogen bench --json
              mitogen bench -t ssh:web1+sudo --quick --only calls --only chain
            """
    )

    @Option(
        name: [.customShort("t"), .customLong("target")],
        help: ArgumentHelp("The one context to measure; hops are written as for 'mitogen run'.", valueName: "TARGET"),
        completion: TargetCompletion.kind
    )
    package var target: String = "local"

    @Option(
        name: .customLong("only"),
        help: ArgumentHelp(
            """
            Measure only this; may be given several times: \
            \(BenchmarkPart.allCases.map(\.rawValue).joined(separator: ", ")).
            """,
            valueName: "PART"
        ),
        completion: .list(BenchmarkPart.allCases.map(\.rawValue))
    )
    package var only: [String] = []

    @Flag(name: .customLong("quick"), help: "Repeat everything about a tenth as often, for targets that are far away.")
    package var isQuick = false

    @Flag(name: .customLong("json"), help: "Write one JSON object on one line.")
    package var writesJSON = false

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    package init() {}

    package mutating func validate() throws {
        _ = try self.parts(at: self.specification(self.connections.validatedSettings()))
    }

    package mutating func run() throws {
        let image = try AgentImage.locate()
        // First of all: it makes processes with fork, which a program with threads cannot.
        let raw = try RawMeasurement.measure()
        let hops = try self.connections.validatedSettingsWithPasswords()
        let target = try self.specification(hops)
        let benchmark = Benchmark(
            target: target,
            image: image,
            hops: hops,
            parts: try self.parts(at: target),
            counts: self.isQuick ? .quick : BenchmarkCounts()
        )
        let writesJSON = self.writesJSON
        let loop = try MainLoop(signals: [])
        let status = loop.run { _ in
            .wait
        } _: {
            var sink = DescriptorSink()
            do {
                let report = try await benchmark.measure(against: raw)
                try sink.write(writesJSON ? report.json + "\n" : report.table, to: .stdout)
                return 0
            } catch OutputError.brokenPipe {
                return RunExitStatus.brokenPipe
            } catch {
                try? sink.write("mitogen: \(toolText(error))\n", to: .stderr)
                return 1
            }
        }
        throw ExitCode(status)
    }

    private func parts(at target: TargetSpecification) throws -> Set<BenchmarkPart> {
        do {
            return try BenchmarkPart.parts(named: self.only, at: target)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    private func specification(_ hops: HopSettings) throws -> TargetSpecification {
        do {
            let target = try TargetSpecification(parsing: self.target, kinds: hops.table.kinds)
            try target.checkIsNoPython()
            return target
        } catch {
            throw ValidationError("\(error)")
        }
    }
}
