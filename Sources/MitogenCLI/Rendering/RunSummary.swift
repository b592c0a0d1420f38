//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How many targets ended how, with the names of those that are not a success.
struct RunSummary: Sendable {
    private let labels: [String]
    private var outcomes: [String: RunOutcome] = [:]

    /// Creates a summary of the targets with these labels.
    init(labels: [String]) {
        self.labels = labels
    }

    /// Takes note of a target that is done.
    mutating func add(_ report: TargetReport) {
        self.outcomes[report.target] = report.outcome
    }

    /// The lines: how many there are of each outcome, the most frequent first, and their folded names.
    ///
    /// - Parameter elapsed: The time since the start of the run.
    func lines(at elapsed: Duration) -> [String] {
        var groups: [String: [String]] = [:]
        var order: [String] = []
        for label in self.labels {
            let text = self.outcomes[label]?.summary ?? "not done"
            if groups[text] == nil { order.append(text) }
            groups[text, default: []].append(label)
        }
        let success = RunOutcome.exited(0).summary
        let counts = order.sorted { first, second in
            if (first == success) != (second == success) { return first == success }
            return (groups[first]?.count ?? 0, order.firstIndex(of: second) ?? 0)
                > (groups[second]?.count ?? 0, order.firstIndex(of: first) ?? 0)
        }
        let all = self.labels.count
        let time = DurationText.text(milliseconds: elapsed.wholeMilliseconds)
        let head =
            "\(all) \(all == 1 ? "target" : "targets") in \(time): "
            + counts.map { "\(groups[$0]?.count ?? 0) \($0)" }.joined(separator: ", ")
        let rest = counts.filter { $0 != success }.map { text in
            "   \(text): \(NodeSetFolding.text(groups[text] ?? [], order: .written))"
        }
        return [head] + rest
    }
}
