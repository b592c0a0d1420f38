//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Attaching to the tree of another process")
    struct Attaching {}
}

/// A router with one context, and a listener.
private func withListener(
    _ body: (_ path: String, _ router: Router, _ context: Context) async throws -> Void
) async throws {
    try await withTemporaryDirectory { folder in
        try await withFixtureRouter { router in
            let context = try await router.local { $0.name = "held" }
            let listener = try UnixListener(router: router, path: "\(folder)/tree.sock")
            try await body(listener.path, router, context)
        }
        #expect(Files.names(in: folder).isEmpty)
    }
}

private func attach(_ path: String, timeout: Duration = .seconds(10)) async throws(MitogenError) -> AttachedTree {
    var configuration = RouterConfiguration()
    if let image = try? Fixture.path { configuration.image = .file(image) }
    return try await Mitogen.connect(unixSocket: path, configuration: configuration, timeout: timeout)
}

private func leave(_ tree: AttachedTree) async {
    tree.router.shutdown()
    await tree.router.join()
}

/// A socket that says nothing by itself.
private struct RawClient: ~Copyable {
    let descriptor: Int32

    init(_ path: String) throws {
        descriptor = cmitogen_unix_connect(path)
        try #require(descriptor >= 0)
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } }

    /// What has arrived; nil at the end.
    var received: [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = read(descriptor, &buffer, buffer.count)
        if count == 0 || count < 0 && errno == ECONNRESET { return nil }
        return Array(buffer.prefix(max(0, count)))
    }
}

extension LibraryTests.Attaching {
    @Test("An attached program calls the contexts that are there, with the owner's authority")
    func calls() async throws {
        try await withListener { path, router, context in
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & 0o7777 == 0o600)
            let tree = try await attach(path)
            #expect(tree.processID == selfPID && tree.listener.id == 0 && !tree.router.isMaster)
            #expect(tree.contexts.map(\.id) == [context.id] && tree.contexts.map(\.name) == ["held"])
            let held = try #require(tree.contexts.first)
            #expect(try await held.call(Add(20, 22)) == 42)
            let large = [UInt8](repeating: 7, count: 3 << 20)
            #expect(try await held.call(Echo(large)) == large)
            #expect(try await held.run(["cat"], stdin: .bytes(large)).standardOutput == large)
            #expect(try await held.run(["sh", "-c", "exit 3"]).status == .exited(3))
            await leave(tree)
            #expect(try await context.call(Add(1, 1)) == 2)
        }
    }

    @Test("Two attached programs start contexts of their own and through the tree, which end with them")
    func ownContexts() async throws {
        try await withListener { path, router, context in
            let (left, right) = (try await attach(path), try await attach(path))
            #expect(left.router.contextID != right.router.contextID)
            let own = try await left.router.local()
            let (first, second): (Context, Context) = (
                try #require(left.contexts.first), try #require(right.contexts.first)
            )
            let behind = try await left.router.local(via: first) { $0.name = "behind" }
            let other = try await right.router.local(via: second)
            #expect(Set([own.id, behind.id, other.id, context.id]).count == 4)
            let pids = [try await own.call(ProcessID()), try await behind.call(ProcessID())]
            let otherPID = try await other.call(ProcessID())
            await leave(left)
            #expect(try await Processes.stillRunning(pids, after: .seconds(5)).isEmpty)
            #expect(try await other.call(Add(2, 2)) == 4)
            await leave(right)
            #expect(try await Processes.stillRunning([otherPID], after: .seconds(5)).isEmpty)
            #expect(try await context.call(Add(1, 1)) == 2)
        }
    }

    @Test("A program that is killed leaves nothing behind: neither its commands nor its contexts")
    func killedClient() async throws {
        try await withListener { path, router, context in
            let program = try HelperProcess.fixture("attach", path)
            #expect(try await eventually { program.pids.count == 3 }, "\(program.lines)")
            let pids = program.pids
            #expect(pids.allSatisfy(Processes.isRunning))
            program.signal(SIGKILL)
            #expect(try await Processes.stillRunning(pids, after: .seconds(5)).isEmpty)
            #expect(try await context.call(Add(1, 1)) == 2)
            #expect(try await eventually { !"\(router.dump())".contains("unix_client") })
        }
    }

    @Test("When the listener's process is killed, what waits fails at once and says why")
    func killedListener() async throws {
        try await withTemporaryDirectory { folder in
            let path = "\(folder)/tree.sock"
            let owner = try HelperProcess.fixture("listen", path)
            try await owner.wait(for: "listening")
            let tree = try await attach(path)
            let held = try #require(tree.contexts.first)
            let own = try await tree.router.local()
            async let doze = failure { try await held.call(Doze(milliseconds: 100_000)) }
            async let run = failure { try await held.run(["sleep", "1000"]) }
            try await Task.sleep(for: .milliseconds(100))
            let start = ContinuousClock.now
            owner.signal(SIGKILL)
            for error in [try await doze, try await run] {
                #expect(error.code == .channelError)
                #expect(error.message.contains("the process to which this one was attached"), "\(error)")
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            let late = try await failure { try await held.call(Add(1, 1)) }
            #expect(late.code == .channelError)
            // What it has started itself lives on.
            #expect(try await own.call(Add(1, 1)) == 2)
            await leave(tree)
            // The next one takes the place of the socket that was left.
            #expect(Files.names(in: folder) == ["tree.sock"])
            let next = try HelperProcess.fixture("listen", path)
            try await next.wait(for: "listening")
            let again = try await attach(path)
            let context: Context = try #require(again.contexts.first)
            #expect(try await context.call(Add(1, 1)) == 2)
            await leave(again)
        }
    }

    @Test("Silent clients and ones that talk nonsense hold nobody up, and are gone after a while")
    func badClients() async throws {
        try await withListener { path, router, context in
            await leave(try await attach(path))
            let before = cmitogen_count_descriptors()
            var silent: [Int32] = []
            defer { for descriptor in silent { close(descriptor) } }
            for _ in 0..<40 { silent.append(cmitogen_unix_connect(path)) }
            #expect(silent.allSatisfy { $0 >= 0 })
            let nonsense = try RawClient(path)
            nonsense.send([1, 2, 3, 4] + [UInt8](repeating: 0xff, count: 64))
            let part = try RawClient(path)
            part.send([1, 2])
            let tree = try await attach(path, timeout: .seconds(2))
            let attached: Context = try #require(tree.contexts.first)
            #expect(try await attached.call(Add(1, 1)) == 2)
            await leave(tree)
            // It has got its number, and was shut out for what it said then.
            #expect(try await eventually { nonsense.received == nil })
            // Those that were one too many are gone already, the others after 5 s.
            #expect(try await eventually(within: .seconds(1)) { Self.isClosed(silent[0]) })
            #expect(!Self.isClosed(silent[39]))
            #expect(
                try await eventually(within: .seconds(8)) { silent.allSatisfy(Self.isClosed) && part.received == nil }
            )
            // The test's own ends are left, 40 and two, and perhaps some threads of the executor.
            #expect(try await eventually { cmitogen_count_descriptors() <= before + 42 + 4 })
            #expect(try await context.call(Add(1, 1)) == 2)
        }
    }

    private static func isClosed(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) == 0
    }

    @Test("A folder that others may enter, another file, and a listener that lives are refused")
    func places() async throws {
        try await withTemporaryDirectory { folder in
            try await withFixtureRouter { router in
                #expect(chmod(folder, 0o755) == 0)
                let open = try await failure { try UnixListener(router: router, path: "\(folder)/a.sock") }
                #expect(
                    open.code == .notPermitted && open.message.contains("others may enter it (mode 755)"),
                    "\(open)"
                )
                #expect(chmod(folder, 0o700) == 0)
                try Files.write([1], to: "\(folder)/file")
                let file = try await failure { try UnixListener(router: router, path: "\(folder)/file") }
                #expect(file.code == .misuse && file.message.contains("is no socket"))
                let long = "\(folder)/" + String(repeating: "x", count: 100)
                let tooLong = try await failure { try UnixListener(router: router, path: long) }
                #expect(tooLong.code == .misuse && tooLong.message.contains("at most 107 bytes"))
                let listener = try UnixListener(router: router, path: "\(folder)/new/a.sock")
                var status = stat()
                #expect(stat("\(folder)/new", &status) == 0 && status.st_mode & 0o7777 == 0o700)
                let second = try await failure { try UnixListener(router: router, path: listener.path) }
                #expect(second.code == .misuse && second.message.contains("another process listens"))
                listener.close()
                #expect(Files.names(in: "\(folder)/new").isEmpty)
                let gone = try await failure { try await attach(listener.path) }
                #expect(gone.code == .connectionRefused)
                let again = try UnixListener(router: router, path: listener.path)
                await leave(try await attach(again.path))
            }
        }
    }

    @Test(
        "A listener of another user, and a client of one, are refused",
        .enabled(if: geteuid() == 0 && access("/usr/bin/python3", X_OK) == 0, "it needs root, and python3 for others")
    )
    func otherUsers() async throws {
        try await withListener { path, router, context in
            // Then only the credentials are in the way.
            let folder = String(path.dropLast("/tree.sock".count))
            #expect(chmod(folder, 0o755) == 0 && chmod(path, 0o666) == 0)
            let text =
                "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\(path)'); s.send(b'1234'); print(s.recv(12))"
            let other = try HelperProcess([
                "setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", text,
            ])
            _ = try await other.waitForEnd()
            // What it sees depends on whether it is closed before it sends or before it receives.
            let refusals = ["b''", "ConnectionResetError", "BrokenPipeError"]
            #expect(refusals.contains { other.lines.last?.hasPrefix($0) == true }, "\(other.lines)")
            #expect(chmod(folder, 0o777) == 0)
            let serve =
                "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('\(folder)/other'); s.listen(); print('listening', flush=True); time.sleep(100)"
            let listener = try HelperProcess([
                "setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", serve,
            ])
            try await listener.wait(for: "listening")
            let error = try await failure { try await attach("\(folder)/other") }
            #expect(error.code == .notPermitted && error.message.contains("65534"), "\(error)")
            unlink("\(folder)/other")
        }
    }

    @Test("A listener that stands still, closes or answers nonsense is an error in time, and leaves nothing")
    func badListeners() async throws {
        try await withTemporaryDirectory { folder in
            let path = "\(folder)/raw.sock"
            let descriptor = cmitogen_unix_listen(folder, path, 5)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            let before = cmitogen_count_descriptors()
            let start = ContinuousClock.now
            let silent = try await failure { try await attach(path, timeout: .milliseconds(200)) }
            #expect(silent.code == .timeoutError && silent.message.contains("has not answered within"), "\(silent)")
            #expect(ContinuousClock.now - start < .seconds(3))
            close(cmitogen_accept(descriptor))
            for (answer, code) in [
                ([], MitogenError.Code.eofError), ([UInt8](repeating: 0, count: 12), .streamError),
                // A number, and then not a word to the question what is there.
                ([0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9], .eofError),
            ] {
                async let attempt = failure { try await attach(path, timeout: .seconds(5)) }
                var client: Int32 = -1
                #expect(
                    try await eventually {
                        client = cmitogen_accept(descriptor)
                        return client >= 0
                    }
                )
                _ = answer.withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
                if answer.last == 9 { try await Task.sleep(for: .milliseconds(100)) }
                close(client)
                let error = try await attempt
                #expect(error.code == code, "\(error)")
            }
            let task = Task { try await attach(path, timeout: .seconds(100)) }
            try await Task.sleep(for: .milliseconds(50))
            task.cancel()
            await #expect(throws: MitogenError.self) { try await task.value }
            #expect(try await eventually { cmitogen_count_descriptors() <= before })
        }
    }

    @Test("A context that has a listener lets programs reach what is below it, and nothing above")
    func belowTheMaster() async throws {
        try await withTemporaryDirectory { folder in
            try await withFixtureRouter { router in
                let middle = try await router.local()
                let below = try await router.local(via: middle) { $0.name = "below" }
                try await middle.call(ListenHere(path: "\(folder)/tree.sock"))
                let tree = try await attach("\(folder)/tree.sock")
                #expect(tree.listener.id == middle.id)
                #expect(tree.contexts.map(\.id) == [below.id])
                let context: Context = try #require(tree.contexts.first)
                #expect(try await context.call(Add(1, 2)) == 3)
                let above = tree.router.context(id: 0)
                let refused = try await failure { try await above?.call(Add(1, 2)) }
                #expect(refused.code == .channelError && refused.message.contains("no route to 0"), "\(refused)")
                let numbers = try await failure { try await tree.router.local() }
                #expect(numbers.code == .channelError, "\(numbers)")
                await leave(tree)
                #expect(try await below.call(Add(1, 1)) == 2)
            }
        }
    }
}
