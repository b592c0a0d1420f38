//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Finds out whether the peer of a link is still there, like ssh's `ServerAliveInterval`: by what has come, and, while
/// more waits than the link takes, by what has gone.
///
/// It is told at regular times, and counts these instead of reading a clock. So a process that was itself stopped, or a
/// machine that slept, asks first when it goes on.
package struct KeepAlive: Sendable, Hashable {
    package enum Step: Sendable, Hashable {
        case wait
        /// The peer is to be asked for an answer.
        case ask
        /// The peer does not answer.
        case close
    }

    /// How many times within the interval it is told.
    package static let ticksPerInterval = 3

    private let closingTick: Int
    private var silentTicks = 0
    private var received = 0
    private var sent = 0

    /// - Parameters:
    ///   - interval: After how long without a sign the peer is asked, in any unit.
    ///   - timeout: After how long without a sign it counts as gone, in the same unit; at least twice the interval.
    package init(interval: Double, timeout: Double) {
        let ticks = (timeout / interval * Double(Self.ticksPerInterval)).rounded(.up)
        closingTick = max(2 * Self.ticksPerInterval, Int(min(ticks, 1e9)))
    }

    /// A third of the interval has passed.
    ///
    /// - Parameters:
    ///   - received: The bytes that have come so far.
    ///   - sent: The bytes that were written so far.
    ///   - isBlocked: Whether more waits to be written: then what is written is a sign, too.
    package mutating func tick(received: Int, sent: Int, isBlocked: Bool) -> Step {
        let isAlive = received != self.received || isBlocked && sent != self.sent
        self.received = received
        self.sent = sent
        guard !isAlive else {
            silentTicks = 0
            return .wait
        }
        silentTicks += 1
        if silentTicks >= closingTick { return .close }
        return silentTicks.isMultiple(of: Self.ticksPerInterval) ? .ask : .wait
    }
}
