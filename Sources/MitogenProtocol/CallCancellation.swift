//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `CANCEL_CALL` carries: which call is not wanted any more, and whether its time is over (`handle [" timeout"]`).
package struct CallCancellation: Sendable, Hashable {
    /// The handle of the caller that the answer would have come to.
    package let replyTo: Handle
    /// The call counts as failed for the chain that it is part of; one that was given up does not.
    package let isTimeout: Bool

    package init(replyTo: Handle, isTimeout: Bool) {
        self.replyTo = replyTo
        self.isTimeout = isTimeout
    }

    /// Nil if the data is not of that form.
    package init?(parsing data: [UInt8]) {
        let parts = data.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard let first = parts.first, let handle = Handle(String(decoding: first, as: UTF8.self)) else { return nil }
        guard parts.count == 1 || parts.count == 2 && parts[1].elementsEqual("timeout".utf8) else { return nil }
        self.init(replyTo: handle, isTimeout: parts.count == 2)
    }

    package var data: [UInt8] {
        Array((isTimeout ? "\(replyTo) timeout" : "\(replyTo)").utf8)
    }
}
