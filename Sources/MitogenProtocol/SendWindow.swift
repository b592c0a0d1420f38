//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What one context may still send to one receiver (architecture decision D9).
///
/// Sending begins with a full window, without asking. A receiver that gives no credit removes the bound.
package struct SendWindow: Sendable {
    /// What was sent and not yet acknowledged.
    package private(set) var pending = ChannelCredit()
    package private(set) var isBounded = true

    package init() {}

    /// Whether a value may be sent now, of whatever size.
    package var hasRoom: Bool {
        !isBounded || (pending.values < ChannelCredit.window.values && pending.bytes < ChannelCredit.window.bytes)
    }

    /// A value is sent.
    package mutating func take(byteCount: Int) {
        pending += ChannelCredit(values: 1, bytes: byteCount)
    }

    /// The receiver has dealt with values, or a value was not sent after all. More than was sent counts as all of it.
    package mutating func add(_ credit: ChannelCredit) {
        pending.values -= min(pending.values, max(0, credit.values))
        pending.bytes -= min(pending.bytes, max(0, credit.bytes))
    }

    /// The receiver gives no credit: it is not waited for.
    package mutating func removeBound() {
        isBounded = false
    }
}
