//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Connects the targets of a run and runs the command in each, all at once.
///
/// It decides what became of each target, and nothing about how that is shown.
struct RunSession: Sendable {
    let options: RunOptions
    /// The labels of the targets, in the order of the command line.
    let labels: [String]
    let router: Router
    let presenter: RunPresenter
    let input: InputBroadcast?
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant

    init(
        options: RunOptions,
        labels: [String],
        router: Router,
        presenter: RunPresenter,
        input: InputBroadcast?
    ) {
        self.options = options
        self.labels = labels
        self.router = router
        self.presenter = presenter
        self.input = input
        self.start = self.clock.now
    }

    /// Runs the command everywhere.
    ///
    /// When the task is cancelled, the commands that still run are told to end, which is not waited for: the router's
    /// shutdown does that.
    ///
    /// - Returns: What became of the targets, in the order of the command line.
    func run() async -> [RunOutcome] {
        for label in self.labels { await self.presenter.show(.started(target: label)) }
        let outcomes = await self.visit(TargetTree(self.options.targets), in: nil)
        return self.labels.indices.map { outcomes[$0] ?? .interrupted }
    }

    /// Runs the command in the targets that end at `context`, and goes on to those further on.
    private func visit(_ node: TargetTree, in context: Context?) async -> [Int: RunOutcome] {
        await withTaskGroup(of: [Int: RunOutcome].self) { group in
            if let context {
                for target in node.targets {
                    group.addTask { [target: await self.runCommand(for: target, in: context)] }
                }
            }
            for branch in node.branches {
                group.addTask { await self.follow(branch, from: context) }
            }
            return await group.reduce(into: [:]) { all, some in all.merge(some) { first, _ in first } }
        }
    }

    private func follow(_ branch: TargetTree, from context: Context?) async -> [Int: RunOutcome] {
        guard let hop = branch.hop else { return [:] }
        do throws(MitogenError) {
            let next = try await self.router.connect(hop, via: context, self.options.hops)
            return await self.visit(branch, in: next)
        } catch {
            let outcome = RunOutcome(failure: error, of: hop)
            var outcomes: [Int: RunOutcome] = [:]
            for target in branch.allTargets {
                outcomes[target] = await self.report(outcome, for: target, output: CapturedOutput())
            }
            return outcomes
        }
    }

    private func runCommand(for target: Int, in context: Context) async -> RunOutcome {
        var spool = OutputSpool()
        let outcome: RunOutcome
        do throws(MitogenError) {
            let result = try await context.run(
                self.options.command,
                stdin: self.input.map { .stream($0.stream(for: target)) } ?? .null,
                environment: self.options.environment,
                workingDirectory: self.options.directory,
                timeout: self.options.timeout
            ) { piece in
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
            outcome = RunOutcome(failure: error)
        }
        return await self.report(outcome, for: target, output: spool.finish())
    }

    /// Shows what became of a target, and gives it back: lost output makes a failure of a success.
    private func report(_ outcome: RunOutcome, for target: Int, output: CapturedOutput) async -> RunOutcome {
        self.input?.leave(target)
        let report = TargetReport(
            target: self.labels[target],
            outcome: outcome,
            durationMilliseconds: self.start.duration(to: self.clock.now).wholeMilliseconds,
            output: output
        )
        await self.presenter.show(.finished(report))
        return report.outcome
    }
}
