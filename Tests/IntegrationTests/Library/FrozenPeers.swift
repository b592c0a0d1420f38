//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Distributed
internal import Mitogen
internal import MitogenDistributed
internal import MitogenFixtures
internal import MitogenProtocol
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Frozen peers")
    struct FrozenPeers {}
}

extension LibraryTests.FrozenPeers {
    /// A context that stands still, directly below or behind another one.
    private func withFrozen(
        nested: Bool = false,
        asksAfterSeconds: Int? = nil,
        prepare: (Context) async throws -> Void = { _ in },
        _ body: (Router, Context) async throws -> Void
    ) async throws {
        try await withFixtureRouter {
            $0.shutdownTimeout = .seconds(1)
            $0.keepAliveInterval = asksAfterSeconds.map { .seconds($0) }
            $0.keepAliveTimeout = .seconds(3)
        } _: { router in
            let between = nested ? try await router.local() : nil
            let frozen = try await router.local(via: between)
            try await prepare(frozen)
            let pid = try await frozen.call(ProcessID())
            try await Processes.stop(pid)
            defer { kill(pid, SIGKILL) }
            try await body(router, frozen)
        }
    }

    /// Expects that `body` throws `.timeoutError` within the limit.
    private func expectTimeout(
        _ what: String,
        within limit: Duration = .seconds(8),
        _ body: () async throws -> Void
    ) async throws {
        let start = ContinuousClock.now
        do {
            try await body()
            Issue.record("\(what) has ended")
        } catch let error as MitogenError {
            #expect(error.code == .timeoutError, "\(what): \(error)")
        }
        #expect(ContinuousClock.now - start < limit, "\(what)")
    }

    @Test("Every wait that its caller has bounded ends at the caller", arguments: [false, true])
    func waits(nested: Bool) async throws {
        let (second, half) = (Duration.seconds(1), Duration.milliseconds(500))
        try await withFrozen(nested: nested, prepare: { try await $0.prepareService(Notebook.self) }) {
            router,
            frozen in
            try await expectTimeout("call") { _ = try await frozen.call(Add(1, 2), timeout: half) }
            try await expectTimeout("large call") {
                _ = try await frozen.call(CountBytes([UInt8](repeating: 1, count: 3 << 20)), timeout: half)
            }
            try await expectTimeout("startCall") { _ = try await frozen.startCall(Add(1, 2), timeout: half).get() }
            try await expectTimeout("get") { _ = try await frozen.startCall(Add(1, 2)).get(timeout: half) }
            try await expectTimeout("call chain") {
                _ = try await frozen.withCallChain { try await $0.startCall(Add(1, 2), timeout: half).get() }
            }
            try await expectTimeout("stream") { for try await _ in frozen.stream(Count(to: 3), timeout: half) {} }
            try await expectTimeout("run") { _ = try await frozen.run(["true"], timeout: half) }
            try await expectTimeout("message") { _ = try await frozen.request(Message(handle: 1), timeout: half) }
            try await expectTimeout("service") { _ = try await frozen.callService(Notebook.ReadAll(), timeout: half) }
            try await expectTimeout("startServiceCall") {
                _ = try await frozen.startServiceCall(Notebook.ReadAll(), timeout: half).get()
            }
            try await expectTimeout("prepareService") { try await frozen.prepareService(Diary.self, timeout: half) }
            try await expectTimeout("shutdown") { try await frozen.shutdown(waits: true, timeout: half) }
            try await expectTimeout("Select.all") {
                _ = try await Select.all([try frozen.startCall(Add(1, 2))], timeout: half)
            }
            let receiver = try Receiver<Int>(router: router, respondent: frozen)
            try await expectTimeout("receiver") { _ = try await receiver.get(timeout: half) }
            let sender = Sender<[UInt8]>(to: frozen, handle: 4000)
            try await expectTimeout("sender") {
                for _ in 0..<100 { try await sender.send([UInt8](repeating: 1, count: 50_000), timeout: second) }
            }
            try await expectTimeout("large value") {
                try await sender.send([UInt8](repeating: 1, count: 3 << 20), timeout: half)
            }
            let system = try router.actorSystem
            try await expectTimeout("create") {
                _ = try await system.create(Counter.self, with: 1, in: frozen, timeout: half)
            }
        }
    }

    @Test("An actor's method takes no longer than its caller allows")
    func actors() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let system = try router.actorSystem
            let counter = try await system.create(Counter.self, with: 1, in: child)
            #expect(try await Mitogen.withTimeout(.seconds(10)) { try await counter.increment() } == 2)
            let left = try await Mitogen.withTimeout(.seconds(10)) { try await counter.timeLeft() }
            #expect((5...10).contains(left ?? 0))
            let pid = try await child.call(ProcessID())
            try await Processes.stop(pid)
            defer { kill(pid, SIGKILL) }
            try await expectTimeout("method") {
                _ = try await Mitogen.withTimeout(.milliseconds(500)) { try await counter.increment() }
            }
            try await expectTimeout("release") { try await system.release(counter, timeout: .milliseconds(500)) }
        }
    }

    @Test("The error of a command whose context stands still says that the command may still run")
    func command() async throws {
        try await withFrozen { _, frozen in
            let error = try await failure { try await frozen.run(["sleep", "60"], timeout: .milliseconds(100)) }
            #expect(error.code == .timeoutError && error.message.contains("does not answer"))
            #expect(error.hint?.contains("may still run") == true)
            #expect(error.context == frozen.name)
        }
    }

    @Test("A child that stands still is given up after the time that is set; one that is only idle stays")
    func keepAlive() async throws {
        try await withFrozen(asksAfterSeconds: 1) { router, frozen in
            let idle = try await router.local()
            let start = ContinuousClock.now
            let error = try await failure { try await frozen.call(Add(1, 2)) }
            #expect(error.code == .channelError && error.message.contains("has not answered"), "\(error)")
            #expect((.seconds(2) ... .seconds(10)).contains(ContinuousClock.now - start))
            try await Task.sleep(for: .seconds(2))
            #expect(try await idle.call(Add(1, 2)) == 3)
        }
    }

    @Test("The same for a child of a child, while the one between goes on")
    func nestedKeepAlive() async throws {
        try await withFrozen(nested: true, asksAfterSeconds: 1) { router, frozen in
            let error = try await failure { try await frozen.call(Add(1, 2), timeout: .seconds(20)) }
            #expect(error.code == .channelError, "\(error)")
            let between = try #require(router.context(id: 1, creates: false))
            #expect(try await between.call(Add(1, 2)) == 3)
        }
    }
}
