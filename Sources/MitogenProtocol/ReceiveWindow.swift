//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What one context has sent to one receiver, as the receiver sees it (architecture decision D9).
///
/// Credit goes back when half of a window has been dealt with. A sender that has used up its window has at least that
/// much under way, so credit always comes once everything is taken, and a slow exchange causes no credit messages.
package struct ReceiveWindow: Sendable {
    /// What waits to be taken.
    package private(set) var waiting = ChannelCredit()
    /// What was taken without having been acknowledged.
    package private(set) var due = ChannelCredit()

    package init() {}

    /// A value has arrived. False if its sender had no room for it: it does not keep to the window.
    package mutating func receive(byteCount: Int) -> Bool {
        let isWithin =
            waiting.values + due.values < ChannelCredit.window.values
            && waiting.bytes + due.bytes < ChannelCredit.window.bytes
        if isWithin { waiting += ChannelCredit(values: 1, bytes: byteCount) }
        return isWithin
    }

    /// A value that was within the window is taken: what to acknowledge now, if anything.
    package mutating func consume(byteCount: Int) -> ChannelCredit? {
        waiting.values -= 1
        waiting.bytes -= byteCount
        due += ChannelCredit(values: 1, bytes: byteCount)
        let window = ChannelCredit.window
        guard due.values >= window.values / 2 || due.bytes >= window.bytes / 2 else { return nil }
        defer { due = ChannelCredit() }
        return due
    }
}
