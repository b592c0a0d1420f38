//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Connects the targets of a run and runs the command in each, as many at a time as there are places.
///
/// It decides what became of each target, and nothing about how that is shown.
struct RunSession: Sendable {
    let options: RunOptions
    /// The labels of the targets, in the order of the command line.
    let labels: [String]
    let presenter: RunPresenter
    let input: InputBroadcast?
    private let targetConnections: TargetConnections
    private let connections: HopConnections
    /// How many connections of this machine there can be at a time.
    private let width: Int
    private let clock = ContinuousClock()

    init(
        options: RunOptions,
        labels: [String],
        connections: TargetConnections,
        presenter: RunPresenter,
        input: InputBroadcast?
    ) {
        self.options = options
        self.labels = labels
        self.targetConnections = connections
        self.presenter = presenter
        self.input = input
        let tree = TargetTree(options.targets)
        self.width = min(options.fanout ?? tree.firstHopCount, tree.firstHopCount)
        self.connections = HopConnections(tree, closesUnused: options.fanout != nil, through: connections)
    }

    /// Runs the command everywhere.
    ///
    /// When the task is cancelled, the commands that still run are told to end, which is not waited for: the router's
    /// shutdown does that.
    ///
    /// - Returns: What became of the targets, in the order of the command line.
    func run() async -> [RunOutcome] {
        let count = self.labels.count
        let places = min(self.options.fanout ?? count, count)
        return await withTaskGroup(of: (target: Int, outcome: RunOutcome).self) { group in
            for target in 0..<places { group.addTask { (target, await self.visit(target)) } }
            var outcomes = [RunOutcome](repeating: .interrupted, count: count)
            var next = places
            for await result in group {
                outcomes[result.target] = result.outcome
                guard next < count else { continue }
                group.addTask { [target = next] in (target, await self.visit(target)) }
                next += 1
            }
            return outcomes
        }
    }

    /// Reaches a target, runs the command there, and closes what no other target needs.
    private func visit(_ target: Int) async -> RunOutcome {
        await self.presenter.show(.started(target: self.labels[target]))
        let outcome = await self.follow(target, since: self.clock.now)
        await self.connections.leave(target)
        return outcome
    }

    private func follow(_ target: Int, since start: ContinuousClock.Instant) async -> RunOutcome {
        let context: Context?
        do throws(HopFailure) {
            // Those whose turn comes after the interruption are not begun.
            context = Task.isCancelled ? nil : try await self.connections.context(for: target)
        } catch {
            let cause = error.isFirst ? error.error.advisingFanout(for: self.width) : error.error
            let outcome = RunOutcome(failure: cause, of: error.hop)
            return await self.report(outcome, for: target, since: start, output: CapturedOutput())
        }
        guard let context else {
            return await self.report(.interrupted, for: target, since: start, output: CapturedOutput())
        }
        return await self.runCommand(for: target, in: context, since: start)
    }

    private func runCommand(
        for target: Int,
        in context: Context,
        since start: ContinuousClock.Instant
    ) async -> RunOutcome {
        var spool = OutputSpool()
        let outcome: RunOutcome
        do throws(MitogenError) {
            let result = try await self.run(in: context, for: target) { piece in
                let stream: OutputStreamKind = piece.source == .standardOutput ? .stdout : .stderr
                if self.presenter.wantsCapturedOutput {
                    // The command goes on when its output cannot be kept; the spool tells that in the end.
                    try? spool.append(piece.bytes, to: stream)
                } else {
                    let event = RunEvent.output(target: self.labels[target], stream: stream, bytes: piece.bytes)
                    await self.presenter.show(event)
                }
                return true
            }
            outcome = RunOutcome(result)
        } catch {
            let isLoss = error.code == .channelError
            outcome = RunOutcome(failure: error, lostHop: isLoss ? self.connections.lostHop(of: target) : nil)
        }
        return await self.report(outcome, for: target, since: start, output: spool.finish())
    }

    /// Runs the command, or the script with its arguments.
    private func run(
        in context: Context,
        for target: Int,
        onOutput: (ProcessOutput) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let input = self.input.map { ProcessInput.stream($0.stream(for: target)) } ?? .null
        let directory =
            self.options.directory ?? self.targetConnections.startingFolder(of: self.options.targets[target])
        guard let script = self.options.script else {
            return try await context.run(
                self.options.command,
                stdin: input,
                environment: self.options.environment,
                workingDirectory: directory,
                timeout: self.options.timeout,
                onOutput: onOutput
            )
        }
        return try await context.runScript(
            script,
            arguments: self.options.command,
            stdin: input,
            environment: self.options.environment,
            workingDirectory: directory,
            timeout: self.options.timeout,
            onOutput: onOutput
        )
    }

    /// Shows what became of a target, and gives it back: lost output makes a failure of a success.
    private func report(
        _ outcome: RunOutcome,
        for target: Int,
        since start: ContinuousClock.Instant,
        output: CapturedOutput
    ) async -> RunOutcome {
        self.input?.leave(target)
        let report = TargetReport(
            target: self.labels[target],
            outcome: outcome,
            durationMilliseconds: start.duration(to: self.clock.now).wholeMilliseconds,
            output: output
        )
        await self.presenter.show(.finished(report))
        return report.outcome
    }
}
