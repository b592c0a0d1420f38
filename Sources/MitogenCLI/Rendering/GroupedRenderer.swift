//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows the output of each target under a heading as soon as the target is done.
package struct GroupedRenderer: RunRenderer {
    /// Output comes with the reports.
    package var wantsCapturedOutput: Bool { true }

    /// Whole lines only are written, so a progress line can stand between groups.
    package var allowsProgressLine: Bool { true }

    /// Creates a renderer.
    package init() {}

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        // Those whose turn did not come are told together, in a note.
        guard case .finished(let report) = event, report.outcome != .skipped else { return }
        try OutputGroup(title: report.heading, outcome: report.outcome, output: report.output).write(to: &sink)
    }
}
