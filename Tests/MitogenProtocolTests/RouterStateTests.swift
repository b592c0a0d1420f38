//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct RouterStateTests {
    private static let up = LinkID(rawValue: 0)
    private static let down = LinkID(rawValue: 6)

    /// Context 5 below the master, with child 6, a limit of 100 bytes, and handlers at 1000 and 101.
    private func state() -> RouterState {
        var table = RoutingTable(contextID: 5, parentIDs: [0])
        table.connectParent(Self.up)
        _ = table.connectChild(Self.down, id: 6, name: "six")
        var state = RouterState(table: table, maxMessageSize: 100)
        _ = state.handles.add("open")
        _ = state.handles.add("call", at: 101, policy: .parents)
        _ = state.handles.add("route", at: 103, policy: .immediatePeer)
        return state
    }

    private func message(
        from source: ContextID,
        to destination: ContextID,
        _ handle: Handle = 1000,
        replyTo: Handle = 0,
        size: Int = 0
    ) -> Message {
        let header = MessageHeader(
            dstID: destination,
            srcID: source,
            authID: source,
            handle: handle,
            replyTo: replyTo
        )
        return Message(header: header, data: [UInt8](repeating: 0, count: size))
    }

    private enum Result: Equatable {
        case invoke(String)
        case forward(LinkID)
        case drop
        case answer(to: ContextID, Handle, String)
    }

    private func process(_ message: Message, from link: LinkID?, in state: inout RouterState) -> Result {
        var message = message
        switch state.process(&message, from: link) {
        case .invoke(let handler): return .invoke(name(of: handler) ?? "")
        case .forward(let link): return .forward(link)
        case .drop: return .drop
        case .answer(let answer, let reason):
            // An answer is always dead, and is the reason itself.
            #expect(answer.isDead)
            #expect(answer.deadReason(localID: 0) == reason.description)
            return .answer(to: answer.dstID, answer.handle, reason.description)
        }
    }

    private func process(_ message: Message, from link: LinkID?) -> Result {
        var state = state()
        return process(message, from: link, in: &state)
    }

    @Test("A message that is made here gets this context's source and authority")
    func local() {
        var state = state()
        var message = message(from: 77, to: 6)
        guard case .forward(let link) = state.process(&message, from: nil) else { return #expect(Bool(false)) }
        #expect(link == Self.down)
        #expect(message.srcID == 5)
        #expect(message.authID == 5)
    }

    @Test("What arrives is delivered, forwarded or dropped")
    func basics() {
        #expect(process(message(from: 6, to: 5), from: Self.down) == .invoke("open"))
        #expect(process(message(from: 6, to: 0), from: Self.down) == .forward(Self.up))
        #expect(process(message(from: 0, to: 5, 101), from: Self.up) == .invoke("call"))
        #expect(process(message(from: 0, to: 5), from: Self.down) == .drop)
    }

    @Test("Whoever waits for an answer is told why there is none")
    func refusals() {
        #expect(
            process(message(from: 6, to: 5, 4711, replyTo: 1234), from: Self.down)
                == .answer(to: 6, 1234, "invalid handle")
        )
        #expect(
            process(message(from: 6, to: 5, 101, replyTo: 1234), from: Self.down)
                == .answer(to: 6, 1234, "refused by policy")
        )
        #expect(
            process(message(from: 0, to: 99, replyTo: 1234), from: Self.up)
                == .answer(to: 0, 1234, "no route to 99, my ID is 5")
        )
        #expect(
            process(message(from: 5, to: 5, 4711, replyTo: 1234), from: nil) == .answer(to: 5, 1234, "invalid handle")
        )
    }

    @Test("Whoever waits for none is not told")
    func silentRefusals() {
        #expect(process(message(from: 6, to: 5, 4711), from: Self.down) == .drop)
        #expect(process(message(from: 6, to: 5, 101), from: Self.down) == .drop)
        #expect(process(message(from: 0, to: 99), from: Self.up) == .drop)
    }

    @Test("A forged message is not answered, even if it wants that, or is too large")
    func forged() {
        #expect(process(message(from: 0, to: 5, 4711, replyTo: 1234), from: Self.down) == .drop)
        #expect(process(message(from: 0, to: 5, 1000, replyTo: 1234, size: 101), from: Self.down) == .drop)
        #expect(process(message(from: 7, to: 0, 1000, size: 101), from: Self.down) == .drop)
    }

    @Test("A dead message is never answered")
    func dead() {
        for (handle, destination) in [(4711, 5), (101, 5), (1000, 99)] as [(Handle, ContextID)] {
            for size in [0, 101] {
                let message = message(from: 6, to: destination, handle, replyTo: StandardHandle.isDead, size: size)
                let result = process(message, from: Self.down)
                #expect(result == (destination == 99 && size == 0 ? .forward(Self.up) : .drop))
            }
        }
        // Elsewhere, nobody waits where requests arrive, and a Python context would end with it.
        for handle in [StandardHandle.callFunction, StandardHandle.callService] {
            let message = message(from: 6, to: 99, handle, replyTo: StandardHandle.isDead)
            #expect(process(message, from: Self.down) == .drop)
        }
        let unreachable = message(from: 0, to: 99, 1000, replyTo: StandardHandle.isDead)
        #expect(process(unreachable, from: Self.up) == .drop)
    }

    @Test("No answer ever leads to another", arguments: 0..<20)
    func noLoops(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var state = state()
        for _ in 0..<1000 {
            var message = message(
                from: [0, 5, 6, 99].any(&random),
                to: [0, 5, 6, 99].any(&random),
                [101, 103, 1000, 4711].any(&random),
                replyTo: [0, 999, 1000, 4711].any(&random),
                size: [0, 101].any(&random)
            )
            guard case .answer(var answer, _) = state.process(&message, from: [nil, Self.up, Self.down].any(&random))
            else { continue }
            if case .answer = state.process(&answer, from: nil) { Issue.record("\(message) is answered twice") }
        }
    }

    @Test("Too large: the sender is told if it waits, else who waits for the message")
    func tooLarge() {
        let reason = "message too large (max 100 bytes)"
        #expect(
            process(message(from: 6, to: 5, 1000, replyTo: 1234, size: 101), from: Self.down)
                == .answer(to: 6, 1234, reason)
        )
        #expect(process(message(from: 6, to: 0, 1010, size: 101), from: Self.down) == .answer(to: 0, 1010, reason))
        #expect(process(message(from: 5, to: 6, 1010, size: 101), from: nil) == .answer(to: 6, 1010, reason))
        #expect(
            process(message(from: 5, to: 6, 1, replyTo: 1234, size: 101), from: nil) == .answer(to: 5, 1234, reason)
        )
        #expect(process(message(from: 6, to: 5, 1000, size: 100), from: Self.down) == .invoke("open"))
    }

    @Test("The answer wakes a handler that expects another context")
    func wakesRespondent() {
        var state = state()
        let handle = state.handles.add("reply", persists: false, respondent: 6) ?? 0
        var request = message(from: 5, to: 6, 1, replyTo: handle, size: 101)
        guard case .answer(let answer, _) = state.process(&request, from: nil) else { return #expect(Bool(false)) }
        #expect(process(answer, from: nil, in: &state) == .invoke("reply"))
        #expect(process(answer, from: nil, in: &state) == .drop)
    }

    @Test("A reply is delivered to who waits for this context, once")
    func replies() {
        var state = state()
        _ = state.table.addRoute(to: 8, name: "", through: Self.down)
        let handle = state.handles.add("reply", persists: false, respondent: 6) ?? 0
        #expect(process(message(from: 8, to: 5, handle), from: Self.down, in: &state) == .drop)
        #expect(
            process(message(from: 8, to: 5, handle, replyTo: 1000), from: Self.down, in: &state)
                == .answer(to: 8, 1000, "reply from unexpected context")
        )
        #expect(process(message(from: 6, to: 5, handle), from: Self.down, in: &state) == .invoke("reply"))
        #expect(process(message(from: 6, to: 5, handle), from: Self.down, in: &state) == .drop)
    }

    private func dead(from source: ContextID, _ handle: Handle) -> Message {
        message(from: source, to: 5, handle, replyTo: StandardHandle.isDead)
    }

    /// 6 was handed the ids from 1000 on, and 1000 those from 2000 on; 1001 is a sibling of 1000.
    private func stateWithOwners(capabilities: UInt32 = PeerInfo.blockOwners) -> RouterState {
        var state = state()
        state.table.peers[0] = PeerInfo(revision: 1, capabilities: capabilities)
        state.allocator.learn(owner: 6, ofBlock: 1000)
        state.allocator.learn(owner: 1000, ofBlock: 2000)
        for id: ContextID in [1000, 1001, 2000] { _ = state.table.addRoute(to: id, name: "", through: Self.down) }
        return state
    }

    @Test("That there is no answer is believed of who was asked and of those on the way to it, and of nobody else")
    func deadReplies() {
        var state = stateWithOwners()
        let other = LinkID(rawValue: 7)
        _ = state.table.connectChild(other, id: 7, name: "seven")
        for source: ContextID in [6, 1000, 2000] {
            let handle = state.handles.add("reply", persists: false, respondent: 2000) ?? 0
            #expect(process(dead(from: 7, handle), from: other, in: &state) == .drop)
            #expect(process(dead(from: 0, handle), from: Self.up, in: &state) == .drop)
            // It comes the same way, and has nothing to do with it.
            #expect(process(dead(from: 1001, handle), from: Self.down, in: &state) == .drop)
            #expect(process(dead(from: source, handle), from: Self.down, in: &state) == .invoke("reply"))
        }
        let handle = state.handles.add("reply", persists: false, respondent: 1000) ?? 0
        #expect(process(dead(from: 2000, handle), from: Self.down, in: &state) == .drop, "a descendant")
    }

    @Test("Of contexts beyond the parent only they themselves and the own ancestors are believed that they are gone")
    func deadRepliesFromBeyond() {
        var state = stateWithOwners()
        for (source, result): (ContextID, Result) in [(98, .drop), (99, .invoke("reply")), (0, .invoke("reply"))] {
            let handle = state.handles.add("reply", persists: false, respondent: 99) ?? 0
            #expect(process(dead(from: 6, handle), from: Self.down, in: &state) == .drop)
            #expect(process(dead(from: source, handle), from: Self.up, in: &state) == result)
        }
    }

    @Test("Where an ancestor does not say who started whom, everyone on the same way is believed")
    func deadRepliesWithoutOwners() {
        var state = stateWithOwners(capabilities: 0)
        let handle = state.handles.add("reply", persists: false, respondent: 2000) ?? 0
        #expect(process(dead(from: 1001, handle), from: Self.down, in: &state) == .invoke("reply"))
    }

    @Test("In the name of another context a dead message is believed where the own one would not be")
    func inTheNameOfAnother() {
        var state = state()
        var answer = message(from: 0, to: 0, 1234, replyTo: StandardHandle.isDead)
        guard case .forward(Self.up) = state.process(&answer, inTheNameOf: 6) else { return #expect(Bool(false)) }
        #expect(answer.srcID == 6 && answer.authID == 5)
    }

    @Test("What the library's own handles take is bounded before it is looked at, forwarded messages are not")
    func ownHandles() {
        var state = RouterState(table: state().table, maxMessageSize: 1 << 20)
        for handle in [103, 104, 105, 106, 109, 202, 203, 204, 206, 208] as [Handle] {
            _ = state.handles.add("own", at: handle)
            #expect(process(message(from: 6, to: 5, handle, size: 3000), from: Self.down, in: &state) == .invoke("own"))
            #expect(process(message(from: 6, to: 5, handle, size: 9000), from: Self.down, in: &state) == .drop)
            #expect(
                process(message(from: 6, to: 0, handle, size: 9000), from: Self.down, in: &state) == .forward(Self.up)
            )
        }
    }

    @Test("Only the peer itself passes for an immediate one")
    func immediatePeer() {
        var state = state()
        _ = state.table.addRoute(to: 8, name: "", through: Self.down)
        #expect(process(message(from: 6, to: 5, 103), from: Self.down, in: &state) == .invoke("route"))
        #expect(process(message(from: 8, to: 5, 103), from: Self.down, in: &state) == .drop)
        #expect(process(message(from: 0, to: 5, 103), from: Self.up, in: &state) == .invoke("route"))
    }

    @Test("What came on a stream that is gone does not pass for what was sent here", arguments: [103, 1000, 1001])
    func closedStream(handle: Handle) {
        var state = state()
        _ = state.handles.add("peer", at: 1001, policy: .custom { _, peer in peer == nil })
        let whole = message(from: 6, to: 5, handle)
        _ = state.table.disconnect(Self.down, reason: "gone")
        guard case .drop(let reason) = state.deliver(whole, from: Self.down) else {
            Issue.record("it was delivered")
            return
        }
        #expect(reason.description.contains("closed"))
        #expect(state.problem(with: whole.header, size: 1, limit: 2, from: Self.down) == reason.description)
        if case .invoke = state.deliver(whole, from: nil) { return }
        Issue.record("what was sent here was not delivered")
    }

    @Test("A stamped stream acts with the authority it is stamped with")
    func stamped() {
        var state = RouterState(table: RoutingTable(contextID: 0, parentIDs: []), maxMessageSize: 100)
        _ = state.table.connectChild(Self.down, id: 6, name: "client", stampedAuthID: 0)
        _ = state.handles.add("call", at: 101, policy: .parents)
        #expect(process(message(from: 6, to: 0, 101), from: Self.down, in: &state) == .invoke("call"))
        // What is let through to it without that authority is refused there.
        let other = message(from: 7, to: 5, 101, replyTo: 1000)
        #expect(process(other, from: Self.up) == .answer(to: 7, 1000, "refused by policy"))
    }
}
