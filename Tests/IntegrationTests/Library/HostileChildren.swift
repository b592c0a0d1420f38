//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
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
    @Suite("Hostile children")
    struct HostileChildren {}
}

extension LibraryTests.HostileChildren {
    /// A child that misbehaves and one that does not.
    private func withChild(
        _ behaviour: String,
        via: ((Router) async throws -> Context)? = nil,
        _ body: (Router, _ hostile: Context, _ honest: Context) async throws -> Void
    ) async throws {
        let executable = [try Fixture.path, "raw-child", behaviour]
        try await withFixtureRouter {
            // These children do not end when they are asked to.
            $0.shutdownTimeout = .seconds(1)
        } _: { router in
            let between = try await via?(router)
            let hostile = try await router.local(via: between) { $0.executable = executable }
            let honest = try await router.local(via: between)
            try await body(router, hostile, honest)
            #expect(try await honest.call(Add(1, 2)) == 3)
        }
    }

    // MARK: Commands

    @Test("Credit for input beyond all measure does nothing, with input and without")
    func credit() async throws {
        try await withChild("command-credit") { _, hostile, _ in
            for _ in 0..<2 {
                let result = try await hostile.run(["true"], timeout: .seconds(10))
                #expect(result.status == .exited(0))
                let input = ProcessInput.bytes([UInt8](repeating: 7, count: 1 << 20))
                let other = try await hostile.run(["true"], stdin: input, timeout: .seconds(10))
                #expect(other.status == .exited(0))
            }
        }
    }

    @Test("A status that no process ends with is refused")
    func status() async throws {
        try await withChild("command-status") { _, hostile, _ in
            let error = try await failure { try await hostile.run(["true"], timeout: .seconds(10)) }
            #expect(error.code == .streamError, "\(error)")
        }
        for (key, number) in [("exited", -2), ("exited", 256), ("signaled", 0), ("signaled", 128), ("stopped", 1)] {
            let message = try Message.pickled([key: number])
            #expect(throws: MitogenError.self) { try message.decode(as: ExitStatus.self) }
        }
        for status in [ExitStatus.exited(0), .exited(255), .exited(-1), .signaled(1), .signaled(64)] {
            let decoded = try Message.pickled(status).decode(as: ExitStatus.self)
            #expect(decoded == status)
        }
    }

    @Test("A command that sends more output than it may is given up")
    func output() async throws {
        try await withChild("command-output") { _, hostile, _ in
            let error = try await failure {
                try await hostile.run(["yes"], timeout: .seconds(30)) { _ in
                    // Takes next to nothing.
                    try? await Task.sleep(for: .milliseconds(500))
                    return true
                }
            }
            #expect(error.code == .streamError && error.message.contains("more output than it may"), "\(error)")
        }
    }

    // MARK: Answers that come early

    @Test("An answer that comes before its last items ends nothing: a command and a stream have them all")
    func earlyAnswers() async throws {
        try await withChild("early-command") { _, hostile, _ in
            let result = try await hostile.run(["x"], timeout: .seconds(10))
            #expect(result.status == .exited(0) && result.outputText == "1\n2\n3\n", "\(result.outputText)")
        }
        try await withChild("early-stream") { _, hostile, _ in
            var numbers: [Int] = []
            let values = hostile.stream(named: "x.y", as: Int.self, timeout: .seconds(10))
            for try await number in values { numbers.append(number) }
            #expect(numbers == [1, 2, 3])
        }
    }

    @Test("A context that is lost after its answer, with items missing, ends a command and a stream with an error")
    func lostItems() async throws {
        func expectLoss(_ behaviour: String, _ body: @escaping @Sendable (Context) async throws -> Void) async throws {
            try await withChild(behaviour) { _, hostile, _ in
                let error = try await failure { try await within(.seconds(10)) { try await body(hostile) } }
                #expect(error.code == .channelError, "\(error)")
                #expect(error.description.contains(hostile.name), "\(error)")
            }
        }
        try await expectLoss("early-command-lost") { _ = try await $0.run(["x"]) }
        try await expectLoss("early-stream-lost") { context in
            for try await number in context.stream(named: "x.y", as: Int.self) { #expect(number == 1) }
        }
    }

    // MARK: Values

    @Test("An answer of millions of small values is refused", arguments: ["nones", "lists"])
    func answers(kind: String) async throws {
        try await withChild("answer-\(kind)") { _, hostile, _ in
            let error = try await failure { try await hostile.call(Add(1, 2), timeout: .seconds(30)) }
            #expect(error.code == .streamError, "\(error)")
        }
    }

    // MARK: Endings

    @Test("A sibling of who is asked, and another child, cannot say that it is gone or that a channel has ended")
    func endings() async throws {
        for via in [nil, { try await $0.local() }] as [((Router) async throws -> Context)?] {
            try await withChild("flood-few-endings", via: via) { router, hostile, honest in
                let told = OneShot<Void>()
                try router.addHandler(at: 2000) { _ in told.resolve(.success(())) }
                let call = try honest.startCall(Doze(milliseconds: 1500, result: 7))
                let receiver = try Receiver<Int>(router: router)
                let sending = try honest.startCall(SendNumbers(600, to: receiver.makeSender()))
                var taken: [Int] = []
                for try await number in receiver {
                    taken.append(number)
                    if taken.count == 10 {
                        // Now that the sender waits for credit.
                        try hostile.send(Message(handle: 1))
                        try await within(.seconds(20)) { try await told.value() }
                    }
                }
                #expect(taken == Array(0..<600))
                try await sending.get(timeout: .seconds(10))
                #expect(try await call.get(timeout: .seconds(10)) == 7)
            }
        }
    }

    // MARK: Silence

    @Test("Calls that were given up do not stay queued for a child that does not read")
    func deaf() async throws {
        try await withChild("deaf") { router, hostile, _ in
            let block = [UInt8](repeating: 1, count: 30_000)
            let calls = try (0..<2000).map { _ in try hostile.startCall(CountBytes(block), timeout: .seconds(2)) }
            func queued() -> Int { router.dump().streams.map(\.bytesQueued).max() ?? 0 }
            #expect(queued() > 40_000_000)
            for call in calls {
                let error = try await failure { try await call.get() }
                #expect(error.code == .timeoutError)
            }
            #expect(try await eventually { queued() < 8_000_000 }, "\(queued())")
        }
    }

    @Test("A log that nobody reads holds up nothing: no call, no time limit, not the end")
    func stuckLog() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/log"
            try #require(mkfifo(path, 0o600) == 0)
            // Open, so that the master can open it; what it holds is never read.
            let reader = open(path, O_RDWR | O_CLOEXEC)
            defer { close(reader) }
            let master = try HelperProcess.fixture("stuck-log", path)
            #expect(try await master.waitForEnd(within: .seconds(40)) == 0, "\(master.lines)")
            #expect(master.lines.last == "done", "\(master.lines)")
        }
    }

    @Test("Ten children that mean harm, each in its own way and all at once, hold up no other and take little memory")
    func besieged() async throws {
        let helper = try HelperProcess.fixture("besieged")
        #expect(try await helper.waitForEnd(within: .seconds(50)) == 0, "\(helper.lines)")
        func figure(_ name: String) throws -> Int {
            let line = helper.lines.first { $0.hasPrefix("\(name) ") }
            return try #require(line.flatMap { Int($0.dropFirst(name.count + 1)) }, "\(helper.lines)")
        }
        #expect(try figure("calls") >= 50)
        // 50 ms and 200 MB is what a release build has to keep; a debug build takes about ten times as long for a frame, and
        // twelve busy processes share the machine's processors with whatever else runs.
        #expect(try figure("p99-us") < 250_000, "\(helper.lines)")
        #expect(try figure("resident-kb") < 250_000, "\(helper.lines)")
    }

    // MARK: The own home

    @Test("A home that is not there is not made, and one that others can write to is not used")
    func home() async throws {
        try await withTemporaryDirectory { directory in
            let homes = ["\(directory)/missing", "\(directory)/open", "\(directory)/linked", "\(directory)/good"]
            for home in homes.dropFirst() { try #require(mkdir(home, 0o755) == 0) }
            try #require(chmod(homes[1], 0o777) == 0)
            try #require(symlink(directory, "\(homes[2])/.cache") == 0)
            var found: [Int32] = []
            for home in homes { found.append(cmitogen_cache_directory(home)) }
            #expect(found == [-ENOENT, -EPERM, found[2], 0])
            #expect([-ELOOP, -ENOTDIR].contains(found[2]))
            #expect(Files.names(in: directory).sorted() == ["good", "linked", "open"])
            #expect(Files.names(in: homes[1]).isEmpty)
            #expect(Files.names(in: "\(homes[3])/.cache") == ["mitogen"])
        }
    }
}
