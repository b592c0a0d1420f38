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
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension PythonTests {
    /// One side is gone while the other waits for it, sends to it or gets something from it.
    @Suite("Disconnects")
    struct Disconnects {
        /// Larger than what is sent before somebody is killed.
        private static let large = 1 << 30
        /// How long it may take until a loss is noticed, on a busy machine: a third of what is waited for a peer that is
        /// only silent.
        private static let limit = Duration.seconds(20)

        /// What is under way fails before anybody's patience ends, as the context is gone.
        private func expectLoss(
            _ what: String,
            _ words: [String] = [],
            code: MitogenError.Code = .channelError,
            _ body: () async throws -> Void
        ) async {
            let start = ContinuousClock.now
            let error = await #expect(throws: MitogenError.self, "\(what)") { try await body() }
            #expect(ContinuousClock.now - start < Self.limit, "\(what)")
            #expect(error?.code == code, "\(what): \(String(describing: error))")
            for word in words {
                #expect("\(String(describing: error))".contains(word), "\(what): \(String(describing: error))")
            }
        }

        // MARK: A Python tree, with a Swift program that has attached itself

        @Test(
            "When a Python tree ends, or is killed, what waits in an attached program fails, and that notices",
            arguments: zip(PythonPackage.all, [true, false])
        )
        func treeEnds(_ package: PythonPackage, isKilled: Bool) async throws {
            try await withPython(package) { router in
                let path = "\(try UnixListener(router: router).path).python"
                let (end, ends) = AsyncStream.makeStream(of: [UInt8].self)
                try await router.myself().withOutput(
                    of: [package.interpreter, "\(PythonPackage.programs)/tree.py", path],
                    stdin: .stream(end),
                    environment: .inherited.updating(["PYTHONPATH": PythonPackage.module])
                ) { output in
                    var lines = output.lines().makeAsyncIterator()
                    let line = try #require(try await lines.next())
                    let id = try #require(ContextID(line))
                    try await PythonFiles.withFolder { folder in
                        try await withRouter(unixSocket: path) { tree in
                            try await loseTree(tree, id, folder, isKilled: isKilled) {
                                if isKilled { kill(tree.processID, SIGKILL) } else { ends.finish() }
                            }
                        }
                        ends.finish()
                        unlink("\(folder)/large")
                        #expect(directoryEntries(folder).isEmpty && Kernel.openFiles(in: folder).isEmpty)
                    }
                    while try await lines.next() != nil {}
                }
                unlink(path)
            }
        }

        private func loseTree(
            _ tree: AttachedTree,
            _ id: ContextID,
            _ folder: String,
            isKilled: Bool,
            _ end: () -> Void
        ) async throws {
            let events = tree.router.events
            let context = try #require(tree.router.context(id: id))
            let master = tree.listener
            let receiver = try Receiver<Int>(router: tree.router, respondent: context)
            let sleep = try context.startCall(named: "time.sleep", [1000], as: Bool?.self)
            try #require(Kernel.makeSparseFile("\(folder)/large", size: Self.large))
            let file = Task {
                try await FileService.get(ByteString("\(folder)/large"), from: master, to: ByteString("\(folder)/here"))
            }
            #expect(try await eventually { !Kernel.openFiles(in: folder).isEmpty })
            end()
            await expectLoss("a call") { _ = try await sleep.get() }
            await expectLoss("a receiver") { _ = try await receiver.get() }
            // A service that ends by itself closes what it sends.
            await expectLoss("a file", code: isKilled ? .channelError : .fileChanged) { _ = try await file.value }
            await expectLoss("a call later") { let _: Int = try await context.call(named: "os.getpid") }
            var gone: Set<ContextID> = []
            for await event in events {
                if case .disconnected(let context, _) = event { gone.insert(context.id) }
                if gone.isSuperset(of: [id, master.id]) { break }
            }
            #expect(!context.isReachable && !master.isReachable)
        }

        // MARK: A Python master with Swift children

        @Test("When a Python master is killed, all below it end, and nothing is left", arguments: PythonPackage.all)
        func masterIsKilled(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                try await PythonFiles.withFolder { folder in
                    let isCurrent = package.version == PythonPackage.current.version
                    let words = [FixtureProgram.path, isCurrent ? package.interpreter : ""]
                    try await router.myself().withOutput(
                        of: [package.interpreter, "\(PythonPackage.programs)/held.py"] + words,
                        environment: .inherited.updating(["PYTHONPATH": PythonPackage.module, "TMPDIR": folder])
                    ) { output in
                        var lines = output.lines().makeAsyncIterator()
                        let line = try #require(try await lines.next())
                        let processes = line.split(separator: " ").compactMap { Int32($0) }
                        try #require(processes.count == (isCurrent ? 7 : 6))
                        #expect(processes.allSatisfy(Kernel.isRunning))
                        kill(processes[processes.count - 2], SIGKILL)
                        let areGone = try await eventually(within: Self.limit) {
                            !processes.contains(where: Kernel.isRunning)
                        }
                        #expect(areGone, "\(processes) but \(processes.filter(Kernel.isRunning))")
                        while try await lines.next() != nil {}
                    }
                    #expect(directoryEntries(folder).isEmpty)
                }
            }
        }

        // MARK: A Python child of a Swift master

        @Test("When a Python context is killed, what it was doing fails and says so", arguments: PythonPackage.all)
        func childIsKilled(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                try await PythonFiles.withFolder { folder in
                    let large = "\(folder)/large"
                    try #require(Kernel.makeSparseFile(large, size: Self.large))
                    defer { unlink(large) }
                    try router.fileService.register(ByteString(large))
                    func withVictim(_ body: (Context, _ kill: @escaping () -> Void) async throws -> Void) async throws {
                        let python = try await router.local { $0.runtime = .python() }
                        let process: Int32 = try await python.call(named: "os.getpid")
                        try await body(python) { kill(process, SIGKILL) }
                        #expect(try await eventually { !Kernel.isRunning(process) })
                        #expect(!router.dump().streams.contains { $0.contextID == python.id })
                    }
                    try await withVictim { python, kill in
                        let sleep = try python.startCall(named: "time.sleep", [1000], as: Bool?.self)
                        kill()
                        await expectLoss("a call", [python.name, "signal 9"]) { _ = try await sleep.get() }
                    }
                    try await withVictim { python, kill in
                        let receiver = try Receiver<Int>(router: router, respondent: python)
                        let sender = receiver.makeSender().pickleValue
                        let call = try python.startCall(named: "sample.peers.send_for_ever", [sender], as: Bool?.self)
                        for _ in 0..<100 { _ = try await receiver.get() }
                        kill()
                        await expectLoss("values from it", [python.name]) {
                            for try await _ in receiver {}
                        }
                        await expectLoss("the call that sends", [python.name, "signal 9"]) { _ = try await call.get() }
                    }
                    try await withVictim { python, kill in
                        let sender: Sender<[UInt8]> = try await python.call(named: "sample.quirks.open_receiver")
                        let block = [UInt8](repeating: 1, count: 64 << 10)
                        var count = 0
                        await expectLoss("values to it", [python.name]) {
                            while count < 1_000_000 {
                                if count == 100 { kill() }
                                try await sender.send(block)
                                count += 1
                            }
                        }
                        #expect(count >= 100)
                    }
                    try await withVictim { python, kill in
                        let file = Task {
                            try await FileService.get(ByteString(large), from: python, to: ByteString("\(folder)/here"))
                        }
                        let hasBegun = try await eventually { !Kernel.openFiles(in: folder).isEmpty }
                        #expect(hasBegun)
                        kill()
                        await expectLoss("a file from it", [python.name, large]) { _ = try await file.value }
                        #expect(directoryEntries(folder) == ["large"] && Kernel.openFiles(in: folder).isEmpty)
                    }
                    try await withVictim { python, kill in
                        let arguments = [router.myself().pickleValue, .string(large)]
                        let fetch = try python.startCall(named: "sample.files.fetch", arguments, as: PickleValue.self)
                        #expect(try await eventually { !Kernel.openFiles(in: folder).isEmpty })
                        kill()
                        await expectLoss("a file to it", [python.name, "signal 9"]) { _ = try await fetch.get() }
                        #expect(try await eventually { Kernel.openFiles(in: folder).isEmpty })
                    }
                }
            }
        }

        // MARK: A Python program that has attached itself to a Swift tree

        @Test(
            "When an attached Python program is killed, the tree lets go of what was for it",
            arguments: PythonPackage.all
        )
        func attachedIsKilled(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let child = try await router.local()
                let listener = try UnixListener(router: router)
                _ = try router.fileService
                try await PythonFiles.withFolder { folder in
                    let large = "\(folder)/large"
                    try #require(Kernel.makeSparseFile(large, size: Self.large))
                    defer { unlink(large) }
                    let command = [
                        package.interpreter, "\(PythonPackage.programs)/take.py", listener.path, "\(child.id)", large,
                    ]
                    func dumps() async throws -> (here: Router.Dump, child: String) {
                        (router.dump(), try await child.call(DumpHere(), timeout: .seconds(10)))
                    }
                    try await router.myself().withOutput(
                        of: command,
                        environment: .inherited.updating(["PYTHONPATH": PythonPackage.module])
                    ) { output in
                        var lines = output.lines().makeAsyncIterator()
                        let line = try #require(try await lines.next())
                        let process = try #require(Int32(line))
                        // It reads nothing more, so that what is for it waits here.
                        kill(process, SIGSTOP)
                        #expect(
                            try await eventually {
                                router.dump().streams.contains {
                                    $0.name.contains("unix_client") && $0.bytesQueued > 1 << 20
                                }
                            }
                        )
                        #expect(Kernel.openFiles(in: folder) == [large])
                        #expect(try await dumps().child.contains("SendNumbers"))
                        kill(process, SIGKILL)
                        let isReleased = try await eventually(within: Self.limit) {
                            let dumps = try await dumps()
                            return !dumps.child.contains("SendNumbers") && Kernel.openFiles(in: folder).isEmpty
                                && !dumps.here.streams.contains {
                                    $0.name.contains("unix_client") || $0.bytesQueued > 1 << 20
                                }
                        }
                        let now = try await dumps()
                        #expect(isReleased, "\(now.here)\n\(now.child)\n\(Kernel.openFiles(in: folder))")
                        while try await lines.next() != nil {}
                    }
                    #expect(try await child.call(Add(20, 22)) == 42)
                }
            }
        }
    }
}
