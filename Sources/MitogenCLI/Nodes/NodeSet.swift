//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Names in the order in which they were added, each once, which are combined as ClusterShell's node sets are.
package struct NodeSet: Hashable, Sendable {
    /// How many names one operand may stand for.
    package static let limit = 1_000_000

    /// The names, in the order in which they were added.
    package private(set) var names: [String] = []
    private var known: Set<String> = []

    /// Creates a set without names.
    package init() {}

    /// Creates a set of names.
    package init(_ names: [String]) {
        self.combine(with: names, .union)
    }

    /// Whether there are no names.
    package var isEmpty: Bool { self.names.isEmpty }

    /// Unites the set with others, takes them away, keeps what both have, or keeps what one of both has.
    mutating func combine(with others: [String], _ operation: NodeSetExpression.Operator) {
        switch operation {
        case .union:
            for name in others where self.known.insert(name).inserted { self.names.append(name) }
        case .difference:
            self.known.subtract(others)
            self.names.removeAll { !self.known.contains($0) }
        case .intersection:
            self.known.formIntersection(others)
            self.names.removeAll { !self.known.contains($0) }
        case .symmetricDifference:
            let both = self.known.intersection(others)
            let new = NodeSet(others).names.filter { !both.contains($0) }
            self.combine(with: Array(both), .difference)
            self.combine(with: new, .union)
        }
    }

    /// The names in the order of ClusterShell.
    package var sorted: [String] { self.names.map(NodeName.init).sorted().map(\.text) }

    /// Splits the names into parts that are as large as possible and differ by one at most, in the order of the set.
    ///
    /// - Parameter count: How many parts there shall be; there are fewer if there are fewer names.
    func parts(_ count: Int) -> [[String]] {
        let parts = min(count, self.names.count)
        guard parts > 0 else { return [] }
        let (size, rest) = self.names.count.quotientAndRemainder(dividingBy: parts)
        var start = 0
        return (0..<parts).map { part in
            let end = start + size + (part < rest ? 1 : 0)
            defer { start = end }
            return Array(self.names[start..<end])
        }
    }
}
