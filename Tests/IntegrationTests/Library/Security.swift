//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Distributed
internal import Mitogen
internal import MitogenDistributed
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Security")
    struct Security {}
}

/// The texts that come to a handle.
private final class Texts: Sendable {
    private let texts = Mutex<[String]>([])
    var count: Int { texts.withLock { $0.count } }

    func append(_ message: Message) {
        texts.withLock { $0.append(String(decoding: message.data, as: UTF8.self)) }
    }
}

extension LibraryTests.Security {
    // MARK: Orders

    @Test("Whatever a context below or beside another one orders it to do is refused, and work there goes on")
    func orders() async throws {
        try await withFixtureRouter { router in
            let target = try await router.local { $0.name = "target" }
            let nested = try await router.local(via: target)
            let sibling = try await router.local()
            let cousin = try await router.local(via: sibling)
            let pids = [try await target.call(ProcessID()), try await nested.call(ProcessID())]
            for attacker in [nested, sibling, cousin] {
                let call = try target.startCall(Doze(milliseconds: 400, result: 7))
                async let command = target.run(["sh", "-c", "sleep 0.4; cat"], stdin: .bytes(Array("mine".utf8)))
                let answers = try await attacker.call(GiveOrders(to: target.id, below: nested.id))
                #expect(answers.count == 3 && answers.allSatisfy { $0.hasSuffix("refused by policy") }, "\(answers)")
                #expect(try await call.get(timeout: .seconds(10)) == 7)
                #expect(try await command.outputText == "mine")
                #expect(try await [target.call(ProcessID()), nested.call(ProcessID())] == pids)
            }
            // Not even to a descendant of the one beside it.
            _ = try await sibling.call(GiveOrders(to: nested.id, below: nested.id))
            #expect(try await nested.call(ProcessID()) == pids[1])
            #expect(try await target.call(AddIn(nested, 1, 2)) == 3)
        }
    }

    @Test("The master takes no orders from anyone")
    func ordersToMaster() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for attacker in [child, nested] {
                let answers = try await attacker.call(GiveOrders(to: 0, below: child.id))
                #expect(answers.count == 3 && answers.allSatisfy { $0.hasSuffix("invalid handle") }, "\(answers)")
            }
            #expect(try await child.call(Add(1, 2)) == 3)
            #expect(try await nested.call(Add(1, 2)) == 3)
            #expect(!router.dump().isShuttingDown)
        }
    }

    @Test("Parts of messages that are nested in each other end nobody")
    func nestedParts() async throws {
        try await withFixtureRouter { router in
            let target = try await router.local()
            let sibling = try await router.local()
            // As many as fit into a message that is not cut. Each part is the whole of the one that it is in.
            let levels = MessagePart.threshold / MessagePart.headerSize
            var data: [UInt8] = []
            for level in (0..<levels).reversed() {
                var part = MessagePart(Message(handle: StandardHandle.messagePart), transfer: 1, offset: 0)
                part.total = level * MessagePart.headerSize
                data += part.data([])
            }
            try target.send(Message(handle: StandardHandle.messagePart, data: data))
            #expect(try await target.call(Add(1, 2)) == 3)
            #expect(try await sibling.call(Add(1, 2)) == 3)
        }
    }

    @Test("A sender or an actor that names a reserved handle is refused: sending to it would be an order")
    func reservedHandles() async throws {
        for handle in [0, 1, StandardHandle.shutdown, StandardHandle.isDead] {
            #expect(throws: PickleError.self) { try Sender<Int>(pickleValue: .sender(contextID: 1, handle: handle)) }
        }
        #expect(try Sender<Int>(pickleValue: .sender(contextID: 1, handle: 1000)).handle == 1000)
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            func id(_ handle: Handle) throws -> MitogenActorID {
                let value: PickleDictionary = ["contextID": 1, "handle": .int(Int(handle)), "token": "0"]
                return try router.decoder.decode(MitogenActorID.self, from: .dictionary(value))
            }
            #expect(throws: MitogenError.self) { try Counter.resolve(id: id(StandardHandle.shutdown), using: system) }
            _ = try Counter.resolve(id: id(1000), using: system)
        }
    }

    // MARK: Lies

    private func withRawChild(
        _ behaviour: String,
        _ body: (Router, _ liar: Context, _ honest: Context, Texts) async throws -> Void
    ) async throws {
        let texts = Texts()
        let executable = [try Fixture.path, "raw-child", behaviour]
        try await withFixtureRouter {
            // These children do not end when they are asked to.
            $0.shutdownTimeout = .seconds(1)
        } _: { router in
            try router.addHandler(at: 2000) { texts.append($0) }
            let liar = try await router.local {
                $0.name = "liar"
                $0.executable = executable
            }
            let honest = try await router.local { $0.name = "honest" }
            #expect(liar.id == 1 && honest.id == 2)
            try await body(router, liar, honest, texts)
        }
    }

    @Test("No claim of a route is believed: not for others, the receiver, or contexts that are still to come")
    func routes() async throws {
        try await withRawChild("inject-routes") { router, liar, honest, texts in
            let events = Mutex<[ContextID]>([])
            let all = router.events
            // Unstructured, because it ends with the router.
            let listener = Task {
                for await event in all {
                    switch event {
                    case .connected(let context), .disconnected(let context, _):
                        events.withLock { $0.append(context.id) }
                    case .shutdown: break
                    }
                }
            }
            defer { listener.cancel() }
            try liar.send(Message(handle: 1))
            #expect(try await eventually { texts.count == 1 })
            #expect(router.dump().routes.map(\.contextID) == [liar.id, honest.id])
            #expect(router.streamName(id: 70_000) == nil && router.streamName(id: 0) == nil)
            let bytes: [UInt8] = [0xff, 0, 1]
            #expect(try await honest.call(Echo(bytes)) == bytes)
            // These get ids that were claimed.
            let nested = try await router.local(via: honest)
            let third = try await router.local()
            #expect(try await nested.call(WhoAmI()).parentIDs == [honest.id, 0])
            #expect(try await third.call(WhoAmI()).contextID == third.id)
            #expect(try await honest.call(AddIn(nested, 1, 2)) == 3)
            #expect(try await eventually { events.withLock { $0 } == [nested.id, third.id] })
        }
    }

    @Test("Who makes a connection cannot say that it leads to a context which is there already")
    func otherContext() async throws {
        let attempt = ConnectThroughLiar(rawChild: [try Fixture.path, "raw-child"])
        try await withFixtureRouter {
            $0.shutdownTimeout = .seconds(1)
        } _: { router in
            let child = try await router.local()
            for outcome in [try await attempt.run(with: router), try await child.call(attempt)] {
                #expect(outcome.error.hasPrefix("streamError: ") && outcome.error.contains("cannot have started"))
                #expect(outcome.victimName == "between.victim" && outcome.victimIsKept, "\(outcome)")
            }
        }
    }

    @Test("A name or a reason of one character takes no more memory than others")
    func longCharacters() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let id = try await child.call(AnnounceLongNames())
            #expect(try await eventually { router.streamName(id: id) != nil })
            let context = try #require(router.context(id: id, creates: false))
            let name = context.name
            #expect(name.utf8.count < 300, "\(name.utf8.count)")
            // No more than a peer takes is sent, whatever is known here.
            var writer = PickleWriter()
            try writer.writeStream(context.pickleValue)
            #expect(writer.bytes.count < 400, "\(writer.bytes.count)")
            let events = context.events
            try await child.call(WithdrawAtLength(id))
            for await case .disconnected(let reason) in events {
                #expect((1...4100).contains(reason.utf8.count), "\(reason.utf8.count)")
            }
        }
    }

    @Test("However much a child says of others' ends, why a context is gone is known")
    func reasons() async throws {
        try await withFixtureRouter { router in
            let (liar, honest) = (try await router.local(), try await router.local())
            try await liar.call(GiveReasons())
            let nested = try await router.local(via: honest)
            let events = nested.events
            kill(try await nested.call(ProcessID()), SIGKILL)
            for await case .disconnected(let reason) in events {
                #expect(reason.contains("signal 9") || reason.contains("SIGKILL"), "\(reason)")
            }
        }
    }

    @Test("The numbers of a sibling's children cannot be claimed, however deep below the master both are")
    func siblingsRoutes() async throws {
        try await withFixtureRouter { router in
            let top = try await router.local()
            let between = try await router.local(via: top)
            let honest = try await router.local(via: between)
            let liar = try await router.local(via: between)
            // Has its block, and is known to those between.
            let first = try await router.local(via: honest)
            try await liar.call(ClaimRoutes(to: first.id + 1, count: 3000))
            // What it has said has arrived.
            #expect(try await liar.call(AddIn(liar, 1, 2)) == 3)
            let second = try await router.local(via: honest)
            #expect(second.id == first.id + 1)
            #expect(try await second.call(WhoAmI()).parentIDs == [honest.id, between.id, top.id, 0])
            // Who is honest starts contexts at any depth.
            var last = second
            for _ in 0..<3 { last = try await router.local(via: last) }
            let started = try await liar.call(StartChild(name: "own"))
            #expect(try await last.call(Add(1, 2)) == 3)
            #expect(try await started.call(Add(1, 2)) == 3)
        }
    }

    @Test("Nobody answers for another context, in any form, or at a handle whose answer has come")
    func answers() async throws {
        try await withRawChild("impostor") { router, liar, honest, texts in
            for round in 1...3 {
                let call = try honest.startCall(Doze(milliseconds: 500, result: 7))
                let receiver = try Receiver<Int>(router: router, respondent: honest)
                let sending = try honest.startCall(SendNumbers(300, to: receiver.makeSender()))
                let stream = Task {
                    var values: [Int] = []
                    for try await number in honest.stream(Count(to: 10, milliseconds: 40)) {
                        values.append(number.value)
                    }
                    return values
                }
                async let command = honest.run(["sh", "-c", "sleep 0.4; cat"], stdin: .bytes(Array("mine".utf8)))
                // The sender has its window full of them, so it is under way.
                #expect(try await eventually { receiver.count == 256 })
                try liar.send(Message(handle: 1))
                #expect(try await eventually { texts.count == round })
                var numbers: [Int] = []
                for try await number in receiver { numbers.append(number) }
                #expect(numbers == Array(0..<300))
                try await sending.get(timeout: .seconds(10))
                #expect(try await call.get(timeout: .seconds(10)) == 7)
                #expect(try await stream.value == Array(0..<10))
                #expect(try await command.outputText == "mine")
            }
        }
    }

    // MARK: Floods

    @Test("Requests beyond 10,000 that come one way are refused, and those that come another way are not")
    func requests() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let done = OneShot<Void>()
            let answer = try PickleEncoder().encode(7)
            let handle = try router.serve(describedAs: { _ in "a test" }) { request in
                if request.message.srcID == 0 { _ = await done.wait() }
                return answer
            }
            let here = router.myself()
            func ask() throws -> PendingMessage { try here.startRequest(Message(handle: handle)) }
            let waiting = try (0..<10_001).map { _ in try ask() }
            let refusal = try await waiting[10_000].get(timeout: .seconds(20)).rawValue(localID: 0)
            guard case .callError(let text) = refusal else { throw TestFailure("it was taken: \(refusal)") }
            #expect(text.contains("too many requests"))
            #expect(try await child.call(AskMany(1, of: 0, at: handle, tells: 2000)).isEmpty)
            done.resolve(.success(()))
            for request in waiting.dropLast() {
                #expect(try await request.get(timeout: .seconds(20)).decode(as: Int.self) == 7)
            }
            // There is room again.
            #expect(try await ask().get(timeout: .seconds(20)).decode(as: Int.self) == 7)
        }
    }

    /// What is sent without end, and whether its sender is still there after it.
    static let floods: [(kind: String, survives: Bool)] = [
        ("unread-answers", false), ("unknown-handles", true), ("logs", true), ("routes", true), ("ids", false),
        ("channel", true), ("own-handles", true), ("undeliverable", true), ("halves", true), ("endings", true),
    ]

    @Test("A child that floods holds up no other, and takes no more memory than it may", arguments: floods)
    func flood(kind: String, survives: Bool) async throws {
        let helper = try HelperProcess.fixture("withstand", kind)
        #expect(try await helper.waitForEnd(within: .seconds(55)) == 0, "\(helper.lines)")
        func figure(_ name: String) throws -> Int {
            let line = helper.lines.first { $0.hasPrefix("\(name) ") }
            return try #require(line.flatMap { Int($0.dropFirst(name.count + 1)) }, "\(helper.lines)")
        }
        #expect(try figure("calls") >= 20)
        #expect(try figure("median-ms") < 500, "\(helper.lines)")
        #expect(try figure("slowest-ms") < 5000, "\(helper.lines)")
        #expect(try figure("grown-kb") < 100_000, "\(helper.lines)")
        #expect(helper.lines.last == (survives ? "flooder there" : "flooder gone"), "\(helper.lines)")
    }
}
