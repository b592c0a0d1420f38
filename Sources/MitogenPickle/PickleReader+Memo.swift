//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleReader {
    /// Stores the last value of the stack for later use.
    mutating func storeTop(at index: Int) throws(PickleError) {
        let position = try top(1)
        guard memo.count < limits.itemCount else {
            throw PickleError(.limitExceeded, "more than \(limits.itemCount) values are stored in the memo")
        }
        if case .empty = memo[index] { try charge(items: 0, bytes: 0, overhead: Self.memoCost) }
        let slot = stack.slots[position]
        guard slot.state == .open else {
            memo[index] = .settled(stack.values[position], slot.settled)
            return
        }
        if slot.memoIndex >= 0 {
            // Stored twice. No pickler does that, so the container just may not change any more.
            stack.slots[position].state = .shared
            memo[index] = .settled(stack.values[position], slot.settled)
        } else {
            stack.slots[position].memoIndex = index
            memo[index] = .onStack(position)
        }
    }

    /// Adds a stored value to the stack. It counts with all that it contains: otherwise lists of lists, each fetched
    /// twice, would make a few bytes into a value of exponential size.
    mutating func fetch(_ index: Int) throws(PickleError) {
        switch memo[index] {
        case .empty:
            throw PickleError(.malformed, "memo entry \(index) is fetched but was not stored")
        case .settled(let value, let slot):
            try push(value, slot)
        case .onStack(let position):
            // It is seen from elsewhere now, so it cannot be filled further.
            stack.slots[position].state = .shared
            try push(stack.values[position], stack.slots[position].settled)
        }
    }
}
