//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows targets with the same output and status together, the largest group first, when all are done.
///
/// Of each group one output is kept, so a thousand equal answers cost as much as one. The names of a group are folded, in the
/// order of the command line, and groups of one size have the order of their first targets: so two runs can be compared.
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
        /// The places of the targets on the command line.
        var places: [Int]
        let outcome: RunOutcome
        let output: CapturedOutput
    }

    /// Whether groups are compared with the largest one instead of being shown.
    private let showsDifferences: Bool
    private let labels: [String]
    private let places: [String: Int]
    private var groups: [Group] = []
    private var indices: [Key: [Int]] = [:]

    /// Creates a renderer for the targets with these labels.
    package init(labels: [String], showsDifferences: Bool = false) {
        self.labels = labels
        self.places = Dictionary(zip(labels, labels.indices)) { first, _ in first }
        self.showsDifferences = showsDifferences
    }

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        switch event {
        case .started, .output:
            break
        case .finished(let report):
            try self.add(report)
        case .ended:
            let groups = self.sortedGroups
            self.groups = []
            self.indices = [:]
            try self.show(groups, &sink)
        }
    }

    private mutating func add(_ report: TargetReport) throws(OutputError) {
        let place = self.places[report.target] ?? self.labels.count
        let key = Key(
            outcome: report.outcome,
            counts: report.output.counts,
            hashes: [try report.output.hash(of: .stdout), try report.output.hash(of: .stderr)]
        )
        // What is missing from an incomplete output is not known to be equal.
        if report.output.failure == nil {
            for index in self.indices[key, default: []]
            where try self.groups[index].output.hasSameBytes(as: report.output) {
                self.groups[index].places.append(place)
                return
            }
            self.indices[key, default: []].append(self.groups.count)
        }
        self.groups.append(Group(places: [place], outcome: report.outcome, output: report.output))
    }

    private var sortedGroups: [Group] {
        var groups = self.groups
        for index in groups.indices { groups[index].places.sort() }
        return groups.sorted { first, second in
            first.places.count == second.places.count
                ? first.places[0] < second.places[0] : first.places.count > second.places.count
        }
    }

    private func title(of group: Group) -> String {
        let names = group.places.map { self.labels.indices.contains($0) ? self.labels[$0] : "?" }
        let count = names.count
        let folded = NodeSetFolding.text(names, order: .written)
        return "\(folded) (\(count) \(count == 1 ? "target" : "targets"), \(group.outcome.summary))"
    }

    private func show(_ groups: [Group], _ sink: inout some OutputSink) throws(OutputError) {
        // Only the output of commands that ended can be compared.
        let reference = self.showsDifferences ? groups.first { $0.outcome.exitStatus != nil } : nil
        for group in groups {
            let title = self.title(of: group)
            if let reference, group.outcome.exitStatus != nil, group.places != reference.places {
                let difference = OutputDifference(title: self.title(of: reference), output: reference.output)
                try difference.write(title, group.outcome, group.output, to: &sink)
            } else {
                try OutputGroup(title: title, outcome: group.outcome, output: group.output).write(to: &sink)
            }
        }
    }
}
