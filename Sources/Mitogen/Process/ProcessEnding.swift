//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How a process is ended: signals, one after the other, for as long as what they are for is there.
struct ProcessEnding: Sendable {
    enum Target: Sendable {
        case process
        case group
    }

    struct Step: Sendable {
        /// From when the ending begins.
        let delay: Duration
        let signal: Int32
        let target: Target

        init(_ signal: Int32, _ target: Target, after delay: Duration = .zero) {
            self.delay = delay
            self.signal = signal
            self.target = target
        }
    }

    /// What becomes of the process's group when the process itself has ended.
    enum Rest: Sendable {
        case livesOn
        /// The steps go on, as ssh may have left what its `ProxyCommand` has started. A group that still has somebody in it
        /// keeps its number.
        case isEndedInTime
        case isKilled
    }

    let steps: [Step]
    let rest: Rest

    /// A child whose link has ended: it ends by itself within a second.
    static let lostChild = ProcessEnding(
        steps: [
            Step(SIGTERM, .process, after: .milliseconds(1200)), Step(SIGKILL, .process, after: .milliseconds(2200)),
        ],
        rest: .livesOn
    )
    /// What makes a connection that is not wanted any more.
    static let failedAttempt = ProcessEnding(
        steps: [Step(SIGTERM, .group), Step(SIGKILL, .group, after: .seconds(1))],
        rest: .isEndedInTime
    )
    /// A fork server that does not answer.
    static let failedForkServer = ProcessEnding(
        steps: [Step(SIGTERM, .process), Step(SIGKILL, .process, after: .seconds(1))],
        rest: .livesOn
    )
    /// A command that was given up, which may finish what it does as long as its caller says.
    static func command(_ teardown: [RunProcess.Step]) -> ProcessEnding {
        var delay = Duration.zero
        var steps: [Step] = []
        for step in teardown {
            steps.append(Step(step.signal, .group, after: delay))
            delay += Duration(checkedSeconds: step.wait) ?? .zero
        }
        return ProcessEnding(steps: steps + [Step(SIGKILL, .group, after: delay)], rest: .isKilled)
    }
    /// A command of a context that ends, which waits for it no longer than it has itself.
    static let commandAtEnd = ProcessEnding(steps: [Step(SIGTERM, .group)], rest: .isKilled)
}

extension SpawnedProcess {
    /// Ends the process, or what is left of its group.
    func end(_ ending: ProcessEnding) {
        for step in ending.steps {
            guard step.delay > .zero else {
                perform(step)
                continue
            }
            let timer = broker.schedule(after: step.delay) { [self] in perform(step) }
            whenEnded { [self] _ in
                if case .isEndedInTime = ending.rest, hasGroup { return }
                timer.cancel()
            }
        }
        if case .isKilled = ending.rest { whenEnded { [self] _ in signalGroup(SIGKILL) } }
    }

    private func perform(_ step: ProcessEnding.Step) {
        switch step.target {
        case .process: signal(step.signal, group: false)
        // Once: programs take a second TERM for "do not finish what you are doing".
        case .group where step.signal == SIGTERM: askGroupToEnd()
        case .group: signalGroup(step.signal)
        }
    }
}
