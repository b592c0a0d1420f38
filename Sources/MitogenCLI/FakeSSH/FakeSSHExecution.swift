//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen
internal import MitogenFakeSSH
internal import Synchronization

/// One `mitogen fakessh`, from the first connection to the status to exit with.
struct FakeSSHExecution: Sendable {
    /// What a shell ends with for a program that it cannot start.
    private static let notStarted: Int32 = 127
    /// How long the end may take after a signal: the program has 2 s before KILL, and the router waits for 5 s at most.
    private static let patience = Duration.seconds(8)
    /// Signals that follow each other so closely are one wish: timeout(1) and other wrappers send theirs to the process
    /// and to its group.
    private static let echoTime = Duration.milliseconds(100)

    /// The program, while it runs, and the signal that ends everything.
    private final class State: Sendable {
        let program = Mutex<LocalProgram?>(nil)
        let stop = OneShot<EarlyEnd>()
    }

    let options: FakeSSHOptions
    /// The path of the program that is started as contexts.
    let image: String

    /// Does it. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        let loop = try MainLoop(signals: Interruption.handledSignals())
        let state = State()
        let clock = ContinuousClock()
        var first: ContinuousClock.Instant?
        return loop.run { signal in
            if let first, clock.now - first < Self.echoTime { return .wait }
            defer { first = first ?? clock.now }
            return Self.react(to: signal, isFirst: first == nil, state)
        } _: {
            await self.work(state)
        }
    }

    /// The first signal is the program's, if there is one: it decides what it means. A second one ends everything.
    private static func react(to signal: Int32, isFirst: Bool, _ state: State) -> MainLoop.Reaction {
        if isFirst, let program = state.program.withLock({ $0 }) {
            // The terminal has sent it to the whole group.
            if !(signal == SIGINT && program.sharesTerminal) { program.signal(signal) }
            return .wait
        }
        state.stop.resolve(.success(.signal(signal)))
        return .expectEnd(within: patience, otherwise: 128 + signal, because: "interrupted")
    }

    private func work(_ state: State) async -> Int32 {
        let status = await EarlyEnd.doing(until: state.stop) { await self.run(state) }
        if case .success(.signal(let signal)) = state.stop.outcome { return 128 + signal }
        return status
    }

    private func run(_ state: State) async -> Int32 {
        await TargetConnections.status(
            [self.options.target],
            self.options.hops,
            image: self.image,
            usesHeld: self.options.usesHeld
        ) { targets in
            do {
                let context = try await self.connect(targets)
                return try await self.run(in: context, state)
            } catch let failure as HopFailure {
                return Self.explain(failure)
            } catch let error as MitogenError {
                return Self.explain(error)
            }
        }
    }

    private func connect(_ targets: TargetConnections) async throws(HopFailure) -> Context {
        let connections = HopConnections(TargetTree([self.options.target]), closesUnused: false, through: targets)
        guard let context = try await connections.context(for: 0) else {
            preconditionFailure("a target has a hop at least")
        }
        return context
    }

    private func run(in context: Context, _ state: State) async throws(MitogenError) -> Int32 {
        defer { state.program.withLock { $0 = nil } }
        let status = try await FakeSSH.run(
            self.options.program,
            to: context,
            environment: [:],
            workingDirectory: nil,
            timeout: self.options.timeout,
            describing: \.toolText
        ) { program in
            state.program.withLock { $0 = program }
        }
        let code = status.shellCode
        // A process can only end with 0...255; anything else must not become 0 by losing its upper bits.
        return (0...255).contains(code) ? code : RunExitStatus.failed
    }

    // MARK: Failures

    private static func explain(_ failure: HopFailure) -> Int32 {
        let hop = TerminalSanitizer.visible(failure.hop.canonicalText)
        self.complain("cannot reach \(hop)", failure.error)
        return RunExitStatus.unreachable
    }

    private static func explain(_ error: MitogenError) -> Int32 {
        switch error.code {
        // Told by the status, and known to whoever has sent the signal.
        case .cancelled: return RunExitStatus.interrupted
        case .timeoutError:
            self.complain("timed out", error)
            return RunExitStatus.timedOut
        case .spawnError:
            self.complain("not started", error)
            return self.notStarted
        default:
            self.complain("failed", error)
            return RunExitStatus.failed
        }
    }

    private static func complain(_ what: String, _ error: MitogenError) {
        let lines = FailureReport(error).lines.joined(separator: "\n  ")
        cmitogen_complain("mitogen: \(what): \(lines)\n")
    }
}
