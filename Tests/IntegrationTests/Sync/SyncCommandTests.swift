//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite(
    "mitogen sync",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct SyncCommandTests {
    private func fill(_ tree: SyncTree) throws {
        try tree.write("one", "a.txt", age: 100)
        try tree.write("two", "folder/b.txt", age: 50)
        try tree.write("three", "folder/deep/c.o", age: 10)
        mkdir("\(tree.source)/empty", 0o750)
        symlink("../a.txt", "\(tree.source)/folder/link")
        chmod("\(tree.source)/a.txt", 0o640)
    }

    @Test("A tree arrives with permissions, times and links, and a second time nothing is done")
    func sameTree() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            let first = try await tree.sync(["-v"])
            #expect(first.status == 0, "\(first.errors)")
            #expect(first.lines.contains("<f+++++++++ folder/b.txt") && first.lines.contains("cd+++++++++ empty/"))
            #expect(first.lines.contains("cL+++++++++ folder/link -> ../a.txt"))
            #expect(tree.isSame)
            let second = try await tree.sync(["-v"])
            #expect(second.lines == ["0 files, 0 others, 0 deleted; 0 bytes sent, 0 found there"], "\(second.text)")
        }
    }

    @Test("A target that dies is named, with its hop and the file that was under way")
    func killedTarget() async throws {
        try await SyncTree.with { tree in
            try TestFiles.make("\(tree.source)/large", size: 400 << 20)
            let tool = try tree.start([], to: "local+local:b")
            let contexts = try await tool.waitForProcesses { $0.count >= 3 }.filter { $0.contains(": mitogen:") }
            try await Task.sleep(for: .milliseconds(700))
            let last = try #require(contexts.compactMap { Int32($0.prefix { $0 != ":" }) }.max())
            kill(last, SIGKILL)
            let result = try await tool.wait()
            #expect(result.status == 4)
            #expect(result.errors.contains("local+local:b: large: the connection was lost: "), "\(result.errors)")
            #expect(result.errors.contains("(at local:b)"), "\(result.errors)")
            #expect(TestFiles.names(in: tree.destination) == [])
        }
    }

    @Test("An unchanged tree of 1,000 files costs a digest for each folder")
    func unchangedTree() async throws {
        try await SyncTree.with { tree in
            for number in 0..<1000 {
                try tree.write("\(number)", "folder\(number % 10)/a long name of a file \(number)")
            }
            let first = try await tree.sync(["--no-fsync"])
            #expect(first.status == 0, "\(first.errors)")
            let before = try await tree.connectionCost()
            let result = try await tree.sync([], to: "counted")
            #expect(result.status == 0)
            let counts = tree.relay.counts
            #expect(counts.sent + counts.received < before + 3000, "\(counts), a connection alone has \(before)")
        }
    }

    @Test("Of 64 MiB with one byte inserted at the start, less than 128 KiB cross the link")
    func insertedByte() async throws {
        try await SyncTree.with { tree in
            let noise = try #require(FileHandle(forReadingAtPath: "/dev/urandom")).read(upToCount: 64 << 20)
            var content = [UInt8](try #require(noise))
            try Files.write(content, to: "\(tree.destination)/log")
            content.insert(7, at: 0)
            try Files.write(content, to: "\(tree.source)/log")
            let base = try await tree.connectionCost()
            let result = try await tree.sync(["-v"], to: "counted")
            #expect(result.status == 0, "\(result.errors)")
            let counts = tree.relay.counts
            #expect(counts.sent + counts.received - base < 128 << 10, "\(counts)")
            #expect(Files.bytes("\(tree.destination)/log") == content)
            #expect(result.lines.contains("<f.st...... log"))
        }
    }

    @Test("What several targets behind a hop lack crosses the hop once, and each gets what else differs")
    func sharedHop() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            let noise = try #require(FileHandle(forReadingAtPath: "/dev/urandom")).read(upToCount: 4 << 20)
            let content = [UInt8](try #require(noise))
            mkdir("\(tree.source)/new", 0o755)
            try Files.write(content, to: "\(tree.source)/new/large")
            try tree.write("old", "home/a.txt", in: "\(tree.directory)/one", age: 1000)
            let targets = ["one", "two", "three"].map { "counted+in:\($0)" }.joined(separator: ",")
            let base = try await tree.connectionCost(targets)
            let result = try await tree.sync(["-v"], to: targets, destination: "home")
            #expect(result.status == 0, "\(result.errors)")
            let sent = tree.relay.counts.sent + tree.relay.counts.received - base
            #expect((4 << 20..<5 << 20).contains(sent), "\(sent)")
            for name in ["one", "two", "three"] {
                #expect(tree.snapshot("\(tree.directory)/\(name)/home") == tree.snapshot(tree.source), "\(name)")
            }
            #expect(try await tree.sync(["-v"], to: targets, destination: "home").text.contains("0 files, 0 others"))
        }
    }

    @Test(
        "What has changed is told and made the same: content, size, time, permissions, a link, a folder's permissions"
    )
    func changes() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            #expect(try await tree.sync([]).status == 0)
            try tree.write("ONE", "a.txt", age: 90)
            try tree.setAge(40, of: "\(tree.source)/folder/b.txt")
            chmod("\(tree.source)/folder/deep/c.o", 0o600)
            chmod("\(tree.source)/empty", 0o700)
            unlink("\(tree.source)/folder/link")
            symlink("elsewhere", "\(tree.source)/folder/link")
            let result = try await tree.sync(["-v"])
            #expect(result.status == 0, "\(result.errors)")
            let expected = [
                "<f..t...... a.txt", ".d...p..... empty/", ".d..t...... folder/", "<f..t...... folder/b.txt",
                "cLc........ folder/link -> elsewhere", ".f...p..... folder/deep/c.o",
            ]
            #expect(result.lines.dropLast().sorted() == expected.sorted(), "\(result.text)")
            #expect(tree.isSame)
        }
    }

    @Test("With --checksum only the content counts, also where size and time are the same")
    func checksum() async throws {
        try await SyncTree.with { tree in
            try tree.write("same", "same", age: 10)
            try tree.write("same", "same", in: tree.destination, age: 20)
            try tree.write("new", "other", age: 10)
            try tree.write("old", "other", in: tree.destination, age: 10)
            #expect(try await tree.sync(["-n"]).lines.filter { $0.contains("other") }.isEmpty)
            let result = try await tree.sync(["-v", "-c"])
            #expect(result.lines.contains("<fc........ other"), "\(result.text)")
            #expect(result.lines.contains(".f..t...... same"), "\(result.text)")
            #expect(result.text.contains("1 files"))
            #expect(tree.isSame)
        }
    }

    @Test("--dry-run tells what would be done, and does nothing")
    func dryRun() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            try tree.write("old", "a.txt", in: tree.destination)
            try tree.write("extra", "gone/extra", in: tree.destination)
            let before = tree.snapshot(tree.destination)
            let result = try await tree.sync(["-n", "--delete"])
            #expect(result.status == 0)
            #expect(result.lines.contains("*deleting   gone/extra") && result.lines.contains("*deleting   gone/"))
            #expect(result.lines.contains { $0.hasSuffix(" a.txt") })
            #expect(tree.snapshot(tree.destination) == before)
            let missing = try await tree.sync(["-n"], from: [tree.source])
            #expect(missing.status == 0 && tree.snapshot(tree.destination) == before)
        }
    }

    @Test("--delete removes what is not in the source, keeps what is excluded, and follows no link")
    func deletion() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            try tree.write("kept", "outside/file", in: tree.directory)
            try tree.write("extra", "gone/deep/extra", in: tree.destination)
            try tree.write("log", "folder/keep.log", in: tree.destination)
            try tree.write("log", "both/keep.log", in: tree.destination)
            try tree.write("extra", "both/extra", in: tree.destination)
            symlink("\(tree.directory)/outside", "\(tree.destination)/way")
            // A link in the place of a folder is not followed either.
            symlink("\(tree.directory)/outside", "\(tree.destination)/empty")
            let result = try await tree.sync(["--delete", "-v", "--exclude", "*.log"])
            #expect(result.status == 0, "\(result.errors)")
            let deleted = result.lines.filter { $0.hasPrefix("*deleting") }.map { $0.dropFirst(12) }
            #expect(
                deleted.sorted() == ["both/extra", "gone/", "gone/deep/", "gone/deep/extra", "way"],
                "\(result.text)"
            )
            #expect(Files.text("\(tree.directory)/outside/file") == "kept")
            let left = Set(tree.snapshot(tree.destination).keys)
            #expect(left == Set(tree.snapshot(tree.source).keys).union(["folder/keep.log", "both", "both/keep.log"]))
        }
    }

    @Test("--delete removes nothing if something of the source could not be read, and says so")
    func incompleteSource() async throws {
        try await SyncTree.with { tree in
            try fill(tree)
            try tree.write("extra", "extra", in: tree.destination)
            let result = try await tree.sync(["--delete"], from: ["\(tree.source)/", "\(tree.directory)/nothing"])
            #expect(result.status == 5)
            #expect(result.errors.contains("\(tree.directory)/nothing") && result.errors.contains("nothing is removed"))
            #expect(Files.text("\(tree.destination)/extra") == "extra")
            #expect(Files.text("\(tree.destination)/a.txt") == "one")
        }
    }

    @Test(
        "Names that would be dangerous are refused before anything is connected",
        arguments: [
            ["", ":x"], ["--delete", "/", ":x"], ["--delete", "s", ":/"], ["--delete", "s", ":/etc/.."], ["s", "x"],
            [":x"],
        ]
    )
    func refusedNames(words: [String]) async throws {
        let result = try await ToolProcess.run(["sync", "-t", "local"] + words)
        #expect(result.status == 2, "\(result.errors)")
    }

    @Test("What is excluded is not sent: by name, from the root, as a folder")
    func exclusions() async throws {
        try await SyncTree.with { tree in
            for path in ["a.o", "b.c", "build/x", "sub/build/y", "sub/a.o", "tmp/z", "sub/tmp"] {
                try tree.write("", path)
            }
            let arguments = ["--exclude", "*.o", "--exclude", "/build", "--exclude", "tmp/"]
            #expect(try await tree.sync(arguments).status == 0)
            #expect(
                Set(tree.snapshot(tree.destination).keys) == ["b.c", "sub", "sub/build", "sub/build/y", "sub/tmp"]
            )
        }
    }

    @Test("A folder gives way to a file only with --delete; a file gives way to a folder; a folder is no file's name")
    func conflicts() async throws {
        try await SyncTree.with { tree in
            try tree.write("file", "one")
            try tree.write("inside", "two/inside")
            try tree.write("was", "one/was", in: tree.destination)
            try tree.write("was", "two", in: tree.destination)
            let first = try await tree.sync([])
            #expect(first.status == 5)
            #expect(first.errors.contains("\(tree.destination)/one: is a folder there"), "\(first.errors)")
            #expect(Files.text("\(tree.destination)/two/inside") == "inside")
            #expect(Files.text("\(tree.destination)/one/was") == "was")
            #expect(try await tree.sync(["--delete"]).status == 0)
            #expect(tree.isSame)
            let onto = try await ToolProcess.run(["sync", "\(tree.source)/", ":\(tree.destination)/one"])
            #expect(
                onto.status == 5 && onto.errors.contains("\(tree.destination)/one: is not a folder"),
                "\(onto.errors)"
            )
        }
    }

    @Test("A slash decides whether a folder comes along or what is in it; one file gets the name of DEST")
    func slashes() async throws {
        try await SyncTree.with { tree in
            try tree.write("x", "x")
            #expect(try await tree.sync([], from: [tree.source]).status == 0)
            #expect(Files.text("\(tree.destination)/source/x") == "x")
            let one = try await ToolProcess.run(["sync", "\(tree.source)/x", ":\(tree.directory)/new"])
            #expect(one.status == 0 && Files.text("\(tree.directory)/new") == "x", "\(one.errors)")
        }
    }

    @Test(
        "What may not be written is told with its path and target, and the rest arrives",
        .enabled(if: geteuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0, "needs root and setpriv")
    )
    func permissions() async throws {
        try await SyncTree.with { tree in
            try tree.write("x", "closed/x")
            try tree.write("y", "open/y")
            for folder in ["", "/closed", "/open"] { mkdir(tree.destination + folder, 0o755) }
            chmod(tree.directory, 0o755)
            for path in [tree.destination, "\(tree.destination)/open"] { chown(path, 65534, 65534) }
            let result = try await tree.sync([], to: "nobody")
            #expect(result.status == 5)
            #expect(result.errors.contains("nobody: \(tree.destination)/closed"), "\(result.errors)")
            #expect(result.errors.contains("denied") || result.errors.contains("not permitted"), "\(result.errors)")
            #expect(Files.text("\(tree.destination)/open/y") == "y")
        }
    }

    @Test(
        "A read-only file system is told by name, whatever was sent already",
        .enabled(
            if: Testbed.isUp && access("/tmp/testbed/mounts/readonly", F_OK) == 0,
            "needs Tests/Testbed/setup mounts"
        )
    )
    func readOnly() async throws {
        try await SyncTree.with { tree in
            for number in 0..<50 { try tree.write(String(repeating: "x", count: 100_000), "\(number)") }
            let path = try Testbed.fact("TB_MOUNT_READONLY") + "/new"
            let result = try await ToolProcess.run(["sync", "\(tree.source)/", ":\(path)"])
            #expect(result.status == 5 && result.errors.contains("\(path): "), "\(result.errors)")
            #expect(result.errors.contains("Read-only file system"), "\(result.errors)")
        }
    }

    @Test("An old file that changes after its signature was made is sent whole, and comes out right")
    func staleSignature() async throws {
        try await SyncTree.with { tree in
            // The first file takes two seconds; the second one's signature is asked for meanwhile.
            var random = SystemRandomNumberGenerator()
            let first = (0..<250_000).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
            let second = Array(first[..<100_000])
            try Files.write(first, to: "\(tree.source)/1")
            try Files.write(Array(first.reversed()), to: "\(tree.destination)/1")
            try Files.write(second + [1], to: "\(tree.source)/2")
            try Files.write(second, to: "\(tree.destination)/2")
            _ = try await tree.connectionCost()
            let tool = try tree.start(["--json", "--no-fsync"], to: "slow")
            #expect(try await eventually { tree.isWriting })
            let file = open("\(tree.destination)/2", O_WRONLY)
            try #require(file >= 0 && pwrite(file, [UInt8](repeating: 0, count: 50_000), 50_000, 20_000) == 50_000)
            close(file)
            let result = try await tool.wait()
            #expect(result.status == 0, "\(result.errors)")
            let end = try CommandLineTests.object(try #require(result.lines.last))
            // The operations alone have a few kilobytes.
            #expect(end["sent_bytes"] as? Int ?? 0 > first.count + second.count, "\(result.text)")
            #expect(Files.bytes("\(tree.destination)/2") == second + [1])
            #expect(Files.bytes("\(tree.destination)/1") == first)
        }
    }

    @Test("Several targets at once have their names in front; one that is not reached does not keep the others from it")
    func severalTargets() async throws {
        try await SyncTree.with { tree in
            try tree.write("x", "x")
            let hops = "\(tree.directory)/hops"
            let result = try await ToolProcess.run(
                [
                    "sync", "--hops", hops, "-v", "-t", "local:a,local:b", "-t", "su:no-such-user", "\(tree.source)/x",
                    ":\(tree.directory)/there/",
                ]
            )
            #expect(result.status == 4, "\(result.errors)")
            #expect(
                result.lines.contains { $0.hasPrefix("local:a: ") }
                    && result.lines.contains { $0.hasPrefix("local:b: ") }
            )
            #expect(result.errors.contains("su:no-such-user"))
            #expect(Files.text("\(tree.directory)/there/x") == "x")
        }
    }

    @Test("JSON has an object for each change and each end")
    func json() async throws {
        try await SyncTree.with { tree in
            try tree.write("x", "x")
            // Both folders may have been changed in the same tick of the kernel's clock, and then do not differ.
            let times = [timeval](repeating: timeval(tv_sec: 1_000_000_000, tv_usec: 0), count: 2)
            #expect(utimes(tree.source, times) == 0)
            let result = try await tree.sync(["--json"])
            let objects = try result.lines.map(CommandLineTests.object)
            try #require(objects.map { $0["event"] as? String } == ["change", "change", "finished"], "\(result.text)")
            #expect(objects[1]["path"] as? String == "x" && objects[1]["change"] as? String == "<f+++++++++")
            #expect(objects[2]["files"] as? Int == 1 && objects[2]["sent_bytes"] as? Int == 1)
        }
    }

    @Test("Ctrl-C leaves the old file whole, and nothing else")
    func interruption() async throws {
        try await SyncTree.with { tree in
            try Files.write([UInt8](repeating: 1, count: 5_000_000), to: "\(tree.source)/file")
            try tree.write("old", "file", in: tree.destination)
            _ = try await tree.connectionCost()
            let tool = try tree.start(["--no-fsync"], to: "slow")
            #expect(try await eventually { tree.isWriting })
            tool.signal(SIGINT)
            let result = try await tool.wait()
            #expect(result.status == 130)
            #expect(Files.text("\(tree.destination)/file") == "old")
            #expect(Files.names(in: tree.destination) == ["file"])
            #expect(try await tool.waitForProcesses { $0.isEmpty }.isEmpty)
        }
    }
}

extension SyncTree {
    /// Whether a process has a new file open in the destination, which may have no name yet, and something is in it.
    fileprivate var isWriting: Bool {
        for process in Files.names(in: "/proc") where Int32(process) != nil {
            for number in Files.names(in: "/proc/\(process)/fd") {
                let link = "/proc/\(process)/fd/\(number)"
                guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: link),
                    path.hasPrefix(destination), path.hasSuffix(" (deleted)") || path.contains("/.mitogen-")
                else { continue }
                var status = stat()
                if stat(link, &status) == 0, status.st_size > 0 { return true }
            }
        }
        return false
    }
}
