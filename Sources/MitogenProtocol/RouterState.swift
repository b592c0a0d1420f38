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
        case drop(Refusal)
        /// Send this answer instead.
        case answer(Message, reason: Refusal)
    }

    package var table: RoutingTable
    package var handles = HandleTable()
    package var allocator: IDAllocator
    package let maxMessageSize: Int

    package init(table: RoutingTable, maxMessageSize: Int) {
        self.table = table
        self.maxMessageSize = maxMessageSize
        allocator = table.contextID == 0 ? .master : .child
    }

    /// Decides about a message (section 4.2); `ingress` is nil for one that was made here, whose source and authority
    /// are filled in. The header may be changed by the decision.
    @_optimize(speed)
    package mutating func process(_ message: inout Message, from ingress: LinkID?) -> Action {
        if ingress == nil {
            message.header.srcID = table.contextID
            message.header.authID = table.contextID
        }
        if message.data.count > maxMessageSize { return refuseSize(of: message, from: ingress) }
        return pass(&message, from: ingress)
    }

    /// Decides about a dead message that this context sends in the name of another one, towards which, or from which, a
    /// message could not pass. Whoever waits believes only that one and its ancestors, which this context need not be.
    ///
    /// - Parameter authority: That of the message which could not pass, where nobody has asked: the handle is one that its
    ///   sender has chosen. This context's own by default.
    package mutating func process(
        _ dead: inout Message,
        inTheNameOf source: ContextID,
        authority: ContextID? = nil
    ) -> Action {
        dead.header.srcID = source
        dead.header.authID = authority ?? table.contextID
        return pass(&dead, from: nil)
    }

    @_optimize(speed)
    private mutating func pass(_ message: inout Message, from ingress: LinkID?) -> Action {
        switch table.route(&message.header, from: ingress) {
        case .forward(let link):
            // Nobody waits there, and it would end the loop of a Python context, or one of the threads of its pool.
            if message.isDead, [StandardHandle.callFunction, StandardHandle.callService].contains(message.handle) {
                return .drop(.reason(DeadReason.invalidHandle))
            }
            return .forward(link)
        case .drop(let reason): return .drop(reason)
        case .refuse(let reason): return refuse(message, reason)
        case .deliver: return deliver(message, from: ingress)
        }
    }

    /// Decides about a message for this context that was put together from parts, whose source is verified.
    @_optimize(speed)
    package mutating func deliver(_ message: Message, from ingress: LinkID?) -> Action {
        if let ingress, message.isDead, let respondent = handles.respondent(at: message.handle),
            !maySayGone(respondent, message.srcID, from: ingress)
        {
            return .drop(.reason(DeadReason.unexpectedContext))
        }
        // Before anything is decoded.
        if let limit = StandardHandle.sizeLimit(of: message.handle), message.data.count > limit {
            return refuse(message, .tooLarge(maximum: limit))
        }
        guard let origin = origin(ingress) else { return .drop(Self.closedStream) }
        let delivery = handles.deliver(
            message.header,
            from: origin,
            hasParentAuthority: table.isParentAuthority(message.header.authID)
        )
        switch delivery {
        case .invoke(let handler): return .invoke(handler)
        case .refuse(let reason): return refuse(message, .reason(reason))
        }
    }

    /// Why a message for this context would not be taken, whose parts begin to arrive; nil if it would.
    ///
    /// - Parameters:
    ///   - size: The size of the whole.
    ///   - limit: The largest size that whoever is behind the handle takes.
    package func problem(with header: MessageHeader, size: Int, limit: Int, from ingress: LinkID?) -> String? {
        if size > limit { return DeadReason.tooLarge(maximum: limit) }
        guard let origin = origin(ingress) else { return Self.closedStream.description }
        return handles.refusal(
            of: header,
            from: origin,
            hasParentAuthority: table.isParentAuthority(header.authID)
        )
    }

    private static let closedStream = Refusal.reason("the stream that it came on is closed")

    /// Nil if the stream is gone, as it may be when the last part of a message is put to the others.
    private func origin(_ ingress: LinkID?) -> HandleTable.Origin? {
        guard let ingress else { return .here }
        return table.remoteID(of: ingress).map { .peer($0) }
    }

    /// A message that is too large is answered, or, if nobody waits for an answer, whoever waits for the message
    /// itself is woken (section 1.2).
    private mutating func refuseSize(of message: Message, from ingress: LinkID?) -> Action {
        var header = message.header
        if ingress != nil, case .drop(let reason) = table.route(&header, from: ingress) { return .drop(reason) }
        let reason = Refusal.tooLarge(maximum: maxMessageSize)
        if message.wantsReply || message.isDead { return refuse(message, reason) }
        return .answer(.dead(reason.description, dstID: message.dstID, handle: message.handle), reason: reason)
    }

    private func refuse(_ message: Message, _ reason: Refusal) -> Action {
        guard message.wantsReply, let answer = message.replying(with: .dead(reason.description)) else {
            return .drop(reason)
        }
        return .answer(answer, reason: reason)
    }

    // MARK: Who may say what

    /// Whether a context may say that another one, or what was asked of it, is gone: that one itself, an ancestor of it,
    /// or an ancestor of this context. A sibling of either must not, whatever way its message comes.
    private func maySayGone(_ respondent: ContextID, _ source: ContextID, from ingress: LinkID) -> Bool {
        guard table.link(for: respondent) == ingress else { return false }
        if source == respondent || source == table.remoteID(of: ingress) || table.parentIDs.contains(source) {
            return true
        }
        guard ingress != table.parentLink else { return false }
        return !knowsOwners || isAncestor(source, of: respondent)
    }

    /// Whether every context that gets a block of ids through here is known: all ancestors say so, and this context
    /// has not let go of them.
    private var knowsOwners: Bool {
        guard table.contextID != 0 else { return true }
        return !table.parentIDs.isEmpty
            && table.parentIDs.allSatisfy { table.peers[$0]?.has(PeerInfo.blockOwners) == true }
    }

    /// Whether a context below this one has started another, or one that led to it.
    private func isAncestor(_ source: ContextID, of id: ContextID) -> Bool {
        var id = id
        // Blocks are handed out in order, and only to contexts that are there: an owner's id is below those of its
        // block. So this ends.
        while let owner = allocator.owner(of: id), owner < id {
            if owner == source { return true }
            id = owner
        }
        return false
    }

    /// Whether a stream can lead to a new context: the master knows who may start one with this id, and tells the others,
    /// if all on the way to it pass that on. Otherwise a context could claim the ids of others' children before they are
    /// there.
    package func mayLead(_ link: LinkID, to id: ContextID) -> Bool {
        guard !table.hasRoute(to: id), table.parentIDs.isEmpty || knowsOwners else { return true }
        guard let owner = allocator.owner(of: id) else {
            // One that has let go of its parent may not have been told of all, if that was a Python program.
            return table.contextID != 0 && table.parentIDs.isEmpty
        }
        return table.link(for: owner) == link
    }

    /// Whether a context can have started another, as it says: what it has started is reached the same way as itself, and
    /// nobody else has started it.
    ///
    /// - Parameter isNew: Whether nothing is known of the other context; asked only where nobody says who started it.
    package func mayHaveStarted(_ id: ContextID, _ starter: ContextID, isNew: @autoclosure () -> Bool) -> Bool {
        guard id != table.contextID, table.link(for: id) == table.link(for: starter) else { return false }
        if table.contextID == 0 { return allocator.owner(of: id) == starter }
        return id != starter && !table.parentIDs.contains(id) && isNew()
    }
}
