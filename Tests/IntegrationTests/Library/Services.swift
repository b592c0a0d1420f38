//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Services")
    struct Services {}
}

extension LibraryTests.Services {
    @Test("A service is called from above, from below and by a sibling, as its policies allow")
    func policies() async throws {
        try await withFixtureRouter { router in
            try router.services.add(try await Notebook(router: router))
            let (left, right) = (try await router.local(), try await router.local())
            let here = router.myself()
            #expect(try await here.callService(Notebook.Write("own")) == 1)
            #expect(try await left.call(WriteElsewhere(here, "child")) == 2)
            #expect(try await here.callService(Notebook.ReadAll()) == ["own", "child"])
            let refused = try await failure { try await left.call(ReadElsewhere(here)) }
            let reason = "Caller is not authorized to invoke 'ReadAll' of service 'MitogenFixtures.Notebook'"
            #expect(refused.message.contains(reason), "\(refused)")
            try await right.call(KnowNotebook())
            // Nobody with the authority to do so has called it yet.
            let early = try await failure { try await left.call(WriteElsewhere(right, "too early")) }
            #expect(
                early.message.contains(
                    "Service 'MitogenFixtures.Notebook' is not yet activated in this context, and the caller is not "
                        + "privileged, therefore autoactivation is disabled."
                ),
                "\(early)"
            )
            #expect(try await right.callService(Notebook.Write("parent")) == 1)
            #expect(try await left.call(WriteElsewhere(right, "sibling")) == 2)
            // Once it is prepared, a sibling can call it at once.
            let third = try await router.local()
            try await third.prepareService(Notebook.self)
            try await third.prepareService(Notebook.self)
            #expect(try await left.call(WriteElsewhere(third, "first")) == 1)
            let sibling = try await failure { try await left.call(ReadElsewhere(right)) }
            #expect(sibling.message.contains(reason), "\(sibling)")
            #expect(try await right.callService(Notebook.ReadAll()) == ["parent", "sibling"])
            #expect(try await failure { try await right.callService(Notebook.OwnerOnly()) }.code == .callError)
            #expect(try await here.callService(Notebook.OwnerOnly()))
            let twice = try await failure { try router.services.add(try await Notebook(router: router)) }
            #expect(twice.code == .misuse && twice.message.contains("already registered"))
        }
    }

    @Test("What goes wrong fails one request, and the pool goes on")
    func failures() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let none = try await failure { try await child.startServiceCall(Notebook.ReadAll()).get() }
            #expect(none.code == .channelError && none.message.contains("invalid handle"), "\(none)")
            try await child.prepareService(Notebook.self)
            let thrown = try await failure { try await child.callService(Notebook.Tear()) }
            #expect(thrown.code == .callError && thrown.remote?.typeName == "MitogenFixtures.Notebook.Torn")
            #expect(thrown.remote?.decode(as: Notebook.Torn.self) != nil)
            let late = try await failure {
                try await child.callService(Notebook.Wait(milliseconds: 100_000), timeout: .milliseconds(50))
            }
            #expect(late.code == .timeoutError)
            for (data, text) in [
                (PickleValue.tuple([.string("a")]), "Invalid message format."),
                (.tuple([.string("No.Such"), .string("x"), .dictionary([:])]), "not known in this context"),
                (
                    .tuple([.string("MitogenFixtures.Notebook"), .string("burn"), .dictionary([:])]),
                    "No such method: 'burn'"
                ),
                (.tuple([.string("MitogenFixtures.Notebook"), .string("Write"), .dictionary([:])]), "do not fit"),
            ] {
                let reply = try await child.request(Message.pickled(data, handle: StandardHandle.callService))
                guard case .callError(let said) = try reply.rawValue(localID: 0) else {
                    Issue.record("\(data) was answered")
                    continue
                }
                #expect(said.contains(text), "\(said)")
            }
            // By name, as another program calls it.
            let byName = try await child.request(
                Message.pickled(
                    PickleValue.tuple([
                        .string("MitogenFixtures.Notebook"), .string("Write"), .dictionary(["word": .string("named")]),
                    ]),
                    handle: StandardHandle.callService
                )
            )
            #expect(try byName.decode(as: Int.self) == 1)
            try child.callServiceNoReply(Notebook.Write("unanswered"))
            let isWritten = try await eventually { try await child.callService(Notebook.ReadAll()).count == 2 }
            #expect(isWritten)
        }
    }

    @Test("However many call a service that is not there yet, it is made once")
    func activation() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.prepareService(Notebook.self)
            let calls = try (0..<20).map { try child.startServiceCall(Notebook.Write("\($0)")) }
            var counts: [Int] = []
            for call in calls { counts.append(try await call.get(timeout: .seconds(10))) }
            #expect(counts.sorted() == Array(1...20))
        }
    }

    @Test("A pool that has ended with its router takes no request and no service")
    func ended() async throws {
        let (router, pool) = try await withFixtureRouter { router in (router, try router.services) }
        #expect(try await failure { try pool.add(try await Notebook(router: router)) }.code == .misuse)
        #expect(try await failure { _ = try router.services }.code == .misuse)
        let late = try await failure { try await router.myself().callService(Notebook.ReadAll()) }
        #expect(late.code == .misuse || late.code == .channelError, "\(late)")
    }

    @Test("A pool runs so many requests at a time, and a serial service one, in order")
    func order() async throws {
        try await withFixtureRouter { router in
            let pool = try router.services(size: 3)
            try pool.add(try await Notebook(router: router))
            let here = router.myself()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 { group.addTask { try await here.callService(Notebook.Wait(milliseconds: 20)) } }
                try await group.waitForAll()
            }
            #expect(try await here.callService(Notebook.Peak()) == 3)
            let child = try await router.local()
            try await child.prepareService(MitogenFixtures.Queue.self)
            _ = try await child.callService(MitogenFixtures.Queue.Push(0, ballast: 0))
            // Sent one after the other without waiting; large and small ones take different ways to be decoded.
            let places = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for number in 1...20 {
                    let request = MitogenFixtures.Queue.Push(number, ballast: number % 3 == 0 ? 200_000 : 10)
                    let pending = try child.startServiceCall(request)
                    group.addTask { (number, try await pending.get()) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(places == Dictionary(uniqueKeysWithValues: (1...20).map { ($0, $0 + 1) }))
        }
    }

    // MARK: Order

    @Test("The order of a serial service holds for what comes before it is there, too")
    func orderBeforeActivation() async throws {
        try await withFixtureRouter { router in
            for _ in 0..<3 {
                let child = try await router.local()
                try await child.prepareService(Ledger.self)
                let pending = try (0..<30).map { try child.startServiceCall(Ledger.Enter($0)) }
                for call in pending { try await call.get() }
                #expect(try await child.callService(Ledger.ReadAll()) == Array(0..<30))
            }
        }
    }

    @Test("A request that is given up lets none of those behind it overtake those before it")
    func orderWithCancellation() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            _ = try await child.callService(Ledger.ReadAll())
            // Where the machine is busy the message that gives a request up may come when the method runs already.
            var (rounds, givenUp) = (0, 0)
            while givenUp < 3, rounds < 50 {
                // It takes long to decode, and longer than the others need to arrive.
                let first = try child.startServiceCall(Ledger.Enter(2 * rounds, ballast: 100_000))
                let between = try child.startServiceCall(Ledger.Enter(-1, ballast: 20_000))
                between.cancel()
                let last = try child.startServiceCall(Ledger.Enter(2 * rounds + 1))
                try await last.get()
                try await first.get()
                rounds += 1
                givenUp = try await rounds - child.callService(Ledger.ReadAll()).count { $0 == -1 }
            }
            #expect(givenUp == 3, "\(givenUp) of \(rounds) requests were given up in time")
            #expect(try await child.callService(Ledger.ReadAll()).filter { $0 != -1 } == Array(0..<2 * rounds))
        }
    }

    @Test("Equal requests are answered by one run, and later ones by its result")
    func deduplicating() async throws {
        try await withFixtureRouter { router in
            let pool = try router.services(size: 2)
            try pool.add(try await Oven(router: router))
            let here = router.myself()
            let batches = try await withThrowingTaskGroup(of: Int.self) { group in
                // Those who wait for another one's run take no place of the pool, so these two get on as well.
                for _ in 0..<20 { group.addTask { try await here.callService(Oven.Bake(["flour": 2, "milk": 1])) } }
                group.addTask { try await here.callService(Oven.Bake(["flour": 3])) }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(batches == [1, 2])
            let first = try await here.callService(Oven.Bake(["flour": 2, "milk": 1]))
            for recipe: PickleDictionary in [["milk": 1, "flour": 2], ["flour": 2, "milk": 1]] {
                let request = PickleValue.tuple([
                    .string(Oven.name), .string("Bake"),
                    .dictionary(["milliseconds": .int(50), "recipe": .dictionary(recipe)]),
                ])
                let answer = try await here.request(Message.pickled(request, handle: StandardHandle.callService))
                #expect(try answer.decode(as: Int.self) == first)
            }
            #expect(try await here.callService(Oven.Bake(["flour": 4])) == 3)
            let child = try await router.local()
            let refused = try await failure { try await child.call(BakeElsewhere(here, ["flour": 4])) }
            #expect(refused.message.contains("not authorized"), "what is known is not for everyone: \(refused)")
        }
    }

    @Test("An error goes to all who wait for a run, and is not kept")
    func deduplicatedError() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let bake = Oven.Bake(["stones": 1], milliseconds: 300)
            let pending = try await started(bake, in: child, count: 5)
            for call in pending {
                let error = try await failure { try await call.get() }
                #expect(error.remote?.typeName == "MitogenFixtures.Oven.Burnt")
            }
            _ = try await failure { try await child.callService(bake) }
            #expect(try await child.callService(Oven.Bake([:])) == 3, "the error was not the answer to another request")
        }
    }

    @Test("A run goes on as long as somebody waits for it, and no longer")
    func deduplicatedCancellation() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pending = try await started(Oven.Bake(["flour": 1], milliseconds: 500), in: child, count: 3)
            pending[0].cancel()
            pending[2].cancel()
            #expect(try await pending[1].get() == 1)
            let long = Oven.Bake(["flour": 2], milliseconds: 100_000)
            for call in try await started(long, in: child, count: 2) { call.cancel() }
            var question = 0
            let isOver = try await eventually {
                question += 1
                return try await child.callService(Oven.Wasted(question: question)) == 1
            }
            #expect(isOver)
            #expect(try await child.callService(Oven.Bake(["flour": 3])) == 3)
        }
    }

    private func started(_ bake: Oven.Bake, in child: Context, count: Int) async throws -> [PendingCall<Int>] {
        try await child.prepareService(Oven.self)
        let calls = try (0..<count).map { _ in try child.startServiceCall(bake) }
        // A request of another service that comes after them is answered when all of them have arrived.
        _ = try await child.callService(Notebook.ReadAll())
        return calls
    }

    // MARK: Ends

    @Test(
        "Who gives a request up, or runs out of time, ends what runs for it in the master, and in a sibling",
        arguments: [true, false]
    )
    func cancelledElsewhere(isMaster: Bool) async throws {
        try await withFixtureRouter { router in
            if isMaster { try router.services.add(try await Notebook(router: router)) }
            let (child, here) = (try await router.local(), isMaster ? router.myself() : try await router.local())
            #expect(try await here.callService(Notebook.Running()) == 0)
            let late = try await failure { try await child.call(WaitElsewhere(here, timeout: 0.2)) }
            #expect(late.remote?.typeName == "Mitogen.MitogenError.timeoutError", "\(late)")
            #expect(try await eventually { try await here.callService(Notebook.Running()) == 0 })
            let pending = try child.startCall(WaitElsewhere(here))
            #expect(try await eventually { try await here.callService(Notebook.Running()) == 1 })
            pending.cancel()
            #expect(try await eventually { try await here.callService(Notebook.Running()) == 0 })
        }
    }

    @Test("The loss of a sibling ends what runs for it, also if it was never sent anything")
    func lostSibling() async throws {
        try await withFixtureRouter { router in
            let (left, right) = (try await router.local(), try await router.local())
            let below = try await router.local(via: right)
            for callee in [right, below] { #expect(try await callee.callService(Notebook.Running()) == 0) }
            for callee in [right, below] { _ = try left.startCall(WaitElsewhere(callee)) }
            for callee in [right, below] {
                #expect(try await eventually { try await callee.callService(Notebook.Running()) == 1 })
            }
            try left.callNoReply(Crash(.kill))
            for callee in [right, below] {
                #expect(try await eventually { try await callee.callService(Notebook.Running()) == 0 })
            }
        }
    }

    @Test("The time that a caller has travels with the request, and ends the method where it runs")
    func deadlines() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await child.callService(Notebook.TimeLeft()) == nil)
            let own = try #require(try await child.callService(Notebook.TimeLeft(), timeout: .seconds(20)))
            #expect(15...20 ~= own)
            try router.services.add(try await Notebook(router: router))
            let inherited = try await child.call(TimeLeftElsewhere(router.myself()), timeout: .seconds(20))
            #expect(15...20 ~= (try #require(inherited)))
            // A sibling is not known to understand that: it is asked as Python would be.
            let sibling = try await router.local()
            _ = try await sibling.callService(Notebook.TimeLeft())
            #expect(try await child.call(TimeLeftElsewhere(sibling), timeout: .seconds(20)) == nil)
            try await withTemporaryDirectory { directory in
                // A request that is only started has no timer where it was started.
                let function = StartWaitAndTell(path: "\(directory)/answer")
                let error = try await failure { try await child.call(function, timeout: .milliseconds(300)) }
                #expect(error.code == .timeoutError)
                #expect(try await eventually { Files.text("\(directory)/answer") == "timeoutError\n" })
                #expect(try await child.callService(Notebook.Running()) == 0)
            }
        }
    }

    @Test("A service is told of the end, in a child and in the master, after its requests have ended")
    func shutdown() async throws {
        try await withTemporaryDirectory { directory in
            let (path, own) = ("\(directory)/child", "\(directory)/own")
            try await withFixtureRouter { router in
                let child = try await router.local()
                try await child.callService(Diary.Open(path))
                let waiting = try child.startServiceCall(Diary.Wait())
                #expect(try await eventually { Files.text(path) == "waits\n" })
                let start = ContinuousClock.now
                try await child.shutdown(waits: true)
                #expect(ContinuousClock.now - start < .milliseconds(2500), "the Broker waits no longer than it has to")
                #expect(Files.text(path) == "waits\nhas waited\nends\nhas ended\n")
                #expect(try await failure { try await waiting.get() }.code == .channelError)
                try await router.myself().callService(Diary.Open(own))
            }
            #expect(Files.text(own) == "ends\nhas ended\n")
        }
    }

    @Test("A service of a context that loses its parent is not told")
    func lostParent() async throws {
        try await withFixtureRouter { router in
            try await withTemporaryDirectory { directory in
                let parent = try await router.local()
                let child = try await router.local(via: parent)
                let path = "\(directory)/child"
                try await child.callService(Diary.Open(path))
                _ = try child.startServiceCall(Diary.Wait())
                #expect(try await eventually { Files.text(path) == "waits\n" })
                let pid = try await child.call(ProcessID())
                try parent.callNoReply(Crash(.kill))
                #expect(try await eventually { !Processes.isRunning(pid) })
                #expect(Files.text(path)?.contains("ends") == false)
            }
        }
    }

    // MARK: Requests

    @Test("A service of this program need not be prepared by those who may call functions there")
    func unprepared() async throws {
        try await withFixtureRouter { router in
            let (left, right) = (try await router.local(), try await router.local())
            #expect(try await left.callService(Notebook.Write("first")) == 1)
            // The pool is there, the service is not known.
            try await left.callService(Ledger.Enter(1), timeout: .seconds(20))
            try await right.callService(Notebook.Wait(milliseconds: 1))
            let nested = try await router.local(via: left)
            #expect(try await nested.callService(Notebook.Write("nested")) == 1)
            #expect(try await router.myself().callService(Notebook.Write("own")) == 1)
            // A sibling cannot do that.
            let third = try await router.local()
            let refused = try await failure { try await left.call(WriteElsewhere(third, "early")) }
            #expect(refused.remote?.typeName == "Mitogen.MitogenError.channelError", "\(refused)")
            #expect(refused.message.contains("invalid handle"), "\(refused)")
        }
    }

    @Test("What a result names can be used where it arrives")
    func namesInResults() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try Receiver<Int>(router: router)
            let parts = try await child.callService(Notebook.PassBack(receiver.makeSender()))
            try await parts.sender.send(5)
            #expect(try await receiver.get(timeout: .seconds(5)) == 5)
            #expect(try await parts.context.call(Add(1, 2)) == 3)
            try await child.startServiceCall(Notebook.Wait(milliseconds: 1)).get()
        }
    }

    @Test("What cannot be added or sent is an error at once")
    func misuse() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 1 << 20
        } _: { router in
            let twins = try await failure { try router.services.add(Twins()) }
            #expect(twins.code == .misuse && twins.message.contains("two methods named 'Speak'"), "\(twins)")
            let child = try await router.local()
            try await child.prepareService(Notebook.self)
            let word = String(repeating: "x", count: 2 << 20)
            let error = try await failure { try child.callServiceNoReply(Notebook.Write(word)) }
            #expect(error.code == .channelError && error.message.contains("too large"), "\(error)")
        }
    }
}
