//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Options that no other test is about",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct OptionCommandTests {
    // MARK: Node sets

    @Test("hosts folds, intersects and compares")
    func nodeSets() async throws {
        let folded = try await ToolProcess.run(["hosts", "-f", "web3", "web[1-2]"])
        #expect(folded.text == "web[1-3]\n")
        #expect(try await ToolProcess.run(["hosts", "--fold", "web3", "web[1-2]"]).text == folded.text)
        let both = try await ToolProcess.run([
            "hosts", "web[1-9]", "--intersection", "web[3-12]", "--intersection", "web[1-4]",
        ])
        #expect(both.text == "web[3-4]\n")
        for option in ["-X", "--xor"] {
            let one = try await ToolProcess.run(["hosts", "web[1-5]", option, "web[4-7]"])
            #expect(one.text == "web[1-3,6-7]\n")
        }
    }

    @Test("Every command takes the hosts of an inventory, one by one and all of them")
    func inventories() async throws {
        try await withTemporaryDirectory { folder in
            let hosts = "\(folder)/hosts.ini"
            try Files.write(Array("a ansible_connection=local\n".utf8), to: hosts)
            try #require(chmod(hosts, 0o600) == 0)
            try Files.write([7], to: "\(folder)/file")
            #expect(try await ToolProcess.run(["hosts", "-i", hosts, "--all"]).text == "a\n")
            #expect(try await ToolProcess.run(["hosts", "-i", hosts, "-a"]).text == "a\n")
            let copy = try await ToolProcess.run([
                "copy", "-i", hosts, "--all", "--json", "\(folder)/file", ":\(folder)/copied",
            ])
            #expect(
                copy.status == 0 && copy.text.contains("\"target\":\"a\"") && Files.bytes("\(folder)/copied") == [7]
            )
            let fetch = try await ToolProcess.run([
                "fetch", "-i", hosts, "-t", "a", ":\(folder)/file", "\(folder)/fetched",
            ])
            #expect(fetch.status == 0 && Files.bytes("\(folder)/fetched/a/file") == [7])
            let sync = try await ToolProcess.run(["sync", "-i", hosts, "--all", "\(folder)/file", ":\(folder)/synced"])
            #expect(sync.status == 0 && Files.bytes("\(folder)/synced") == [7], "\(sync.errors)")
            let hold = try await ToolProcess.run(["hold", "-i", hosts, "--all"])
            #expect(hold.status == 2 && hold.errors.contains("'a' needs no connection"))
            let doctor = try await ToolProcess.run(["doctor", "-i", hosts, "--all"])
            #expect(doctor.status == 0 && doctor.lines.first == "a")
            let tree = try await ToolProcess.run(["tree", "-i", hosts, "--all"])
            #expect(tree.status == 0 && tree.text.contains("local (a)"))
        }
    }

    // MARK: Files

    enum Kept {
        case metadata
        case owner
        case attributes
    }

    /// What is known of a file besides its content.
    private static func status(_ path: String) throws -> stat {
        var result = stat()
        try #require(lstat(path, &result) == 0, "\(path)")
        return result
    }

    private static func attribute(_ path: String) -> String? {
        TestFiles.attribute("user.test", of: path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A file of mode 0604 and of 1990, with an extended attribute, and of another user where this one is root.
    private static func makeFile(_ path: String) throws {
        try Files.write(Array("content".utf8), to: path)
        try #require(chmod(path, 0o604) == 0)
        if geteuid() == 0 { try #require(chown(path, 1, 54321) == 0) }
        _ = TestFiles.setAttribute("user.test", of: path, to: Array("value".utf8))
        var times = [timespec(tv_sec: 640_000_000, tv_nsec: 0), timespec(tv_sec: 640_000_000, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
    }

    @Test(
        "copy and fetch keep what they are asked to keep of a file",
        arguments: [
            (["copy"], []), (["fetch"], []), (["copy", "-p"], [.metadata]), (["fetch", "--preserve"], [.metadata]),
            (["copy", "--owner"], [.owner]), (["fetch", "--owner"], [.owner]),
            (["copy", "--numeric-ids"], [.owner]),
            (["fetch", "--numeric-ids"], [.owner]), (["copy", "-a"], [.metadata, .owner]),
            (["fetch", "--archive"], [.metadata, .owner]), (["copy", "-X"], [.attributes]),
            (["fetch", "--xattrs"], [.attributes]), (["copy", "--no-fsync"], []), (["fetch", "--no-fsync"], []),
        ] as [([String], Set<Kept>)]
    )
    func metadata(words: [String], kept: Set<Kept>) async throws {
        try await withTemporaryDirectory { folder in
            try Self.makeFile("\(folder)/file")
            let hasAttributes = Self.attribute("\(folder)/file") != nil
            let paths =
                words[0] == "copy"
                ? ["\(folder)/file", ":\(folder)/to"] : ["--flat", ":\(folder)/file", "\(folder)/to"]
            let result = try await ToolProcess.run(words + paths)
            #expect(result.status == 0, "\(result.errors)")
            #expect(Files.text("\(folder)/to") == "content")
            let status = try Self.status("\(folder)/to")
            #expect((status.st_mtim.tv_sec == 640_000_000) == kept.contains(.metadata))
            #expect(status.st_mode & 0o777 == 0o604 || !kept.contains(.metadata))
            if geteuid() == 0 {
                // What has no name at the source has its number.
                #expect((status.st_uid == 1) == kept.contains(.owner))
                #expect((status.st_gid == 54321) == kept.contains(.owner))
            }
            if hasAttributes {
                #expect((Self.attribute("\(folder)/to") == "value") == kept.contains(.attributes))
            }
        }
    }

    @Test(
        "copy shows its progress on a terminal, unless it is to be quiet",
        arguments: [["copy"], ["copy", "-q"], ["copy", "--quiet"]]
    )
    func quiet(words: [String]) async throws {
        try await withTemporaryDirectory { folder in
            let hops = "\(folder)/hops"
            let relay = "argument = none\ncommand = \(try Fixture.path) relay kbytes_per_s=1000 -- {command}\n"
            try Files.write(Array("[slow]\n\(relay)[fast]\nargument = none\ncommand = env {command}\n".utf8), to: hops)
            try #require(chmod(hops, 0o600) == 0)
            try TestFiles.make("\(folder)/file", size: 2 << 20)
            // So that the program is in the cache, and only the file takes its time.
            let first = try await ToolProcess.run(
                ["run", "--hops", hops, "-t", "fast", "--", "true"],
                environment: ["HOME": folder]
            )
            try #require(first.status == 0, "\(first.errors)")
            let session = try TerminalSession(
                try #require(BuiltProgram.path(of: "mitogen")),
                words + ["--hops", hops, "-t", "slow", "\(folder)/file", ":\(folder)/copied"],
                environment: ["HOME": folder],
                size: (rows: 24, columns: 100)
            )
            #expect(try await session.waitForEnd() == 0)
            #expect(session.text.contains("%") == (words.count == 1), "\(session.text)")
            #expect(try TestFiles.digest("\(folder)/copied") == TestFiles.digest("\(folder)/file"))
        }
    }

    @Test("copy gives a target up that takes nothing for so long, and goes on with the others")
    func patience() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/file", size: 300 << 20)
            let tool = try ToolProcess(
                ["copy", "--timeout", "1", "-t", "local:still,local:other", "\(folder)/file", ":\(folder)/copied"]
            )
            func isContext(_ process: String) -> Bool { process.contains("still") && !process.contains(" copy ") }
            let found = try await tool.waitForProcesses { $0.contains(where: isContext) }
            let line = try #require(found.first(where: isContext), "\(found)")
            let pid = try #require(pid_t(line.prefix { $0 != ":" }))
            kill(pid, SIGSTOP)
            let result = try await tool.wait()
            kill(pid, SIGKILL)
            #expect(result.status == 5, "\(result.status)")
            #expect(result.errors.contains("it has taken nothing for ") && !result.errors.contains("local:other:"))
            #expect(try TestFiles.digest("\(folder)/copied") == TestFiles.digest("\(folder)/file"))
        }
    }

    @Test("sync takes targets from files, leaves some out, and works on so many at a time")
    func syncTargets() async throws {
        try await SyncTree.with { tree in
            try tree.write("one", "a")
            try Files.write(Array("local:a\nlocal:b\n".utf8), to: "\(tree.directory)/targets")
            let all = [
                "--hosts-file", "\(tree.directory)/targets", "--json", "\(tree.source)/", ":\(tree.destination)",
            ]
            func targets(_ result: ToolResult) throws -> [String] {
                try result.lines.map(CommandLineTests.object).filter { $0["event"] as? String == "finished" }
                    .compactMap { $0["target"] as? String }.sorted()
            }
            for option in ["-x", "--exclude-target"] {
                let result = try await ToolProcess.run(["sync", option, "local:a"] + all)
                #expect(result.status == 0, "\(result.errors)")
                #expect(try targets(result) == ["local:b"])
            }
            let one = try await ToolProcess.run(["sync", "--fanout", "1"] + all)
            #expect(one.status == 0)
            #expect(try targets(one) == ["local:a", "local:b"])
            let none = try await ToolProcess.run(["sync", "--fanout", "0"] + all)
            #expect(none.status == 2 && none.errors.contains("--fanout is a number of targets from 1"))
        }
    }

    @Test("sync sends a whole file if it is asked to, and writes into the old one if it is")
    func syncWhole() async throws {
        try await SyncTree.with { tree in
            let noise = try #require(FileHandle(forReadingAtPath: "/dev/urandom")).read(upToCount: 4 << 20)
            var content = [UInt8](try #require(noise))
            for (option, isWhole) in [
                ("--no-fsync", false), ("-W", true), ("--whole-file", true), ("--in-place", true),
            ] {
                try Files.write(content, to: "\(tree.destination)/log")
                let before = try Self.status("\(tree.destination)/log").st_ino
                content.insert(UInt8(content.count % 251), at: 0)
                try Files.write(content, to: "\(tree.source)/log")
                let base = try await tree.connectionCost()
                let result = try await ToolProcess.run(
                    ["sync", "--hops", "\(tree.directory)/hops", "-t", "counted", option, "\(tree.source)/"]
                        + [":\(tree.destination)"],
                    environment: ["HOME": tree.directory]
                )
                #expect(result.status == 0, "\(result.errors)")
                let sent = tree.relay.counts.sent + tree.relay.counts.received - base
                #expect((sent > 4 << 20) == isWhole, "\(option): \(sent)")
                #expect(Files.bytes("\(tree.destination)/log") == content)
                let isSameFile = try Self.status("\(tree.destination)/log").st_ino == before
                #expect(isSameFile == (option == "--in-place"))
            }
        }
    }

    @Test(
        "sync gives files their owners if it is asked to",
        .enabled(if: geteuid() == 0, "only root gives files away"),
        arguments: [[], ["--owner"], ["-a"], ["--archive"], ["--numeric-ids"]]
    )
    func syncOwners(options: [String]) async throws {
        try await SyncTree.with { tree in
            try Self.makeFile("\(tree.source)/file")
            let result = try await ToolProcess.run(["sync"] + options + ["\(tree.source)/", ":\(tree.destination)"])
            #expect(result.status == 0, "\(result.errors)")
            let status = try Self.status("\(tree.destination)/file")
            #expect((status.st_uid == 1) == !options.isEmpty && (status.st_gid == 54321) == !options.isEmpty)
        }
    }

    // MARK: Connections

    /// A folder with a hop `pot` that leads here, and a folder for sockets that others may write to.
    private static func withUnsafeSockets(_ body: (String, [String: String]) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            try Files.write(Array("[pot]\nargument = none\ncommand = env {command}\n".utf8), to: "\(folder)/hops")
            try #require(chmod("\(folder)/hops", 0o600) == 0)
            let sockets = "\(folder)/mitogen-\(geteuid())"
            mkdir(sockets, 0o700)
            try #require(chmod(sockets, 0o777) == 0)
            try Files.write([7], to: "\(folder)/file")
            try await body(folder, ["MITOGEN_RUNTIME_DIR": folder, "HOME": folder])
        }
    }

    @Test(
        "With --no-hold a command does not look for connections that are held",
        arguments: [
            ["run", "--no-hold", "--hops", "F/hops", "-t", "pot", "true"],
            ["copy", "--no-hold", "--hops", "F/hops", "-t", "pot", "F/file", ":F/to"],
            ["fetch", "--no-hold", "--hops", "F/hops", "-t", "pot", ":F/file", "F/to"],
            ["sync", "--no-hold", "--hops", "F/hops", "-t", "pot", "F/file", ":F/to"],
            ["fakessh", "--no-hold", "--hops", "F/hops", "pot", "true"],
            ["doctor", "--no-hold", "--hops", "F/hops", "pot"], ["tree", "--no-hold", "--hops", "F/hops", "-t", "pot"],
        ]
    )
    func noHold(arguments: [String]) async throws {
        try await Self.withUnsafeSockets { folder, environment in
            let words = arguments.map { $0.replacingOccurrences(of: "F/", with: "\(folder)/") }
            let without = try await ToolProcess.run(words, environment: environment)
            #expect(without.status == 0 && without.errors.isEmpty, "\(without.errors)")
            let with = try await ToolProcess.run(words.filter { $0 != "--no-hold" }, environment: environment)
            #expect(with.status == 0, "\(with.errors)")
            #expect(with.errors.hasPrefix("mitogen: connections that are held cannot be used: "), "\(with.errors)")
        }
    }

    @Test(
        "Another question for the password is answered if its end is given",
        arguments: [("su", "--su-prompt"), ("doas", "--doas-prompt"), ("sudo", "--sudo-prompt")]
    )
    func prompts(tool: String, option: String) async throws {
        try await withTemporaryDirectory { folder in
            // It asks at the terminal, and then runs what it is given, as the tools do.
            let script = """
                #!/bin/sh
                printf 'Zugangscode> ' >/dev/tty
                IFS= read -r code </dev/tty
                [ "$code" = secret ] || { echo "$0: wrong" >&2; exit 1; }
                while [ $# -gt 1 ] && [ "$1 ${2%%=*}" != "-c m" ]; do shift; done
                [ $# -gt 1 ] && exec sh "$@"
                exec sh -c "$1"

                """
            try Files.write(Array(script.utf8), to: "\(folder)/\(tool)")
            try #require(chmod("\(folder)/\(tool)", 0o700) == 0)
            try Files.write(Array("secret\n".utf8), to: "\(folder)/password")
            let environment = ["PATH": "\(folder):/usr/bin:/bin"]
            let words = [
                "--become-password-file", "\(folder)/password", "--connect-timeout", "3", "-t", tool, "--", "echo",
                "in",
            ]
            let result = try await ToolProcess.run(["run", option, "Zugangscode>"] + words, environment: environment)
            #expect(result.status == 0 && result.text == "in\n", "\(result.errors)")
            // Without it nobody knows that this is a question.
            let other = try await ToolProcess.run(["run"] + words, environment: environment)
            #expect(other.status == 4)
        }
    }

    @Test("sudo has a terminal if it is asked for", arguments: [false, true])
    func sudoTerminal(asks: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let script = """
                #!/bin/sh
                if (: </dev/tty) 2>/dev/null; then echo yes; else echo no; fi >"${0%/*}/terminal"
                while [ $# -gt 1 ] && [ "$1 ${2%%=*}" != "-c m" ]; do shift; done
                exec sh "$@"

                """
            try Files.write(Array(script.utf8), to: "\(folder)/sudo")
            try #require(chmod("\(folder)/sudo", 0o700) == 0)
            let result = try await ToolProcess.run(
                ["run"] + (asks ? ["--sudo-terminal"] : []) + ["-t", "sudo", "--", "echo", "in"],
                environment: ["PATH": "\(folder):/usr/bin:/bin"]
            )
            #expect(result.status == 0 && result.text == "in\n", "\(result.errors)")
            #expect(Files.text("\(folder)/terminal") == (asks ? "yes\n" : "no\n"))
        }
    }

    @Test("bench writes an object for programs")
    func bench() async throws {
        let result = try await ToolProcess.run(["bench", "--json", "-t", "local"])
        #expect(result.status == 0, "\(result.errors)")
        let object = try CommandLineTests.object(try #require(result.lines.first))
        #expect(result.lines.count == 1 && (object["fork_first_call_ms"] as? Double ?? 0) > 0)
    }

    @Test("bench measures only the parts that are asked for")
    func benchParts() async throws {
        let parts = ["--only", "chain", "--only", "calls"]
        let result = try await ToolProcess.run(["bench", "--json", "--quick", "-t", "local+local"] + parts)
        #expect(result.status == 0, "\(result.errors)")
        let object = try CommandLineTests.object(try #require(result.lines.first))
        let measured = object.keys.filter { object[$0] is Double }.sorted()
        #expect(measured == ["call_p50_us", "call_p99_us", "chain_first_call_ms", "raw_mib_s", "raw_rtt_us"])
    }
}
