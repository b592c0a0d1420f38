//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Whole numbers from 0, as ranges in ascending order that neither overlap nor touch.
///
/// However many numbers there are, it takes as much memory as there are gaps between them.
struct NumberRanges: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<Int>] = []

    /// Creates a set without numbers.
    init() {}

    /// Creates the set of all numbers of some ranges, which may overlap.
    init(_ ranges: [ClosedRange<Int>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            // One less, because the largest number has none above it.
            guard let last = self.ranges.last, range.lowerBound - 1 <= last.upperBound else {
                self.ranges.append(range)
                continue
            }
            self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
        }
    }

    var isEmpty: Bool { self.ranges.isEmpty }

    /// How many numbers there are; `Int.max` if they are more than that.
    var count: Int {
        self.ranges.reduce(0) { $0.saturatingSum($1.upperBound - $1.lowerBound).saturatingSum(1) }
    }

    /// What an operator of node sets makes of two sets.
    func combined(with other: NumberRanges, _ operation: NodeSetExpression.Operator) -> NumberRanges {
        switch operation {
        case .union: NumberRanges(self.ranges + other.ranges)
        case .difference: self.subtracting(other)
        case .intersection: self.subtracting(self.subtracting(other))
        case .symmetricDifference: NumberRanges(self.subtracting(other).ranges + other.subtracting(self).ranges)
        }
    }

    private func subtracting(_ other: NumberRanges) -> NumberRanges {
        var result = NumberRanges()
        var next = 0
        for range in self.ranges {
            var start = range.lowerBound
            while next < other.ranges.count, other.ranges[next].upperBound < start { next += 1 }
            var hole = next
            while hole < other.ranges.count, other.ranges[hole].lowerBound <= range.upperBound {
                if other.ranges[hole].lowerBound > start {
                    result.ranges.append(start...other.ranges[hole].lowerBound - 1)
                }
                start = other.ranges[hole].upperBound + 1
                hole += 1
            }
            if start <= range.upperBound { result.ranges.append(start...range.upperBound) }
        }
        return result
    }
}
