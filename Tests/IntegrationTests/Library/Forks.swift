//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Forking")
    struct Forks {}
}

extension LibraryTests.Forks {
    /// The fork servers of this process.
    static var servers: [Int32] {
        Processes.children(of: selfPID).filter { pid in
            (Files.text("/proc/\(pid)/cmdline") ?? "").contains("mitogen:fork server of")
        }
    }

    /// What this process has open, without the numbers.
    private static var descriptors: [String] {
        Files.names(in: "/proc/self/fd").map { name in
            String(Files.linkTarget("/proc/self/fd/\(name)").prefix { $0 != ":" })
        }.filter { !$0.isEmpty && !$0.contains("/task/") && $0 != "/proc/\(selfPID)/fd" }.sorted()
    }

    @Test("A forked context is one like another: it has an identity, calls functions and makes contexts itself")
    func identity() async throws {
        try await withFixtureRouter { router in
            let child = try await router.fork()
            let pid = try await child.call(ProcessID())
            #expect(child.name == "fork.\(pid)" && child.id == 1)
            #expect(try await child.call(ContextSettings()).parentProcess == selfPID)
            #expect(Processes.title(of: pid).hasPrefix("mitogen:"))
            #expect(Processes.session(of: pid) == pid)
            let named = try await router.fork { $0.name = "a" }
            #expect(named.name == "a")
            for nested in [try await router.local(via: named), try await router.fork(via: named)] {
                #expect(try await nested.call(Add(1, 2)) == 3)
                #expect(nested.via?.id == named.id)
            }
            let result = try await child.run(["sh", "-c", "echo $PPID"])
            #expect(result.outputText == "\(pid)\n")
            try await child.shutdown(waits: true)
            #expect(try await Processes.stillRunning([pid], after: .seconds(2)) == [])
            #expect(try await named.call(Add(3, 4)) == 7)
        }
    }

    @Test("A context forks in another: there the process is a child of that context")
    func via() async throws {
        try await withFixtureRouter { router in
            let host = try await router.local { $0.name = "host" }
            let hostPID = try await host.call(ProcessID())
            let child = try await router.fork(
                preload: PreloadNote("there"),
                onFork: PreloadNote("fork"),
                onStart: StartNote("start"),
                via: host
            )
            #expect(child.via?.id == host.id)
            let pid = try await child.call(ProcessID())
            #expect(child.name == "host.fork.\(pid)")
            #expect(try await child.call(ContextSettings()).parentProcess == hostPID)
            let journal = try await child.call(ReadForkJournal())
            #expect(journal.count == 3 && journal.last == "start as \(child.id) of \(host.id)", "\(journal)")
        }
    }

    @Test("preload runs once in the server, onFork in the process with one thread, onStart before the first call")
    func functions() async throws {
        try await withFixtureRouter { router in
            let preload = PreloadNote("preload", byteCount: 1000)
            var children: [Context] = []
            for name in ["a", "b"] {
                let child = try await router.fork(
                    preload: preload,
                    onFork: PreloadNote("fork", byteCount: 1000),
                    onStart: StartNote(name)
                )
                children.append(child)
            }
            let servers = Self.servers
            #expect(servers.count == 1)
            for (child, name) in zip(children, ["a", "b"]) {
                let pid = try await child.call(ProcessID())
                let expected = [
                    "preload in \(servers[0]) with 1", "fork in \(pid) with 1", "\(name) as \(child.id) of 0",
                ]
                #expect(try await child.call(ReadForkJournal()) == expected)
                #expect(try await child.call(SumPreloadedBytes()) == 7000)
            }
            // What a start function prints is forwarded.
            let label = "stdout.[\(children[0].name)]"
            #expect(try await CapturedLog.waitForLine(of: label) { $0 == "a begins" })
            let other = try await router.fork(preload: PreloadNote("other"))
            let journal = try await other.call(ReadForkJournal())
            #expect(journal.count == 1 && journal[0].hasPrefix("other in"))
            #expect(Self.servers.count == 2)
        }
    }

    @Test("preload, onFork and onStart know that they do not run in the master")
    func places() async throws {
        try await withFixtureRouter { router in
            let note = PlaceNote()
            let child = try await router.fork(preload: note, onFork: note, onStart: note)
            let place = "false \(child.id) of [0], 0"
            #expect(try await child.call(ReadForkJournal()) == ["false 0 of [0], 0", place, place])
            let nested = try await router.fork(preload: note, onFork: note, onStart: note, via: child)
            let (server, inner) = ("\(child.id) of [\(child.id), 0], \(child.id)", "\(nested.id) of [\(child.id), 0]")
            let expected = ["false \(server)"] + Array(repeating: "false \(inner), \(child.id)", count: 2)
            #expect(try await nested.call(ReadForkJournal()) == expected)
            #expect(Mitogen.isMaster)
        }
    }

    @Test("The first thread of a forked process can give back a mutex that another thread waits for")
    func mutexes() async throws {
        try await withFixtureRouter { router in
            let child = try await router.fork(preload: PreloadNote("preload"), onStart: HoldMutex())
            var journal: [String] = []
            _ = try await eventually {
                journal = try await child.call(ReadForkJournal())
                return journal.count == 3
            }
            #expect(Array(journal.dropFirst()) == ["held, 0", "waited"], "\(journal)")
        }
    }

    @Test("The options debug, isProfilingEnabled and isUnidirectional hold for the forked context")
    func options() async throws {
        try await withFixtureRouter { router in
            let plain = try await router.fork()
            let set = try await router.fork {
                $0.isUnidirectional = true
                $0.isProfilingEnabled = true
                $0.isDebugEnabled = true
                $0.remoteName = "forked-here"
            }
            let (before, after) = (try await plain.call(ContextSettings()), try await set.call(ContextSettings()))
            #expect(!before.isUnidirectional && !before.isProfiling)
            #expect(after.isUnidirectional && after.isProfiling)
            #expect(after.maxMessageSize == router.maxMessageSize)
            #expect(Processes.title(of: try await set.call(ProcessID())) == "mitogen:forked-here")
            let file = try #require(try await set.call(DebugFileHere()))
            unlink(file)
            #expect(try await plain.call(DebugFileHere()) == nil)
        }
    }

    @Test("A fork that cannot be says why", arguments: [true, false])
    func failures(isThere: Bool) async throws {
        try await withFixtureRouter { router in
            let via = isThere ? try await router.local() : nil
            let failing = try await failure { try await router.fork(preload: ForkTrouble(.fails), via: via) }
            #expect(failing.code == .spawnError && "\(failing)".contains("no memory left"), "\(failing)")
            let crashing = try await failure { try await router.fork(preload: ForkTrouble(.crashes), via: via) }
            #expect(crashing.code == .spawnError, "\(crashing)")
            #expect("\(crashing)".contains("the fixture was told to crash here"), "\(crashing)")
            let threaded = try await failure { try await router.fork(preload: ForkTrouble(.startsThread), via: via) }
            #expect(threaded.code == .spawnError && threaded.message.contains("stowaway"), "\(threaded)")
            let pooled = try await failure { try await router.fork(preload: ForkTrouble(.startsTask), via: via) }
            #expect(pooled.message.contains("more threads than its first"), "\(pooled)")
            let unready = try await failure { try await router.fork(onFork: ForkTrouble(.fails), via: via) }
            #expect(unready.code == .eofError && "\(unready)".contains("no memory left"), "\(unready)")
            let slow = try await failure {
                try await router.fork(preload: ForkTrouble(.sleeps), via: via) { $0.connectTimeout = .seconds(0.3) }
            }
            #expect(slow.code == .timeoutError && slow.message.contains("fork server"), "\(slow)")
            #expect(try await router.fork(via: via).call(Add(1, 2)) == 3)
        }
    }

    @Test("A start function that throws ends the context with status 72")
    func startFailure() async throws {
        try await withFixtureRouter { router in
            let child = try await router.fork(onStart: ForkTrouble(.fails))
            let error = try await failure { try await child.call(Add(1, 2)) }
            #expect(error.code == .channelError && error.message.contains("72"), "\(error)")
            #expect(error.message.contains("no memory left"), "\(error)")
        }
    }

    @Test("What a fork cannot have is refused before anything is started")
    func misuse() async throws {
        struct Hidden: ForkFunction { func run() throws {} }
        try await withFixtureRouter { router in
            let errors = [
                try await failure { try await router.fork { $0.executable = ["/bin/true"] } },
                try await failure { try await router.fork(preload: Hidden()) },
                try await failure {
                    try await router.fork(onFork: PreloadNote(String(repeating: "x", count: 300_000)))
                },
                try await failure { try await router.fork { $0.remoteName = "a/b" } },
            ]
            #expect(errors.allSatisfy { $0.code == .misuse }, "\(errors)")
            #expect(Self.servers.isEmpty)
        }
    }

    @Test("A fork server that dies is started anew; who waited gets its last words, and its children live on")
    func deadServer() async throws {
        try await withFixtureRouter { router in
            let child = try await router.fork()
            let first = try #require(Self.servers.first)
            kill(first, SIGKILL)
            #expect(try await Processes.stillRunning([first], after: .seconds(2)) == [])
            let second = try await router.fork()
            #expect(Self.servers != [first] && Self.servers.count == 1)
            for context in [child, second] { #expect(try await context.call(Add(1, 2)) == 3) }
            // Those who wait while it runs its preload function.
            async let waiting = failure { try await router.fork(preload: ForkTrouble(.sleeps)) }
            let idle = Self.servers
            // A server that ends before it was asked is started once more: then it is the second one's end that is told.
            let killer = Task {
                while !Task.isCancelled {
                    for pid in Self.servers where !idle.contains(pid) { kill(pid, SIGTERM) }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            defer { killer.cancel() }
            let error = try await waiting
            #expect(error.code == .spawnError && error.message.contains("the fork server has ended"), "\(error)")
            #expect(error.message.contains("SIGTERM"), "\(error)")
        }
    }

    @Test("What preload and onFork print is no part of the connection, and they have nothing to read")
    func printing() async throws {
        try await withFixtureRouter { router in
            for _ in 0..<2 {
                let child = try await router.fork(preload: ForkTrouble(.prints), onFork: ForkTrouble(.prints))
                #expect(try await child.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("A server that hangs is ended when an attempt's time is over, and leaves no descriptor; setups may be large")
    func hangingServer() async throws {
        try await withFixtureRouter { router in
            _ = try await router.fork().call(Add(1, 2))
            let (idle, before) = (Self.servers, Self.descriptors)
            let stuck = LargeHang(name: String(repeating: "x", count: 250_000))
            let start = ContinuousClock.now
            let error = try await failure {
                try await router.fork(preload: stuck) { $0.connectTimeout = .seconds(0.5) }
            }
            #expect(error.code == .timeoutError && error.message.contains("fork server"), "\(error)")
            #expect(ContinuousClock.now - start < .seconds(5))
            #expect(try await eventually { Self.servers == idle && Self.descriptors.count <= before.count })
            // Those whose callers go leave nothing either, while the server goes on.
            let hanging = Task { try await router.fork(preload: ForkTrouble(.sleeps)) }
            #expect(try await eventually { Self.servers.count == idle.count + 1 })
            let others = (0..<5).map { _ in Task { try await router.fork(preload: ForkTrouble(.sleeps)) } }
            try await Task.sleep(for: .milliseconds(100))
            for task in [hanging] + others {
                task.cancel()
                let result = await task.result
                #expect(throws: MitogenError.self) { try result.get() }
            }
            // The server's own: its socket, its diagnostics, its end.
            #expect(try await eventually { Self.descriptors.count <= before.count + 3 })
        }
        #expect(try await eventually { Self.servers.isEmpty })
    }

    @Test("A fork function that hangs is not said to be the server")
    func hangingForkFunction() async throws {
        try await withFixtureRouter { router in
            let error = try await failure {
                try await router.fork(onFork: ForkTrouble(.sleeps)) { $0.connectTimeout = .seconds(0.5) }
            }
            #expect(error.code == .timeoutError && !error.message.contains("preload"), "\(error)")
        }
    }

    @Test("A call that waits for the start function can be given up: then it never runs")
    func givingUpEarly() async throws {
        try await withFixtureRouter { router in
            let child = try await router.fork(onStart: SlowStart())
            let early = try await failure {
                try await child.call(NoteInJournal("given up"), timeout: .milliseconds(100))
            }
            #expect(early.code == .timeoutError, "\(early)")
            #expect(try await child.call(ReadForkJournal()) == ["started"])
        }
    }

    @Test("A router that is forgotten takes its hanging fork server along")
    func forgotten() async throws {
        let servers = Set(Self.servers)
        do {
            let router = try Router(configuration: Fixture.configuration())
            let error = try await failure {
                try await router.fork(preload: ForkTrouble(.fails)) { $0.connectTimeout = .seconds(10) }
            }
            #expect(error.code == .spawnError)
            let hanging = Task { try await router.fork(preload: ForkTrouble(.sleeps)) }
            #expect(try await eventually { !Set(Self.servers).isSubset(of: servers) })
            hanging.cancel()
            _ = await hanging.result
        }
        #expect(try await eventually { Set(Self.servers).isSubset(of: servers) })
    }

    @Test("Many forks at once leave neither a process nor a descriptor")
    func many() async throws {
        try await withFixtureRouter { router in
            _ = try await router.fork().shutdown(waits: true)
            let before = Self.descriptors
            let others = Set(Processes.children(of: selfPID))
            let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let child = try await router.fork()
                        guard try await child.call(Add(number, 1)) == number + 1 else { throw TestFailure("wrong") }
                        let pid = try await child.call(ProcessID())
                        try await child.shutdown(waits: true)
                        return pid
                    }
                }
                var pids: [Int32] = []
                for try await pid in group { pids.append(pid) }
                return pids
            }
            #expect(Set(pids).count == 100)
            #expect(try await eventually { others.isSuperset(of: Processes.children(of: selfPID)) })
            _ = try await eventually { Self.descriptors.count <= before.count }
            #expect(Self.descriptors.count <= before.count, "\(before) \(Self.descriptors)")
        }
        #expect(try await eventually { Self.servers.isEmpty })
    }

    @Test("What preload has made is in memory once")
    func sharedMemory() async throws {
        try await withFixtureRouter { router in
            let size = 64 << 20
            var pids: [Int32] = []
            for _ in 0..<8 {
                let child = try await router.fork(preload: PreloadNote("large", byteCount: size))
                pids.append(try await child.call(ProcessID()))
            }
            let total = pids.reduce(0) { $0 + Self.proportionalMemory(of: $1) }
            #expect(total > 0 && total < 2 * size >> 10, "\(total) KiB")
        }
    }

    /// Its share of what processes have in common, and what is its own, in KiB.
    private static func proportionalMemory(of pid: Int32) -> Int {
        let line = Files.text("/proc/\(pid)/smaps_rollup")?.split(separator: "\n").first { $0.hasPrefix("Pss:") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }
}
