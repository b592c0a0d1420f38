//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenServices
internal import Testing

extension LibraryTests {
    @Suite("Services")
    struct Services {}
}

extension LibraryTests.Services {
    @Test("A service is called from above, from below and by a sibling, as its policies allow")
    func policies() async throws {
        try await withFixtureRouter { router in
            try ServicePool.of(router).add(try await Notebook(router: router))
            let (left, right) = (try await router.local(), try await router.local())
            let here = router.myself()
            #expect(try await here.callService(Notebook.Write("own")) == 1)
            #expect(try await left.call(WriteElsewhere(here, "child")) == 2)
            #expect(try await here.callService(Notebook.ReadAll()) == ["own", "child"])
            let refused = try await failure { try await left.call(ReadElsewhere(here)) }
            let reason = "Caller is not authorized to invoke 'ReadAll' of service 'MitogenFixtures.Notebook'"
            #expect(refused.message.contains(reason), "\(refused)")
            try await right.prepareService(Notebook.self)
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
            let sibling = try await failure { try await left.call(ReadElsewhere(right)) }
            #expect(sibling.message.contains(reason), "\(sibling)")
            #expect(try await right.callService(Notebook.ReadAll()) == ["parent", "sibling"])
            #expect(try await failure { try await right.callService(Notebook.OwnerOnly()) }.code == .callError)
            #expect(try await here.callService(Notebook.OwnerOnly()))
            let twice = try await failure { try ServicePool.of(router).add(try await Notebook(router: router)) }
            #expect(twice.code == .misuse && twice.message.contains("already registered"))
        }
    }

    @Test("What goes wrong fails one request, and the pool goes on")
    func failures() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let none = try await failure { try await child.callService(Notebook.ReadAll()) }
            #expect(none.code == .channelError && none.message.contains("invalid handle"), "\(none)")
            try await child.prepareService(Notebook.self)
            let thrown = try await failure { try await child.callService(Notebook.Tear()) }
            #expect(thrown.code == .callError && thrown.remote?.typeName == "MitogenFixtures.Notebook.Torn")
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
                let reply = try await child.sendAwait(Message.pickled(data, handle: StandardHandle.callService))
                guard case .callError(let said) = try reply.rawValue(localID: 0) else {
                    Issue.record("\(data) was answered")
                    continue
                }
                #expect(said.contains(text), "\(said)")
            }
            // By name, as another program calls it.
            let byName = try await child.sendAwait(
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
            let calls = try (0..<20).map { try child.startService(Notebook.Write("\($0)")) }
            var counts: [Int] = []
            for call in calls { counts.append(try await call.get(timeout: .seconds(10))) }
            #expect(counts.sorted() == Array(1...20))
        }
    }

    @Test("A pool that has ended with its router takes no request and no service")
    func ended() async throws {
        let (router, pool) = try await withFixtureRouter { router in (router, try ServicePool.of(router)) }
        #expect(try await failure { try pool.add(try await Notebook(router: router)) }.code == .misuse)
        #expect(try await failure { _ = try ServicePool.of(router) }.code == .misuse)
        let late = try await failure { try await router.myself().callService(Notebook.ReadAll()) }
        #expect(late.code == .misuse || late.code == .channelError, "\(late)")
    }

    @Test("A pool runs so many requests at a time, and a serial service one, in order")
    func order() async throws {
        try await withFixtureRouter { router in
            let pool = try ServicePool.of(router, size: 3)
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
                    let pending = try child.startService(request)
                    group.addTask { (number, try await pending.get()) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(places == Dictionary(uniqueKeysWithValues: (1...20).map { ($0, $0 + 1) }))
        }
    }

    // MARK: Ends

    @Test("Who gives a request up, or runs out of time, ends what runs for it in the master")
    func cancelledInMaster() async throws {
        try await withFixtureRouter { router in
            try ServicePool.of(router).add(try await Notebook(router: router))
            let (child, here) = (try await router.local(), router.myself())
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
            for callee in [right, below] { try await callee.prepareService(Notebook.self) }
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
}
