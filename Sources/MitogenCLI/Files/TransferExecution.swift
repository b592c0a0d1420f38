//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen

/// One `mitogen copy` or `mitogen fetch`, from the first connection to the status to exit with.
struct TransferExecution: Sendable {
    let request: TransferRequest
    /// The path of the program that is started as contexts.
    let image: String

    /// Does it. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        let loop = try MainLoop(signals: Interruption.handledSignals())
        let display = TransferDisplay(
            targets: self.request.targets.count,
            writesJSON: self.request.writesJSON,
            isQuiet: self.request.isQuiet,
            sink: DescriptorSink()
        )
        let stop = OneShot<EarlyEnd>()
        let presenter = TransferPresenter(display) { stop.resolve(.success(.outputFailed)) }
        var interruption = Interruption(unfinished: "left at once")
        return loop.run { signal in
            interruption.reaction(to: signal) {
                presenter.show(.interrupted)
                stop.resolve(.success(.signal(signal)))
            }
        } _: {
            await self.work(presenter, stop)
        }
    }

    private func work(_ presenter: TransferPresenter, _ stop: OneShot<EarlyEnd>) async -> Int32 {
        await TargetConnections.status(
            self.request.targets,
            self.request.hops,
            image: self.image,
            usesHeld: self.request.usesHeld
        ) { connections in
            let session = TransferSession(request: self.request, connections: connections, presenter: presenter)
            let results = await EarlyEnd.doing(until: stop) { await session.run() }
            let failure = await presenter.finish()
            return self.status(after: failure, results, stop)
        }
    }

    private func status(after failure: OutputError?, _ results: [TransferResult], _ stop: OneShot<EarlyEnd>) -> Int32 {
        switch failure {
        case .brokenPipe: return RunExitStatus.brokenPipe
        case .some(let failure):
            cmitogen_complain("mitogen: \(failure)\n")
            return RunExitStatus.failed
        case nil: break
        }
        if case .success(.signal(let signal)) = stop.outcome { return 128 + signal }
        return RunExitStatus.reduce(results)
    }
}

extension RunExitStatus {
    /// The status for a transfer with these results: the worst is told.
    static func reduce(_ results: [TransferResult]) -> Int32 {
        var status: Int32 = 0
        for result in results {
            switch result.outcome {
            case .done: break
            case .interrupted: return self.interrupted
            case .unreachable: status = self.unreachable
            case .failed: if status == 0 { status = self.failed }
            }
        }
        return status
    }
}
