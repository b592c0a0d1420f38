//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Failing functions")
    struct Failures {}
}

extension LibraryTests.Failures {
    @Test("An error arrives with its type, its text and its place")
    func thrown() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "shop" }
            let pid = try await child.call(ProcessID())
            let error = try await failure { try await child.call(Buy("milk")) }
            #expect(error.code == .callError)
            #expect(error.context == "shop")
            let remote = try #require(error.remote)
            #expect(remote.typeName == "MitogenFixtures.OutOfStock")
            #expect(remote.message == "no milk left")
            let place = try #require(remote.traceback)
            for part in ["MitogenFixtures.Buy", "context \(child.id)", "pid \(pid)"] { #expect(place.contains(part)) }
            #expect("\(error)".contains("shop: MitogenFixtures.OutOfStock: no milk left"))
            #expect(remote.decode(as: OutOfStock.self) == OutOfStock(item: "milk"))
            #expect(remote.decode(as: Counter.Overdrawn.self) == nil)
        }
    }

    @Test("The library's own errors keep their code, through contexts in between too")
    func ownErrors() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let direct = try await failure { try await nested.call(FailWithPasswordError()) }
            #expect(direct.code == .passwordError)
            #expect(direct.message == "the password was wrong")
            // An error of a call that a function made, and did not catch.
            let gone = try await failure { _ = try await child.call(Ask(4711, 2000, "?")) }
            #expect(gone.code == .channelError)
            #expect(gone.message.contains("no route to 4711"))
            #expect(!gone.message.contains("MitogenError"))
        }
    }

    @Test("An error keeps its type and text in all contexts that pass it on")
    func passedOn() async throws {
        try await withFixtureRouter { router in
            let first = try await router.local()
            let second = try await router.local(via: first)
            let third = try await router.local(via: second)
            let error = try await failure { try await first.call(BuyThrough([second, third], "milk")) }
            #expect(error.code == .callError)
            #expect(error.message == "MitogenFixtures.OutOfStock: no milk left")
            #expect(error.remote?.typeName == "MitogenFixtures.OutOfStock")
            #expect(error.remote?.message == "no milk left")
            #expect(error.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "milk"))
            let place = try #require(error.remote?.traceback)
            for context in [first, second, third] { #expect(place.contains("context \(context.id),")) }
        }
    }

    @Test("A function that ends with the cancellation error was cancelled")
    func cancellation() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await failure { try await child.call(FailWithCancellation()) }.code == .cancelled)
        }
    }

    @Test("An error with a very long text arrives, shortened")
    func longText() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let error = try await failure { try await child.call(FailAtLength(1_000_000)) }
            #expect(error.code == .callError)
            #expect(error.remote?.typeName == "MitogenFixtures.OutOfStock")
            #expect(error.message.utf8.count < 40_000)
            #expect(error.message.hasPrefix("MitogenFixtures.OutOfStock: no äää"))
            #expect(error.remote?.value == nil, "2 MB are more than a value may have")
            let fits = try await failure { try await child.call(FailAtLength(100_000)) }
            #expect(fits.remote?.decode(as: OutOfStock.self)?.item.count == 100_000)
        }
    }

    @Test("A stream tells what its function has thrown after its values")
    func streamed() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var count = 0
            let error = try await failure {
                for try await _ in child.stream(Count(to: 3, fails: true)) { count += 1 }
            }
            #expect(count == 3)
            #expect(error.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "numbers"))
        }
    }

    @Test("Bodies that say so keep the type of their errors, others are told of cancellation as in Swift")
    func typedThrows() async throws {
        func three(_ configuration: RouterConfiguration) async throws(MitogenError) -> Int {
            try await withRouter(configuration: configuration) { (router) throws(MitogenError) in
                let child = try await router.local()
                return try await child.withCallChain { (chain) throws(MitogenError) in
                    try await Mitogen.withTimeout(.seconds(10)) { () throws(MitogenError) in
                        try await chain.call(Add(1, 2))
                    }
                }
            }
        }
        #expect(try await three(Fixture.configuration()) == 3)
        let configuration = try Fixture.configuration()
        let (started, continuation) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await withRouter(configuration: configuration) { router in
                let child = try await router.local()
                try await Task.sleep(for: .zero)
                continuation.finish()
                _ = try await child.call(Doze(milliseconds: 100_000))
            }
        }
        for await _ in started {}
        task.cancel()
        let error = await #expect(throws: CancellationError.self) { try await task.value }
        #expect(error?.isCancellation == true)
    }

    /// How a process may end, and what the caller is told of it.
    static let ways: [(Crash.Way, [String])] = [
        (.fatalError, ["SIGILL", "Fatal error: the fixture was told to"]),
        (.indexOutOfRange, ["SIGILL", "Fatal error: Index out of range"]),
        (.stackOverflow, ["SIGSEGV"]),
        (.badPointer, ["SIGSEGV"]),
        (.abort, ["SIGABRT"]),
        (.kill, ["SIGKILL"]),
        (.exit3, ["exit status 3"]),
        (.exit0, ["ended"]),
    ]

    @Test("A function that ends its process: the caller is told why within a second, the others go on", arguments: ways)
    func crash(_ way: Crash.Way, _ expected: [String]) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "victim" }
            let sibling = try await router.local()
            let pid = try await child.call(ProcessID())
            let waiting = try child.startCall(Doze(milliseconds: 100_000))
            var error: MitogenError?
            let elapsed = try await duration { error = try await failure { try await child.call(Crash(way)) } }
            #expect(elapsed < .seconds(1))
            #expect(error?.code == .channelError)
            #expect(error?.context == "victim")
            for text in expected + ["Crash"] {
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
            // Whatever else was called there is told as well.
            #expect(try await failure { _ = try await waiting.get() }.code == .channelError)
            #expect(try await sibling.call(Add(1, 2)) == 3)
            #expect(!Processes.isRunning(pid))
            let later = try await failure { _ = try await child.call(Add(1, 2)) }
            #expect(later.message.contains("no route to \(child.id), my ID is 0"))
        }
    }

    @Test("The same behind another context", arguments: ways)
    func crashBehind(_ way: Crash.Way, _ expected: [String]) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "middle" }
            let victim = try await router.local(via: child) { $0.name = "victim" }
            var error: MitogenError?
            let elapsed = try await duration { error = try await failure { try await victim.call(Crash(way)) } }
            #expect(elapsed < .seconds(1))
            #expect(error?.code == .channelError)
            #expect(error?.context == "middle.victim")
            for text in expected + ["Crash"] {
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
            #expect(try await child.call(Add(1, 2)) == 3)
            let later = try await failure { _ = try await victim.call(Add(1, 2)) }
            #expect(later.message.contains("no route to \(victim.id)"))
        }
    }

    @Test("A context in between that is killed: whoever waits for something behind it is told")
    func middleKilled() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "middle" }
            let nested = try await router.local(via: child)
            let pids = [try await child.call(ProcessID()), try await nested.call(ProcessID())]
            let waiting = try nested.startCall(Doze(milliseconds: 100_000))
            _ = try child.startCall(Crash(.kill))
            let error = try await within(.seconds(2)) { try await failure { _ = try await waiting.get() } }
            #expect(error.code == .channelError)
            #expect(error.message.contains("the respondent Context has disconnected"))
            #expect(error.message.contains("SIGKILL"))
            #expect(try await Processes.stillRunning(pids, after: .seconds(2)).isEmpty)
        }
    }

    /// How a context goes that somebody waits for.
    enum Loss: CaseIterable {
        case childShutDown, nestedShutDown, middleShutDown, childKilled, nearSibling, farSibling
    }

    @Test("Whoever waits for an answer is told when the context goes, wherever it is", arguments: Loss.allCases)
    func told(_ loss: Loss) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let target = loss == .childShutDown || loss == .childKilled || loss == .nearSibling ? child : nested
            let arrivals = try MessageReceiver(router: router)
            _ = try await target.call(Listen(at: 5000, tells: arrivals.handle))
            let waiting: Task<MitogenError, any Error>
            if loss == .nearSibling || loss == .farSibling {
                let sibling = try await router.local()
                let ask = try sibling.startCall(Ask(target.id, 5000, "?"))
                waiting = Task { try await failure { _ = try await ask.get(timeout: .seconds(10)) } }
            } else {
                let pending = try target.startRequest(Message(handle: 5000))
                waiting = Task { try await failure { _ = try await pending.get(timeout: .seconds(10)) } }
            }
            _ = try await arrivals.get(timeout: .seconds(10))
            switch loss {
            case .childShutDown, .middleShutDown, .nearSibling: try await child.shutdown()
            case .nestedShutDown, .farSibling: try await nested.shutdown()
            case .childKilled: kill(try await child.call(ProcessID()), SIGKILL)
            }
            let error = try await waiting.value
            #expect(error.code == .channelError)
            #expect(error.message.contains("the respondent Context has disconnected"), "\(error)")
        }
    }

    @Test("What a program says before it crashes arrives too")
    func lastWords() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "talker" }
            try await child.call(WriteText("something else\n", to: 2))
            let error = try await failure { try await child.call(Crash(.fatalError)) }
            #expect(error.message.contains("something else"))
            let logged = try await CapturedLog.waitForLine(of: "stderr.[talker]") { $0 == "something else" }
            #expect(logged)
        }
    }

    @Test("A function that never returns can be given up, and its context ended")
    func hanging() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            let error = try await failure { try await child.call(HangForever(), timeout: .milliseconds(100)) }
            #expect(error.code == .timeoutError)
            #expect(error.message.contains("HangForever"))
            #expect(try await child.call(Add(1, 2)) == 3)
            let elapsed = try await duration { try await child.shutdown(waits: true, timeout: .seconds(5)) }
            #expect(elapsed < .seconds(2))
            #expect(try await Processes.stillRunning([pid], after: .seconds(1)).isEmpty)
        }
    }

    @Test("A function that closes the standard descriptors leaves its context usable")
    func closesDescriptors() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(CloseStandardDescriptors())
            #expect(try await child.call(Add(1, 2)) == 3)
            // What is opened from now on gets the numbers 0, 1 and 2.
            #expect(try await child.run(["echo", "still here"]).outputText == "still here\n")
            let nested = try await router.local(via: child)
            #expect(try await nested.call(Add(1, 2)) == 3)
            #expect(try await nested.run(["sh", "-c", "cat; echo done"], stdin: .bytes([65])).outputText == "Adone\n")
            try await child.call(PrintText("into nowhere"))
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("Nothing is left of 50 contexts that have crashed")
    func noZombies() async throws {
        try await withFixtureRouter { router in
            let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let child = try await router.local()
                        let pid = try await child.call(ProcessID())
                        try? await child.call(Crash(number.isMultiple(of: 2) ? .kill : .exit0))
                        return pid
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let areReaped = try await eventually(within: .seconds(5)) {
                pids.allSatisfy { Processes.state(of: $0) == nil }
            }
            #expect(areReaped)
        }
    }
}
