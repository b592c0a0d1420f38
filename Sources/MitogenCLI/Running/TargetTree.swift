//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The targets of a run by their hops: targets that begin alike share what they have in common.
struct TargetTree: Hashable, Sendable {
    /// A hop, and what leads to it.
    struct Node: Hashable, Sendable {
        let hop: Hop
        /// The hop before; nil for this machine.
        let parent: Int?
        /// How many targets end here or further on.
        var targetCount = 0
    }

    /// The hops, each after the one before it.
    private(set) var nodes: [Node] = []

    /// The last hop of each target, in the order of the command line.
    private(set) var ends: [Int] = []

    private struct Step: Hashable {
        let parent: Int?
        let hop: Hop
    }

    /// Makes the tree of some targets.
    init(_ targets: [TargetSpecification]) {
        var known: [Step: Int] = [:]
        for target in targets {
            var place: Int?
            for hop in target.hops {
                let step = Step(parent: place, hop: hop)
                let next = known[step] ?? self.nodes.count
                if next == self.nodes.count {
                    known[step] = next
                    self.nodes.append(Node(hop: hop, parent: place))
                }
                self.nodes[next].targetCount += 1
                place = next
            }
            // A target has a hop at least.
            self.ends.append(place ?? 0)
        }
    }

    /// How many connections begin on this machine.
    var firstHopCount: Int { self.nodes.count { $0.parent == nil } }

    /// The targets that have a first hop in common, for each hop that several have.
    var sharedFirstHops: [[Int]] {
        var groups: [Int: [Int]] = [:]
        for target in self.ends.indices { groups[self.path(to: target)[0], default: []].append(target) }
        return groups.values.filter { $0.count > 1 }
    }

    /// The hops that lead to a node, from this machine outwards.
    func hops(before node: Int) -> [Hop] {
        var hops: [Hop] = []
        var place = self.nodes[node].parent
        while let node = place {
            hops.append(self.nodes[node].hop)
            place = self.nodes[node].parent
        }
        return hops.reversed()
    }

    /// The hops of a target, from this machine outwards.
    func path(to target: Int) -> [Int] {
        var path: [Int] = []
        var place: Int? = self.ends[target]
        while let node = place {
            path.append(node)
            place = self.nodes[node].parent
        }
        return path.reversed()
    }
}
