//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Everything that a router decides from: routes, handles and limits. No descriptor, no task, no clock.
package struct RouterState: Sendable {
    /// What to do with one message.
    package enum Action: Sendable {
        case invoke(HandleTable.Handler)
        case forward(LinkID)
        /// Nothing, but say why in the log.
        case drop(String)
        /// Send this answer instead.
        case answer(Message, reason: String)
    }

    package var table: RoutingTable
    package var handles = HandleTable()
    package let maxMessageSize: Int

    package init(table: RoutingTable, maxMessageSize: Int) {
        self.table = table
        self.maxMessageSize = maxMessageSize
    }

    /// Decides about a message (section 4.2); `ingress` is nil for one that was made here, whose source and authority
    /// are filled in. The header may be changed by the decision.
    package mutating func process(_ message: inout Message, from ingress: LinkID?) -> Action {
        if ingress == nil {
            message.header.srcID = table.contextID
            message.header.authID = table.contextID
        }
        if message.data.count > maxMessageSize { return refuseSize(of: message, from: ingress) }
        switch table.route(&message.header, from: ingress) {
        case .forward(let link): return .forward(link)
        case .drop(let reason): return .drop(reason)
        case .refuse(let reason): return refuse(message, reason)
        case .deliver: return deliver(message, from: ingress)
        }
    }

    /// Decides about a message for this context that was put together from parts, whose source is verified.
    package mutating func deliver(_ message: Message, from ingress: LinkID?) -> Action {
        if let ingress, message.isDead, let respondent = handles.respondent(at: message.handle),
            table.link(for: respondent) != ingress
        {
            // Not only who was asked says that there is no answer, but any context on the way to it; no others.
            return .drop("\(DeadReason.unexpectedContext): \(message.header)")
        }
        let delivery = handles.deliver(
            message.header,
            peer: ingress.flatMap(table.remoteID(of:)),
            hasParentAuthority: table.isParentAuthority(message.header.authID)
        )
        switch delivery {
        case .invoke(let handler): return .invoke(handler)
        case .refuse(let reason): return refuse(message, reason)
        }
    }

    /// Why a message for this context would not be taken, whose parts begin to arrive; nil if it would.
    ///
    /// - Parameters:
    ///   - size: The size of the whole.
    ///   - limit: The largest size that whoever is behind the handle takes.
    package func problem(with header: MessageHeader, size: Int, limit: Int, from ingress: LinkID?) -> String? {
        if size > limit { return DeadReason.tooLarge(maximum: limit) }
        return handles.refusal(
            of: header,
            peer: ingress.flatMap(table.remoteID(of:)),
            hasParentAuthority: table.isParentAuthority(header.authID)
        )
    }

    /// A message that is too large is answered, or, if nobody waits for an answer, whoever waits for the message
    /// itself is woken (section 1.2).
    private mutating func refuseSize(of message: Message, from ingress: LinkID?) -> Action {
        var header = message.header
        if ingress != nil, case .drop(let reason) = table.route(&header, from: ingress) { return .drop(reason) }
        let reason = DeadReason.tooLarge(maximum: maxMessageSize)
        if message.wantsReply || message.isDead { return refuse(message, reason) }
        return .answer(.dead(reason, dstID: message.dstID, handle: message.handle), reason: reason)
    }

    private func refuse(_ message: Message, _ reason: String) -> Action {
        guard let answer = message.replying(with: .dead(reason)) else {
            return .drop("\(reason): \(message.header)")
        }
        return .answer(answer, reason: reason)
    }
}
