//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen

/// One `mitogen run`, from the first connection to the status to exit with.
struct RunExecution: Sendable {
    /// Why a run ends before all commands have ended.
    private enum Stop: Sendable {
        case signal(Int32)
        case outputFailed
    }

    let options: RunOptions
    /// The path of the program that is started as contexts.
    let image: String
    /// What keeps the output of targets in files, if that is wanted.
    let files: OutputFiles?

    /// Does it. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        let loop = try MainLoop(signals: Interruption.handledSignals())
        let labels = TargetSpecification.labels(for: self.options.targets)
        let display = RunDisplay(
            mode: self.options.results.output,
            labels: labels,
            options: self.displayOptions(labels),
            sink: DescriptorSink()
        )
        let stop = OneShot<Stop>()
        let presenter = RunPresenter(display) { stop.resolve(.success(.outputFailed)) }
        // Without their links the contexts end within half a second, and take what is left of the commands along.
        var interruption = Interruption(unfinished: "commands that have not ended yet are killed")
        return loop.run { signal in
            interruption.reaction(to: signal) {
                // In this order, so that what is unfinished is told before it is shown how it ended.
                presenter.noteInterruption()
                stop.resolve(.success(.signal(signal)))
            }
        } _: {
            await self.work(labels, presenter, stop)
        }
    }

    private func displayOptions(_ labels: [String]) -> RunDisplayOptions {
        var result = RunDisplayOptions()
        let paths = self.options.targets.map { $0.hops.map(\.canonicalText) }
        result.paths = Dictionary(zip(labels, paths)) { first, _ in first }
        result.showsDifferences = self.options.results.showsDifferences
        result.summarizes = self.options.results.summarizes
        result.isLive = self.options.results.isLive
        result.files = self.files
        return result
    }

    // MARK: Work

    private func work(_ labels: [String], _ presenter: RunPresenter, _ stop: OneShot<Stop>) async -> Int32 {
        let source = StandardInput()
        let input =
            self.options.readsStandardInput ? InputBroadcast(targets: labels.count) { source.read() } : nil
        do {
            return try await TargetConnections.with(
                self.options.targets,
                self.options.hops,
                image: self.image,
                usesHeld: self.options.usesHeld,
                note: presenter.note
            ) { connections in
                let session = RunSession(
                    options: self.options,
                    labels: labels,
                    connections: connections,
                    presenter: presenter,
                    input: input
                )
                let outcomes = await self.run(session, until: stop)
                if let failure = source.failure { await presenter.note(failure) }
                // Results are shown before the contexts end, which may take them a while.
                let failure = await presenter.finish()
                let status = self.status(after: failure, outcomes, stop)
                return status == 0 && source.failure != nil ? RunExitStatus.failed : status
            }
        } catch {
            TargetConnections.complain(toolText(error))
            return RunExitStatus.unreachable
        }
    }

    private func run(_ session: RunSession, until stop: OneShot<Stop>) async -> [RunOutcome] {
        await withTaskGroup(of: [RunOutcome].self) { group in
            group.addTask { await session.run() }
            group.addTask {
                await session.presenter.showProgress()
                return []
            }
            group.addTask {
                // Fails only when it is cancelled, because the run is over.
                _ = try? await stop.value()
                return []
            }
            var outcomes: [RunOutcome] = []
            for await result in group {
                // One of the three is over: the run itself, or the reason to end it.
                if !result.isEmpty || stop.outcome != nil { group.cancelAll() }
                if !result.isEmpty { outcomes = result }
            }
            return outcomes
        }
    }

    private func status(after failure: OutputError?, _ outcomes: [RunOutcome], _ stop: OneShot<Stop>) -> Int32 {
        switch failure {
        case .brokenPipe: return RunExitStatus.brokenPipe
        case .some(let failure):
            cmitogen_complain("mitogen: \(failure)\n")
            return RunExitStatus.failed
        case nil: break
        }
        let status = RunExitStatus.reduce(outcomes, by: self.options.results.exitRule)
        if status == RunExitStatus.interrupted, case .success(.signal(let signal)) = stop.outcome {
            return 128 + signal
        }
        return status
    }
}
