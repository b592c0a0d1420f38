//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Names one stream of a router. The number is never used again.
package struct LinkID: Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }
}

/// Which context is reached through which stream, and what may pass (Mitogen wire protocol, section 4).
package struct RoutingTable: Sendable {
    /// One stream, as routing sees it.
    struct Link: Sendable {
        let remoteID: ContextID
        /// If set, messages from this stream act with this authority (section 1.4), as those of a program that has attached
        /// itself to this one.
        let stampedAuthID: ContextID?
        /// Every context that messages from this stream went to, and that messages to it came from: its peer hears when
        /// one of them goes away.
        var partners: Set<ContextID> = []
        /// The one that was noted last: mostly the next message is for the same.
        var lastPartner: ContextID?
        /// How many routes the peer has announced.
        var announcedCount = 0

        /// Whether the context was one of its partners.
        mutating func forget(_ id: ContextID) -> Bool {
            if lastPartner == id { lastPartner = nil }
            return partners.remove(id) != nil
        }
    }

    /// How many routes a child may announce, and how many contexts are remembered for a stream: more than there
    /// will ever be, unless someone means harm.
    package static let limitPerLink = 65_536

    /// What to do with a message.
    package enum Verdict: Sendable, Equatable {
        case deliver
        case forward(LinkID)
        /// It cannot be delivered; whoever waits for an answer is told this reason.
        case refuse(Refusal)
        /// It is not to be believed, so nobody is told (section 4.3).
        case drop(Refusal)
    }

    package let contextID: ContextID
    package internal(set) var parentIDs: [ContextID]
    package var isUnidirectional: Bool
    package internal(set) var parentLink: LinkID?
    var routes = NumberTable<ContextID, LinkID>()
    var links = NumberTable<LinkID, Link>()
    /// What is known about contexts; one that is missing is treated like the Python implementation.
    package var peers = PeerTable()

    package init(contextID: ContextID, parentIDs: [ContextID], isUnidirectional: Bool = false) {
        self.contextID = contextID
        self.parentIDs = parentIDs
        self.isUnidirectional = isUnidirectional
    }

    package var parentID: ContextID? { parentIDs.first }

    /// The stream for a context: the one of its route, else the parent's (section 4.1).
    @_optimize(speed)
    package func link(for id: ContextID) -> LinkID? {
        routes[id] ?? parentLink
    }

    /// Whether a route to exactly this context is known.
    package func hasRoute(to id: ContextID) -> Bool {
        routes.contains(id)
    }

    package func remoteID(of link: LinkID) -> ContextID? {
        links[link]?.remoteID
    }

    /// Whether an authority is this context's own or that of an ancestor (section 1.4).
    package func isParentAuthority(_ authID: ContextID) -> Bool {
        authID == contextID || parentIDs.contains(authID)
    }

    /// Decides about one message (section 4.2); `ingress` is nil for one that was made here. An authority that the
    /// ingress stream is stamped with is written to the header.
    @_optimize(speed)
    package mutating func route(_ header: inout MessageHeader, from ingress: LinkID?) -> Verdict {
        if let ingress {
            if let reason = distrust(header, from: ingress) { return .drop(reason) }
            // Only the peer's own: what it has started may be on another machine, and has no authority here.
            if let link = links[ingress], let stamp = link.stampedAuthID, header.authID == link.remoteID {
                header.authID = stamp
            }
        }
        if header.dstID == contextID { return .deliver }
        let isFromParentSide = ingress != nil && link(for: header.srcID) == parentLink
        guard let egress = routes[header.dstID] ?? (isFromParentSide ? nil : parentLink) else {
            return .refuse(.noRoute(to: header.dstID, from: contextID))
        }
        // Nobody up there has a route to what is attached here, so no answer would come back.
        if let ingress, egress == parentLink, isAttached(ingress) {
            return .refuse(.noRoute(to: header.dstID, from: contextID))
        }
        if let ingress, isUnidirectional, !isPrivileged(ingress, header.srcID), !isPrivileged(egress, header.dstID) {
            return .refuse(
                .unidirectional(
                    from: links[ingress]?.remoteID ?? 0,
                    to: links[egress]?.remoteID ?? 0,
                    via: contextID
                )
            )
        }
        note(header.dstID, isUsedBy: ingress)
        if ingress != nil { note(header.srcID, isUsedBy: egress) }
        return .forward(egress)
    }

    /// The peer of a stream has to do with a context. The parent is told of every loss below anyway.
    @_optimize(speed)
    private mutating func note(_ id: ContextID, isUsedBy link: LinkID?) {
        guard let link, link != parentLink else { return }
        // Of those that are reached through the parent nobody here knows which exist: a child could name any number.
        let isKnown = routes.contains(id)
        links.update(link) { link in
            guard link.lastPartner != id, isKnown || link.partners.count < Self.limitPerLink else { return }
            link.partners.insert(id)
            link.lastPartner = id
        }
    }

    /// Why a message that arrived on `ingress` is not to be believed: it must have come the way that a message to its
    /// source, and to the authority it claims, would go (section 4.3).
    @_optimize(speed)
    private func distrust(_ header: MessageHeader, from ingress: LinkID) -> Refusal? {
        if link(for: header.authID) != ingress || header.authID == contextID {
            return .badAuthority(header.authID, via: remoteID(of: ingress))
        }
        if header.srcID != header.authID, link(for: header.srcID) != ingress || header.srcID == contextID {
            return .badSource(header.srcID, via: remoteID(of: ingress))
        }
        return nil
    }

    /// Whether a stream leads to a program that has attached itself to this one. What is behind it is nobody's concern up
    /// the tree.
    package func isAttached(_ link: LinkID) -> Bool { links[link]?.stampedAuthID != nil }

    /// Whether a context that a stream leads to may exchange messages with all others in unidirectional mode.
    private func isPrivileged(_ link: LinkID, _ id: ContextID) -> Bool {
        guard let link = links[link] else { return false }
        if parentIDs.contains(link.remoteID) { return true }
        return id == link.remoteID && link.stampedAuthID.map(isParentAuthority) == true
    }
}
