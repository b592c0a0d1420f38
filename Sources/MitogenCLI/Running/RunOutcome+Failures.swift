//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension RunOutcome {
    /// How a command ended that was started.
    init(_ result: ProcessResult) {
        if result.hasTimedOut {
            self = .timedOut
        } else {
            switch result.status {
            case .exited(let status): self = .exited(status)
            case .signaled(let signal): self = .signaled(signal)
            }
        }
    }

    /// What became of a command that was not started, or whose end is not known.
    init(failure error: MitogenError) {
        switch error.code {
        case .cancelled: self = .interrupted
        case .timeoutError: self = .unanswered(FailureReport(error))
        default: self = .failed(FailureReport(error))
        }
    }

    /// What became of the targets behind a hop that failed.
    init(failure error: MitogenError, of hop: Hop) {
        switch error.code {
        case .cancelled, .connectionCancelled: self = .interrupted
        default: self = .unreachable(FailureReport(error, hop: hop))
        }
    }
}

extension FailureReport {
    /// The error without the place in the program, which says nothing to people who run commands.
    init(_ error: MitogenError, hop: Hop? = nil) {
        var lines = [error.message]
        if !error.diagnostics.isEmpty { lines += ["last lines received:"] + error.diagnostics.map { "  \($0)" } }
        if let hint = error.hint { lines.append("hint: \(hint)") }
        self.init(
            code: error.code.description,
            message: lines.joined(separator: "\n"),
            hop: hop?.canonicalText
        )
    }
}
