//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What the flows that come in on one link may have under way together, beyond the first bytes that each may send
/// unasked.
///
/// Each flow may have an equal share. While more than half of the budget is free, a flow may have an eighth of that more:
/// a few busy ones among many that rest get all that they can use.
package struct FlowBudget: Sendable {
    private let size: Int
    private var free: Int
    private var flows = 0

    /// - Parameter size: In bytes.
    package init(size: Int) {
        self.size = size
        free = size
    }

    /// A flow begins.
    ///
    /// - Parameter most: How many bytes it can use.
    /// - Returns: How many it gets. None of its share yet, as it may not need it.
    package mutating func begin(upTo most: Int) -> Int {
        flows += 1
        return give(min(most, bonus(of: free)))
    }

    /// A flow that has `extra` bytes of this has ended.
    package mutating func end(returning extra: Int) {
        flows -= 1
        free += extra
    }

    /// How many bytes a flow may have that has `extra` now, can use `most`, and was taken from.
    package mutating func adjust(_ extra: Int, upTo most: Int) -> Int {
        free += extra
        let share = min(size / max(1, flows), free)
        return give(min(most, share + bonus(of: free - share)))
    }

    private func bonus(of free: Int) -> Int {
        max(0, free - size / 2) / 8
    }

    private mutating func give(_ bytes: Int) -> Int {
        free -= bytes
        return bytes
    }
}
