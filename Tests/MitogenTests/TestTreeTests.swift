//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenDistributed
internal import MitogenFixtures
internal import MitogenServices
internal import MitogenTesting
internal import Testing

@Suite("Trees in one process", .timeLimit(.minutes(1)))
struct TestTreeTests {
    @Test("Calls, errors, streams and chains work as between processes")
    func calls() async throws {
        try await withTestTree { tree in
            let child = tree.context
            #expect(child.id == 1 && child.name == "child")
            #expect(try await child.call(Add(1, 2)) == 3)
            #expect(try await child.call(Echo([UInt8](repeating: 3, count: 3 << 20))).count == 3 << 20)
            let error = await #expect(throws: MitogenError.self) { try await child.call(Buy("milk")) }
            #expect(error?.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "milk"))
            let late = await #expect(throws: MitogenError.self) {
                _ = try await child.call(Doze(milliseconds: 100_000), timeout: .milliseconds(20))
            }
            #expect(late?.code == .timeoutError)
            var count = 0
            for try await _ in child.stream(Count(to: 5000)) { count += 1 }
            #expect(count == 5000)
            let chain = CallChain(context: child, isPipelined: true)
            try chain.callNoReply(Note("a", fails: true))
            await #expect(throws: MitogenError.self) { try await chain.call(Add(1, 2)) }
        }
    }

    @Test("A context below another is called by the master, and siblings reach each other's services")
    func deepTree() async throws {
        try await withTestTree { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let other = try await tree.start("other")
            #expect(nested.router.parentIDs == [tree.context.id, 0])
            #expect(try await nested.context.call(Add(2, 2)) == 4)
            try await other.context.prepareService(Notebook.self)
            #expect(try await nested.context.call(WriteElsewhere(other.context, "x")) == 1)
            let counter = try await tree.router.actorSystem.create(Counter.self, with: 1, in: other.context)
            await #expect(throws: Counter.Overdrawn(missing: 4)) { try await counter.decrement(by: 5) }
            let refused = await #expect(throws: MitogenError.self) {
                _ = try await nested.router.context(id: other.context.id)?.call(Add(1, 1))
            }
            #expect(refused?.message.contains("refused by policy") == true)
        }
    }

    @Test("A context that ends is gone for the others, and the test goes on")
    func endings() async throws {
        let start = ContinuousClock.now
        try await withTestTree { tree in
            let other = try await tree.start("other")
            let call = try other.context.startCall(Doze(milliseconds: 100_000))
            try await other.context.shutdown(waits: true, timeout: .seconds(5))
            await #expect(throws: MitogenError.self) { try await call.get() }
            #expect(try await tree.context.call(Add(1, 2)) == 3)
        }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test("Bodies of functions and streams are called directly")
    func bodies() async throws {
        try await withTestTree { tree in
            let here = tree.node.externalContext()
            #expect(here.contextID == 1 && here.parentID == 0 && here.caller.id == 0)
            #expect(try await Add(1, 2).run(in: here) == 3)
            await #expect(throws: OutOfStock(item: "tea")) { try await Buy("tea").run(in: here) }
            let recorder = StreamRecorder<Count.Number>()
            try await Count(to: 3).run(in: here, yield: recorder.writer)
            #expect(recorder.values.map(\.value) == [0, 1, 2])
            let short = StreamRecorder<Count.Number>(limit: 2)
            let error = await #expect(throws: MitogenError.self) {
                try await Count(to: 3).run(in: here, yield: short.writer)
            }
            #expect(error?.code == .cancelled && short.values.count == 2)
        }
    }

    @Test("A program that is no context says what a test does instead")
    func localInTests() async throws {
        try await withRouter { router in
            let error = await #expect(throws: MitogenError.self) { try await router.local() }
            #expect(error?.code == .imageUnusable)
            #expect(error?.hint?.contains("RouterConfiguration.image") == true)
        }
    }
}
