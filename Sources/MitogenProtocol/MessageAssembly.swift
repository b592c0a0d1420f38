//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Puts messages together from their parts (architecture decision D9).
///
/// What a source may have here incomplete is bounded: on one link only so many bytes of messages are asked for as are
/// allowed together, the oldest first; of others there is one window each. A source that sends what it was not asked
/// for, or parts that do not follow each other, ends its transfer.
package struct MessageAssembly: Sendable {
    /// What to do after a part.
    package enum Step: Sendable, Equatable {
        /// Nothing; the part is ignored.
        case ignore
        /// It is kept.
        case keep
        /// The message is whole; its source is told.
        case complete(Message, Grant)
        /// The transfer is over before its end; whoever waits for the message's answer is told.
        case refuse(String)
    }

    /// Credit for a source.
    package struct Grant: Sendable, Equatable {
        package let destination: ContextID
        package let handle: Handle
        package let byteCount: Int
    }

    private struct Key: Hashable {
        let source: ContextID
        let transfer: UInt32
    }

    private struct Transfer {
        let link: LinkID?
        let authID: ContextID
        let part: MessagePart
        let creditHandle: Handle
        let order: Int
        var data: [UInt8] = []
        /// Bytes that were asked for: a window at first, unasked.
        var granted = MessagePart.window
        /// Bytes that have come and were not granted anew.
        var due = 0
        var isAdmitted = false
    }

    /// Transfers of one link at the same time.
    package static let mostTransfers = 1024

    private let bytesPerLink: Int
    private var transfers: [Key: Transfer] = [:]
    private var nextOrder = 0

    /// - Parameter bytesPerLink: The bytes of incomplete messages that are asked for on one link.
    package init(bytesPerLink: Int) {
        self.bytesPerLink = bytesPerLink
    }

    package var count: Int { transfers.count }

    /// Takes a part.
    ///
    /// - Parameters:
    ///   - message: The message that carries the part; its source and authority are verified.
    ///   - link: Where it came from; nil for this context itself.
    ///   - problem: Why the message cannot be taken, if it cannot; looked at with the first part.
    package mutating func receive(
        _ message: Message,
        _ part: MessagePart,
        from link: LinkID?,
        unless problem: String?
    ) -> Step {
        let key = Key(source: message.srcID, transfer: part.transfer)
        let piece = message.data.dropFirst(MessagePart.headerSize)
        if part.offset == 0 { begin(key, message, part, link) }
        guard var transfer = transfers[key] else { return .ignore }
        if part.offset == 0, let problem = problem ?? tooMany(link) { return give(up: key, problem) }
        // Taken out, so that its bytes are not copied.
        transfers[key] = nil
        guard !piece.isEmpty || part.total == 0 else { return .ignore }
        guard part.offset == transfer.data.count, part.total == transfer.part.total,
            message.authID == transfer.authID, transfer.data.count + piece.count <= transfer.granted + MessagePart.size
        else { return .refuse("the parts of a message do not follow each other") }
        transfer.data.append(contentsOf: piece)
        transfer.due += piece.count
        guard transfer.data.count == transfer.part.total else {
            transfers[key] = transfer
            return .keep
        }
        let grant = Grant(destination: key.source, handle: transfer.creditHandle, byteCount: transfer.due)
        return .complete(Self.whole(transfer, message), grant)
    }

    /// The credit that can be given now on a link, which is not for every part.
    package mutating func grants(on link: LinkID?) -> [Grant] {
        admit(on: link)
        var grants: [Grant] = []
        for (key, transfer) in transfers
        where transfer.link == link && transfer.isAdmitted && transfer.due >= MessagePart.window / 4 {
            transfers[key]?.granted += transfer.due
            transfers[key]?.due = 0
            grants.append(Grant(destination: key.source, handle: transfer.creditHandle, byteCount: transfer.due))
        }
        return grants
    }

    /// A context is gone: what it has sent in parts will not be whole.
    package mutating func remove(from source: ContextID) {
        for key in transfers.keys where key.source == source { transfers[key] = nil }
    }

    private mutating func begin(_ key: Key, _ message: Message, _ part: MessagePart, _ link: LinkID?) {
        nextOrder += 1
        var transfer = Transfer(
            link: link,
            authID: message.authID,
            part: part,
            creditHandle: message.replyTo,
            order: nextOrder
        )
        // What a source says is not trusted: no more than a window is set aside for it.
        transfer.data.reserveCapacity(min(part.total, MessagePart.window))
        transfers[key] = transfer
    }

    private func tooMany(_ link: LinkID?) -> String? {
        let count = transfers.values.count { $0.link == link }
        return count > Self.mostTransfers ? "too many large messages at the same time" : nil
    }

    private mutating func give(up key: Key, _ reason: String) -> Step {
        transfers[key] = nil
        return .refuse(reason)
    }

    /// Lets the oldest transfers go on, as many as fit together, and one in any case.
    private mutating func admit(on link: LinkID?) {
        let waiting = transfers.filter { $0.value.link == link }.sorted { $0.value.order < $1.value.order }
        var total = 0
        for (key, transfer) in waiting {
            guard total == 0 || total + transfer.part.total <= bytesPerLink else { return }
            total += transfer.part.total
            transfers[key]?.isAdmitted = true
        }
    }

    private static func whole(_ transfer: Transfer, _ last: Message) -> Message {
        var message = Message(
            dstID: last.dstID,
            handle: transfer.part.handle,
            replyTo: transfer.part.replyTo,
            encoding: transfer.part.encoding,
            data: transfer.data
        )
        message.srcID = last.srcID
        message.authID = last.authID
        return message
    }
}
