//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows nothing but what keeps a target from having a result: for runs whose output goes into files.
package struct SilentRenderer: RunRenderer {
    /// Output would be thrown away.
    package var wantsCapturedOutput: Bool { false }

    /// Whole lines only are written.
    package var allowsProgressLine: Bool { true }

    /// Creates a renderer.
    package init() {}

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        guard case .finished(let report) = event, report.outcome.exitStatus == nil, report.outcome != .skipped else {
            return
        }
        let headline = sink.emphasized("mitogen: \(report.heading)", isFailure: true, on: .stderr)
        try sink.write(headline + "\n" + report.outcome.details.map { "   \($0)\n" }.joined(), to: .stderr)
    }
}
