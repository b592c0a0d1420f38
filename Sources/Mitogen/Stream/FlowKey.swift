//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// Names the flow that a message belongs to: the values of a channel with what opens and ends it, those of a stream, a
/// command's output or input, a large message, a context's log.
///
/// The header tells: what belongs to a flow names the handle that takes credit for it. So routers between need no list of
/// flows, and treat the values of any peer alike. An answer names none, so it passes flows, as do requests to standard
/// handles.
struct FlowKey: Hashable, Sendable {
    let source: ContextID
    private let destination: ContextID
    private var handle: Handle
    /// Tells large messages apart, and the inputs of commands, which all go to one handle.
    private let transfer: UInt32

    /// Nil if the message belongs to none.
    init?(of message: borrowing Message) {
        var transfer: UInt32 = 0
        handle = message.handle
        switch message.handle {
        case StandardHandle.messagePart:
            // A value of a flow stays behind the smaller ones before it.
            if let flow = MessagePart.flowHandle(in: message.data) {
                handle = flow
            } else {
                for byte in message.data.prefix(4) { transfer = transfer << 8 | UInt32(byte) }
            }
        case StandardHandle.openChannel:
            guard let opening = ChannelOpening(parsing: message.data) else { return nil }
            handle = opening.handle
        case StandardHandle.forwardLog: break
        case StandardHandle.processInput where message.replyTo != 0: transfer = message.replyTo
        case StandardHandle.firstFree... where message.replyTo != 0: break
        default: return nil
        }
        source = message.srcID
        destination = message.dstID
        self.transfer = transfer
    }
}
