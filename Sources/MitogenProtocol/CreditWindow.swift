//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How much a sender has under way that the other end has not dealt with (architecture decision D9).
///
/// It may send while the window is not full, so that it is over by one piece at most, and a piece that is larger than
/// the window still goes.
package struct CreditWindow: Sendable, Hashable {
    package private(set) var size: Int
    package private(set) var used = 0

    /// - Parameter size: In bytes; at least 1.
    package init(size: Int) {
        self.size = max(1, size)
    }

    package var isFull: Bool { used >= size }

    /// Something is sent.
    package mutating func take(_ count: Int) {
        used += count
    }

    /// The other end is known to take more.
    package mutating func widen(to size: Int) {
        self.size = max(self.size, size)
    }

    /// The other end has dealt with so much. What it says is not trusted.
    package mutating func giveBack(_ count: Int) {
        used -= min(used, max(0, count))
    }
}

/// The other end of a ``CreditWindow``: what has come, and how much of it was dealt with since that was last told.
package struct CreditAccount: Sendable, Hashable {
    private let size: Int
    /// What has come and was not told to be dealt with.
    private var open = 0
    private var unreported = 0

    package init(size: Int) {
        self.size = max(1, size)
    }

    /// Something has come. False if the sender was not allowed to send it.
    package mutating func receive(_ count: Int) -> Bool {
        guard open < size else { return false }
        open += count
        return true
    }

    /// Something was dealt with. Returns the credit that is to be sent now, which is not for every small piece.
    package mutating func consume(_ count: Int) -> Int? {
        unreported += count
        guard unreported >= max(1, size / 4) else { return nil }
        defer { unreported = 0 }
        open -= unreported
        return unreported
    }
}
