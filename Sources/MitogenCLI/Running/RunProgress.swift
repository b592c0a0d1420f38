//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What became of the targets of a run so far.
struct RunProgress: Sendable {
    /// The outcome of each target; nil if it is not done.
    private(set) var outcomes: [RunOutcome?]
    /// How many targets are done.
    private(set) var doneCount = 0
    /// How many of them have no success.
    private(set) var failures = 0
    private let plan: RunPlan
    private var nextBeginning: ContinuousClock.Instant?

    init(count: Int, plan: RunPlan) {
        self.outcomes = Array(repeating: nil, count: count)
        self.plan = plan
    }

    /// Takes note of one more target that is begun.
    ///
    /// - Returns: When it may begin: the time of the plan after the one before, however long nothing was begun.
    mutating func begin(at now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let due = max(now, self.nextBeginning ?? now)
        self.nextBeginning = due + self.plan.stagger
        return due
    }

    /// Takes note of a target that is done.
    mutating func record(_ outcome: RunOutcome, of target: Int) {
        self.outcomes[target] = outcome
        self.doneCount += 1
        if !outcome.isSuccess, outcome != .skipped { self.failures += 1 }
    }

    /// The targets that are not done, in order.
    var undone: [Int] { self.outcomes.indices.filter { self.outcomes[$0] == nil } }

    /// Whether more targets have failed than may.
    var isExceeded: Bool { self.plan.isExceeded(by: self.failures, of: self.outcomes.count) }

    /// In words, why no more targets are begun.
    var exceededText: String {
        let failed = "\(self.failures) \(self.failures == 1 ? "target" : "targets") failed"
        guard let allowed = self.plan.allowedFailures, allowed != .count(0) else { return "\(failed) (--fail-fast)" }
        return "\(failed) (--max-fail \(allowed))"
    }
}
