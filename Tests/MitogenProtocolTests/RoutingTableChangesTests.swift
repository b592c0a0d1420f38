//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct RoutingTableChangesTests {
    private static let up = LinkID(rawValue: 0)
    private static let first = LinkID(rawValue: 11)
    private static let second = LinkID(rawValue: 12)
    private static let third = LinkID(rawValue: 13)

    /// Context 5 below 2 with children 6, 7 and 9; 8 is below 6.
    private func middle() -> RoutingTable {
        var table = RoutingTable(contextID: 5, parentIDs: [2, 0])
        table.connectParent(Self.up)
        _ = table.connectChild(Self.first, id: 6, name: "six")
        _ = table.connectChild(Self.second, id: 7, name: "seven")
        _ = table.connectChild(Self.third, id: 9, name: "nine")
        _ = table.addRoute(to: 8, name: "eight", through: Self.first)
        return table
    }

    private func isRefused(_ effects: [RouteEffect]) -> Bool {
        effects.count == 1 && effects.allSatisfy { if case .log = $0 { true } else { false } }
    }

    @Test("A new child is announced to the parent; the master has nobody to tell")
    func connect() {
        var table = middle()
        let effects = table.connectChild(LinkID(rawValue: 20), id: 30, name: "local.1")
        #expect(effects == [.announce(30, name: "local.1", to: Self.up)])
        var master = RoutingTable(contextID: 0, parentIDs: [])
        #expect(master.connectChild(Self.first, id: 1, name: "one").isEmpty)
        master.connectParent(Self.up)
        #expect(master.parentLink == nil)
    }

    @Test("What is attached, and what it has started, is nobody's concern up the tree")
    func attached() {
        var table = middle()
        let link = LinkID(rawValue: 20)
        #expect(table.connectChild(link, id: 30, name: "unix_client.1", stampedAuthID: 5).isEmpty)
        #expect(table.addRoute(to: 31, name: "own", through: link) == [.named(31, "own")])
        #expect(table.deleteRoute(to: 31, source: 30, from: link, reason: "over") == [.lost(31, reason: "over")])
        _ = table.addRoute(to: 32, name: "other", through: link)
        // A child that has heard from it is told.
        var header = MessageHeader(from: 30, to: 6)
        #expect(table.route(&header, from: link) == .forward(Self.first))
        #expect(header.authID == 5)
        let effects = table.disconnect(link, reason: "gone")
        #expect(
            effects == [
                .lost(30, reason: "gone"), .withdraw(30, reason: "gone", to: Self.first),
                .lost(32, reason: "context 30, through which it was reached: gone"),
            ]
        )
    }

    @Test("What is attached cannot send to contexts up the tree, from where no answer would come back")
    func attachedUpwards() {
        var table = middle()
        let link = LinkID(rawValue: 20)
        _ = table.connectChild(link, id: 30, name: "unix_client.1", stampedAuthID: 5)
        for id: ContextID in [0, 2, 99] {
            var header = MessageHeader(from: 30, to: id)
            #expect(table.route(&header, from: link) == .refuse(.noRoute(to: id, from: 5)))
        }
        var header = MessageHeader(from: 6, to: 0)
        #expect(table.route(&header, from: Self.first) == .forward(Self.up))
    }

    @Test("Contexts that an attached program knows go with the way to its listener")
    func learnedRoutes() {
        var table = RoutingTable(contextID: 9, parentIDs: [0])
        table.learnRoute(to: 3)
        #expect(!table.hasRoute(to: 3))
        table.connectParent(Self.up)
        for id: ContextID in [3, 9] { table.learnRoute(to: id) }
        #expect(table.hasRoute(to: 3) && !table.hasRoute(to: 9))
        #expect(
            table.disconnect(Self.up, reason: "gone") == [
                .lost(0, reason: "gone"), .lost(3, reason: "context 0, through which it was reached: gone"),
            ]
        )
        #expect(table.link(for: 3) == nil)
    }

    @Test("A route from a child is named, used, and passed on with its name")
    func addRoute() {
        var table = middle()
        #expect(
            table.addRoute(to: 40, name: "c40", through: Self.second)
                == [.named(40, "c40"), .announce(40, name: "c40", to: Self.up)]
        )
        #expect(table.link(for: 40) == Self.second)
        // Again, with a new name, is no harm.
        #expect(
            table.addRoute(to: 40, name: "", through: Self.second)
                == [.named(40, ""), .announce(40, name: "", to: Self.up)]
        )
    }

    @Test("A child cannot take an ancestor's id, this context's, or one that is reached another way")
    func injection() {
        var table = middle()
        for id: ContextID in [0, 2, 5, 6, 8, 9] {
            #expect(isRefused(table.addRoute(to: id, name: "x", through: Self.second)))
        }
        #expect(table.link(for: 8) == Self.first)
        #expect(table.link(for: 0) == Self.up)
        // Neither the parent nor a stream that is closed adds routes.
        #expect(table.addRoute(to: 50, name: "", through: Self.up).isEmpty)
        #expect(table.addRoute(to: 50, name: "", through: LinkID(rawValue: 99)).isEmpty)
        #expect(!table.hasRoute(to: 50))
    }

    @Test("No claim of a route in a random tree changes what the master knows", arguments: 0..<20)
    func randomInjection(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var tree = RoutingTree.random(count: 3 + random.below(20), using: &random)
        for _ in 0..<500 {
            let child = ContextID(1 + random.below(tree.ids.count - 1))
            let id = tree.ids.any(&random)
            guard tree.parents[child] == 0 || id == 0 || tree.parents[child] == id else { continue }
            let effects = tree.claimRoute(to: id, by: child)
            #expect(isRefused(effects) != tree.isBelow(id, child))
        }
        for source in tree.ids {
            for destination in tree.ids {
                let header = MessageHeader(from: source, to: destination)
                #expect(tree.send(header, from: source) == .delivered(at: destination, header))
            }
        }
    }

    @Test("A child cannot announce routes without end, and what it has withdrawn does not count")
    func routeFlood() {
        var table = middle()
        let limit = ContextID(RoutingTable.limitPerLink)
        for id in 100..<100 + limit { _ = table.addRoute(to: id, name: "", through: Self.second) }
        #expect(isRefused(table.addRoute(to: 99, name: "", through: Self.second)))
        #expect(!table.hasRoute(to: 99))
        // What is announced again is not one more, and another child has its own count.
        #expect(!isRefused(table.addRoute(to: 100, name: "again", through: Self.second)))
        #expect(!isRefused(table.addRoute(to: 98, name: "", through: Self.third)))
        _ = table.deleteRoute(to: 100, source: 7, from: Self.second, reason: "")
        #expect(!isRefused(table.addRoute(to: 99, name: "", through: Self.second)))
        #expect(isRefused(table.addRoute(to: 97, name: "", through: Self.second)))
    }

    @Test("A stream's destinations are not remembered without end")
    func destinationFlood() {
        var table = middle()
        let limit = ContextID(RoutingTable.limitPerLink)
        for id in 1000..<1100 + limit {
            var header = MessageHeader(from: 7, to: id)
            #expect(table.route(&header, from: Self.second) == .forward(Self.up))
        }
        func isTold(_ id: ContextID) -> Bool {
            table.deleteRoute(to: id, source: 2, from: Self.up, reason: "").contains(
                .withdraw(id, reason: "", to: Self.second)
            )
        }
        #expect(isTold(1000) && isTold(999 + limit))
        #expect(!isTold(1000 + limit))
    }

    @Test("A loss is passed up, and down to those who sent there, in this order")
    func deleteRoute() {
        var table = middle()
        var header = MessageHeader(from: 7, to: 8)
        _ = table.route(&header, from: Self.second)
        #expect(
            table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "died") == [
                .lost(8, reason: "died"), .withdraw(8, reason: "died", to: Self.up),
                .withdraw(8, reason: "died", to: Self.second),
            ]
        )
        #expect(!table.hasRoute(to: 8))
        // It is gone, so the parent is now the way there, and the child cannot speak for it.
        #expect(isRefused(table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")))
    }

    @Test("A loss that the parent reports goes down only")
    func deleteFromParent() {
        var table = middle()
        var header = MessageHeader(from: 9, to: 1234)
        _ = table.route(&header, from: Self.third)
        #expect(
            table.deleteRoute(to: 1234, source: 2, from: Self.up, reason: "") == [
                .lost(1234, reason: ""), .withdraw(1234, reason: "", to: Self.third),
            ]
        )
    }

    @Test("Nobody is told by the rule of use who is the parent or never sent there")
    func egress() {
        var table = middle()
        // The parent's side sent to 8; it hears of the loss once, as the parent.
        var header = MessageHeader(from: 0, to: 8)
        _ = table.route(&header, from: Self.up)
        let effects = table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")
        #expect(effects == [.lost(8, reason: ""), .withdraw(8, reason: "", to: Self.up)])
    }

    @Test("Who was sent something hears of the loss of the sender, as long as it is there")
    func lostSender() {
        var table = middle()
        for (source, link) in [(8, Self.first), (2, Self.up)] as [(ContextID, LinkID)] {
            var header = MessageHeader(from: source, to: 7)
            #expect(table.route(&header, from: link) == .forward(Self.second))
        }
        #expect(
            table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "died") == [
                .lost(8, reason: "died"), .withdraw(8, reason: "died", to: Self.up),
                .withdraw(8, reason: "died", to: Self.second),
            ]
        )
        // Once: who comes after it under the same number is another one.
        _ = table.addRoute(to: 8, name: "", through: Self.first)
        let again = table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")
        #expect(again == [.lost(8, reason: ""), .withdraw(8, reason: "", to: Self.up)])
        #expect(
            table.deleteRoute(to: 0, source: 2, from: Self.up, reason: "") == [.lost(0, reason: "")],
            "nobody below has heard from 0"
        )
    }

    @Test("A child that has named too many contexts still hears of the loss of those that exist here")
    func manyNames() {
        var table = middle()
        for id in 1000..<1001 + ContextID(RoutingTable.limitPerLink) {
            var header = MessageHeader(from: 7, to: id)
            _ = table.route(&header, from: Self.second)
        }
        var header = MessageHeader(from: 7, to: 8)
        _ = table.route(&header, from: Self.second)
        let effects = table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")
        #expect(effects.contains(.withdraw(8, reason: "", to: Self.second)))
    }

    @Test("What was refused on the way there is no use")
    func refusedEgress() {
        var table = RoutingTable(contextID: 0, parentIDs: [], isUnidirectional: true)
        _ = table.connectChild(Self.first, id: 1, name: "")
        _ = table.connectChild(Self.second, id: 2, name: "")
        var header = MessageHeader(from: 1, to: 2)
        guard case .refuse = table.route(&header, from: Self.first) else { return #expect(Bool(false)) }
        header = MessageHeader(from: 1, to: 99)
        guard case .refuse = table.route(&header, from: Self.first) else { return #expect(Bool(false)) }
        #expect(table.disconnect(Self.second, reason: "x") == [.lost(2, reason: "x")])
    }

    @Test("A forged message is no use")
    func forgedEgress() {
        var table = middle()
        var header = MessageHeader(from: 9, to: 8)
        guard case .drop = table.route(&header, from: Self.second) else { return #expect(Bool(false)) }
        let effects = table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")
        #expect(!effects.contains(.withdraw(8, reason: "", to: Self.second)))
    }

    @Test("A route is only deleted by the stream it leads to")
    func refusedDeletion() {
        var table = middle()
        #expect(isRefused(table.deleteRoute(to: 8, source: 7, from: Self.second, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 8, source: 6, from: Self.second, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 8, source: 7, from: Self.first, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 8, source: 2, from: Self.up, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 0, source: 6, from: Self.first, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 2, source: 6, from: Self.first, reason: "")))
        // Not by the peer about itself either, while its stream is open.
        #expect(isRefused(table.deleteRoute(to: 6, source: 6, from: Self.first, reason: "")))
        #expect(isRefused(table.deleteRoute(to: 2, source: 2, from: Self.up, reason: "")))
        // This context's own id and what nobody knows in the master are nothing at all.
        #expect(table.deleteRoute(to: 5, source: 2, from: Self.up, reason: "").isEmpty)
        var master = RoutingTable(contextID: 0, parentIDs: [])
        _ = master.connectChild(Self.first, id: 1, name: "")
        #expect(master.deleteRoute(to: 77, source: 1, from: Self.first, reason: "").isEmpty)
        for id: ContextID in [2, 6, 7, 8, 9] { #expect(table.hasRoute(to: id)) }
    }

    @Test("A lost stream takes everything behind it along, in the order of the ids")
    func disconnect() {
        var table = middle()
        _ = table.addRoute(to: 3, name: "", through: Self.first)
        for destination: ContextID in [8, 6] {
            var header = MessageHeader(from: 7, to: destination)
            _ = table.route(&header, from: Self.second)
        }
        let behind = "context 6, through which it was reached: EOF"
        #expect(
            table.disconnect(Self.first, reason: "EOF") == [
                .lost(3, reason: behind), .withdraw(3, reason: behind, to: Self.up),
                .lost(6, reason: "EOF"), .withdraw(6, reason: "EOF", to: Self.up),
                .withdraw(6, reason: "EOF", to: Self.second),
                .lost(8, reason: behind), .withdraw(8, reason: behind, to: Self.up),
                .withdraw(8, reason: behind, to: Self.second),
            ]
        )
        for id: ContextID in [3, 6, 8] { #expect(!table.hasRoute(to: id)) }
        #expect(table.remoteID(of: Self.first) == nil)
        #expect(table.disconnect(Self.first, reason: "again").isEmpty)
    }

    @Test("A lost parent is lost, and nobody is above any more")
    func disconnectParent() {
        var table = middle()
        #expect(table.disconnect(Self.up, reason: "EOF") == [.lost(2, reason: "EOF")])
        #expect(table.parentLink == nil)
        #expect(table.link(for: 0) == nil)
        #expect(table.hasRoute(to: 8))
    }

    @Test("A child that claimed an id in advance does not take it along when the real one is connected")
    func claimInAdvance() {
        var table = middle()
        _ = table.addRoute(to: 60, name: "", through: Self.first)
        _ = table.connectChild(LinkID(rawValue: 20), id: 60, name: "sixty")
        #expect(table.link(for: 60) == LinkID(rawValue: 20))
        let effects = table.disconnect(Self.first, reason: "EOF")
        #expect(table.link(for: 60) == LinkID(rawValue: 20))
        #expect(!effects.contains { if case .lost(60, _) = $0 { true } else { false } })
    }

    @Test("A detached context has no parent and keeps its children")
    func detach() {
        var table = middle()
        table.detach()
        #expect(table.parentIDs.isEmpty)
        #expect(table.parentLink == nil)
        #expect(!table.hasRoute(to: 2))
        #expect(table.hasRoute(to: 8))
        #expect(table.isParentAuthority(5))
        #expect(!table.isParentAuthority(0))
        #expect(table.disconnect(Self.up, reason: "").isEmpty)
    }

    @Test(
        "In a random tree everyone who had to do with a lost context hears of it, and nobody twice",
        arguments: 0..<40
    )
    func propagation(seed: UInt64) throws {
        var random = RandomSource(seed: 3000 + seed)
        var tree = RoutingTree.random(count: 4 + random.below(25), using: &random)
        var uses: [(from: ContextID, to: ContextID)] = []
        for _ in 0..<60 {
            let use = (tree.ids.any(&random), tree.ids.any(&random))
            uses.append(use)
            _ = tree.send(MessageHeader(from: use.0, to: use.1), from: use.0)
        }
        let victim = ContextID(1 + random.below(tree.ids.count - 1))
        let parent = try #require(tree.parents[victim])
        let lost = tree.ids.filter { tree.isBelow($0, victim) }
        let ancestors = tree.ids.filter { $0 != victim && tree.isBelow(victim, $0) }
        tree.cut(victim)
        for id in lost {
            for ancestor in ancestors {
                #expect(tree.tables[ancestor]?.hasRoute(to: id) == false)
                #expect(tree.losses.count { $0.at == ancestor && $0.id == id } == 1)
            }
            for use in uses where use.to == id && !lost.contains(use.from) && use.from != parent {
                #expect(tree.losses.count { $0.at == use.from && $0.id == id } == 1)
            }
            for use in uses where use.from == id && !lost.contains(use.to) && use.to != parent {
                #expect(tree.losses.count { $0.at == use.to && $0.id == id } == 1)
            }
        }
        // What went up went up the line of ancestors only.
        for withdrawal in tree.withdrawals where tree.parents[withdrawal.from] == withdrawal.to {
            #expect(ancestors.contains(withdrawal.from))
        }
        // The rest of the tree is whole.
        let rest = tree.ids.filter { !lost.contains($0) }
        for source in rest {
            for destination in rest {
                let header = MessageHeader(from: source, to: destination)
                #expect(tree.send(header, from: source) == .delivered(at: destination, header))
            }
            guard case .refused(_, let reason) = tree.send(MessageHeader(from: source, to: victim), from: source) else {
                Issue.record("\(source) still reaches \(victim)")
                continue
            }
            #expect(reason.hasPrefix("no route to \(victim), my ID is "))
        }
    }

    @Test("What is known about a context goes with it")
    func peers() {
        var table = middle()
        table.peers[8] = .current
        table.peers[6] = .current
        _ = table.deleteRoute(to: 8, source: 6, from: Self.first, reason: "")
        #expect(table.peers[8] == nil)
        _ = table.disconnect(Self.first, reason: "")
        #expect(table.peers.isEmpty)
    }
}
