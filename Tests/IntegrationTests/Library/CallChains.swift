//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

extension LibraryTests {
    @Suite("Call chains")
    struct CallChains {
        /// What is noted when these run one after the other.
        private func inOrder(_ texts: [String]) -> [String] {
            texts.flatMap { ["<\($0)", "\($0)>"] }
        }
    }
}

extension LibraryTests.CallChains {
    @Test(
        "The calls of a chain run one after the other, whatever their size; others do not wait",
        arguments: [false, true]
    )
    func ordered(pipelined: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: pipelined)
            #expect(chain.isPipelined == pipelined)
            let first = try chain.startCall(Note("first", milliseconds: 300))
            let others = try (0..<40).map { number in
                try chain.startCall(Note("\(number)", milliseconds: number % 3, ballast: number % 4 == 0 ? 100_000 : 0))
            }
            #expect(try await child.call(ReadNotes()) == ["<first"])
            #expect(try await first.get() == "first")
            for (number, call) in others.enumerated() { #expect(try await call.get() == "\(number)") }
            #expect(try await child.call(ReadNotes()) == inOrder(["first"] + (0..<40).map(String.init)))
        }
    }

    @Test("After a failure the calls of a pipelined chain fail alike and do not run, until it is reset")
    func afterFailure() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: true)
            let good = try chain.startCall(Note("good", milliseconds: 20))
            let bad = try chain.startCall(Note("bad", milliseconds: 20, fails: true))
            let late = try chain.startCall(Note("late"))
            try chain.callNoReply(Note("silent"))
            chain.reset()
            let fresh = try chain.startCall(Note("fresh"))
            #expect(try await good.get() == "good")
            let first = try await failure { _ = try await bad.get() }
            let second = try await failure { _ = try await late.get() }
            #expect(first.code == .callError)
            #expect(first.message.contains("no bad left"))
            #expect(second.message == first.message)
            #expect(second.remote == first.remote)
            #expect(second.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "bad"))
            #expect(try await fresh.get() == "fresh")
            #expect(try await child.call(ReadNotes()) == inOrder(["good", "bad", "fresh"]))
        }
    }

    @Test("A failure in a chain that is not pipelined stays alone")
    func notPipelined() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.withCallChain { chain async throws in
                let bad = try chain.startCall(Note("bad", milliseconds: 50, fails: true, ballast: 50_000))
                let good = try chain.startCall(Note("good"))
                #expect(try await failure { _ = try await bad.get() }.code == .callError)
                #expect(try await good.get() == "good")
            }
            #expect(try await child.call(ReadNotes()) == inOrder(["bad", "good"]))
        }
    }

    @Test("A call without reply that fails is told by the next one; other chains and calls do not care")
    func noReply() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "pipelined" }
            let chain = CallChain(context: child, isPipelined: true)
            let other = CallChain(context: child, isPipelined: true)
            try chain.callNoReply(Note("silent", fails: true))
            let error = try await failure { _ = try await chain.call(Note("next")) }
            #expect(error.message.contains("no silent left"))
            #expect(error.context == "pipelined")
            #expect(try await other.call(Note("other")) == "other")
            #expect(try await child.call(Note("single")) == "single")
            try await child.withCallChain(isPipelined: true) { chain async throws in
                #expect(try await chain.call(Note("scoped")) == "scoped")
            }
            #expect(try await child.call(ReadNotes()) == inOrder(["silent", "other", "single", "scoped"]))
        }
    }

    @Test("What cannot be found, read or written on the other side fails the chain, too")
    func otherFailures() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            func check(_ code: MitogenError.Code, _ call: (CallChain) async throws -> Void) async throws {
                let chain = CallChain(context: child, isPipelined: true)
                #expect(try await failure { try await call(chain) }.code == code)
                #expect(try await failure { _ = try await chain.call(Note("never")) }.code == code)
                chain.reset()
                #expect(try await chain.call(Add(1, 2)) == 3)
            }
            try await check(.unknownFunction) { _ = try await $0.call(OnlyInTheTests()) }
            try await check(.unknownFunction) { _ = try await $0.call(named: "fixture.unknown", as: Int.self) }
            try await check(.callError) { _ = try await $0.call(Echo(Unreadable())) }
            try await check(.unencodable) { _ = try await $0.call(MakeUnwritable()) }
            let chain = CallChain(context: child, isPipelined: true)
            #expect(try await failure { _ = try await chain.call(Echo(Unwritable())) }.code == .unencodable)
            #expect(try await chain.call(Add(1, 2)) == 3, "what was never sent has not failed there")
            #expect(try await child.call(ReadNotes()).isEmpty)
        }
    }

    @Test("A call that is given up is left out, or cancelled, and the chain goes on")
    func givenUp() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: true)
            let running = try chain.startCall(Note("running", milliseconds: 100_000))
            let waiting = try chain.startCall(Note("waiting"))
            let last = try chain.startCall(Note("last"))
            #expect(try await eventually { try await child.call(ReadNotes()) == ["<running"] })
            waiting.cancel()
            #expect(try await failure { _ = try await waiting.get() }.code == .cancelled)
            #expect(try await child.call(ReadNotes()) == ["<running"])
            running.cancel()
            #expect(try await last.get() == "last")
            #expect(try await child.call(ReadNotes()) == inOrder(["running", "last"]))
        }
    }

    @Test("Ten thousand calls that are given up do not keep the next one waiting")
    func manyGivenUp() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: true)
            let running = try chain.startCall(Note("running", milliseconds: 100_000))
            let waiting = try (0..<10_000).map { _ in try chain.startCall(Note("waiting")) }
            for call in waiting { call.cancel() }
            running.cancel()
            #expect(try await chain.call(Note("last")) == "last")
            #expect(try await child.call(ReadNotes()) == inOrder(["running", "last"]))
        }
    }

    @Test("A call that takes too long has failed, also if its turn has not come", arguments: [false, true])
    func timeout(waits: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: true)
            let before = try waits ? chain.startCall(Note("before", milliseconds: 400)) : nil
            let error = try await failure {
                _ = try await chain.call(Note("slow", milliseconds: 100_000), timeout: .milliseconds(200))
            }
            #expect(error.code == .timeoutError)
            let next = try await failure { _ = try await chain.call(Note("next")) }
            #expect(next.code == .timeoutError)
            #expect(next.message.contains("Note"))
            #expect(try await before?.get() == (waits ? "before" : nil))
            chain.reset()
            #expect(try await chain.call(Note("fresh")) == "fresh")
            #expect(try await child.call(ReadNotes()) == inOrder([waits ? "before" : "slow", "fresh"]))
        }
    }

    @Test("A thousand failed chains are remembered for a caller; those that it has let go do not count")
    func limit() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            for number in 0..<1100 {
                try CallChain(context: child, isPipelined: true).callNoReply(Note("\(number)", fails: true))
            }
            var kept: [CallChain] = []
            for _ in 0..<1000 {
                let chain = CallChain(context: child, isPipelined: true)
                try chain.callNoReply(Note("bad", fails: true))
                kept.append(chain)
            }
            // The chains run side by side: each answers for itself that its call has failed.
            for chain in kept { #expect(try await failure { _ = try await chain.call(Add(1, 2)) }.code == .callError) }
            let chain = CallChain(context: child, isPipelined: true)
            let error = try await failure { _ = try await chain.call(Add(1, 2)) }
            #expect(error.code == .misuse)
            #expect(error.message.contains("1000 chains"))
            kept[0].reset()
            #expect(try await chain.call(Add(1, 2)) == 3)
            #expect(try await failure { _ = try await kept[1].call(Add(1, 2)) }.code == .callError)
        }
    }

    @Test("Python's chains are understood: the name is the first item of the call, forget_chain ends the failure")
    func python() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(RegisterNote())
            func send(_ items: [PickleValue]) throws -> PendingMessage {
                var message = try Message.pickled(PickleValue.tuple(items), handle: StandardHandle.callFunction)
                message.header.encoding = .pickle
                return try child.startRequest(message)
            }
            func note(_ text: PickleValue, fails: Bool = false) throws -> PendingMessage {
                let ballast = PickleValue.bytes([])
                let arguments: PickleDictionary = [
                    "text": text, "milliseconds": 10, "fails": .bool(fails), "ballast": ballast,
                ]
                return try send(["host-1-2-3", "fixture", .none, "note", .tuple([]), .keywordArguments(arguments)])
            }
            let bad = try note("bad", fails: true)
            let late = try note("late")
            let forgotten = try send([
                .none, "mitogen.core", "Dispatcher", "forget_chain", .tuple(["host-1-2-3"]), .keywordArguments([:]),
            ])
            let fresh = try note("fresh")
            let first = try await failure { _ = try await bad.get().unpickle() }
            let second = try await failure { _ = try await late.get().unpickle() }
            #expect(first.message.contains("no bad left"))
            #expect(second.remote == first.remote)
            #expect(try await forgotten.get().unpickle() == .none)
            #expect(try await fresh.get().unpickle() == "fresh")
            #expect(try await child.call(ReadNotes()) == inOrder(["bad", "fresh"]))
        }
    }

    @Test("A chain ends with its context")
    func contextLost() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child, isPipelined: true)
            let running = try chain.startCall(Note("running", milliseconds: 100_000))
            let waiting = try chain.startCall(Note("waiting"))
            _ = try child.startCall(Crash(.kill))
            for call in [running, waiting] {
                #expect(try await failure { _ = try await call.get() }.code == .channelError)
            }
            #expect(try await failure { _ = try await chain.call(Add(1, 2)) }.code == .channelError)
        }
    }
}
