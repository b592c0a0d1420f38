//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Puts messages together from their parts (architecture decision D9).
///
/// What a source may have here incomplete is bounded: on one link only so many bytes of messages are asked for as are
/// allowed together, the oldest first; of others there is a small first part each. A source that sends what it was not asked for,
/// or parts that do not follow each other, ends its transfer, as does one that sends nothing for too long.
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

    /// A transfer that is over because its source sends nothing.
    package struct Stalled: Sendable, Equatable {
        package let source: ContextID
        /// Where its source waits for credit.
        package let creditHandle: Handle
        /// Where the message's answer is waited for; 0 if none is.
        package let replyTo: Handle
    }

    private struct Key: Hashable {
        let source: ContextID
        let transfer: UInt32
    }

    private struct Awaited: Hashable {
        let source: ContextID
        let replyTo: Handle
    }

    private struct Transfer {
        let source: ContextID
        let link: LinkID?
        let authID: ContextID
        let part: MessagePart
        let creditHandle: Handle
        let order: Int
        var data: [UInt8] = []
        /// Bytes that may come in all.
        var granted = MessagePart.firstWindow
        /// Bytes that have come and were not granted anew.
        var due = 0
        var isAdmitted = false
        /// Whether the source was told, and so may use the whole window.
        var hasGrant = false
        /// When its last part came, or it was asked for.
        var movedAt: Int64

        var awaited: Awaited { Awaited(source: source, replyTo: part.replyTo) }

        /// Whether there is enough to be granted for saying so.
        var isDue: Bool { isAdmitted && (!hasGrant || due >= MessagePart.window / 4) }
    }

    /// Transfers of one link at the same time.
    package static let mostTransfers = 1024

    private let bytesPerLink: Int
    private let patience: Int64
    private var transfers: [Key: Transfer] = [:]
    /// The numbers of transfers by their source and where their answer is waited for: anyone can give up what it never sent,
    /// again and again.
    private var awaited: [Awaited: Set<UInt32>] = [:]
    private var nextOrder = 0
    /// What credit may be due for.
    private var due: [Key] = []
    private var links: [LinkID?: Link] = [:]

    /// The transfers of one link. What begins or ends costs the same however many there are.
    private struct Link {
        var count = 0
        /// The sizes of those that are asked for, together.
        var admittedBytes = 0
        /// Those that wait until others are whole, the oldest first; some may have ended.
        var waiting: [(key: Key, order: Int)] = []
        var waitingCount = 0
    }

    /// - Parameters:
    ///   - bytesPerLink: The bytes of incomplete messages that are asked for on one link.
    ///   - patience: How long, in nanoseconds, no part may come on a link while one is asked for.
    package init(bytesPerLink: Int, patience: Int64) {
        self.bytesPerLink = bytesPerLink
        self.patience = patience
    }

    package var count: Int { transfers.count }

    package var isEmpty: Bool { transfers.isEmpty }

    /// Whether messages wait until others are whole.
    package var isCrowded: Bool { links.values.contains { $0.waitingCount > 0 } }

    /// Takes a part.
    ///
    /// - Parameters:
    ///   - message: The message that carries the part; its source and authority are verified.
    ///   - link: Where it came from; nil for this context itself.
    ///   - problem: Why the message cannot be taken, if it cannot; looked at with the first part.
    ///   - now: The time, in nanoseconds.
    package mutating func receive(
        _ message: Message,
        _ part: MessagePart,
        from link: LinkID?,
        unless problem: String?,
        at now: Int64
    ) -> Step {
        let key = Key(source: message.srcID, transfer: part.transfer)
        let piece = message.data.dropFirst(MessagePart.headerSize)
        if part.offset == 0 {
            if let problem = problem ?? tooMany(link) {
                end(key, now)
                return .refuse(problem)
            }
            begin(key, message, part, link, now)
        }
        // Taken out, so that its bytes are not copied.
        guard var transfer = transfers.removeValue(forKey: key) else { return .ignore }
        var step = Step.ignore
        if !piece.isEmpty || part.total == 0 {
            guard part.offset == transfer.data.count, part.total == transfer.part.total,
                message.authID == transfer.authID,
                transfer.data.count + piece.count <= transfer.granted
            else {
                didRemove(transfer, now)
                return .refuse("the parts of a message do not follow each other")
            }
            transfer.data.append(contentsOf: piece)
            transfer.due += piece.count
            transfer.movedAt = now
            guard transfer.data.count == transfer.part.total else {
                if transfer.isDue { due.append(key) }
                transfers[key] = transfer
                return .keep
            }
            let grant = Grant(destination: key.source, handle: transfer.creditHandle, byteCount: transfer.due)
            step = .complete(Self.whole(transfer, message), grant)
        }
        didRemove(transfer, now)
        return step
    }

    /// Takes the credit that can be given now, which is not for every part.
    package mutating func takeGrants() -> [Grant] {
        var grants: [Grant] = []
        for key in due {
            guard let transfer = transfers[key], transfer.isDue else { continue }
            let widening = transfer.hasGrant ? 0 : MessagePart.window - MessagePart.firstWindow
            transfers[key]?.granted += transfer.due + widening
            transfers[key]?.hasGrant = true
            transfers[key]?.due = 0
            grants.append(Grant(destination: key.source, handle: transfer.creditHandle, byteCount: transfer.due))
        }
        due.removeAll()
        return grants
    }

    /// What a context has sent in parts will not be whole: it is gone, or has given a request up. That news passes the
    /// parts that are on their way.
    ///
    /// - Parameter replyTo: Where the answer to the request would have gone; everything is removed by default.
    package mutating func remove(from source: ContextID, awaitedAt replyTo: Handle? = nil, at now: Int64) {
        // What wants no answer cannot be given up.
        guard replyTo != 0 else { return }
        let keys =
            if let replyTo {
                (awaited[Awaited(source: source, replyTo: replyTo)] ?? []).map { Key(source: source, transfer: $0) }
            } else {
                transfers.keys.filter { $0.source == source }
            }
        for key in keys { end(key, now) }
    }

    /// Removes what was asked for and does not come, with all else of the same source, of one source on each link: when
    /// nothing at all comes that way, or it alone does not come for ten times as long. A long queue on a slow link holds a
    /// part up as well. That lets others go on, if there are any, whose time begins now.
    package mutating func removeStalled(at now: Int64) -> [Stalled] {
        var stalled: [Stalled] = []
        for link in links.keys {
            let here = transfers.filter { $0.value.link == link }.sorted { $0.value.order < $1.value.order }
            let isSilent = here.allSatisfy { now - $0.value.movedAt >= patience }
            let first = here.first { _, transfer in
                transfer.isAdmitted && transfer.data.count < transfer.granted
                    && (isSilent || now - transfer.movedAt >= 10 * patience)
            }
            for (key, transfer) in here where key.source == first?.key.source {
                end(key, now)
                let handles = (transfer.creditHandle, transfer.part.replyTo)
                stalled.append(Stalled(source: key.source, creditHandle: handles.0, replyTo: handles.1))
            }
        }
        return stalled
    }

    private mutating func begin(
        _ key: Key,
        _ message: Message,
        _ part: MessagePart,
        _ link: LinkID?,
        _ now: Int64
    ) {
        end(key, now)
        nextOrder += 1
        var transfer = Transfer(
            source: key.source,
            link: link,
            authID: message.authID,
            part: part,
            creditHandle: message.replyTo,
            order: nextOrder,
            movedAt: now
        )
        // What a source says is not trusted: no more is set aside for it than may come.
        transfer.data.reserveCapacity(min(part.total, transfer.granted))
        transfers[key] = transfer
        awaited[transfer.awaited, default: []].insert(part.transfer)
        links[link, default: Link()].count += 1
        links[link]?.waiting.append((key, nextOrder))
        links[link]?.waitingCount += 1
        admit(on: link, now)
    }

    private func tooMany(_ link: LinkID?) -> String? {
        links[link]?.count ?? 0 >= Self.mostTransfers ? "too many large messages at the same time" : nil
    }

    private mutating func end(_ key: Key, _ now: Int64) {
        if let transfer = transfers.removeValue(forKey: key) { didRemove(transfer, now) }
    }

    /// A transfer is over, and was taken out.
    private mutating func didRemove(_ transfer: Transfer, _ now: Int64) {
        let link = transfer.link
        awaited[transfer.awaited]?.remove(transfer.part.transfer)
        if awaited[transfer.awaited]?.isEmpty == true { awaited[transfer.awaited] = nil }
        links[link]?.count -= 1
        if transfer.isAdmitted {
            links[link]?.admittedBytes -= transfer.part.total
        } else {
            links[link]?.waitingCount -= 1
        }
        if links[link]?.count == 0 { links[link] = nil } else { admit(on: link, now) }
    }

    /// When a transfer has begun or ended: lets the oldest go on, as many as fit together, and one in any case.
    private mutating func admit(on link: LinkID?, _ now: Int64) {
        guard var here = links[link] else { return }
        var taken = 0
        while taken < here.waiting.count {
            let (key, order) = here.waiting[taken]
            guard let transfer = transfers[key], transfer.order == order else {
                taken += 1
                continue
            }
            let total = transfer.part.total
            guard here.admittedBytes == 0 || here.admittedBytes + total <= bytesPerLink else { break }
            here.admittedBytes += total
            here.waitingCount -= 1
            transfers[key]?.isAdmitted = true
            transfers[key]?.movedAt = now
            due.append(key)
            taken += 1
        }
        here.waiting.removeFirst(taken)
        if here.waiting.count > 2 * here.waitingCount + 16 {
            here.waiting.removeAll { transfers[$0.key]?.order != $0.order }
        }
        links[link] = here
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
