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
    @Suite("Starting contexts")
    struct Connections {}
}

extension LibraryTests.Connections {
    @Test("Numbers are handed out in upstream's order")
    func numbers() async throws {
        try await withFixtureRouter { router in
            let first = try await router.local()
            #expect(first.id == 1)
            #expect(try await router.local(via: first).id == 2)
            #expect(try await router.local(via: first).id == 3)
            #expect(try await router.local().id == 1002)
            #expect(try await router.allocateID() == 1003)
        }
    }

    @Test("Names are given, or made from the method and the process")
    func names() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(child.name == "local.\(try await child.call(ProcessID()))")
            let named = try await router.local { $0.name = "a" }
            #expect(named.name == "a")
            let nested = try await router.local(via: named) { $0.name = "b" }
            #expect(nested.name == "a.b")
            #expect(nested.via?.id == named.id)
            let deep = try await router.local(via: nested) { $0.name = "c" }
            #expect(deep.name == "a.b.c")
            #expect(router.context(id: deep.id, creates: false) == deep)
            #expect(router.streamName(id: deep.id) == "a")
            let started = try await child.call(StartChild(name: "own"))
            #expect(started.name == "own")
            #expect(router.context(id: started.id, creates: false) == started)
        }
    }

    @Test("A process shows its remote name")
    func visibleName() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.remoteName = "builder" }
            let pid = try await child.call(ProcessID())
            #expect(Processes.title(of: pid) == "mitogen:builder")
            #expect(Processes.name(of: pid) == "mitogen:builder")
            let long = String(repeating: "long name ", count: 30)
            let second = try await router.local { $0.remoteName = long }
            let secondPID = try await second.call(ProcessID())
            #expect(Processes.title(of: secondPID) == "mitogen:\(long)")
            #expect(Processes.name(of: secondPID) == "mitogen:long na")
            let plain = try await router.local()
            let title = Processes.title(of: try await plain.call(ProcessID()))
            #expect(title.hasPrefix("mitogen:"))
            #expect(title.contains("@"))
            #expect(title.hasSuffix(":\(getpid())"))
        }
    }

    @Test("Options that cannot work are refused before anything is started", arguments: ["a/b", "a\\b", "a\nb", "/"])
    func remoteNames(_ name: String) async throws {
        try await withFixtureRouter { router in
            let error = try await failure { _ = try await router.local { $0.remoteName = name } }
            #expect(error.code == .misuse)
            #expect(try await router.local().id == 1)
        }
    }

    @Test("Other options that cannot work")
    func options() async throws {
        try await withFixtureRouter { router in
            for timeout in [Duration.zero, .seconds(-1), .seconds(100_000)] {
                let error = try await failure { _ = try await router.local { $0.connectTimeout = timeout } }
                #expect(error.code == .misuse)
            }
            for executable in [[], [""]] {
                let error = try await failure { _ = try await router.local { $0.executable = executable } }
                #expect(error.code == .misuse)
            }
        }
    }

    @Test("Images that cannot become contexts are refused")
    func images() async throws {
        let images: [(RouterConfiguration.Image, String)] = [
            (.file("/nonexistent/mitogen"), "No such file"), (.file("/etc/passwd"), "not an executable"),
            (.file("/"), "/"), (.currentProgram, "runChildIfRequested"),
        ]
        for (image, text) in images {
            try await withFixtureRouter {
                $0.image = image
            } _: { router in
                let error = try await failure { _ = try await router.local() }
                #expect(error.code == .imageUnusable)
                #expect("\(error)".contains(text), "\(error)")
            }
        }
    }

    @Test("A program that was replaced before it ran is noticed")
    func replacedImage() async throws {
        try await withTemporaryDirectory { directory in
            var program = try #require(Files.bytes(Fixture.path))
            let buildID = try #require(ELFImage(Array(program.prefix(65536)))?.buildID)
            let place = try #require(program.prefix(65536).firstRange(of: buildID))
            program[place.lowerBound] ^= 0xff
            let image = "\(directory)/\(ReplacedProgram.name)"
            try Files.write(program, to: image)
            symlink(try Fixture.path, "\(directory)/original")
            try await withFixtureRouter {
                $0.image = .file(image)
            } _: { router in
                let error = try await failure { _ = try await router.local() }
                #expect(error.code == .imageMismatch)
                #expect(error.hint != nil)
            }
        }
    }

    /// Programs that do not become contexts, and what is said about them.
    static let failing: [([String], MitogenError.Code, String)] = [
        (["/bin/false"], .eofError, "exit status 1"),
        (["/bin/true"], .eofError, "EOF on stream"),
        (["/nonexistent/program"], .spawnError, "No such file or directory"),
        (["no-such-program-anywhere"], .spawnError, "No such file or directory"),
        (["/etc/passwd"], .spawnError, "Permission denied"),
        (["/bin/sh", "-c", "echo told you so >&2; exit 3"], .eofError, "told you so"),
        (["/bin/sh", "-c", "kill -9 $$"], .eofError, "SIGKILL"),
        (["/bin/echo", "hello", "there"], .streamError, "hello there"),
    ]

    @Test("Programs that do not become contexts", arguments: failing)
    func failingPrograms(_ executable: [String], _ code: MitogenError.Code, _ text: String) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "hop" }
            for via in [nil, child] {
                let error = try await failure {
                    _ = try await router.local(via: via) {
                        $0.name = "bad"
                        $0.executable = executable
                    }
                }
                #expect(error.code == code, "\(error)")
                #expect("\(error)".contains(text), "\(error)")
                #expect(error.context == (via == nil ? "bad" : "hop → bad"))
            }
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    /// What a peer that does not keep to the protocol does before it is connected, and what is said about it.
    static let liars: [(String, MitogenError.Code, String)] = [
        ("noise", .streamError, "Welcome to this machine"),
        ("oversized", .streamError, "Maximum message size exceeded"),
        ("half-a-greeting", .eofError, "EOF on stream"),
        ("wrong-message", .streamError, "something else than its greeting"),
        ("wrong-version", .imageMismatch, "0.0.1"),
    ]

    @Test("Peers that speak wrongly", arguments: liars)
    func wrongPeers(_ behaviour: String, _ code: MitogenError.Code, _ text: String) async throws {
        try await withFixtureRouter { router in
            let executable = [try Fixture.path, "raw-child", behaviour]
            var error: MitogenError?
            let elapsed = try await duration {
                error = try await failure { _ = try await router.local { $0.executable = executable } }
            }
            #expect(elapsed < .seconds(3))
            #expect(error?.code == code, "\(error.map { "\($0)" } ?? "")")
            #expect("\(error.map { "\($0)" } ?? "")".contains(text), "\(error.map { "\($0)" } ?? "")")
            #expect(try await router.local().call(Add(1, 2)) == 3)
        }
    }

    @Test("An attempt that takes too long is given up, and its process ended", arguments: [false, true])
    func timeout(isNested: Bool) async throws {
        try await withFixtureRouter { router in
            let via = isNested ? try await router.local() : nil
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/pid"
                var error: MitogenError?
                let elapsed = try await duration {
                    error = try await failure {
                        _ = try await router.local(via: via) {
                            $0.executable = [
                                "/bin/sh", "-c", "echo $$ > \(path); trap '' TERM; while :; do sleep 1; done",
                            ]
                            $0.connectTimeout = .seconds(0.5)
                        }
                    }
                }
                #expect(error?.code == .timeoutError)
                #expect(elapsed > .milliseconds(450) && elapsed < .milliseconds(1500))
                let pid = try #require(Files.text(path).flatMap { Int32($0.prefix { $0 != "\n" }) })
                #expect(try await Processes.stillRunning([pid], after: .seconds(3)).isEmpty)
                let isReaped = try await eventually(within: .seconds(3)) { Processes.state(of: pid) == nil }
                #expect(isReaped)
            }
        }
    }

    @Test("An attempt whose caller is cancelled leaves no process", arguments: [false, true])
    func cancelled(isNested: Bool) async throws {
        try await withFixtureRouter { router in
            let via = isNested ? try await router.local() : nil
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/pid"
                let attempt = Task {
                    try await failure {
                        _ = try await router.local(via: via) {
                            $0.executable = ["/bin/sh", "-c", "echo $$ > \(path); exec sleep 1000"]
                        }
                    }
                }
                #expect(try await eventually { Files.text(path)?.hasSuffix("\n") == true })
                attempt.cancel()
                #expect(try await attempt.value.code == .cancelled)
                let pid = try #require(Files.text(path).flatMap { Int32($0.prefix { $0 != "\n" }) })
                #expect(try await Processes.stillRunning([pid], after: .seconds(3)).isEmpty)
            }
        }
    }

    @Test("No more connections are made at the same time than are allowed")
    func concurrencyLimit() async throws {
        try await withFixtureRouter {
            $0.maxConcurrentConnections = 2
        } _: { router in
            let elapsed = try await duration {
                try await withThrowingTaskGroup(of: MitogenError.self) { group in
                    for _ in 0..<5 {
                        group.addTask {
                            try await failure {
                                _ = try await router.local { $0.executable = ["/bin/sh", "-c", "sleep 0.3; exit 1"] }
                            }
                        }
                    }
                    // One that waits for its turn can be given up, and takes no turn from another.
                    group.addTask {
                        let waiter = Task {
                            try await Task.sleep(for: .milliseconds(50))
                            return try await failure { _ = try await router.local() }
                        }
                        try await Task.sleep(for: .milliseconds(100))
                        waiter.cancel()
                        return try await waiter.value
                    }
                    let codes = try await group.reduce(into: []) { $0.append($1.code) }
                    guard codes.count(where: { $0 == .eofError }) == 5, codes.contains(.cancelled) else {
                        throw TestFailure("\(codes)")
                    }
                }
            }
            #expect(elapsed > .milliseconds(890) && elapsed < .seconds(4))
            #expect(try await router.local().call(Add(1, 2)) == 3)
        }
    }

    @Test("Where there is no terminal left the error says so", .needsRoot)
    func noTerminal() async throws {
        let mounts =
            "mount -t devpts -o newinstance,max=2,ptmxmode=666 x /dev/pts&&mount --bind /dev/pts/ptmx /dev/ptmx"
        let helper = try HelperProcess(
            ["unshare", "-m", "sh", "-c", "\(mounts)&&exec \"$0\" \"$@\"", Fixture.path, "no-terminal"]
        )
        #expect(try await helper.waitForEnd() == 0)
        #expect(helper.lines.first?.hasPrefix("error cannot open a pseudo-terminal: No space left") == true)
        #expect(helper.lines.last == "hint the limit is the sysctl kernel.pty.max", "\(helper.lines)")
    }

    @Test("A shutdown gives up the attempts that are being made")
    func shutdownMeanwhile() async throws {
        try await withFixtureRouter { router in
            let attempt = Task {
                try await failure {
                    _ = try await router.local { $0.executable = ["/bin/sh", "-c", "exec sleep 1000"] }
                }
            }
            try await Task.sleep(for: .milliseconds(100))
            router.shutdown()
            #expect(try await attempt.value.code == .connectionCancelled)
        }
    }

    @Test("A shutdown gives up an attempt whose tool has connected nothing yet, and ends the tool")
    func shutdownBeforeAnswer() async throws {
        try await withTemporaryDirectory { directory in
            let tool = "\(directory)/tool"
            try Files.write(Array("#!/bin/sh\necho $$ > \(directory)/pid\nexec sleep 1000\n".utf8), to: tool)
            let (elapsed, pid) = try await withFixtureRouter { router in
                let attempt = Task {
                    try await failure { _ = try await router.sudo { $0.sudoPath = tool } }
                }
                var pid: Int32?
                let hasStarted = try await eventually {
                    pid = Files.text("\(directory)/pid").flatMap { Int32($0.prefix { $0 != "\n" }) }
                    return pid != nil
                }
                try #require(hasStarted)
                let start = ContinuousClock.now
                router.shutdown()
                let error = try await attempt.value
                #expect(error.code == .connectionCancelled)
                return (ContinuousClock.now - start, try #require(pid))
            }
            #expect(elapsed < .seconds(2))
            #expect(try await Processes.stillRunning([pid], after: .seconds(5)).isEmpty)
        }
    }

    @Test("100 contexts at once")
    func many() async throws {
        try await withFixtureRouter { router in
            let pids = try await withThrowingTaskGroup(of: (Context, Int32).self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let context = try await router.local { $0.name = "many\(number)" }
                        return (context, try await context.call(ProcessID()))
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(Set(pids.values).count == 100)
            #expect(Set(pids.keys.map(\.id)).count == 100)
            let sums = try await withThrowingTaskGroup(of: Int.self) { group in
                for context in pids.keys { group.addTask { try await context.call(Add(1, 2)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(sums == Array(repeating: 3, count: 100))
            let elapsed = await duration {
                router.shutdown()
                await router.join()
            }
            #expect(elapsed < .seconds(4))
            #expect(try await Processes.stillRunning(Array(pids.values), after: .zero).isEmpty)
        }
    }

    @Test("Contexts ten deep")
    func deep() async throws {
        try await withFixtureRouter { router in
            var chain: [Context] = []
            for _ in 0..<10 { chain.append(try await router.local(via: chain.last)) }
            let last = try #require(chain.last)
            #expect(try await last.call(Add(1, 2)) == 3)
            let report = try await last.call(WhoAmI())
            #expect(report.contextID == last.id)
            #expect(report.parentIDs == chain.dropLast().reversed().map(\.id) + [0])
            let bytes = [UInt8](repeating: 7, count: 1_000_000)
            #expect(try await last.call(Echo(bytes)) == bytes)
        }
    }
}
