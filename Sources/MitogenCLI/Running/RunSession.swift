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
    /// What keeps a host from answering seldom ends at once.
    private static let retryPause = Duration.seconds(1)

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
        self.connections = HopConnections(
            tree,
            closesUnused: options.fanout != nil || options.plan.hasBatches,
            through: connections
        )
    }

    /// Runs the command everywhere.
    ///
    /// When the task is cancelled, the commands that still run are told to end, which is not waited for: the router's
    /// shutdown does that.
    ///
    /// - Returns: What became of the targets, in the order of the command line.
    func run() async -> [RunOutcome] {
        let count = self.labels.count
        var progress = RunProgress(count: count, plan: self.options.plan)
        for batch in self.options.plan.batches(of: count) {
            if batch.followsCanaries, !Task.isCancelled, !progress.isExceeded {
                if let reason = await self.reasonToStop(after: progress) {
                    // Who interrupts the question has not answered it.
                    if Task.isCancelled { break }
                    await self.skip(&progress, because: reason)
                    break
                }
            }
            await self.run(batch.targets, &progress)
            if progress.isExceeded {
                await self.skip(&progress, because: progress.exceededText)
                break
            }
        }
        return progress.outcomes.map { $0 ?? .interrupted }
    }

    /// Runs a batch, and those of it again that cannot be reached, as often as that is asked for.
    private func run(_ targets: Range<Int>, _ progress: inout RunProgress) async {
        let attempts = self.options.plan.retries + 1
        var pending = Array(targets)
        for attempt in 1...attempts where !pending.isEmpty {
            if attempt > 1 {
                let names = NodeSetFolding.text(pending.map { self.labels[$0] }, order: .written)
                await self.presenter.note("cannot reach \(names); attempt \(attempt) of \(attempts) begins")
                try? await self.clock.sleep(for: Self.retryPause)
                self.connections.forgetFailures()
            }
            pending = await self.run(
                pending,
                &progress,
                Attempt(isFirst: attempt == 1, isLast: attempt == attempts)
            )
        }
    }

    /// Which of the attempts to reach a target one is.
    private struct Attempt {
        let isFirst: Bool
        let isLast: Bool
    }

    /// Runs the command in targets, as many at a time as there are places.
    ///
    /// - Returns: Those that are to be tried again.
    private func run(_ targets: [Int], _ progress: inout RunProgress, _ attempt: Attempt) async -> [Int] {
        await withTaskGroup(of: (target: Int, visit: Visit).self) { group in
            var pending = targets[...]
            var again: [Int: RunOutcome] = [:]
            let places = min(self.options.fanout ?? targets.count, targets.count)
            func begin(_ progress: inout RunProgress) {
                guard !progress.isExceeded, let target = pending.popFirst() else { return }
                let time = progress.begin(at: self.clock.now)
                group.addTask { (target, await self.visit(target, attempt, at: time)) }
            }
            for _ in 0..<places { begin(&progress) }
            for await result in group {
                switch result.visit {
                case .done(let outcome): progress.record(outcome, of: result.target)
                case .failed(let outcome): again[result.target] = outcome
                }
                begin(&progress)
            }
            guard progress.isExceeded else { return again.keys.sorted() }
            // They were tried, and are not tried again because others have failed.
            for (target, outcome) in again.sorted(by: { $0.key < $1.key }) {
                let now = self.clock.now
                progress.record(
                    await self.report(outcome, for: target, since: now, output: CapturedOutput()),
                    of: target
                )
                await self.connections.leave(target)
            }
            return []
        }
    }

    /// Reaches a target, runs the command there, and closes what no other target needs.
    ///
    private func visit(_ target: Int, _ attempt: Attempt, at time: ContinuousClock.Instant) async -> Visit {
        // Fails when the run is interrupted, which is then found out below.
        if self.options.plan.stagger > .zero { try? await self.clock.sleep(until: time) }
        if attempt.isFirst { await self.presenter.show(.started(target: self.labels[target])) }
        let visit = await self.follow(target, since: self.clock.now, mayTryAgain: !attempt.isLast)
        if case .done = visit { await self.connections.leave(target) }
        return visit
    }

    /// What an attempt has come to.
    private enum Visit: Sendable {
        case done(RunOutcome)
        /// The target cannot be reached, which is not reported, and is to be tried again.
        case failed(RunOutcome)
    }

    // MARK: Caution

    /// Why no target is to follow the canaries; nil if the others are.
    private func reasonToStop(after progress: RunProgress) async -> String? {
        let failures = progress.failures
        if self.options.plan.isConfirmed {
            return failures == 0 ? nil : "\(failures) of \(progress.doneCount) canaries failed"
        }
        guard let question = TerminalQuestion() else { return "there is no terminal to ask at" }
        let rest = self.labels.count - progress.doneCount
        let state = failures == 0 ? "succeeded" : "ended, \(failures) with a failure"
        await self.presenter.ask(
            "\(progress.doneCount) of \(self.labels.count) targets \(state); go on with \(rest)? [y/N]"
        )
        let isYes = question.isAnsweredWithYes { Task.isCancelled }
        await self.presenter.noteAnswer()
        return isYes ? nil : "the answer was no"
    }

    /// Tells which targets are not begun any more, and why.
    private func skip(_ progress: inout RunProgress, because reason: String) async {
        let targets = progress.undone
        guard !targets.isEmpty else { return }
        let names = NodeSetFolding.text(targets.map { self.labels[$0] }, order: .written)
        await self.presenter.note("\(reason); not run: \(names)")
        for target in targets {
            let outcome = await self.report(.skipped, for: target, since: self.clock.now, output: CapturedOutput())
            progress.record(outcome, of: target)
        }
    }

    // MARK: One target

    private func follow(
        _ target: Int,
        since start: ContinuousClock.Instant,
        mayTryAgain: Bool
    ) async -> Visit {
        let context: Context?
        do throws(HopFailure) {
            // Those whose turn comes after the interruption are not begun.
            context = Task.isCancelled ? nil : try await self.connections.context(for: target)
        } catch {
            let cause = error.isFirst ? error.error.advisingFanout(for: self.width) : error.error
            let outcome = RunOutcome(failure: cause, of: error.hop)
            if mayTryAgain, !Task.isCancelled, case .unreachable = outcome { return .failed(outcome) }
            return .done(await self.report(outcome, for: target, since: start, output: CapturedOutput()))
        }
        guard let context else {
            return .done(await self.report(.interrupted, for: target, since: start, output: CapturedOutput()))
        }
        return .done(await self.runCommand(for: target, in: context, since: start))
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
        onOutput: (ProcessOutput.Piece) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let input = self.input.map { ProcessInput.stream($0.stream(for: target)) } ?? .null
        let environment = ProcessEnvironment.inherited.updating(self.options.environment)
        let directory =
            self.options.directory ?? self.targetConnections.startingFolder(of: self.options.targets[target])
        guard let script = self.options.script else {
            return try await context.run(
                self.options.command,
                stdin: input,
                environment: environment,
                workingDirectory: directory,
                timeout: self.options.timeout,
                onOutput: onOutput
            )
        }
        return try await context.runScript(
            script,
            arguments: self.options.command,
            stdin: input,
            environment: environment,
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
