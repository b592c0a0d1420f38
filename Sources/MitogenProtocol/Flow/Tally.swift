//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Tells when everything of a flow is here whose end may overtake its items: an answer does not wait behind bulk, so the
/// sender says before it how many items there were.
package struct Tally: Sendable {
    private var received = 0
    private var count: Int?
    private var isAnswered = false

    package init() {}

    package mutating func receive() {
        received += 1
    }

    /// The sender has sent so many items, and sends no more.
    package mutating func expect(_ count: Int) {
        self.count = self.count ?? count
    }

    /// The answer has come. If nothing was said about items before, there are none but those that are here.
    package mutating func answer() {
        isAnswered = true
    }

    package var isComplete: Bool { isAnswered && received >= count ?? 0 }
}
