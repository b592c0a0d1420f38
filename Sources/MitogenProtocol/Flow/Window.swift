//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a sender may still send.
///
/// It may send while there is room for one item and one byte, so a piece that is larger than the window still goes, and
/// the window is exceeded by one piece at most.
package struct Window: Sendable, Hashable {
    private let size: Credit
    /// What may be sent before the other end gives credit. The bytes are negative after a piece that was too large.
    package private(set) var room: Credit
    package private(set) var isBounded = true

    /// - Parameters:
    ///   - size: What may be under way at most; credit beyond it is ignored. At least one item and one byte.
    ///   - first: How many bytes may be sent unasked; all by default.
    package init(_ size: Credit, first: Int = .max) {
        // Far from the limits of the numbers, as room can be negative.
        self.size = Credit(items: max(1, size.items), bytes: min(max(1, size.bytes), .max / 4))
        room = Credit(items: self.size.items, bytes: min(first, self.size.bytes))
    }

    package var hasRoom: Bool { !isBounded || (room.items > 0 && room.bytes > 0) }

    /// An item is sent.
    package mutating func take(_ bytes: Int) {
        room -= Credit(items: 1, bytes: bytes)
    }

    /// The other end takes more, or an item was not sent after all. What it says is not trusted.
    package mutating func add(_ credit: Credit) {
        room.items += min(size.items - room.items, max(0, credit.items))
        room.bytes += min(size.bytes - room.bytes, max(0, credit.bytes))
    }

    /// The other end gives no credit: it is not waited for.
    package mutating func removeBound() {
        isBounded = false
    }
}
