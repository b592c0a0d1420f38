//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What went wrong with a target, other than that its command failed.
package struct FailureReport: Hashable, Sendable {
    /// A short stable word for programs.
    package let code: String

    /// What happened, for people; it may hold words of another machine and is made harmless before it is shown.
    package let message: String

    /// The hop that failed, if it was one.
    package let hop: String?

    /// Creates a report.
    package init(code: String, message: String, hop: String? = nil) {
        self.code = code
        self.message = message
        self.hop = hop
    }
}

/// How the command ended on one target.
package enum RunOutcome: Hashable, Sendable {
    /// The command ended by itself with this status.
    case exited(Int32)
    /// A signal of this number ended the command.
    case signaled(Int32)
    /// The time given by `--timeout` was over first.
    case timedOut
    /// The time given by `--timeout` was over, and the target does not say what became of the command.
    case unanswered(FailureReport)
    /// No connection to the target was made.
    case unreachable(FailureReport)
    /// The target was reached, but the command was not started or its end not seen.
    case failed(FailureReport)
    /// The user stopped the run first.
    case interrupted
    /// The run was given up before the turn of the target came.
    case skipped

    /// Whether the command ended with status 0.
    package var isSuccess: Bool { self == .exited(0) }

    /// The status a shell would give: 128 + n for a signal, `nil` if the command's end is not known.
    package var exitStatus: Int32? {
        switch self {
        case .exited(let status): status
        case .signaled(let signal): 128 + signal
        case .timedOut, .unanswered, .unreachable, .failed, .interrupted, .skipped: nil
        }
    }

    /// The signal that ended the command; `nil` if none did or its end is not known.
    package var signal: Int32? {
        if case .signaled(let signal) = self { signal } else { nil }
    }

    /// What stands under `error` in the JSON output: `nil` if the command ended, with whatever status.
    package var failure: FailureReport? {
        switch self {
        case .exited, .signaled: nil
        case .timedOut: FailureReport(code: "timeout", message: "the command did not end in time")
        case .interrupted: FailureReport(code: "interrupted", message: "the run was interrupted")
        case .skipped: FailureReport(code: "skipped", message: "the run was given up before")
        case .unanswered(let report), .unreachable(let report), .failed(let report): report
        }
    }
}
