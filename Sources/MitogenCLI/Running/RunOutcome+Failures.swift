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
    ///
    /// - Parameter lostHop: The hop whose connection was lost, if that is the reason.
    init(failure error: MitogenError, lostHop: Hop? = nil) {
        switch error.code {
        case .cancelled: self = .interrupted
        case .timeoutError: self = .unanswered(FailureReport(error))
        default: self = .failed(FailureReport(error, hop: lostHop))
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
        let said = error.diagnostics.suffix(HopFinding.shownLines)
        if !said.isEmpty { lines += ["last lines received:"] + said.map { "  \($0)" } }
        if let hint = error.toolHint { lines.append("hint: \(hint)") }
        self.init(
            code: error.code.description,
            message: lines.joined(separator: "\n"),
            hop: hop?.canonicalText
        )
    }
}

extension MitogenError {
    /// The same error with what the user of the tool can do, if so many connections at a time need more open files than
    /// this process may have.
    ///
    /// - Parameter limit: The hard limit; nil if it is not known.
    func advisingFanout(for connections: Int, limit: Int? = OpenFilesLimit.hard) -> MitogenError {
        guard code == .tooManyOpenFiles, let limit else { return self }
        let needed = OpenFilesLimit.besides + connections * OpenFilesLimit.perConnection
        // Then it is not this process's limit that was met.
        guard needed > limit else { return self }
        let fitting = max(1, (limit - OpenFilesLimit.besides) / OpenFilesLimit.perConnection)
        return MitogenError(
            code,
            message,
            context: context,
            remote: remote,
            diagnostics: diagnostics,
            hint:
                "\(connections) connections at a time need about \(needed) open files, and the hard limit is \(limit) "
                + "(ulimit -Hn): raise it, or use --fanout \(fitting)",
            connection: connection
        )
    }
}
