//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct RoutingTableTests {
    private static let up = RoutingTree.parentLink
    private static let first = LinkID(rawValue: 11)
    private static let second = LinkID(rawValue: 12)

    /// Context 5 below 2, which is below the master; with children 6 and 7, and 8 below 6.
    private func middle(isUnidirectional: Bool = false) -> RoutingTable {
        var table = RoutingTable(contextID: 5, parentIDs: [2, 0], isUnidirectional: isUnidirectional)
        table.connectParent(Self.up)
        _ = table.connectChild(Self.first, id: 6, name: "six")
        _ = table.connectChild(Self.second, id: 7, name: "seven")
        _ = table.addRoute(to: 8, name: "eight", through: Self.first)
        return table
    }

    private func route(
        _ table: inout RoutingTable,
        _ source: ContextID,
        _ destination: ContextID,
        from link: LinkID?,
        as authority: ContextID? = nil
    ) -> RoutingTable.Verdict {
        var header = MessageHeader(from: source, to: destination, as: authority)
        return table.route(&header, from: link)
    }

    @Test("A message goes where its route leads, else to the parent")
    func destinations() {
        var table = middle()
        #expect(route(&table, 5, 5, from: nil) == .deliver)
        #expect(route(&table, 5, 6, from: nil) == .forward(Self.first))
        #expect(route(&table, 5, 8, from: nil) == .forward(Self.first))
        #expect(route(&table, 5, 2, from: nil) == .forward(Self.up))
        #expect(route(&table, 5, 0, from: nil) == .forward(Self.up))
        #expect(route(&table, 5, 1234, from: nil) == .forward(Self.up))
        #expect(route(&table, 8, 7, from: Self.first) == .forward(Self.second))
        #expect(route(&table, 8, 1234, from: Self.first) == .forward(Self.up))
        #expect(route(&table, 3, 8, from: Self.up) == .forward(Self.first))
        #expect(route(&table, 8, 5, from: Self.first) == .deliver)
    }

    @Test("A message from the parent's side for an unknown context is not sent back")
    func noBounce() {
        var table = middle()
        let reason = "no route to 1234, my ID is 5"
        #expect(route(&table, 0, 1234, from: Self.up) == .refuse(.reason(reason)))
        #expect(route(&table, 99, 1234, from: Self.up) == .refuse(.reason(reason)))
        // Not even to the parent's own parent.
        #expect(route(&table, 2, 0, from: Self.up) == .refuse("no route to 0, my ID is 5"))
    }

    @Test("The master and a context without a parent know where it ends")
    func noRoute() {
        var master = RoutingTable(contextID: 0, parentIDs: [])
        _ = master.connectChild(Self.first, id: 1, name: "one")
        #expect(route(&master, 0, 1234, from: nil) == .refuse("no route to 1234, my ID is 0"))
        #expect(route(&master, 1, 1234, from: Self.first) == .refuse("no route to 1234, my ID is 0"))
        var table = middle()
        _ = table.disconnect(Self.up, reason: "gone")
        #expect(route(&table, 6, 0, from: Self.first) == .refuse("no route to 0, my ID is 5"))
        #expect(route(&table, 5, 0, from: nil) == .refuse("no route to 0, my ID is 5"))
    }

    @Test("Source and authority must be reached through the stream they came on")
    func verification() {
        var table = middle()
        func isDropped(_ source: ContextID, _ authority: ContextID, _ link: LinkID) -> Bool {
            if case .drop = route(&table, source, 5, from: link, as: authority) { true } else { false }
        }
        // A child, for itself and for what is below it.
        #expect(!isDropped(6, 6, Self.first))
        #expect(!isDropped(8, 8, Self.first))
        #expect(!isDropped(8, 6, Self.first))
        // Not for its sibling, its ancestors, this context, or a context nobody knows.
        for id: ContextID in [7, 2, 0, 5, 1234] {
            #expect(isDropped(6, id, Self.first))
            #expect(isDropped(id, 6, Self.first))
            #expect(isDropped(id, id, Self.first))
        }
        // The parent, for everything that is not below.
        for id: ContextID in [2, 0, 1234] { #expect(!isDropped(id, id, Self.up)) }
        for id: ContextID in [5, 6, 7, 8] {
            #expect(isDropped(id, 0, Self.up))
            #expect(isDropped(0, id, Self.up))
        }
        // Nobody, on a stream that is closed.
        #expect(isDropped(6, 6, LinkID(rawValue: 99)))
        _ = table.disconnect(Self.first, reason: "gone")
        #expect(isDropped(6, 6, Self.first))
        #expect(isDropped(0, 0, Self.first))
    }

    @Test("Nothing is believed in the master that no child leads to")
    func masterVerification() {
        var master = RoutingTable(contextID: 0, parentIDs: [])
        _ = master.connectChild(Self.first, id: 1, name: "one")
        for id: ContextID in [0, 2, 1234] {
            guard case .drop(let reason) = route(&master, id, 0, from: Self.first) else {
                Issue.record("\(id) was believed")
                continue
            }
            #expect(reason.description == "bad auth_id: got \(id) via context 1")
        }
        #expect(route(&master, 3, 0, from: Self.first, as: 1) == .drop("bad src_id: got 3 via context 1"))
    }

    @Test("100,000 forged messages in random trees: none passes for what it is not", arguments: 0..<20)
    func forgeries(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var tree = RoutingTree.random(count: 2 + random.below(30), using: &random)
        let ids = tree.ids
        var passed = 0
        for _ in 0..<5000 {
            let attacker = ids.dropFirst().randomElement(using: &random) ?? 1
            func anyone() -> ContextID { random.once(in: 10) ? ContextID(random.below(2000)) : ids.any(&random) }
            let header = MessageHeader(from: anyone(), to: ids.any(&random), as: anyone())
            let isUp = random.once(in: 2)
            let outcome = try #require(
                isUp ? tree.forge(header, upFrom: attacker) : tree.forge(header, downTo: attacker)
            )
            func isHonest(_ id: ContextID) -> Bool { tree.isBelow(id, attacker) == isUp }
            if isHonest(header.srcID), isHonest(header.authID) {
                passed += 1
                if isUp, tree.isBelow(header.dstID, attacker) {
                    // It comes back to where it was made, and is not believed there.
                    #expect(outcome == .dropped(at: attacker))
                } else if isUp || tree.isBelow(header.dstID, attacker) {
                    #expect(outcome == .delivered(at: header.dstID, header))
                } else if header.dstID == tree.parents[attacker] {
                    // It goes back to the parent, which knows better.
                    #expect(outcome == .dropped(at: header.dstID))
                } else {
                    let reason = DeadReason.noRoute(to: header.dstID, from: attacker)
                    #expect(outcome == .refused(at: attacker, reason: reason))
                }
            } else {
                // The first context that sees it drops it, and nobody is told.
                #expect(outcome == .dropped(at: isUp ? try #require(tree.parents[attacker]) : attacker))
            }
        }
        #expect(passed > 100)
    }

    @Test("Genuine messages arrive from everyone at everyone", arguments: 0..<20)
    func genuine(seed: UInt64) {
        var random = RandomSource(seed: 1000 + seed)
        var tree = RoutingTree.random(count: 2 + random.below(20), using: &random)
        for source in tree.ids {
            for destination in tree.ids {
                let header = MessageHeader(from: source, to: destination)
                #expect(tree.send(header, from: source) == .delivered(at: destination, header))
            }
            let header = MessageHeader(from: source, to: 5000)
            #expect(tree.send(header, from: source) == .refused(at: 0, reason: "no route to 5000, my ID is 0"))
        }
    }

    @Test("In unidirectional trees only ancestors and descendants talk", arguments: 0..<20)
    func unidirectional(seed: UInt64) {
        var random = RandomSource(seed: 2000 + seed)
        var tree = RoutingTree.random(count: 2 + random.below(20), isUnidirectional: true, using: &random)
        for source in tree.ids {
            for destination in tree.ids {
                let header = MessageHeader(from: source, to: destination)
                let outcome = tree.send(header, from: source)
                if tree.isBelow(source, destination) || tree.isBelow(destination, source) {
                    #expect(outcome == .delivered(at: destination, header))
                } else if case .refused(_, let reason) = outcome {
                    #expect(reason.hasPrefix("routing mode prevents forward of message from context "))
                } else {
                    Issue.record("\(source) reached \(destination): \(outcome)")
                }
            }
        }
    }

    @Test("The unidirectional refusal names both peers; local messages and the parent's pass")
    func unidirectionalReason() {
        var table = middle(isUnidirectional: true)
        let reason = "routing mode prevents forward of message from context 6 to context 7 via context 5"
        #expect(route(&table, 8, 7, from: Self.first) == .refuse(.reason(reason)))
        #expect(route(&table, 5, 7, from: nil) == .forward(Self.second))
        #expect(route(&table, 0, 7, from: Self.up) == .forward(Self.second))
        #expect(route(&table, 8, 0, from: Self.first) == .forward(Self.up))
    }

    @Test("A stamp replaces the authority after the check")
    func stamps() {
        var table = RoutingTable(contextID: 0, parentIDs: [])
        _ = table.connectChild(Self.first, id: 1, name: "client", stampedAuthID: 0)
        _ = table.connectChild(Self.second, id: 2, name: "two")
        var header = MessageHeader(from: 1, to: 2)
        #expect(table.route(&header, from: Self.first) == .forward(Self.second))
        #expect(header.authID == 0)
        #expect(header.srcID == 1)
        var forged = MessageHeader(from: 1, to: 2, as: 0)
        #expect(table.route(&forged, from: Self.first) == .drop("bad auth_id: got 0 via context 1"))
        var other = MessageHeader(from: 2, to: 1)
        #expect(table.route(&other, from: Self.second) == .forward(Self.first))
        #expect(other.authID == 2)
    }

    @Test("What an attached program has started has no authority but its own")
    func stampsOnlyThePeer() {
        var table = RoutingTable(contextID: 0, parentIDs: [])
        _ = table.connectChild(Self.first, id: 1, name: "client", stampedAuthID: 0)
        _ = table.connectChild(Self.second, id: 2, name: "two")
        _ = table.addRoute(to: 7, name: "far", through: Self.first)
        for destination: ContextID in [0, 2] {
            var header = MessageHeader(from: 7, to: destination)
            let verdict = table.route(&header, from: Self.first)
            #expect(verdict == (destination == 0 ? .deliver : .forward(Self.second)))
            #expect(header.authID == 7)
        }
    }

    @Test("A stream stamped with parental authority passes in unidirectional mode", arguments: [5, 0, 9])
    func stampedUnidirectional(stamp: ContextID) {
        var table = RoutingTable(contextID: 5, parentIDs: [2, 0], isUnidirectional: true)
        table.connectParent(Self.up)
        _ = table.connectChild(Self.first, id: 6, name: "", stampedAuthID: stamp)
        _ = table.connectChild(Self.second, id: 7, name: "")
        let isForwarded = route(&table, 6, 7, from: Self.first) == .forward(Self.second)
        #expect(isForwarded == (stamp != 9))
        // And to it, where the other's authority is all that the message has.
        var reverse = MessageHeader(from: 7, to: 6)
        #expect((table.route(&reverse, from: Self.second) == .forward(Self.first)) == (stamp != 9))
        #expect(reverse.authID == 7)
    }

    @Test("Authority of a parent is this context's own and that of its ancestors")
    func authority() {
        let table = middle()
        for id: ContextID in [5, 2, 0] { #expect(table.isParentAuthority(id)) }
        for id: ContextID in [6, 7, 8, 1, 1234] { #expect(!table.isParentAuthority(id)) }
    }

    @Test("The table answers what is reached and through whom")
    func lookup() {
        let table = middle()
        #expect(table.link(for: 8) == Self.first)
        #expect(table.link(for: 1234) == Self.up)
        #expect(table.hasRoute(to: 8))
        #expect(table.hasRoute(to: 2))
        #expect(!table.hasRoute(to: 0))
        #expect(table.remoteID(of: Self.second) == 7)
        #expect(table.remoteID(of: LinkID(rawValue: 99)) == nil)
        #expect(table.parentID == 2)
    }
}
