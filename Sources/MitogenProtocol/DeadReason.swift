//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The reasons that dead messages give, word for word (Mitogen wire protocol, section 1.5).
public enum DeadReason {
    public static let invalidHandle = "invalid handle"
    public static let refusedByPolicy = "refused by policy"
    public static let unexpectedContext = "reply from unexpected context"
    public static let respondentDisconnected = "the respondent Context has disconnected"
    public static let brokerExited = "Broker has exitted"
    public static let senderClosed = "Sender was explicitly closed"
    package static let receiverClosed = "the Receiver has been closed"
    package static let receiverIsDone = "the Receiver has taken its one message"

    public static func tooLarge(maximum: Int) -> String {
        "message too large (max \(maximum) bytes)"
    }

    private static let noRouteTo = "no route to "

    public static func noRoute(to id: ContextID, from own: ContextID) -> String {
        "\(noRouteTo)\(id), my ID is \(own)"
    }

    /// What a reason means to whoever decides by it. Only the text travels, so it is read here and nowhere else.
    package enum Kind: Sendable, Hashable {
        /// The sender, or the receiver itself, was closed.
        case endOfChannel
        /// Nothing is registered at the handle.
        case invalidHandle
        /// The context does not exist, or exists no more.
        case gone
        /// Too much waited on the way.
        case wayIsFull
        case other

        package init(_ reason: String) {
            switch reason {
            case senderClosed, receiverClosed, receiverIsDone: self = .endOfChannel
            case DeadReason.invalidHandle: self = .invalidHandle
            case brokerExited: self = .gone
            case _ where reason.hasPrefix(fullWayTo): self = .wayIsFull
            case _ where reason.hasPrefix(noRouteTo) || reason.hasPrefix(respondentDisconnected): self = .gone
            default: self = .other
            }
        }
    }

    /// A reason for those who know nothing of contexts.
    package static func plain(_ reason: String) -> String {
        guard reason.hasPrefix(respondentDisconnected) else { return reason }
        // By bytes: characters would bring the rules of Unicode into every payload.
        let cause = Array(reason.utf8)[respondentDisconnected.utf8.count...]
        return "the connection was lost\(String(decoding: cause, as: UTF8.self))"
    }

    /// Whether a Python context may have ended itself, which it does with a signal. Another Python context, which has started
    /// it, does not tell how.
    package static func mayBeOwnEnd(_ reason: String) -> Bool {
        reason == respondentDisconnected || reason.hasSuffix("signal 15 (SIGTERM)")
    }

    package static func wayIsFull(to id: ContextID) -> String {
        "\(fullWayTo)\(id)"
    }

    private static let fullWayTo = "too much waits to be written on the way to context "

    public static func unidirectional(from ingress: ContextID, to egress: ContextID, via own: ContextID) -> String {
        "routing mode prevents forward of message from context \(ingress) to context \(egress) via context \(own)"
    }
}
