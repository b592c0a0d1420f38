//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc

/// What signals do to work in other places: the first one ends it in order, a second one at once.
struct Interruption {
    /// How long the contexts may take to end after a signal. They give commands 2 s before KILL, and the router waits
    /// for 5 s at most; what takes longer is stuck, maybe because nobody reads what is shown.
    private static let patience = Duration.seconds(7)
    /// Signals that follow each other so closely are one wish: timeout(1) and other wrappers send theirs to the
    /// process and to its group.
    private static let echoTime = Duration.milliseconds(100)

    /// What becomes of what is not done at a second signal.
    private let unfinished: String
    private let clock = ContinuousClock()
    private var first: ContinuousClock.Instant?

    init(unfinished: String) {
        self.unfinished = unfinished
    }

    /// SIGINT and SIGTERM are taken even where they are ignored, as for the background jobs of a script: who sends
    /// one wants the work to end. SIGHUP is left to `nohup`.
    static func handledSignals() -> [Int32] {
        var action = sigaction()
        let isIgnored =
            sigaction(SIGHUP, nil, &action) == 0
            && unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
                == unsafeBitCast(SIG_IGN, to: Int.self)
        return [SIGINT, SIGTERM] + (isIgnored ? [] : [SIGHUP])
    }

    /// - Parameter end: Called at the first signal, to end the work.
    mutating func reaction(to signal: Int32, _ end: () -> Void) -> MainLoop.Reaction {
        if let first, self.clock.now - first < Self.echoTime { return .wait }
        let status = 128 + signal
        guard self.first == nil else {
            cmitogen_complain("\nmitogen: interrupted again; \(self.unfinished)\n")
            return .leave(status)
        }
        self.first = self.clock.now
        end()
        return .expectEnd(
            within: Self.patience,
            otherwise: status,
            because: "interrupted; ended without waiting for whoever reads the output"
        )
    }
}
