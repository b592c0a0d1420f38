//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A host of an inventory on the way of a target.
struct InventoryPlace: Hashable, Sendable {
    /// The name that the inventory has for the host.
    let host: String
    /// How it is shown: the name as it is written in a target, or a hop by ssh with it.
    let text: String
    /// The hops that lead to it.
    let hops: Range<Int>
    /// The last of them that leads to another machine and not only to another user.
    let machine: Int
    /// Whether `-t`, with the same inventory, reads the text as these hops.
    let isReadable: Bool

    /// - Parameter all: All hops of the target.
    init(host: String, text: String, hops: Range<Int>, of all: [Hop], isReadable: Bool) {
        self.host = host
        self.text = text
        self.hops = hops
        self.machine = all[hops].lastIndex { !$0.isBecome } ?? hops.upperBound - 1
        self.isReadable = isReadable
    }
}

extension [InventoryPlace] {
    /// Whether one of them is at a hop, under another name.
    func hasOther(than host: String, at machine: Int) -> Bool {
        self.contains { $0.machine == machine && $0.host != host }
    }

    /// What inventories call a target with these hops, with the other hops between the names.
    func text(of hops: [Hop]) -> String {
        var parts: [String] = []
        var next = 0
        for place in self {
            parts += hops[next..<place.hops.lowerBound].map(\.canonicalText) + [place.text]
            next = place.hops.upperBound
        }
        return (parts + hops[next...].map(\.canonicalText)).joined(separator: "+")
    }
}
