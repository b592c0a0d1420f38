//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

/// Everything that a context decides from, fed with messages whose senders claim to be someone else.
@Suite
struct ForgedMessagesTests {
    /// A tree of contexts in which every kind of handle is registered, and a request to each neighbour waits.
    fileprivate struct Forest {
        let tree: RoutingTree
        var states: [ContextID: RouterState] = [:]
        var handles: [Handle] = [StandardHandle.callFunction, StandardHandle.shutdown, StandardHandle.addRoute, 4711]

        init(count: Int, using random: inout RandomSource) {
            tree = RoutingTree.random(count: count, isUnidirectional: random.once(in: 3), using: &random)
            for (id, table) in tree.tables {
                var state = RouterState(table: table, maxMessageSize: 100)
                _ = state.handles.add("call", at: StandardHandle.callFunction, policy: .parents)
                _ = state.handles.add("shutdown", at: StandardHandle.shutdown, policy: .parents)
                _ = state.handles.add("route", at: StandardHandle.addRoute, policy: .immediatePeer)
                _ = state.handles.add("open", at: 1000)
                _ = state.handles.add("own", at: 1001, policy: .custom { header, _ in header.srcID == id })
                for other in tree.ids.prefix(4) { _ = state.handles.add("reply", persists: false, respondent: other) }
                states[id] = state
            }
            handles += (1000...1005).map { $0 }
        }

        /// What the context at the other end of `sender`'s stream up, or down, does with a message.
        mutating func receive(_ message: Message, from sender: ContextID, isUp: Bool) -> RouterState.Action? {
            var message = message
            let receiver = isUp ? tree.parents[sender] : sender
            let link = isUp ? RoutingTree.link(to: sender) : RoutingTree.parentLink
            return receiver.flatMap { states[$0]?.process(&message, from: link) }
        }
    }

    private static func message(_ forest: Forest, using random: inout RandomSource) -> Message {
        func anyone(_ random: inout RandomSource) -> ContextID {
            random.once(in: 10) ? ContextID(random.below(2000)) : forest.tree.ids.any(&random)
        }
        let source = anyone(&random)
        let header = MessageHeader(
            encoding: [.legacy, .pickle, .binary].any(&random),
            dstID: anyone(&random),
            srcID: source,
            authID: random.once(in: 2) ? source : anyone(&random),
            handle: forest.handles.any(&random),
            replyTo: [0, 1234, StandardHandle.isDead, StandardHandle.callFunction].any(&random)
        )
        return Message(header: header, data: [UInt8](repeating: 0, count: [0, 10, 101].any(&random)))
    }

    @Test("Of 100,000 forged messages none is taken, passed on or answered; honest ones are", arguments: 0..<20)
    func forged(seed: UInt64) {
        var random = RandomSource(seed: 5000 + seed)
        var (forgedCount, takenCount, passedCount, answeredCount) = (0, 0, 0, 0)
        while forgedCount < 5000 {
            var forest = Forest(count: 2 + random.below(30), using: &random)
            for _ in 0..<1000 {
                let sender = ContextID(1 + random.below(forest.tree.ids.count - 1))
                let isUp = random.once(in: 2)
                let message = Self.message(forest, using: &random)
                let isHonest = [message.srcID, message.authID].allSatisfy { forest.tree.isBelow($0, sender) == isUp }
                switch forest.receive(message, from: sender, isUp: isUp) {
                case .drop?: forgedCount += isHonest ? 0 : 1
                case let action where !isHonest:
                    Issue.record("\(message) from \(sender), up: \(isUp), led to \(String(describing: action))")
                    return
                case .invoke?: takenCount += 1
                case .forward?: passedCount += 1
                case .answer?: answeredCount += 1
                case nil: Issue.record("\(sender) has no parent")
                }
            }
        }
        #expect(takenCount > 5 && passedCount > 100 && answeredCount > 20)
    }

    @Test("With an honest sender, a privileged handle is still only for ancestors", arguments: 0..<20)
    func authority(seed: UInt64) {
        var random = RandomSource(seed: 6000 + seed)
        var (takenCount, refusedCount) = (0, 0)
        for _ in 0..<10 {
            var forest = Forest(count: 2 + random.below(20), using: &random)
            for receiver in forest.tree.ids {
                for source in forest.tree.ids where source != receiver {
                    for handle in [StandardHandle.callFunction, StandardHandle.shutdown] {
                        let message = Message(header: MessageHeader(source, to: receiver, handle), data: [])
                        // The way that it comes is that of the last hop.
                        let isUp = forest.tree.isBelow(source, receiver)
                        let last = isUp ? forest.tree.ids.first { forest.leads($0, source, receiver) } : receiver
                        let action = last.flatMap { forest.receive(message, from: $0, isUp: isUp) }
                        if case .invoke? = action {
                            takenCount += 1
                            #expect(forest.tree.isBelow(receiver, source))
                        } else {
                            refusedCount += 1
                            #expect(!forest.tree.isBelow(receiver, source))
                        }
                    }
                }
            }
        }
        #expect(takenCount > 20 && refusedCount > 20)
    }
}

extension ForgedMessagesTests.Forest {
    /// Whether `child` is the child of `receiver` through which `source` is reached.
    fileprivate func leads(_ child: ContextID, _ source: ContextID, _ receiver: ContextID) -> Bool {
        tree.parents[child] == receiver && tree.isBelow(source, child)
    }
}

extension MessageHeader {
    fileprivate init(_ source: ContextID, to destination: ContextID, _ handle: Handle) {
        self.init(dstID: destination, srcID: source, authID: source, handle: handle)
    }
}
