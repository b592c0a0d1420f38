//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What the reader has to know about a value on its stack, besides the value, to bound its use.
///
/// The values themselves are kept apart from this: a type without references is moved and copied for nothing.
struct PickleSlot: Sendable {
    enum State: UInt8, Sendable {
        /// A value that cannot change any more.
        case fixed
        /// A list or dictionary that the opcodes which follow may fill.
        case open
        /// A list or dictionary that was fetched from the memo while it was on the stack. Filling it further would have
        /// to be seen through that reference too, which values cannot do, and which only self-reference needs.
        case shared
        /// A class or function. It can only be called.
        case global
    }

    var state = State.fixed

    /// The class or function of a slot that is one.
    var global = PickleGlobal.bytes

    /// Levels of nesting: a scalar has none.
    var depth: Int32 = 0

    /// How many values this one has, itself included, with everything that is shared counted each time.
    var items = 1

    /// How many bytes of text and data these values have.
    var bytes = 0

    /// The memo entry that waits for the final value of a list or dictionary, or -1.
    var memoIndex = -1

    /// Accounts for an item of this container.
    mutating func absorb(_ item: PickleSlot) {
        depth = max(depth, item.depth + 1)
        items += item.items
        bytes += item.bytes
    }

    /// The same for a value that cannot change any more.
    var settled: PickleSlot {
        var slot = self
        slot.state = state == .global ? .global : .fixed
        slot.memoIndex = -1
        return slot
    }
}

/// The values that the opcodes work on, each with its slot.
struct PickleStack: Sendable {
    var values: [PickleValue] = []
    var slots: [PickleSlot] = []

    var count: Int { slots.count }

    /// Makes room for the few values that most messages need.
    mutating func reserveCapacity(_ capacity: Int) {
        values.reserveCapacity(capacity)
        slots.reserveCapacity(capacity)
    }

    mutating func append(_ value: PickleValue, _ slot: PickleSlot) {
        values.append(value)
        slots.append(slot)
    }

    /// Takes a list or dictionary out for a change; otherwise it would be copied, being referenced from two places.
    mutating func takeValue(at position: Int) -> PickleValue {
        var value = PickleValue.none
        swap(&value, &values[position])
        return value
    }

    mutating func removeLast(_ count: Int) {
        values.removeLast(count)
        slots.removeLast(count)
    }

    mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
    }
}
