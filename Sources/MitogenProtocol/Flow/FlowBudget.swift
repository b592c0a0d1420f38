//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What the flows that come in on one link may have under way together, beyond the first bytes that each may send
/// unasked.
///
/// While there is enough, a flow gets all that it can use. When nothing is left, flows that have more than an equal
/// share give the rest back as they are taken from, and the others get it.
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
    /// - Returns: How many it gets: all, if half of the budget is left for flows that are busy already.
    package mutating func begin(upTo most: Int) -> Int {
        flows += 1
        guard free - most >= size / 2 else { return 0 }
        free -= most
        return most
    }

    /// A flow that has `extra` bytes of this has ended.
    package mutating func end(returning extra: Int) {
        flows -= 1
        free += extra
    }

    /// How many bytes a flow may have that has `extra` now, can use `most`, and was taken from.
    package mutating func adjust(_ extra: Int, upTo most: Int) -> Int {
        let share = min(most, size / max(1, flows))
        let next: Int
        if free >= most {
            next = most
        } else if extra > share {
            next = share
        } else {
            next = extra + min(free, share - extra)
        }
        free -= next - extra
        return next
    }
}
