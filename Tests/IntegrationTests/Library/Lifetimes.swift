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
    @Suite("Ends")
    struct Lifetimes {}
}

extension LibraryTests.Lifetimes {
    @Test("A shutdown that is waited for leaves no process")
    func shutdownWaits() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let pids = [try await child.call(ProcessID()), try await nested.call(ProcessID())]
            let pending = try nested.startCall(Doze(milliseconds: 100_000))
            let elapsed = try await duration { try await nested.shutdown(waits: true, timeout: .seconds(5)) }
            #expect(elapsed < .seconds(1))
            #expect(try await failure { _ = try await pending.get() }.code == .channelError)
            #expect(try await Processes.stillRunning([pids[1]], after: .milliseconds(500)).isEmpty)
            #expect(try await child.call(Add(1, 2)) == 3)
            try await child.shutdown(waits: true, timeout: .seconds(5))
            #expect(Processes.state(of: pids[0]) == nil)
            // Again: there is nothing to wait for.
            try await child.shutdown(waits: true, timeout: .seconds(5))
            #expect(
                try await failure { _ = try await child.call(Add(1, 2)) }.message.contains("no route to 1, my ID is 0")
            )
        }
    }

    @Test("A shutdown that is waited for ends where there is nothing to wait for, or the context refuses")
    func shutdownOfOthers() async throws {
        try await withFixtureRouter { router in
            let (child, sibling) = (try await router.local(), try await router.local())
            let nowhere = try #require(router.context(id: 1234))
            #expect(router.context(id: 1234, creates: false) == nil, "it is kept without a way to it")
            try await within(.seconds(5)) { try await nowhere.shutdown(waits: true) }
            try await child.call(ShutDown(1234), timeout: .seconds(5))
            for other in [0, sibling.id] {
                let error = try await failure { try await child.call(ShutDown(other), timeout: .seconds(5)) }
                #expect(error.code == .channelError, "\(error)")
            }
            let limited = try await failure { try await router.myself().shutdown(waits: true) }
            #expect(limited.message == "invalid handle")
            #expect(try await sibling.call(Add(1, 2)) == 3)
        }
    }

    @Test("A shutdown of the middle takes along what is below")
    func shutdownMiddle() async throws {
        try await withFixtureRouter { router in
            var chain: [Context] = []
            var pids: [Int32] = []
            for _ in 0..<5 {
                let context = try await router.local(via: chain.last)
                pids.append(try await context.call(ProcessID()))
                chain.append(context)
            }
            let waiting = try chain[4].startCall(HangForever())
            try await chain[1].shutdown(waits: true, timeout: .seconds(5))
            let error = try await within(.seconds(2)) { try await failure { try await waiting.get() } }
            #expect(error.code == .channelError)
            #expect(try await Processes.stillRunning(Array(pids[1...]), after: .seconds(2)).isEmpty)
            #expect(try await chain[0].call(Add(1, 2)) == 3)
        }
    }

    /// How the body of `withRouter` ends.
    enum Ending: CaseIterable {
        case returns, throwsError, isCancelled
    }

    @Test("However the body ends, the contexts end", arguments: Ending.allCases)
    func bodyEnds(_ ending: Ending) async throws {
        let (pids, continuation) = AsyncStream.makeStream(of: Int32.self)
        let task = Task {
            try await withFixtureRouter { router in
                let child = try await router.local()
                let nested = try await router.local(via: child)
                _ = try child.startCall(HangForever())
                continuation.yield(try await child.call(ProcessID()))
                continuation.yield(try await nested.call(ProcessID()))
                continuation.finish()
                switch ending {
                case .returns: break
                case .throwsError: throw TestFailure("on purpose")
                case .isCancelled: _ = try await nested.call(Doze(milliseconds: 100_000))
                }
            }
        }
        let started = await pids.reduce(into: [Int32]()) { $0.append($1) }
        if ending == .isCancelled { task.cancel() }
        let elapsed = await duration { _ = await task.result }
        #expect(elapsed < .seconds(4))
        #expect(started.count == 2)
        #expect(try await Processes.stillRunning(started, after: .milliseconds(500)).isEmpty)
        switch (ending, await task.result) {
        case (.returns, .success), (.throwsError, .failure(is TestFailure)): break
        case (.isCancelled, .failure(is CancellationError)): break
        default: Issue.record("it ended in another way")
        }
    }

    @Test("A router that is forgotten ends, with its contexts")
    func forgotten() async throws {
        var pid: Int32 = 0
        weak var reference: Router?
        do {
            let router = try Router(configuration: Fixture.configuration())
            reference = router
            let child = try await router.local()
            let nested = try await router.local(via: child)
            _ = try await nested.call(Add(1, 2))
            pid = try await child.call(ProcessID())
            #expect(Processes.isRunning(pid))
        }
        let isGone = try await eventually(within: .seconds(2)) { reference == nil }
        #expect(isGone)
        #expect(try await Processes.stillRunning([pid], after: .seconds(3)).isEmpty)
        if Processes.isRunning(pid) { kill(pid, SIGKILL) }
    }

    @Test("A shutdown with work in flight wakes everyone, and leaves nothing")
    func shutdownInFlight() async throws {
        let router = try Router(configuration: Fixture.configuration())
        let child = try await router.local()
        let nested = try await router.local(via: child)
        let pids = [try await child.call(ProcessID()), try await nested.call(ProcessID())]
        let calls = try [child, nested].flatMap { context in
            [try context.startCall(HangForever()), try context.startCall(Block(milliseconds: 60_000))]
        }
        let command = Task { try await failure { _ = try await nested.run(["sleep", "1000"]) } }
        let large = Task {
            try? await nested.call(Echo([UInt8](repeating: 1, count: 50_000_000)))
        }
        try await Task.sleep(for: .milliseconds(100))
        let elapsed = await duration {
            router.shutdown()
            await router.join()
        }
        #expect(elapsed < .seconds(4))
        for call in calls {
            let error = try await within(.seconds(1)) { try await failure { try await call.get() } }
            #expect(error.code == .channelError)
        }
        #expect(try await within(.seconds(1)) { try await command.value }.code == .channelError)
        _ = try await within(.seconds(10)) { await large.value }
        #expect(try await Processes.stillRunning(pids, after: .seconds(1)).isEmpty)
        let later = try await failure { _ = try await child.call(Add(1, 2)) }
        #expect(later.code == .misuse || later.code == .channelError)
        let refused = try await within(.seconds(2)) { try await failure { _ = try await router.local() } }
        #expect(refused.code == .connectionCancelled)
    }

    /// What the contexts of a chain do while its master is killed.
    static let work = ["hold", "hang", "doze", "commands"]

    @Test("When the master is killed, ten levels are gone within 2 s", arguments: work)
    func masterKilled(_ work: String) async throws {
        let helper = try HelperProcess.fixture("chain", "10", work)
        try await helper.wait(for: "ready", times: work == "commands" ? 10 : 1)
        let pids = helper.pids
        #expect(pids.count == (work == "commands" ? 30 : 10))
        #expect(pids.allSatisfy(Processes.isRunning))
        helper.signal(SIGKILL)
        #expect(try await Processes.stillRunning(pids, after: .seconds(2)).isEmpty)
        #expect(try await helper.waitForEnd() == 128 + SIGKILL)
        for pid in pids where Processes.isRunning(pid) { kill(pid, SIGKILL) }
    }

    @Test("When a context in the middle is killed, all below it are gone within 2 s", arguments: work)
    func middleKilled(_ work: String) async throws {
        let helper = try HelperProcess.fixture("chain", "6", work)
        try await helper.wait(for: "ready", times: work == "commands" ? 6 : 1)
        let chain = helper.pids.filter { Processes.title(of: $0).hasPrefix("mitogen:") }
        #expect(chain.count == 6)
        kill(chain[2], SIGKILL)
        // The commands of the killed one are its own problem: nobody is left who knows them.
        #expect(try await Processes.stillRunning(Array(chain[2...]), after: .seconds(2)).isEmpty)
        #expect(chain[..<2].allSatisfy(Processes.isRunning))
        let all = helper.pids
        helper.signal(SIGKILL)
        #expect(try await Processes.stillRunning(Array(chain[..<2]), after: .seconds(2)).isEmpty)
        for pid in all where Processes.isRunning(pid) { kill(pid, SIGKILL) }
    }

    @Test("When the master is told to end, its contexts are gone", arguments: [SIGTERM, SIGINT, SIGHUP])
    func masterSignaled(_ signal: Int32) async throws {
        let helper = try HelperProcess.fixture("chain", "3", "doze")
        try await helper.wait(for: "ready")
        let pids = helper.pids
        helper.signal(signal)
        #expect(try await Processes.stillRunning(pids, after: .seconds(2)).isEmpty)
        _ = try await helper.waitForEnd()
    }

    @Test("A program that returns early leaves nothing")
    func returnsEarly() async throws {
        let helper = try HelperProcess.fixture("return-early")
        try await helper.wait(for: "ready")
        var status: Int32?
        let elapsed = try await duration { status = try await helper.waitForEnd() }
        #expect(status == 0)
        #expect(elapsed < .seconds(7))
        #expect(helper.pids.count >= 4)
        #expect(try await Processes.stillRunning(helper.pids, after: .seconds(1)).isEmpty)
    }

    @Test("A program that throws says so and exits with 1")
    func programThrows() async throws {
        let helper = try HelperProcess.fixture("throw")
        #expect(try await helper.waitForEnd() == 1)
        #expect(helper.lines == ["mitogen-fixture: error: the fixture was told to throw"])
    }

    @Test("A program that is started by hand as if it were a context refuses")
    func startedByHand() async throws {
        let helper = try HelperProcess.fixture("mitogen:by hand")
        #expect(try await helper.waitForEnd() == 1)
        #expect(helper.lines.first?.contains("configuration") == true)
    }

    @Test("Nothing is left of a program's routers when they have ended")
    func leaks() async throws {
        let helper = try HelperProcess.fixture("leak-check")
        let status = try await helper.waitForEnd(within: .seconds(50))
        #expect(status == 0, "\(helper.lines)")
        #expect(helper.lines.last == "clean")
    }

    // MARK: Detaching

    @Test("A context that has let go of its parent lives on")
    func detached() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/result"
            let helper = try HelperProcess.fixture("detach", path)
            #expect(try await helper.waitForEnd() == 0)
            let pid = try #require(helper.pids.first)
            #expect(helper.lines.contains("disconnected it has detached itself"))
            #expect(try await eventually { Files.text(path) != nil })
            let result = try #require(Files.text(path)).split(separator: " ")
            // Its own child answers, it has no parents any more.
            #expect(result.count == 4)
            #expect(result.first == "3")
            #expect(result.suffix(2) == ["0", "true"])
            let child = try #require(Int32(result[1]))
            try await Task.sleep(for: .milliseconds(1500))
            #expect(Processes.isRunning(pid))
            #expect(Processes.isRunning(child))
            kill(pid, SIGKILL)
            #expect(try await Processes.stillRunning([pid, child], after: .seconds(2)).isEmpty)
        }
    }

    @Test("A context that lets go of its parent does not wait any more for those beyond it, and its work goes on")
    func detachedWaits() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/result"
            try await withFixtureRouter { router in
                let (child, sibling) = (try await router.local(), try await router.local())
                try router.addHandler(at: 3000) { _ in }
                _ = try await sibling.call(Listen(at: 3000, tells: 2999))
                let call = try child.startCall(DetachAndWait(path: path, sibling: sibling.id, handle: 3000))
                #expect(try await eventually(within: .seconds(20)) { Files.text(path) != nil })
                #expect(Files.text(path) == "channelError channelError channelError")
                _ = try await failure { try await call.get(timeout: .seconds(10)) }
            }
        }
    }

    @Test("Only a direct child can let go")
    func detachingRefused() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let error = try await failure {
                _ = try await nested.call(Ask(0, StandardHandle.detaching, "", timeout: 0.3))
            }
            #expect(error.code == .timeoutError)
            let isLogged = try await CapturedLog.waitForLine(of: "mitogen") {
                $0.contains("ignored DETACHING from context \(nested.id)")
            }
            #expect(isLogged)
            #expect(try await nested.call(Add(1, 2)) == 3)
        }
    }
}
