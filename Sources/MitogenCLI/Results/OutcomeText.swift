//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Outcomes in words, for headings and status lines.
extension RunOutcome {
    /// A few words: "exit 3", "killed by SIGKILL", "unreachable at ssh:web1".
    package var summary: String {
        switch self {
        case .exited(let status): "exit \(status)"
        case .signaled(let signal): "killed by \(SignalNames.name(of: signal))"
        case .timedOut: "timed out"
        case .unanswered: "timed out without an answer"
        case .unreachable(let report): "unreachable" + Self.place(report)
        case .failed(let report): "failed" + Self.place(report)
        case .interrupted: "interrupted"
        case .skipped: "not run"
        }
    }

    /// What else is known about a failure: the code and the message, whose further lines are indented.
    package var details: [String] {
        switch self {
        case .unanswered(let report), .unreachable(let report), .failed(let report): report.lines
        case .exited, .signaled, .timedOut, .interrupted, .skipped: []
        }
    }

    private static func place(_ report: FailureReport) -> String {
        report.hop.map { " at \(TerminalSanitizer.visible($0))" } ?? ""
    }
}

extension FailureReport {
    /// The code and the message on as many lines as the message has, harmless to print.
    package var lines: [String] {
        let parts = self.message.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline)
        let texts = parts.map { TerminalSanitizer.visible(String($0)) }
        let code = TerminalSanitizer.visible(self.code)
        guard let first = texts.first else { return [code] }
        return ["\(code): \(first)"] + texts.dropFirst().map { "  \($0)" }
    }
}
