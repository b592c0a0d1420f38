//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The exit status of `mitogen run`.
package enum RunExitStatus {
    /// The command line is not right.
    package static let usageError: Int32 = 2
    /// A command did not end in time.
    package static let timedOut: Int32 = 3
    /// A target could not be reached.
    package static let unreachable: Int32 = 4
    /// A command failed on one of several targets, or its end was not seen.
    package static let failed: Int32 = 5
    /// The user stopped the run: 128 + SIGINT.
    package static let interrupted: Int32 = 130
    /// Nobody reads the output any more: 128 + SIGPIPE, as if the signal had ended the program.
    package static let brokenPipe: Int32 = 141

    /// How the status of a run follows from those of its targets.
    package enum Rule: String, Hashable, Sendable, CaseIterable {
        /// What has happened decides, see ``RunExitStatus/reduce(_:)``.
        case kind
        /// The largest status of a command, as `clush -S` has it.
        case max
    }

    /// The status for a run with these outcomes.
    package static func reduce(_ outcomes: [RunOutcome], by rule: Rule) -> Int32 {
        guard rule == .max else { return self.reduce(outcomes) }
        if outcomes.contains(.interrupted) { return self.interrupted }
        // What has no status of a command has that of its kind.
        return outcomes.map { self.reduce([$0]) }.max() ?? 0
    }

    /// The status for a run with these outcomes.
    ///
    /// One target hands on the status of its command. Of several, the worst is told: being interrupted before an
    /// unreachable target, before a timeout, before any other failure.
    package static func reduce(_ outcomes: [RunOutcome]) -> Int32 {
        if outcomes.count == 1, let status = outcomes[0].exitStatus {
            // A process can only end with 0...255; anything else must not become 0 by losing its upper bits.
            return (0...255).contains(status) ? status : 255
        }
        var status: Int32 = 0
        var rank = 0
        for outcome in outcomes {
            let (outcomeRank, outcomeStatus) = self.severity(of: outcome)
            if outcomeRank > rank { (rank, status) = (outcomeRank, outcomeStatus) }
        }
        return status
    }

    private static func severity(of outcome: RunOutcome) -> (rank: Int, status: Int32) {
        switch outcome {
        case .exited(0): (0, 0)
        case .exited, .signaled, .failed, .skipped: (1, self.failed)
        case .timedOut, .unanswered: (2, self.timedOut)
        case .unreachable: (3, self.unreachable)
        case .interrupted: (4, self.interrupted)
        }
    }
}
