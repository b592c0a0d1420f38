//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Whether, and when, a connection is tried again after a failure.
package struct ConnectionRetries: Sendable {
    /// What may work after a failure.
    package enum Reason: Sendable, Equatable {
        /// The image in the target's cache was executed and said nothing: it is to be sent again.
        case withoutCache
        /// The login shell refuses `exec`.
        case withoutExec
        /// The server closed the connection before it had said its version, as it does with too many at a time.
        case later
    }

    /// How often a connection is tried again that the server has closed at once.
    package static let laterLimit = 4

    package private(set) var replacesCached = false
    package private(set) var avoidsExec = false
    private var laterCount = 0

    package init() {}

    /// What to do after a failure.
    ///
    /// - Parameter random: A number from 0 to 1, so that those who were refused together do not come back together.
    /// - Returns: How long to wait before the next attempt; nil if there is to be none.
    package mutating func delay(after reason: Reason?, random: Double) -> Duration? {
        switch reason {
        case .withoutCache where !replacesCached:
            replacesCached = true
            return .zero
        case .withoutExec where !avoidsExec:
            avoidsExec = true
            return .zero
        case .later where laterCount < Self.laterLimit:
            laterCount += 1
            // 0.25 s, 0.5 s, 1 s and 2 s, each up to twice as long.
            return .milliseconds(Int(125 * Double(1 << laterCount) * (1 + min(max(random, 0), 1))))
        default: return nil
        }
    }
}
