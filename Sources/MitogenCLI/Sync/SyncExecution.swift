//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles

/// `mitogen sync`, from its options to its exit status.
struct SyncExecution: Sendable {
    /// What has become of a target, the worst last.
    private enum Outcome: Int, Sendable, Comparable {
        case complete, incomplete, unreachable, interrupted

        static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }

        var status: Int32 {
            switch self {
            case .complete: 0
            case .incomplete: RunExitStatus.failed
            case .unreachable: RunExitStatus.unreachable
            case .interrupted: RunExitStatus.interrupted
            }
        }
    }

    let options: SyncOptions
    /// The path of the program that is started as contexts.
    let image: String

    /// Does it. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        try EarlyEnd.perform { stop in await self.work(until: stop) }
    }

    private func work(until stop: OneShot<EarlyEnd>) async -> Int32 {
        let labels = TargetSpecification.labels(for: options.targets)
        let presenter = SyncPresenter(options, labels: labels) { stop.resolve(.success(.outputFailed)) }
        return await TargetConnections.status(
            options.targets,
            options.hops,
            image: image,
            usesHeld: options.usesHeld
        ) { connections in
            let progress = TransferProgress()
            let outcome = await EarlyEnd.doing(until: stop) {
                await synchronize(connections, presenter, progress)
            } beside: {
                if await presenter.showsProgress { await presenter.follow(progress) }
            }
            await presenter.end()
            switch stop.outcome {
            case .success(.signal(let number)): return 128 + number
            case .success(.outputFailed): return await presenter.failureStatus
            default: return outcome.status
            }
        }
    }

    private func synchronize(
        _ targets: TargetConnections,
        _ presenter: SyncPresenter,
        _ progress: TransferProgress
    ) async -> Outcome {
        let source = SyncSource(options)
        for failure in source.failures { await presenter.showSourceFailure(FailureReport(failure.error(in: nil))) }
        let tree = TargetTree(options.targets)
        let width = min(options.fanout ?? tree.firstHopCount, tree.firstHopCount)
        let connections = HopConnections(tree, closesUnused: options.fanout != nil, through: targets)
        let count = options.targets.count
        // With fewer at a time those behind a hop are not all there to share what comes.
        let sharing = (options.fanout ?? count) < count ? [] : tree.sharedFirstHops
        let share = SyncShare(sharing, source, options, progress)
        let outcome = await withTaskGroup(of: Outcome.self) { group in
            var next = min(options.fanout ?? count, count)
            for target in 0..<next {
                group.addTask { await self.visit(target, source, share, connections, width, presenter, progress) }
            }
            var worst = Outcome.complete
            for await outcome in group {
                worst = max(worst, outcome)
                guard next < count else { continue }
                group.addTask { [target = next] in
                    await self.visit(target, source, share, connections, width, presenter, progress)
                }
                next += 1
            }
            return worst
        }
        return source.failures.isEmpty ? outcome : max(outcome, .incomplete)
    }

    private func visit(
        _ target: Int,
        _ source: SyncSource,
        _ share: SyncShare,
        _ connections: HopConnections,
        _ width: Int,
        _ presenter: SyncPresenter,
        _ progress: TransferProgress
    ) async -> Outcome {
        let outcome: Outcome
        do throws(HopFailure) {
            guard let context = Task.isCancelled ? nil : try await connections.context(for: target) else {
                return .interrupted
            }
            outcome = await synchronize(target, context, source, share, connections, presenter, progress)
        } catch {
            if [.cancelled, .connectionCancelled].contains(error.error.code) { return .interrupted }
            await presenter.noteUnreachable()
            let cause = error.isFirst ? error.error.advisingFanout(for: width) : error.error
            await presenter.show(.failure(target: target, FailureReport(cause, hop: error.hop)))
            outcome = .unreachable
        }
        await share.leave(target)
        await connections.leave(target)
        return outcome
    }

    private func synchronize(
        _ target: Int,
        _ context: Context,
        _ source: SyncSource,
        _ share: SyncShare,
        _ connections: HopConnections,
        _ presenter: SyncPresenter,
        _ progress: TransferProgress
    ) async -> Outcome {
        if options.deletes, !source.failures.isEmpty {
            await presenter.show(
                .note(target: target, "nothing is removed, as something of the source could not be read")
            )
        }
        await presenter.noteConnection()
        let start = ContinuousClock.now
        let session = SyncSession(
            source: source,
            options: options,
            context: context,
            target: target,
            share: share,
            progress: progress
        ) { await presenter.show($0) }
        var (report, failure) = await session.run()
        if let failure {
            if failure.code == .cancelled { return .interrupted }
            report.failures += 1
            let lost = failure.code == .channelError ? connections.lostHop(of: target) : nil
            await presenter.show(.failure(target: target, FailureReport(failure, hop: lost)))
        }
        report.duration = start.duration(to: .now)
        await presenter.show(.finished(target: target, report))
        if failure?.code == .channelError { return .unreachable }
        return report.failures == 0 ? .complete : .incomplete
    }
}
