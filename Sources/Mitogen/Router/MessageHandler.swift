//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What is behind a handle.
enum MessageHandler: Sendable {
    /// A function that runs on the Broker's thread, with the stream that the message came on.
    case function(@Sendable (Message, Stream?) -> Void)
    /// A call that waits for its answer, on whichever thread brings it.
    case reply(PendingReply)

    /// Tells whoever waits that nothing will come any more.
    func deliver(_ message: Message, stream: Stream?, on broker: Broker) {
        switch self {
        case .reply(let pending): pending.resolve(.success(message))
        case .function(let function):
            broker.schedule { function(message, stream) }
        }
    }
}

/// The answer that one request waits for.
typealias PendingReply = OneShot<Message>
