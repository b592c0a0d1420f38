//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The targets of a run by their hops: targets that begin alike share what they have in common.
struct TargetTree: Hashable, Sendable {
    /// The hop that leads here; nil for this machine.
    let hop: Hop?

    /// The targets that end here, as positions on the command line.
    private(set) var targets: [Int] = []

    /// Where further hops lead, in the order of the command line.
    private(set) var branches: [TargetTree] = []

    /// Makes the tree of some targets.
    init(_ targets: [TargetSpecification]) {
        self.init(hop: nil)
        for (index, target) in targets.enumerated() { self.add(index, along: target.hops[...]) }
    }

    private init(hop: Hop?) {
        self.hop = hop
    }

    /// The targets that end here or further on.
    var allTargets: [Int] {
        self.targets + self.branches.flatMap(\.allTargets)
    }

    private mutating func add(_ index: Int, along hops: ArraySlice<Hop>) {
        guard let next = hops.first else { return self.targets.append(index) }
        let position: Int
        if let known = self.branches.firstIndex(where: { $0.hop == next }) {
            position = known
        } else {
            position = self.branches.count
            self.branches.append(TargetTree(hop: next))
        }
        self.branches[position].add(index, along: hops.dropFirst())
    }
}
