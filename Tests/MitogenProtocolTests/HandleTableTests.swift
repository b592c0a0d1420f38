//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct HandleTableTests {
    private func outcome(
        _ table: inout HandleTable,
        _ handle: Handle,
        from source: ContextID = 7,
        replyTo: Handle = 0,
        peer: ContextID? = nil,
        hasParentAuthority: Bool = false
    ) -> String {
        let header = MessageHeader(dstID: 5, srcID: source, authID: source, handle: handle, replyTo: replyTo)
        switch table.deliver(header, from: peer.map { .peer($0) } ?? .here, hasParentAuthority: hasParentAuthority) {
        case .invoke(let handler): return name(of: handler) ?? ""
        case .refuse(let reason): return reason
        }
    }

    @Test("Handles are handed out from 1000 on, around those that are taken")
    func allocation() {
        var table = HandleTable()
        #expect(table.add("a") == 1000)
        #expect(table.add("fixed", at: 1001) == 1001)
        #expect(table.add("b") == 1002)
        table.remove(1000)
        // A number is not used again soon: an answer to the old one may still be on its way.
        #expect(table.add("c") == 1003)
        #expect(table.count == 3)
    }

    @Test("After the last handle comes the first free one")
    func wrap() {
        var table = HandleTable(next: Handle.max - 1)
        #expect(table.add("taken", at: 1000) == 1000)
        #expect(table.add("a") == Handle.max - 1)
        #expect(table.add("b") == Handle.max)
        #expect(table.add("c") == 1001)
        #expect(table.add("d") == 1002)
    }

    @Test("An unknown handle is invalid")
    func unknown() {
        var table = HandleTable()
        #expect(outcome(&table, 1000) == "invalid handle")
        #expect(outcome(&table, 0) == "invalid handle")
        #expect(outcome(&table, StandardHandle.isDead) == "invalid handle")
    }

    @Test("A handle that does not persist takes one message")
    func once() {
        var table = HandleTable()
        _ = table.add("once", persists: false)
        _ = table.add("always")
        #expect(outcome(&table, 1000) == "once")
        #expect(outcome(&table, 1000) == "invalid handle")
        for _ in 0..<3 { #expect(outcome(&table, 1001) == "always") }
    }

    @Test("Only the respondent answers, except that anyone may say it is over")
    func respondent() {
        var table = HandleTable()
        _ = table.add("reply", persists: false, respondent: 7)
        #expect(outcome(&table, 1000, from: 8) == "reply from unexpected context")
        #expect(outcome(&table, 1000, from: 8, replyTo: 1000) == "reply from unexpected context")
        #expect(outcome(&table, 1000, from: 8, replyTo: StandardHandle.isDead) == "reply")
        _ = table.add("reply", persists: false, respondent: 7)
        #expect(outcome(&table, 1001, from: 7) == "reply")
        #expect(table.count == 0)
    }

    @Test("A refused message does not use up a handle")
    func refusedStays() {
        var table = HandleTable()
        _ = table.add("x", persists: false, policy: .parents)
        #expect(outcome(&table, 1000) == "refused by policy")
        #expect(outcome(&table, 1000, hasParentAuthority: true) == "x")
    }

    @Test("The respondent is looked at before the policy")
    func order() {
        var table = HandleTable()
        _ = table.add("x", policy: .custom { _, _ in false }, respondent: 7)
        #expect(outcome(&table, 1000, from: 8) == "reply from unexpected context")
        #expect(outcome(&table, 1000, from: 7) == "refused by policy")
    }

    @Test("Policies decide, also about dead messages", arguments: [0, StandardHandle.isDead])
    func policies(replyTo: Handle) {
        var table = HandleTable()
        _ = table.add("anyone", at: 1, policy: .anyone)
        _ = table.add("parents", at: 2, policy: .parents)
        _ = table.add("peer", at: 3, policy: .immediatePeer)
        _ = table.add("custom", at: 4, policy: .custom { header, _ in header.srcID == 7 })
        let refused = "refused by policy"
        #expect(outcome(&table, 1, replyTo: replyTo) == "anyone")
        #expect(outcome(&table, 2, replyTo: replyTo) == refused)
        #expect(outcome(&table, 2, replyTo: replyTo, hasParentAuthority: true) == "parents")
        #expect(outcome(&table, 3, replyTo: replyTo, peer: 7) == "peer")
        #expect(outcome(&table, 3, replyTo: replyTo, peer: 6, hasParentAuthority: true) == refused)
        #expect(outcome(&table, 3, replyTo: replyTo, peer: nil) == "peer")
        #expect(outcome(&table, 4, replyTo: replyTo) == "custom")
        #expect(outcome(&table, 4, from: 8, replyTo: replyTo) == refused)
        // A policy sees by which way a message came.
        _ = table.add("by way", at: 5, policy: .custom { header, peer in peer == 6 && header.srcID == 7 })
        #expect(outcome(&table, 5, replyTo: replyTo, peer: 6) == "by way")
        #expect(outcome(&table, 5, replyTo: replyTo, peer: 7) == refused)
        #expect(outcome(&table, 5, replyTo: replyTo, peer: nil) == refused)
    }

    @Test("A handle is registered once, unless it is to be replaced, or was removed")
    func overwrite() {
        var table = HandleTable()
        #expect(table.add("a", at: 110, respondent: 7) == 110)
        #expect(table.add("b", at: 110) == nil)
        #expect(outcome(&table, 110) == "a")
        #expect(table.add("c", at: 110, overwrites: true) == 110)
        #expect(outcome(&table, 110, from: 8) == "c")
        #expect(table.removeHandlers(waitingFor: 7).isEmpty)
        #expect(name(of: table.remove(110)) == "c")
        #expect(name(of: table.remove(110)) == nil)
        #expect(table.add("d", at: 110) == 110)
    }

    @Test("Who waits for a context that is gone is found, and nobody else")
    func loss() {
        var table = HandleTable()
        for index in 0..<10 { _ = table.add("w\(index)", persists: false, respondent: index % 2 == 0 ? 7 : 8) }
        _ = table.add("free")
        table.remove(1002)
        #expect(outcome(&table, 1004) == "w4")
        let waiting = table.removeHandlers(waitingFor: 7)
        #expect(waiting.map(\.0) == [1000, 1006, 1008])
        #expect(waiting.map { name(of: $0.1) } == ["w0", "w6", "w8"])
        #expect(table.removeHandlers(waitingFor: 7).isEmpty)
        #expect(outcome(&table, 1000) == "invalid handle")
        #expect(table.count == 6)
    }

    @Test("At the end everyone is found, in order")
    func removeAll() {
        var table = HandleTable()
        _ = table.add("b", at: 2000, respondent: 7)
        _ = table.add("a", at: 100)
        #expect(table.removeAll().map { name(of: $0.1) } == ["a", "b"])
        #expect(table.count == 0)
        #expect(table.removeHandlers(waitingFor: 7).isEmpty)
    }
}
