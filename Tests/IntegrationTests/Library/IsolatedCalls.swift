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
    @Suite("Isolated calls")
    struct IsolatedCalls {}
}

extension LibraryTests.IsolatedCalls {
    @Test("A function runs in a process of its own, here and behind another context")
    func results() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                let pid = try await context.call(ProcessID())
                let isolated = try await context.call(ProcessID(), isolation: .process)
                #expect(isolated != pid)
                #expect(try await context.call(Echo(Everything()), isolation: .process) == Everything())
                try await context.call(DoNothing(), isolation: .process)
                #expect(try await context.call(ContextSettings(), isolation: .process).parentProcess == pid)
                #expect(try await Processes.stillRunning([isolated], after: .seconds(5)) == [])
                #expect(try await eventually { Processes.children(of: pid).count <= 2 })
            }
        }
    }

    @Test("A result that is nil arrives as that")
    func optionalResult() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await child.call(Perhaps(nil), isolation: .process) == nil)
            #expect(try await child.call(Perhaps(7), isolation: .process) == 7)
        }
    }

    @Test("A process that stands still is ended after its call was given up", .timeLimit(.minutes(1)))
    func standingStill() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            _ = try await child.call(Add(1, 2), isolation: .process)
            let error = try await failure {
                try await child.call(StandStill(), isolation: .process, timeout: .milliseconds(300))
            }
            #expect(error.code == .timeoutError, "\(error)")
            let start = ContinuousClock.now
            while Processes.children(of: pid).count > 1, ContinuousClock.now - start < .seconds(15) {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(Processes.children(of: pid).count == 1)
        }
    }

    @Test("That the process could not be forked is a connection failure")
    func forkFailure() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            let error = try await failure {
                try await child.call(Add(1, 2), isolation: .process(preload: ForkTrouble(.fails)))
            }
            #expect(error.code == .spawnError && error.isConnectionFailure, "\(error)")
            #expect(try await eventually { Processes.children(of: pid).isEmpty })
        }
    }

    @Test("An error of an isolated function is that of any other")
    func errors() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "child" }
            let plain = try await failure { try await child.call(Buy("bread")) }
            let error = try await failure { try await child.call(Buy("bread"), isolation: .process) }
            #expect(error.code == .callError && error.remote?.typeName == plain.remote?.typeName)
            #expect(error.message == plain.message, "\(error)")
            #expect(error.remote?.value == plain.remote?.value)
            let own = try await failure { try await child.call(FailWithPasswordError(), isolation: .process) }
            #expect(own.code == .passwordError)
        }
    }

    @Test(
        "A crash touches nothing else, and the error says how the process has ended",
        arguments: [
            (Crash.Way.fatalError, "the fixture was told to"), (.kill, "SIGKILL"), (.abort, "SIGABRT"), (.exit3, "3"),
        ]
    )
    func crash(way: Crash.Way, text: String) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            let error = try await failure { try await child.call(Crash(way), isolation: .process) }
            #expect(error.code == .channelError && "\(error)".contains(text), "\(error)")
            #expect(try await child.call(ProcessID()) == pid)
            #expect(try await child.call(Add(1, 2), isolation: .process) == 3)
        }
    }

    @Test("The directory, the environment, the user, descriptors and signals stay as they are for others")
    func sharedState() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let before = try await child.call(ReadSharedState())
            let isolatedBefore = try await child.call(ReadSharedState(), isolation: .process)
            let changed = try await child.call(ChangeSharedState(), isolation: .process)
            #expect(changed.directory == "/" && changed.variable == "changed")
            #expect(changed.descriptors >= isolatedBefore.descriptors + 20)
            if getuid() == 0 { #expect(changed.user == 65534) }
            let after = try await child.call(ReadSharedState())
            #expect(after.directory == before.directory && after.variable == nil && after.user == before.user)
            let isolatedAfter = try await child.call(ReadSharedState(), isolation: .process)
            #expect(isolatedAfter.variable == nil && isolatedAfter.user == before.user)
        }
    }

    @Test("It sees what its preload function has made, not what is in the context's memory")
    func preload() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let isolation = CallIsolation.process(preload: PreloadNote("made", byteCount: 10))
            for _ in 0..<2 {
                #expect(try await child.call(SumPreloadedBytes(), isolation: isolation) == 70)
                #expect(try await child.call(ReadForkJournal(), isolation: isolation).count == 1)
            }
            #expect(try await child.call(SumPreloadedBytes()) == 0)
        }
    }

    @Test("A limit that is used up ends the call, and nothing else", .timeLimit(.minutes(1)))
    func limits() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            func limited(_ limits: ProcessLimits) -> CallIsolation { .process(limits: limits) }
            let time = try await failure {
                try await child.call(UseUp(.processorTime), isolation: limited(.init(processorTime: .seconds(1))))
            }
            #expect(time.code == .channelError && "\(time)".contains("SIGXCPU"), "\(time)")
            let memory = try await failure {
                try await child.call(UseUp(.memory), isolation: limited(.init(memory: 64 << 20)))
            }
            #expect(memory.code == .channelError, "\(memory)")
            #expect(
                try await child.call(UseUp(.openFiles), isolation: limited(.init(openFiles: 40)))
                    == "Too many open files"
            )
            let files = try await child.call(ReadSharedState(), isolation: limited(.init(openFiles: 40)))
            #expect(files.openFiles == 40)
            #expect(try await child.call(ReadNice(), isolation: limited(.init(nice: 5))) == 5)
            // What is less than the limits goes on as ever.
            let all = ProcessLimits(processorTime: .seconds(100), memory: 64 << 20, openFiles: 64, nice: 1)
            #expect(
                try await child.call(CountBytes([UInt8](repeating: 1, count: 4 << 20)), isolation: limited(all)) == 4
                    << 20
            )
            #expect(try await child.call(ReadNice()) == 0)
            let wrong = try await failure {
                try await child.call(Add(1, 2), isolation: limited(.init(openFiles: 3)))
            }
            #expect(wrong.code == .misuse)
        }
    }

    @Test("A call that is given up takes its process along")
    func givingUp() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            _ = try await child.call(Add(1, 2), isolation: .process)
            let error = try await failure {
                try await child.call(Doze(milliseconds: 100_000), isolation: .process, timeout: .milliseconds(300))
            }
            #expect(error.code == .timeoutError, "\(error)")
            let call = Task { try await child.call(Doze(milliseconds: 100_000), isolation: .process) }
            try await Task.sleep(for: .milliseconds(200))
            call.cancel()
            let cancelled = await call.result
            #expect(throws: MitogenError.self) { try cancelled.get() }
            // The fork server stays.
            #expect(try await eventually { Processes.children(of: pid).count == 1 })
        }
    }

    @Test("A limit above the hard limit of the context is refused, and nothing is forked", .timeLimit(.minutes(1)))
    func hardLimits() async throws {
        try await withFixtureRouter { router in
            let program = try Fixture.path
            let child = try await router.local {
                let limits = "ulimit -t 1000; ulimit -d 2000000; ulimit -n 200; exec \"$0\" \"$@\""
                $0.executable = ["/bin/sh", "-c", limits, program]
            }
            let pid = try await child.call(ProcessID())
            let cases: [(ProcessLimits, String, String)] = [
                (ProcessLimits(processorTime: .seconds(1001)), "processorTime", "1000"),
                (ProcessLimits(memory: 3 << 30), "memory", "\(2_000_000 << 10)"),
                (ProcessLimits(openFiles: 201), "openFiles", "200"),
            ]
            for (limits, name, most) in cases {
                let error = try await failure { try await child.call(Add(1, 2), isolation: .process(limits: limits)) }
                #expect(error.code == .notPermitted && error.message.contains(name), "\(error)")
                #expect(error.message.contains("hard limit") && error.message.contains(most), "\(error)")
            }
            #expect(Processes.children(of: pid).isEmpty)
            // What the process itself has, only it can tell.
            let nearly = CallIsolation.process(limits: ProcessLimits(memory: (2_000_000 << 10) - (8 << 20)))
            let error = try await failure { try await child.call(Add(1, 2), isolation: nearly) }
            #expect(error.code == .notPermitted, "\(error)")
            #expect(error.message.contains("hard limit") && error.message.contains("\(2_000_000 << 10)"), "\(error)")
            // Those at the hard limit are not.
            let highest = ProcessLimits(processorTime: .seconds(1000), memory: 1 << 30, openFiles: 200)
            #expect(try await child.call(Add(1, 2), isolation: .process(limits: highest)) == 3)
        }
    }

    @Test(
        "A nice value that the user may not take is an error that says so",
        .enabled(if: getuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0, "needs root and setpriv")
    )
    func forbiddenNice() async throws {
        try await withFixtureRouter { router in
            let program = try Fixture.path
            let child = try await router.local {
                $0.executable = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", program]
            }
            let error = try await failure {
                try await child.call(Add(1, 2), isolation: .process(limits: ProcessLimits(nice: -5)))
            }
            #expect(error.isConnectionFailure, "\(error)")
            #expect("\(error)".contains("cannot set the nice value -5: Permission denied"), "\(error)")
            #expect(try await child.call(ReadNice(), isolation: .process(limits: ProcessLimits(nice: 5))) == 5)
        }
    }
}
