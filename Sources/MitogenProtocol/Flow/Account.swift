//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The receiver's end of a ``Window``: what a sender may have under way, what has come, and what was taken of it.
///
/// Credit is given when half of what the sender may have under way was taken. A sender that has used up its window has
/// at least that much under way, so credit always comes once everything is taken, and a slow exchange causes no credit
/// messages.
package struct Account: Sendable {
    private let most: Credit
    private let first: Int
    /// How many bytes the sender may have under way now.
    package private(set) var limit: Int
    /// What waits to be taken.
    package private(set) var waiting = Credit()
    /// What was taken and not granted anew.
    package private(set) var due = Credit()

    /// - Parameters:
    ///   - most: What the sender may have under way at most; at least one item and one byte.
    ///   - first: How many bytes it may send unasked; all by default.
    package init(_ most: Credit, first: Int = .max) {
        self.most = Credit(items: max(1, most.items), bytes: min(max(1, most.bytes), .max / 4))
        self.first = min(first, self.most.bytes)
        limit = self.first
    }

    /// An item has come. False if the sender had no room for it: it does not keep to the window.
    package mutating func receive(_ bytes: Int) -> Bool {
        guard waiting.items + due.items < most.items, waiting.bytes + due.bytes < limit else { return false }
        waiting += Credit(items: 1, bytes: bytes)
        return true
    }

    /// An item was taken.
    ///
    /// - Parameter share: How many bytes the sender may have under way from now on, of so many at least and so many at
    ///   most; asked only if credit is given.
    /// - Returns: The credit that is to be sent now.
    package mutating func consume(_ bytes: Int, share: (ClosedRange<Int>) -> Int = { $0.upperBound }) -> Credit? {
        waiting -= Credit(items: 1, bytes: bytes)
        due += Credit(items: 1, bytes: bytes)
        guard due.items >= most.items / 2 || due.bytes >= limit / 2 else { return nil }
        return settle(share(first...most.bytes))
    }

    /// Gives the first credit, before anything has come.
    package mutating func begin(share: (ClosedRange<Int>) -> Int) -> Credit {
        settle(share(first...most.bytes))
    }

    /// Gives credit for what was taken, so that the sender may have up to `next` bytes under way; what it may have already
    /// is not taken back.
    private mutating func settle(_ next: Int) -> Credit {
        let next = min(max(first, next), most.bytes)
        let credit = Credit(items: due.items, bytes: max(0, due.bytes + next - limit))
        limit += credit.bytes - due.bytes
        due = Credit()
        return credit
    }
}
