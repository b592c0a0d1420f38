//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol

/// A tree of routing tables, through which messages pass hop by hop without any stream.
struct RoutingTree {
    /// What became of a message.
    enum Outcome: Equatable {
        case delivered(at: ContextID, MessageHeader)
        case refused(at: ContextID, reason: String)
        case dropped(at: ContextID)
    }

    private(set) var tables: [ContextID: RoutingTable] = [:]
    private(set) var parents: [ContextID: ContextID] = [:]
    /// What contexts were told to be lost, in order.
    private(set) var losses: [(at: ContextID, id: ContextID)] = []
    /// Who was sent `DEL_ROUTE` by whom, and for which context.
    private(set) var withdrawals: [(from: ContextID, to: ContextID, id: ContextID)] = []

    static let parentLink = LinkID(rawValue: 0)

    /// The stream to a child has its number.
    static func link(to child: ContextID) -> LinkID { LinkID(rawValue: child) }

    init(isUnidirectional: Bool = false) {
        tables[0] = RoutingTable(contextID: 0, parentIDs: [], isUnidirectional: isUnidirectional)
    }

    /// A tree whose shape is random.
    static func random(count: Int, isUnidirectional: Bool = false, using random: inout RandomSource) -> RoutingTree {
        var tree = RoutingTree(isUnidirectional: isUnidirectional)
        for id in 1..<ContextID(count) {
            // Some are deep, some are flat.
            tree.add(id, below: random.once(in: 3) ? id - 1 : ContextID(random.below(Int(id))))
        }
        return tree
    }

    var ids: [ContextID] { tables.keys.sorted() }

    mutating func add(_ id: ContextID, below parent: ContextID, stampedAuthID: ContextID? = nil) {
        let ancestors = [parent] + (tables[parent]?.parentIDs ?? [])
        var table = RoutingTable(
            contextID: id,
            parentIDs: ancestors,
            isUnidirectional: tables[parent]?.isUnidirectional == true
        )
        table.connectParent(Self.parentLink)
        tables[id] = table
        parents[id] = parent
        let link = Self.link(to: id)
        let effects = tables[parent]?.connectChild(link, id: id, name: "c\(id)", stampedAuthID: stampedAuthID) ?? []
        perform(effects, at: parent)
    }

    func isBelow(_ id: ContextID, _ top: ContextID) -> Bool {
        var id: ContextID? = id
        while let current = id {
            if current == top { return true }
            id = parents[current]
        }
        return false
    }

    /// Sends a message from where it was made.
    mutating func send(_ header: MessageHeader, from id: ContextID) -> Outcome {
        pass(header, at: id, from: nil)
    }

    /// Lets a context put any message on the stream to its parent.
    mutating func forge(_ header: MessageHeader, upFrom id: ContextID) -> Outcome? {
        parents[id].map { pass(header, at: $0, from: Self.link(to: id)) }
    }

    /// Lets a context put any message on the stream to its child `id`.
    mutating func forge(_ header: MessageHeader, downTo id: ContextID) -> Outcome {
        pass(header, at: id, from: Self.parentLink)
    }

    private mutating func pass(_ header: MessageHeader, at start: ContextID, from ingress: LinkID?) -> Outcome {
        var header = header
        var id = start
        var ingress = ingress
        while true {
            switch tables[id]?.route(&header, from: ingress) {
            case .deliver?: return .delivered(at: id, header)
            case .refuse(let reason)?: return .refused(at: id, reason: reason.description)
            case .drop?, nil: return .dropped(at: id)
            case .forward(let link)?:
                if link == Self.parentLink, let parent = parents[id] {
                    ingress = Self.link(to: id)
                    id = parent
                } else {
                    ingress = Self.parentLink
                    id = link.rawValue
                }
            }
        }
    }

    /// The stream between a context and its parent ends, on both sides.
    mutating func cut(_ id: ContextID) {
        guard let parent = parents.removeValue(forKey: id) else { return }
        let above = tables[parent]?.disconnect(Self.link(to: id), reason: "cut") ?? []
        perform(above, at: parent)
        let below = tables[id]?.disconnect(Self.parentLink, reason: "cut") ?? []
        perform(below, at: id)
    }

    /// A child claims that it leads to a context.
    mutating func claimRoute(to id: ContextID, by child: ContextID) -> [RouteEffect] {
        guard let parent = parents[child] else { return [] }
        return tables[parent]?.addRoute(to: id, name: "", through: Self.link(to: child)) ?? []
    }

    private mutating func perform(_ effects: [RouteEffect], at id: ContextID) {
        for effect in effects {
            switch effect {
            case .announce(let context, let name, let link):
                guard link == Self.parentLink, let parent = parents[id] else { continue }
                let next = tables[parent]?.addRoute(to: context, name: name, through: Self.link(to: id)) ?? []
                perform(next, at: parent)
            case .withdraw(let context, let reason, let link):
                let isUp = link == Self.parentLink
                guard let peer = isUp ? parents[id] : link.rawValue else { continue }
                withdrawals.append((id, peer, context))
                let ingress = isUp ? Self.link(to: id) : Self.parentLink
                let next = tables[peer]?.deleteRoute(to: context, source: id, from: ingress, reason: reason) ?? []
                perform(next, at: peer)
            case .lost(let context, _): losses.append((id, context))
            case .named, .log: break
            }
        }
    }
}

extension MessageHeader {
    init(from source: ContextID, to destination: ContextID, as authority: ContextID? = nil, replyTo: Handle = 0) {
        self.init(dstID: destination, srcID: source, authID: authority ?? source, handle: 1000, replyTo: replyTo)
    }
}
