//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// The answer that one request waits for. As what is behind a handle it is served on whichever thread brings it.
typealias PendingReply = OneShot<Message>

/// A function behind a handle. It runs on the Broker's thread.
final class FunctionHandler: Sendable {
    /// Gets the message and the stream that it came on; nil for one that was sent here.
    let function: @Sendable (Message, Stream?) -> Void

    init(_ function: @escaping @Sendable (Message, Stream?) -> Void) {
        self.function = function
    }
}
