//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension PythonTests {
    /// Python contexts of a Swift master.
    @Suite("Contexts")
    struct Contexts {
        private static let values: [PickleValue] = [
            .none, true, false, 0, -1, .int(.max), .int(.min), 0.5, -1e300, "", "text", "ä😀", .bytes([]),
            .bytes([0, 255]),
            [], [1, [2, [3]]], .tuple([]), .tuple([1, "a"]), [:], ["a": 1, "b": ["c": .none]], .blob([1, 0]),
            .secret("secret"), .string(String(repeating: "x", count: 100_000)),
        ]

        @Test("Functions are called, and what they import comes from here", arguments: PythonPackage.all)
        func calls(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                #expect(python.name.hasPrefix("local."))
                try await check(python)
                let name: String = try await python.call(named: "socket.gethostname")
                #expect(!name.isEmpty)
                let error = await #expect(throws: MitogenError.self) {
                    let _: Int = try await python.call(named: "sample.parts.missing.add")
                }
                #expect(error?.code == .callError && error?.message.contains("sample.parts.missing") == true)
                for value in Self.values {
                    let echoed: PickleValue = try await python.call(named: "sample.parts.calls.echo", [value])
                    #expect(echoed == value)
                }
            }
        }

        private func check(_ python: Context) async throws {
            let sum: Int = try await python.call(named: "sample.parts.calls.add", [20], keywordArguments: ["right": 22])
            #expect(sum == 42)
            let error = await #expect(throws: MitogenError.self) {
                let _: Int = try await python.call(named: "sample.parts.calls.fail", ["too early"])
            }
            #expect(error?.code == .callError && error?.message.contains("ValueError: too early") == true)
        }

        @Test("Python and Swift contexts start each other, ten deep")
        func chain() async throws {
            try await withPython(.current) { router in
                var last: Context?
                var names: [String] = []
                for depth in 0..<10 {
                    let next: Context
                    if depth.isMultiple(of: 2) {
                        next = try await router.local(via: last) { $0.runtime = .python() }
                        try await check(next)
                    } else {
                        next = try await router.local(via: last) { $0.executable = [FixtureProgram.path] }
                        #expect(try await next.call(Add(1, 2)) == 3)
                    }
                    names.append(next.name)
                    last = next
                }
                #expect(names[9].split(separator: ".").count == 20)
                // A resource crosses all of them.
                let deepest = try await router.local(via: last) { $0.runtime = .python() }
                let text: String = try await deepest.call(named: "sample.parts.calls.notice")
                #expect(text == "The contents of a resource.\n")
            }
        }

        @Test("Values stream in both directions")
        func channels() async throws {
            try await withPythonContext(.current) { router, python in
                let receiver = try Receiver<Int>(router: router)
                let sender = receiver.makeSender().pickleValue
                let call = try python.startCall(
                    named: "sample.parts.calls.send",
                    [sender, 5000],
                    as: Bool?.self
                )
                var sum = 0
                for try await number in receiver { sum += number }
                #expect(sum == 5000 * 4999 / 2)
                _ = try await call.get()
            }
        }

        @Test("A Python context that stands still holds up who sends to it, where the way out is full")
        func standing() async throws {
            try await withPythonContext(.current) { router, python in
                let process: Int32 = try await python.call(named: "os.getpid")
                let sender: Sender<[UInt8]> = try await python.call(named: "sample.quirks.open_receiver")
                kill(process, SIGSTOP)
                defer { kill(process, SIGCONT) }
                let block = [UInt8](repeating: 1, count: 64 << 10)
                let sending = Task { for _ in 0..<200 { try await sender.send(block) } }
                func queued() -> Int {
                    router.dump().streams.filter { $0.contextID == python.id }.map(\.bytesQueued).max() ?? 0
                }
                var most = 0
                let isFull = try await eventually(within: .seconds(30)) {
                    most = queued()
                    return most > 1 << 19
                }
                #expect(isFull)
                for _ in 0..<50 {
                    try await Task.sleep(for: .milliseconds(10))
                    most = max(most, queued())
                }
                #expect((1 << 19..<2 << 20).contains(most), "\(most)")
                kill(process, SIGCONT)
                try await sending.value
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
            }
        }

        @Test("What a context may import is bounded")
        func policy() async throws {
            try await withPythonContext(.current, { $0.blockedModules = ["sample.parts"] }) { router, python in
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
                await #expect(throws: MitogenError.self) { try await check(python) }
            }
        }

        @Test("Of the files here only those of packages are read")
        func resources() async throws {
            func resource(_ name: String, _ python: Context) async throws -> [UInt8]? {
                try await python.call(named: "sample.parts.calls.resource", [.string(name)])
            }
            try await withPythonContext(.current) { router, python in
                let notice = try await resource("notice.txt", python)
                #expect(notice?.count == 28)
                #expect(try await resource("parts/calls.py", python) != nil)
                for name in [
                    "../checks.py", "parts/../../checks.py", "/etc/passwd", "parts/./calls.py", "", "none.txt",
                ] {
                    #expect(try await resource(name, python) == nil, "\(name)")
                }
            }
        }

        @Test("Only what is allowed is sent, and Mitogen's own modules are")
        func allowed() async throws {
            try await withPython(.current, { $0.allowedModules = ["sample"] }) { router in
                let python = try await router.local { $0.runtime = .python(disablesSitePackages: true) }
                try await check(python)
                await #expect(throws: MitogenError.self) {
                    let _: Bool? = try await python.call(named: "checks.check_calls", [1])
                }
            }
        }

        @Test("What the process beside the master cannot do now, its successor can")
        func restart() async throws {
            try await withPython(.current) { router in
                let name = try await router.addPythonScript(
                    at: "\(PythonPackage.programs)/sample/helper.py",
                    named: "one"
                )
                let first = try await router.local { $0.runtime = .python() }
                let helper = try #require(router.context(id: 1))
                #expect(helper.name == "python-helper")
                try await helper.shutdown()
                let sum: Int = try await first.call(named: "\(name).add", [1, 2])
                #expect(sum == 3)
                let second = try await router.local { $0.runtime = .python() }
                try await check(second)
            }
        }

        @Test(
            "What the process beside the master does not answer because it ends, its successor does",
            arguments: PythonPackage.all
        )
        func succession(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let name = try await router.addPythonScript(
                    at: "\(PythonPackage.programs)/sample/helper.py",
                    named: "one"
                )
                let python = try await router.local { $0.runtime = .python() }
                let helper = try #require(router.context(id: 1))
                let process: Int32 = try await helper.call(named: "os.getpid")
                let _: Bool? = try await helper.call(named: "sample.quirks.stay_at_end")
                defer { kill(process, SIGKILL) }
                try await helper.shutdown()
                var refusal: MitogenError?
                repeat {
                    do throws(MitogenError) {
                        let _: Int = try await helper.call(named: "os.getpid", timeout: .seconds(1))
                    } catch {
                        refusal = error
                    }
                } while refusal?.code != .channelError
                #expect(refusal?.message.contains("invalid handle") == true, "\(String(describing: refusal))")
                let sum: Int = try await python.call(named: "\(name).add", [1, 2])
                #expect(sum == 3)
                #expect(helper.isReachable)
            }
        }

        @Test("An interpreter here that stands still keeps nobody longer than the connection may take")
        func standsStill() async throws {
            let script = "/tmp/mitogen-python-\(getpid())"
            let file = try #require(fopen(script, "w"))
            fputs("#!/bin/sh\nexec sleep 20\n", file)
            fclose(file)
            try #require(chmod(script, 0o700) == 0)
            defer { unlink(script) }
            try await withPython(.current, { $0.interpreter = script }) { router in
                let start = ContinuousClock.now
                let error = await #expect(throws: MitogenError.self) {
                    _ = try await router.local { options in
                        options.runtime = .python()
                        options.connectTimeout = .seconds(1)
                    }
                }
                #expect(error != nil && ContinuousClock.now - start < .seconds(5))
            }
        }

        @Test("A context that is lost is not taken for a Python one")
        func lost() async throws {
            try await withPython(.current) { router in
                let child = try await router.local()
                try await child.shutdown()
                let error = await #expect(throws: MitogenError.self) {
                    _ = try await router.local(via: child)
                }
                #expect(error?.code == .channelError)
            }
        }

        @Test("A connection through Python that was given up leaves no context behind")
        func givenUp() async throws {
            try await withPythonContext(.current) { router, python in
                let _: Int = try await python.call(named: "os.getpid")
                let busy = try python.startCall(named: "time.sleep", [.float(4)], as: Bool?.self)
                let connection = Task {
                    try await router.local(via: python) { $0.runtime = .python() }
                }
                try await Task.sleep(for: .milliseconds(300))
                connection.cancel()
                await #expect(throws: (any Error).self) { try await connection.value }
                _ = try await busy.get()
                let deadline = ContinuousClock.now + .seconds(20)
                var children: [UInt8] = []
                // It is started, and told to end.
                repeat {
                    try await Task.sleep(for: .milliseconds(200))
                    children = try await python.call(named: "sample.parts.calls.children")
                } while !children.isEmpty && ContinuousClock.now < deadline
                #expect(children.isEmpty)
            }
        }

        @Test("A file becomes a module, and installed packages can be left out")
        func scripts() async throws {
            try await withPython(.current) { router in
                let name = try await router.addPythonScript(at: "\(PythonPackage.programs)/sample/helper.py")
                let python = try await router.local { $0.runtime = .python(disablesSitePackages: true) }
                let sum: Int = try await python.call(named: "\(name).add", [1, 2])
                #expect(sum == 3)
                let folders: [String] = try await python.call(named: "sample.parts.calls.folders")
                #expect(!folders.contains { $0.contains("site-packages") })
            }
        }

        @Test("A context that ends, cannot start or has no package says so")
        func failures() async throws {
            try await withPythonContext(.current) { router, python in
                let error = await #expect(throws: MitogenError.self) {
                    let _: Bool? = try await python.call(named: "sample.parts.calls.die")
                }
                #expect(error?.code == .channelError && error?.message.contains("exit status 7") == true)
                let missing = await #expect(throws: MitogenError.self) {
                    _ = try await router.local { $0.runtime = .python("python-that-is-not-there") }
                }
                #expect(missing?.code == .executeError)
                #expect(missing?.message.contains("python-that-is-not-there") == true)
                let late = #expect(throws: MitogenError.self) {
                    try router.configurePython { $0.interpreter = "x" }
                }
                #expect(late?.code == .misuse)
            }
            try await withPython(.current, { $0.interpreter = "/bin/false" }) { router in
                let error = await #expect(throws: MitogenError.self) {
                    _ = try await router.local { $0.runtime = .python() }
                }
                #expect(error?.message.contains("/bin/false") == true && error?.hint?.contains("pip install") == true)
            }
        }
    }
}
