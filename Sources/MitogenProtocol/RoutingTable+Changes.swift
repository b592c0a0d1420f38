//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a change of routes brings about, in order.
package enum RouteEffect: Sendable, Equatable {
    /// Tell the stream's peer that the context is reached through us.
    case announce(ContextID, name: String, to: LinkID)
    /// Tell the stream's peer that the context is gone.
    case withdraw(ContextID, reason: String, to: LinkID)
    /// The context is gone: whoever waits for it is told.
    case lost(ContextID, reason: String)
    /// A context's name was learned.
    case named(ContextID, String)
    case log(String)
}

extension RoutingTable {
    /// The stream to the parent is up.
    package mutating func connectParent(_ link: LinkID) {
        guard let parentID else { return }
        links[link] = Link(remoteID: parentID, stampedAuthID: nil)
        parentLink = link
        routes[parentID] = link
    }

    /// A context is known to be reached through the parent, as this context is attached to it: its loss is announced.
    package mutating func learnRoute(to id: ContextID) {
        guard let parentLink, id != contextID, routes[id] == nil else { return }
        routes[id] = parentLink
    }

    /// A direct child is connected (section 4.7), or a program has attached itself, which acts with this authority.
    package mutating func connectChild(
        _ link: LinkID,
        id: ContextID,
        name: String,
        stampedAuthID: ContextID? = nil
    ) -> [RouteEffect] {
        links[link] = Link(remoteID: id, stampedAuthID: stampedAuthID)
        if let claimed = routes[id] { links.update(claimed) { $0.announcedCount -= 1 } }
        routes[id] = link
        guard let parentLink, stampedAuthID == nil else { return [] }
        return [.announce(id, name: name, to: parentLink)]
    }

    /// `ADD_ROUTE` from a direct child (section 4.7).
    package mutating func addRoute(to id: ContextID, name: String, through link: LinkID) -> [RouteEffect] {
        guard links[link] != nil, link != parentLink else { return [] }
        if id == contextID || parentIDs.contains(id) || (routes[id].map { $0 != link } ?? false) {
            return [.log("refused a route to context \(id) that is already reached another way")]
        }
        if routes[id] == nil {
            guard let count = links[link]?.announcedCount, count < Self.limitPerLink else {
                return [.log("refused a route to context \(id): more than \(Self.limitPerLink) come this way")]
            }
            links.update(link) { $0.announcedCount += 1 }
        }
        routes[id] = link
        var effects: [RouteEffect] = [.named(id, name)]
        if let parentLink, !isAttached(link) { effects.append(.announce(id, name: name, to: parentLink)) }
        return effects
    }

    /// `DEL_ROUTE` from the peer of a stream, which claims to come from context `source` (section 4.7).
    package mutating func deleteRoute(
        to id: ContextID,
        source: ContextID,
        from link: LinkID,
        reason: String
    ) -> [RouteEffect] {
        guard let current = self.link(for: id), id != contextID else { return [] }
        guard current == self.link(for: source), current == link else {
            return [.log("refused to delete the route to context \(id) for context \(source)")]
        }
        if routes[id] == link, links[link]?.remoteID == id {
            return [.log("refused to delete the route to context \(id), whose stream is still open")]
        }
        if routes.removeValue(forKey: id) != nil { links.update(link) { $0.announcedCount -= 1 } }
        peers[id] = nil
        var effects: [RouteEffect] = [.lost(id, reason: reason)]
        if let parentLink, parentLink != link, !isAttached(link) {
            effects.append(.withdraw(id, reason: reason, to: parentLink))
        }
        effects += withdrawFromUsers(of: id, except: link, reason: reason)
        return effects
    }

    /// A stream ended: everything behind it is gone (section 4.7).
    package mutating func disconnect(_ link: LinkID, reason: String) -> [RouteEffect] {
        guard let lost = links.removeValue(forKey: link) else { return [] }
        if link == parentLink { parentLink = nil }
        let ids = routes.pairs.filter { $0.value == link }.map(\.key)
        for id in ids {
            routes[id] = nil
            peers[id] = nil
        }
        var effects: [RouteEffect] = []
        for id in ids.sorted() {
            let why = id == lost.remoteID ? reason : "context \(lost.remoteID), through which it was reached: \(reason)"
            effects.append(.lost(id, reason: why))
            if let parentLink, lost.stampedAuthID == nil {
                effects.append(.withdraw(id, reason: why, to: parentLink))
            }
            effects += withdrawFromUsers(of: id, except: link, reason: why)
        }
        return effects
    }

    /// The child has let go of its parent on purpose (section 5.8).
    package mutating func detach() {
        if let parentLink { links[parentLink] = nil }
        for (id, link) in routes.pairs where link == parentLink { routes[id] = nil }
        parentLink = nil
        parentIDs = []
    }

    /// Everyone else who ever sent to the context, or heard from it, is told that it is gone, but never the parent by
    /// this rule.
    private mutating func withdrawFromUsers(of id: ContextID, except link: LinkID, reason: String) -> [RouteEffect] {
        links.keys.filter { links.update($0) { $0.forget(id) } == true && $0 != link }
            .sorted { $0.rawValue < $1.rawValue }
            .map { .withdraw(id, reason: reason, to: $0) }
    }
}
