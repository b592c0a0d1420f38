//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenFiles
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

@Suite(
    "mitogen copy and fetch",
    .enabled(if: ToolProcess.isBuilt, "mitogen is not built"),
    .serialized,
    .timeLimit(.minutes(2))
)
struct CopyCommandTests {
    @Test("A file goes to several targets, with an object for each in JSON")
    func copies() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 1 << 20)
            let result = try await ToolProcess.run([
                "copy", "--json", "\(folder)/a", "-t", "local,local+local:b", ":\(folder)/b",
            ])
            #expect(result.status == 0 && result.errors == "", "\(result.errors)")
            let finished = result.lines.filter { $0.hasPrefix("{\"event\":\"finished\"") }
            #expect(finished.count == 2)
            #expect(
                finished.first?.contains("\"target\":\"local\",\"files\":1,\"bytes\":1048576,\"error\":null") == true
            )
            #expect(try TestFiles.digest("\(folder)/b") == TestFiles.digest("\(folder)/a"))
        }
    }

    @Test(
        "Where the disk is full, the message says how many files were not tried, for each target",
        .enabled(if: isRoot, "mounts"),
        arguments: ["copy", "sync", "fetch"]
    )
    func fullDisk(command: String) async throws {
        try await withTemporaryDirectory { folder in
            for name in ["from", "from/sub", "full"] { mkdir("\(folder)/\(name)", 0o755) }
            // Whatever comes first, something comes after it.
            for name in ["a", "sub/z"] { try TestFiles.make("\(folder)/from/\(name)", size: 4 << 20) }
            for number in 0..<10 { try Files.write([1], to: "\(folder)/from/sub/\(number)") }
            try #require(mount("tmpfs", "\(folder)/full", "tmpfs", 0, "size=1m") == 0)
            defer { umount2("\(folder)/full", Int32(MNT_DETACH)) }
            let paths =
                command == "fetch" ? [":\(folder)/from/", "\(folder)/full"] : ["\(folder)/from/", ":\(folder)/full"]
            let options = ["copy": ["-r"], "fetch": ["-r", "--flat"]][command] ?? []
            let result = try await ToolProcess.run([command, "-t", "local:a"] + options + paths)
            #expect(result.status == 5)
            let written = TestFiles.names(in: "\(folder)/full/sub").count
            let rest = command == "fetch" ? "what comes after it was" : "the other \(11 - written) files were"
            #expect(
                result.errors.contains("No space left on device; \(rest) not tried"),
                "\(written): \(result.errors)"
            )
        }
    }

    @Test("What cannot be copied is named with its path and target, the rest is copied, and the status is 5")
    func failures() async throws {
        try await withTemporaryDirectory { folder in
            try Files.write([1], to: "\(folder)/a")
            mkdir("\(folder)/to", 0o755)
            let source = try await ToolProcess.run([
                "copy", "\(folder)/none", "\(folder)/a", "-t", "local", ":\(folder)/to",
            ])
            #expect(source.status == 5)
            #expect(
                source.errors == "mitogen: \(folder)/none: cannot look at it: No such file or directory\n",
                "\(source.errors)"
            )
            #expect(TestFiles.names(in: "\(folder)/to") == ["a"])
            let target = try await ToolProcess.run([
                "copy", "\(folder)/a", "-t", "local,local:b", ":\(folder)/no/where",
            ])
            #expect(target.status == 5)
            for name in ["local", "local:b"] {
                #expect(
                    target.errors.contains("mitogen: \(name): \(folder)/no: cannot open the folder: No such file"),
                    "\(target.errors)"
                )
            }
            let unreachable = try await ToolProcess.run([
                "copy", "--json", "\(folder)/a", "-t", "local,local+docker:no-such-container", ":\(folder)/b",
            ])
            #expect(unreachable.status == 4 && Files.bytes("\(folder)/b") == [1], "\(unreachable.text)")
        }
    }

    @Test("A fetch has a folder for each target; --flat has none")
    func fetches() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/tree", 0o755)
            try Files.write([1], to: "\(folder)/tree/a")
            let result = try await ToolProcess.run([
                "fetch", "-r", "-t", "local,local:b", ":\(folder)/tree", ":\(folder)/tree/a", "\(folder)/out",
            ])
            #expect(result.status == 0, "\(result.errors)")
            #expect(TestFiles.names(in: "\(folder)/out") == ["local", "local:b"])
            for name in ["local", "local:b"] {
                #expect(TestFiles.names(in: "\(folder)/out/\(name)") == ["a", "tree"])
            }
            let flat = try await ToolProcess.run(["fetch", "--flat", ":\(folder)/tree/a", "\(folder)/flat"])
            #expect(flat.status == 0 && Files.bytes("\(folder)/flat") == [1])
        }
    }

    @Test(
        "A command line that is not right ends with status 2 and says why",
        arguments: [
            (["copy", "a", "b"], "is a path in the targets and is written ':b'"),
            (["copy", "a"], "the paths are missing"),
            (["fetch", "a", "b"], "is a path in the targets and is written ':a'"),
            (["fetch", ":a", ":b"], "begins with a colon"), (["copy", "a", ":b", ":c"], "begins with a colon"),
            (["copy", "--in-place", "--partial", "a", ":b"], "exclude each other"),
            (["fetch", "--flat", "-t", "local,local:b", ":a", "b"], "--flat is for one target"),
        ]
    )
    func commandLine(arguments: [String], text: String) async throws {
        let result = try await ToolProcess.run(arguments)
        #expect(result.status == 2 && result.errors.contains(text), "\(result.errors)")
    }

    @Test("Where no source can be read, nothing is connected", arguments: [false, true])
    func withoutSources(usesJSON: Bool) async throws {
        let arguments = ["copy", "/no/such/file", "/tmp", "-t", "ssh:127.0.0.1:1", ":/tmp/"]
        let result = try await ToolProcess.run(arguments + (usesJSON ? ["--json"] : []))
        let text = result.errors + result.text
        #expect(result.status == 5, "\(text)")
        #expect(text.contains("/no/such/file: cannot look at it") && text.contains("/tmp: is a folder"), "\(text)")
        #expect(!text.contains("refused"), "\(text)")
    }

    @Test("Ctrl-C drops what is under way, and leaves the old file and no process")
    func interrupted() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 400 << 20)
            mkdir("\(folder)/to", 0o755)
            try Files.write([1], to: "\(folder)/to/a")
            let tool = try ToolProcess(["copy", "\(folder)/a", "-t", "local,local:b", ":\(folder)/to/a"])
            // Two contexts, each with its parent's descriptor; then data is under way.
            _ = try await tool.waitForProcesses { $0.count >= 3 }
            try await Task.sleep(for: .milliseconds(700))
            tool.signal(SIGINT)
            let result = try await tool.wait()
            #expect(result.status == 130)
            #expect(result.errors.contains("interrupted"))
            #expect(Files.bytes("\(folder)/to/a") == [1])
            #expect(TestFiles.names(in: "\(folder)/to") == ["a"])
            #expect(try await tool.waitForProcesses { $0.isEmpty }.isEmpty)
        }
    }

    @Test("A name that is not UTF-8 is copied as it is")
    func names() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/tree", 0o755)
            let path = Array("\(folder)/tree/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xe9), 0]
            let file = path.withUnsafeBufferPointer { name in
                name.baseAddress.map { open($0, O_CREAT | O_WRONLY, 0o644) } ?? -1
            }
            #expect(file >= 0)
            close(file)
            let shell =
                "exec \(try #require(BuiltProgram.path(of: "mitogen"))) copy \(folder)/tree/caf$(printf '\\351') :\(folder)/$(printf '\\350')"
            let (status, text) = try await run("/bin/sh", "-c", shell)
            #expect(status == 0, "\(text)")
            let copy = Array("\(folder)/".utf8CString.dropLast()) + [CChar(bitPattern: 0xe8), 0]
            #expect(copy.withUnsafeBufferPointer { name in name.baseAddress.map { access($0, F_OK) } } == 0)
        }
    }
}
