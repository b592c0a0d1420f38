//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows the output of a single target as if its command ran here: unchanged, as it comes, on the same streams.
///
/// On a terminal it is made harmless. Only what the exit status cannot tell is said in words, on standard error.
package struct RawRenderer: RunRenderer {
    /// Output is shown when it comes.
    package var wantsCapturedOutput: Bool { false }

    /// A command may leave the cursor in the middle of a line.
    package var allowsProgressLine: Bool { false }

    private var sanitizers: [OutputStreamKind: TerminalSanitizer] = [:]
    private var lines = LineEnds()

    /// Creates a renderer.
    package init() {}

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        switch event {
        case .started:
            break
        case .output(_, let stream, let bytes):
            let isTerminal = sink.isTerminal(stream)
            let harmless = self.sanitizers[stream, default: TerminalSanitizer(isActive: isTerminal)].sanitize(bytes)
            try self.lines.write(harmless, to: stream, of: &sink)
        case .finished(let report):
            try self.flush(&sink)
            try self.explain(report, &sink)
        case .ended:
            try self.flush(&sink)
        }
    }

    private mutating func flush(_ sink: inout some OutputSink) throws(OutputError) {
        for stream in OutputStreamKind.allCases {
            let rest = self.sanitizers[stream]?.finish() ?? []
            try self.lines.write(rest, to: stream, of: &sink)
        }
    }

    private mutating func explain(_ report: TargetReport, _ sink: inout some OutputSink) throws(OutputError) {
        switch report.outcome {
        case .exited, .skipped:
            return
        case .signaled(2), .signaled(13):
            // Shells say nothing about SIGINT and SIGPIPE either: the user or the pipe did it on purpose.
            return
        case .signaled, .timedOut, .unanswered, .unreachable, .failed, .interrupted:
            break
        }
        // Output is kept as it is where a program may read it; only a line that the message would touch is ended.
        if sink.streamsShareDestination || sink.isTerminal(.stderr) { try self.lines.close(&sink) }
        let headline = "mitogen: \(report.heading)"
        let details = report.outcome.details.map { "   \($0)\n" }.joined()
        try sink.write(sink.emphasized(headline, isFailure: true, on: .stderr) + "\n" + details, to: .stderr)
    }
}
