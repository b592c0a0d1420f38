//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Foundation
internal import Logging
internal import Mitogen
internal import MitogenFixtures
internal import Testing

extension LibraryTests {
    @Suite("Looking into programs")
    struct Diagnosis {}
}

extension LibraryTests.Diagnosis {
    // MARK: Logs

    @Test("Metadata of a context's record is metadata in the master, with the context's name")
    func metadata() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "shop1" }
            let nested = try await router.local(via: child) { $0.name = "till" }
            for (context, name) in [(child, "shop1"), (nested, "shop1.till")] {
                try await context.call(LogWithMetadata(label: "orders"))
                let label = "orders.[\(name)]"
                #expect(try await CapturedLog.waitForLine(of: label) { $0 == "order\ntaken" })
                let expected: Logger.Metadata = [
                    "shop": "west", "number": "17", "items": ["pen", "ink"], "buyer": ["name": "Ada"],
                    "mitogen_context": "\(name)",
                ]
                #expect(CapturedLog.records(of: label).first?.metadata == expected)
            }
        }
    }

    @Test("bootstrapLogging writes lines of time, level, logger with context, text and metadata")
    func logFiles() async throws {
        try await withTemporaryDirectory { directory in
            let paths = ["\(directory)/first", "\(directory)/second"]
            let master = try HelperProcess.fixture("log-to-files", paths[0], paths[1])
            #expect(try await master.waitForEnd() == 0, "\(master.lines)")
            let first = lines(of: paths[0])
            #expect(first.allSatisfy(isLogLine), "\(first)")
            let shop = first.compactMap { line in
                line.split(separator: " ", maxSplits: 1).last.map(String.init)
            }.filter { $0.contains(" shop.[first]: ") }
            #expect(
                shop == [
                    "D shop.[first]: at debug key=value", "I shop.[first]: at info key=value",
                    "I shop.[first]: at notice key=value", "W shop.[first]: at warning key=value",
                    "E shop.[first]: at error key=value", "C shop.[first]: at critical key=value",
                    "I shop.[first]: order\\ntaken buyer=[name: Ada] items=[pen, ink] number=17 shop=west",
                ]
            )
            #expect(first.contains { $0.contains(" D mitogen: context 1 is connected as first") })
            #expect(!first.contains { $0.contains("mitogen.io") || $0.contains("[second]") })
            // The second call has changed file and level, and asked for messages.
            let second = lines(of: paths[1])
            #expect(second.allSatisfy(isLogLine))
            #expect(second.filter { $0.contains(" shop.[second]: ") }.count == 2)
            #expect(second.contains { $0.contains(" D mitogen.io: 0 to 2, handle 101 (CALL_FUNCTION), ") })
            #expect(!second.contains { $0.contains(" D mitogen: ") })
            #expect(mode(of: paths[0]) == 0o600)
        }
    }

    // MARK: Debug files

    @Test("MITOGEN_DEBUG: every context writes a file of its own, and a dump when it gets the signal")
    func debugFiles() async throws {
        try await withTemporaryDirectory { directory in
            let master = try HelperProcess([
                "env", "TMPDIR=\(directory)", "MITOGEN_DEBUG=1", Fixture.path, "chain", "2", "doze",
            ])
            try await master.wait(for: "ready")
            let pids = [master.pid] + master.pids
            #expect(pids.count == 3)
            for pid in pids {
                let file = try debugFile(of: pid, in: directory)
                let text = Files.text(file) ?? ""
                #expect(text.hasPrefix("Parent PID: "))
                #expect(mode(of: file) == 0o600)
                #expect(text.contains(" D mitogen: Mitogen \(Mitogen.version), context "))
                #expect(text.contains(" D mitogen.io: "))
                #expect(text.contains("CALL_FUNCTION"))
                // An argument of the function that runs.
                #expect(!text.contains("1000000"))
                kill(pid, SIGUSR2)
                #expect(try await eventually { Files.text(file)?.contains("\nend of dump\n") == true })
            }
            let texts = try pids.map { Files.text(try debugFile(of: $0, in: directory)) ?? "" }
            // The master waits for both functions, and each context runs one.
            let waiting = texts[0].split(separator: "\n").filter { $0.hasSuffix(" MitogenFixtures.Doze") }
            #expect(waiting.count == 2, "\(texts[0])")
            #expect(texts[0].contains("\nrequests\n"))
            #expect(texts[0].contains("  level1"))
            for text in texts.dropFirst() {
                #expect(text.contains("\nfunctions\n"))
                #expect(text.split(separator: "\n").count { $0.hasSuffix(" MitogenFixtures.Doze") } == 1)
                #expect(text.contains("mitogen.broker"))
                #expect(text.contains(" CALL_FUNCTION\n"))
            }
            // Nothing but the signal for a dump is handled.
            master.signal(SIGTERM)
            #expect(try await master.waitForEnd() == 128 + SIGTERM)
            #expect(try await Processes.stillRunning(master.pids, after: .seconds(5)).isEmpty)
        }
    }

    @Test("A debug file contains neither arguments nor output, and ends with its router")
    func debugContents() async throws {
        CapturedLog.install()
        let router = try Router(configuration: Fixture.configuration())
        #expect(router.debugFile == nil)
        router.enableDebug()
        router.enableDebug()
        let own = try #require(router.debugFile)
        let child = try await router.local { $0.name = "debugged" }
        let quiet = try await router.local {
            $0.name = "quiet"
            $0.isDebugEnabled = false
        }
        let file = try #require(try await child.call(DebugFileHere()))
        defer {
            unlink(own)
            unlink(file)
        }
        #expect(try await quiet.call(DebugFileHere()) == nil)
        try await child.call(PrintText("hunter2"))
        try await child.call(LogAtEveryLevel(label: "shop"))
        #expect(Files.text(file)?.contains(" T shop: at trace") == false)
        #expect(Files.text(file)?.contains(" D shop: at debug key=value") == true)
        router.shutdown()
        await router.join()
        for path in [own, file] {
            let text = try #require(Files.text(path))
            #expect(!text.contains("hunter2"))
            #expect(text.contains(" D mitogen: the router has ended"))
        }
        #expect(router.debugFile == nil)
        #expect(try await eventually { !threadNames().contains("mitogen.debug") })
    }

    // MARK: Dumps

    @Test("A dump names streams, routes, calls that wait and functions that run")
    func dump() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "child" }
            let nested = try await router.local(via: child) { $0.name = "nested" }
            let call = try nested.startCall(Doze(milliseconds: 1_000_000))
            // Calls run beside each other: the other one may begin a moment later.
            var json = ""
            let runs = try await eventually {
                json = try await nested.call(DumpHere())
                return json.contains("MitogenFixtures.Doze")
            }
            #expect(runs)
            let dump = router.dump()
            #expect(dump.contextID == 0 && dump.parentIDs.isEmpty && !dump.isShuttingDown)
            #expect(dump.streams.map(\.name) == ["child"])
            let stream = try #require(dump.streams.first)
            #expect(stream.framesSent > 3 && stream.framesReceived > 3)
            #expect(stream.bytesSent > 26 * stream.framesSent && stream.bytesReceived > 26 * stream.framesReceived)
            #expect(stream.bytesQueued == 0 && stream.framesQueued == 0)
            #expect(dump.routes.map(\.contextID) == [child.id, nested.id])
            #expect(dump.routes.map(\.nextID) == [child.id, child.id])
            #expect(dump.routes.map(\.name) == ["child", "child.nested"])
            #expect(dump.requests.map(\.function) == ["MitogenFixtures.Doze"])
            #expect(dump.requests.first?.contextID == nested.id)
            #expect(dump.requests.first.map { $0.age > .zero && $0.age < .seconds(60) } == true)
            #expect(dump.handlers.contains { $0.name == "FORWARD_LOG" && $0.policy == "anyone" })
            #expect(dump.threads.contains { $0.id == getpid() })
            #expect(dump.description.contains("MitogenFixtures.Doze"))
            #expect(try object(dump.json)["context"] as? Int == 0)
            let far = try object(json)
            #expect(far["context"] as? Int == Int(nested.id))
            #expect(far["parent"] as? Int == Int(child.id))
            let functions = try #require(far["functions"] as? [[String: Any]])
            #expect(
                functions.compactMap { $0["function"] as? String }.sorted() == [
                    "MitogenFixtures.Doze", "MitogenFixtures.DumpHere",
                ]
            )
            #expect(functions.allSatisfy { $0["caller"] as? Int == 0 })
            call.cancel()
            #expect(router.dump().requests.isEmpty)
        }
    }

    // MARK: Profiles

    @Test("MITOGEN_PROFILING: each context that ends in order leaves its measurements")
    func profiles() async throws {
        try await withTemporaryDirectory { directory in
            let master = try HelperProcess(["env", "MITOGEN_PROFILING=\(directory)", Fixture.path])
            #expect(try await master.waitForEnd() == 0)
            let names = Files.names(in: directory).sorted()
            #expect(names.count == 3 && names.allSatisfy { $0.hasPrefix("mitogen.stats.") && $0.hasSuffix(".json") })
            var profiles: [Int: [String: Any]] = [:]
            for name in names {
                #expect(mode(of: "\(directory)/\(name)") == 0o600)
                let profile = try object(Files.text("\(directory)/\(name)") ?? "")
                profiles[profile["context"] as? Int ?? -1] = profile
            }
            let calls = try rows("calls", of: profiles[0])
            let sums = try #require(calls.first { $0["function"] as? String == "MitogenFixtures.Add" })
            #expect(sums["count"] as? Int == 2)
            #expect((sums["total_us"] as? Int ?? 0) >= (sums["max_us"] as? Int ?? .max))
            for id in [1, 2] {
                let functions = try rows("functions", of: profiles[id])
                let sum = try #require(functions.first { $0["function"] as? String == "MitogenFixtures.Add" })
                #expect(sum["count"] as? Int == 1)
                let streams = try rows("streams", of: profiles[id])
                #expect(streams.contains { $0["name"] as? String == "parent" && $0["frames_in"] as? Int ?? 0 > 2 })
            }
            // The first context has a stream to the second, which ended before it.
            #expect(try rows("streams", of: profiles[1]).count == 2)
        }
    }

    @Test("A program says itself from which level up it logs, and that it measures")
    func measuredProgram() async throws {
        try await withTemporaryDirectory { directory in
            let script = try
                "mkdir \(directory)/stats && TMPDIR=\(directory)/stats exec \(Fixture.path) measured 2>\(directory)/log"
            let master = try HelperProcess(["sh", "-c", script])
            #expect(try await master.waitForEnd() == 0)
            let names = Files.names(in: "\(directory)/stats")
            #expect(names.count == 3 && names.allSatisfy { $0.hasPrefix("mitogen.stats.") })
            let lines = lines(of: "\(directory)/log")
            #expect(lines.count == 1 && isLogLine(lines[0]) && lines[0].hasSuffix("W fixture: told"), "\(lines)")
        }
    }

    @Test("Without it nothing is measured and nothing is written")
    func noProfile() async throws {
        try await withTemporaryDirectory { directory in
            let master = try HelperProcess(["env", "TMPDIR=\(directory)", "MITOGEN_DEBUG=0", Fixture.path])
            #expect(try await master.waitForEnd() == 0)
            #expect(Files.names(in: directory).isEmpty)
        }
    }

    // MARK: Parts

    private func lines(of path: String) -> [String] {
        (Files.text(path) ?? "").split(separator: "\n").map(String.init)
    }

    /// `HH:MM:SS.ffffff L name: text`
    private func isLogLine(_ line: String) -> Bool {
        line.wholeMatch(of: /\d\d:\d\d:\d\d\.\d{6} [TDINWEC] [^ ]+: .*/) != nil
    }

    private func mode(of path: String) -> UInt32 {
        var information = stat()
        return stat(path, &information) == 0 ? information.st_mode & 0o7777 : 0
    }

    private func debugFile(of pid: Int32, in directory: String) throws -> String {
        let names = Files.names(in: directory).filter { $0.hasPrefix("mitogen.\(pid).") && $0.hasSuffix(".log") }
        #expect(names.count == 1)
        return "\(directory)/\(try #require(names.first))"
    }

    private func threadNames() -> [String] {
        Files.names(in: "/proc/self/task").map { task in
            String((Files.text("/proc/self/task/\(task)/comm") ?? "").prefix { $0 != "\n" })
        }
    }

    private func object(_ json: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }

    private func rows(_ name: String, of profile: [String: Any]?) throws -> [[String: Any]] {
        try #require(profile?[name] as? [[String: Any]])
    }
}
