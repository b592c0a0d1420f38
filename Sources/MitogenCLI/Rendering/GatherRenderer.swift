//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows targets with the same output and status together, when all are done.
///
/// Of each group one output is kept, so a thousand equal answers cost as much as one.
package struct GatherRenderer: RunRenderer {
    /// Output comes with the reports.
    package var wantsCapturedOutput: Bool { true }

    /// Nothing is written before the end.
    package var allowsProgressLine: Bool { true }

    /// What two reports must have in common before their bytes are compared.
    private struct Key: Hashable {
        let outcome: RunOutcome
        let counts: CapturedOutput.ByteCounts
        let hashes: [UInt64]
    }

    private struct Group {
        var labels: [String]
        let outcome: RunOutcome
        let output: CapturedOutput

        var title: String {
            let count = self.labels.count
            let names = self.labels.joined(separator: ", ")
            return "\(names) (\(count) \(count == 1 ? "target" : "targets"), \(self.outcome.summary))"
        }
    }

    private var groups: [Group] = []
    private var indices: [Key: [Int]] = [:]

    /// Creates a renderer.
    package init() {}

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        switch event {
        case .started, .output:
            break
        case .finished(let report):
            try self.add(report)
        case .ended:
            let groups = self.groups
            self.groups = []
            self.indices = [:]
            for group in groups {
                try OutputGroup(title: group.title, outcome: group.outcome, output: group.output).write(to: &sink)
            }
        }
    }

    private mutating func add(_ report: TargetReport) throws(OutputError) {
        let key = Key(
            outcome: report.outcome,
            counts: report.output.counts,
            hashes: [try report.output.hash(of: .stdout), try report.output.hash(of: .stderr)]
        )
        // What is missing from an incomplete output is not known to be equal.
        if report.output.failure == nil {
            for index in self.indices[key, default: []]
            where try self.groups[index].output.hasSameBytes(as: report.output) {
                self.groups[index].labels.append(report.target)
                return
            }
            self.indices[key, default: []].append(self.groups.count)
        }
        self.groups.append(Group(labels: [report.target], outcome: report.outcome, output: report.output))
    }
}
