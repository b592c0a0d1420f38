//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Everything about a target whose command has ended.
package struct TargetReport: Sendable {
    /// The target's label, see ``TargetSpecification/labels(for:)``.
    package let target: String

    /// How the command ended.
    package let outcome: RunOutcome

    /// How long it took, with the time to connect.
    package let durationMilliseconds: Int

    /// What the command wrote; empty where the renderer wants output as it comes.
    package let output: CapturedOutput

    /// Creates a report.
    ///
    /// Output that could not be kept turns an outcome that looks complete into a failure: a success whose output
    /// is partly lost is none.
    package init(
        target: String,
        outcome: RunOutcome,
        durationMilliseconds: Int,
        output: CapturedOutput = CapturedOutput()
    ) {
        self.target = target
        self.durationMilliseconds = durationMilliseconds
        self.output = output
        guard let problem = output.failure else {
            self.outcome = outcome
            return
        }
        let note = "\(problem); the output is incomplete"
        switch outcome {
        case .exited, .signaled:
            let message = "\(note); the command ended with: \(outcome.summary)"
            self.outcome = .failed(FailureReport(code: "output_incomplete", message: message))
        case .unreachable(let report):
            self.outcome = .unreachable(report.adding(note))
        case .unanswered(let report):
            self.outcome = .unanswered(report.adding(note))
        case .failed(let report):
            self.outcome = .failed(report.adding(note))
        case .timedOut, .interrupted, .skipped:
            self.outcome = outcome
        }
    }

    /// What stands under `error` in the JSON output, with a word about missing output.
    package var failure: FailureReport? {
        guard let note = self.extraNote else { return self.outcome.failure }
        return self.outcome.failure?.adding(note)
    }

    /// The first line of what is shown about the target.
    var heading: String {
        "\(self.target) (\(self.outcome.summary), \(DurationText.text(milliseconds: self.durationMilliseconds)))"
    }

    /// Lost output where the outcome has no message of its own that could tell of it.
    private var extraNote: String? {
        switch self.outcome {
        case .timedOut, .interrupted, .skipped: self.output.failure.map { "\($0); the output is incomplete" }
        case .exited, .signaled, .unanswered, .unreachable, .failed: nil
        }
    }
}

extension FailureReport {
    fileprivate func adding(_ note: String) -> FailureReport {
        FailureReport(code: self.code, message: "\(self.message)\n\(note)", hop: self.hop)
    }
}
