//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a message's pickles have stored for later use. It lives as long as the message (Mitogen wire protocol, section
/// 2.1: memo entries persist from one stream to the next within a message).
struct PickleMemo: Sendable {
    enum Entry: Sendable {
        case empty
        /// A value that cannot change any more.
        case settled(PickleValue, PickleSlot)
        /// A list or dictionary that may still change, at a place of the stack.
        case onStack(Int)
    }

    /// Entries with indices that follow each other, as all picklers count them.
    private var dense: [Entry] = []

    /// All others. An index costs one entry, however large it is.
    private var sparse: [Int: Entry] = [:]

    /// How many entries there are.
    var count: Int { dense.count + sparse.count }

    subscript(index: Int) -> Entry {
        get { index < dense.count ? dense[index] : sparse[index] ?? .empty }
        set {
            if index < dense.count {
                dense[index] = newValue
            } else if index == dense.count && sparse.isEmpty {
                dense.append(newValue)
            } else if index == 1 && dense.isEmpty {
                // The C pickler of Python 2 counts from 1.
                dense = [.empty, newValue]
            } else {
                sparse[index] = newValue
            }
        }
    }

    /// Replaces the reference to a place of the stack by the value which leaves that place.
    mutating func settle(_ value: PickleValue, _ slot: PickleSlot, at position: Int) {
        if case .onStack(position) = self[slot.memoIndex] {
            self[slot.memoIndex] = .settled(value, slot.settled)
        }
    }
}
