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
    "Connections that the tool holds",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(1))
)
struct HoldCommandTests {
    /// The tool with a folder for sockets of its own, and a kind of hop that leads here: `pot:NAME`. While there is a file
    /// `stuck`, it leads nowhere.
    private struct Place {
        let folder: String
        let stub: ToolStub

        /// Where the program is kept, so that not every test sends it again.
        private static let home: String = {
            let path = "\(BuiltProgram.directory)/hold-home"
            mkdir(path, 0o700)
            return path
        }()

        var sockets: String { "\(self.folder)/mitogen-\(geteuid())" }
        private var environment: [String: String] { ["MITOGEN_RUNTIME_DIR": self.folder, "HOME": Self.home] }
        private var hops: [String] { ["--hops", "\(self.folder)/hops"] }

        func tool(_ command: String, _ arguments: String..., environment: [String: String] = [:]) async throws
            -> ToolResult
        {
            try await self.start(command, arguments, environment: environment).wait()
        }

        func start(_ command: String, _ arguments: [String], environment: [String: String] = [:]) throws -> ToolProcess
        {
            let isPlain = arguments.contains("--list") || arguments.contains("--end")
            return try ToolProcess(
                [command] + (isPlain ? [] : self.hops) + arguments,
                environment: self.environment.merging(environment) { _, new in new }
            )
        }

        func list() async throws -> [[String: Any]] {
            try await self.tool("hold", "--list", "--json").lines.map(CommandLineTests.object)
        }

        /// How often the tool of the hop has run.
        var connections: Int { self.stub.runs.count }
    }

    private static func withPlace(_ body: (Place) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            let stuck = #"[ ! -e "${0%/*}/stuck" ] || exec sleep 1000"#
            let stub = try ToolStub(in: folder, "\(stuck)\n\(ToolStub.leadsHere)")
            let section = "[pot]\nargument = NAME\ncommand = \(stub.path) in {name} {command}\n"
            try Files.write(Array(section.utf8), to: "\(folder)/hops")
            try #require(chmod("\(folder)/hops", 0o600) == 0)
            let place = Place(folder: folder, stub: stub)
            do {
                try await body(place)
            } catch {
                _ = try await place.tool("hold", "--end")
                throw error
            }
            #expect(try await place.tool("hold", "--end").status == 0)
            #expect(Files.names(in: place.sockets).isEmpty)
        }
    }

    @Test("What is held is used by run, tree and doctor, also at the same time; --no-hold refuses it")
    func use() async throws {
        try await Self.withPlace { place in
            let hold = try place.start("hold", ["-t", "pot:tea"])
            let held = try await hold.wait()
            #expect(held.status == 0 && held.errors.isEmpty, "\(held.errors)")
            #expect(held.text == "pot:tea: held for 10 min 00 s without use\n")
            #expect(place.connections == 1)
            let parent = ["-t", "pot:tea", "--", "sh", "-c", "echo $PPID"]
            let first = try await place.start("run", parent).wait()
            #expect(first.status == 0, "\(first.errors)")
            // Two at once, in the same context.
            let (left, right) = (try place.start("run", parent), try place.start("run", parent))
            #expect(try await left.wait().text == first.text)
            #expect(try await right.wait().text == first.text)
            let tree = try await place.tool("tree", "-t", "pot:tea+local:x")
            #expect(tree.status == 0 && tree.lines.count == 4, "\(tree.text)")
            let doctor = try await place.tool("doctor", "pot:tea")
            #expect(doctor.text.contains("held          for "), "\(doctor.text)")
            #expect(place.connections == 1)
            let own = try await place.start("run", ["--no-hold"] + parent).wait()
            #expect(own.status == 0 && own.text != first.text && place.connections == 2)
            // More is added to the same process.
            #expect(try await place.tool("hold", "-t", "pot:milk", "--for", "forever").status == 0)
            let list = try await place.list()
            try #require(list.map { $0["target"] as? String } == ["pot:milk", "pot:tea"])
            #expect(Set(list.compactMap { $0["holder_pid"] as? Int }).count == 1)
            #expect(list[0]["idle_limit_s"] is NSNull && list[1]["idle_limit_s"] as? Double == 600)
            #expect(try await place.tool("hold", "--end").status == 0)
            #expect(try await hold.waitForProcesses(\.isEmpty).isEmpty)
        }
    }

    @Test("A process that holds connections and stands still is named, with what ends it")
    func standstill() async throws {
        try await Self.withPlace { place in
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
            let pid = try #require(try await place.list().first?["holder_pid"] as? Int)
            try #require(kill(pid_t(pid), SIGSTOP) == 0)
            defer { kill(pid_t(pid), SIGCONT) }
            async let list = place.tool("hold", "--list")
            for result in [try await place.tool("hold", "--end"), try await list] {
                #expect(result.status == 5)
                let text = "process \(pid), which holds connections, has not answered within 5.0 seconds"
                #expect(result.errors.contains(text) && result.errors.contains("'kill -9 \(pid)'"), "\(result.errors)")
            }
        }
    }

    @Test("Files for several targets that are held behind one hop cross it once")
    func sharedHop() async throws {
        try await Self.withPlace { place in
            let fixture = try Fixture.path
            let relay = Relay(in: place.folder)
            let hops = """
                [counted]
                command = \(fixture) relay files=\(place.folder)/relay -- {command}
                argument = none
                [in]
                command = sh -c 'mkdir -p "$0" && cd "$0" && HOME=$0 exec "$@"' \(place.folder)/{name} {command}
                argument = NAME

                """
            try Files.write(Array(hops.utf8), to: "\(place.folder)/hops")
            let targets = "counted+in:one,counted+in:two,counted+in:three"
            let held = try await place.tool("hold", "-t", targets)
            #expect(held.status == 0, "\(held.errors)")
            let noise = try #require(FileHandle(forReadingAtPath: "/dev/urandom")).read(upToCount: 4 << 20)
            let content = [UInt8](try #require(noise))
            try Files.write(content, to: "\(place.folder)/file")
            for command in ["copy", "sync"] {
                let before = relay.counts.sent
                let result = try await place.tool(command, "\(place.folder)/file", "-t", targets, ":\(command)")
                #expect(result.status == 0, "\(result.errors)")
                let sent = relay.counts.sent - before
                #expect((4 << 20..<5 << 20).contains(sent), "\(command): \(sent)")
                for name in ["one", "two", "three"] {
                    #expect(Files.bytes("\(place.folder)/\(name)/\(command)") == content)
                }
            }
        }
    }

    @Test("Other options, or another environment, make a connection of the command's own")
    func mismatch() async throws {
        try await Self.withPlace { place in
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
            let (target, command) = (["-t", "pot:tea"], ["--", "true"])
            #expect(try await place.start("run", target + ["--connect-timeout", "31"] + command).wait().status == 0)
            #expect(place.connections == 2)
            let other = ["SSH_AUTH_SOCK": "/nowhere"]
            #expect(try await place.start("run", target + command, environment: other).wait().status == 0)
            #expect(place.connections == 3)
            #expect(try await place.start("run", target + command, environment: ["TERM": "x"]).wait().status == 0)
            #expect(place.connections == 3)
            // What else is in PATH does not matter, only where the tools are.
            let venv = ["PATH": "\(place.folder)/venv:/usr/local/bin:/usr/bin:/bin"]
            #expect(try await place.start("run", target + command, environment: venv).wait().status == 0)
            #expect(place.connections == 3)
            mkdir("\(place.folder)/tools", 0o700)
            try Files.write(Array("#!/bin/sh\n".utf8), to: "\(place.folder)/tools/ssh")
            chmod("\(place.folder)/tools/ssh", 0o700)
            let tools = ["PATH": "\(place.folder)/tools:/usr/local/bin:/usr/bin:/bin"]
            #expect(try await place.start("run", target + command, environment: tools).wait().status == 0)
            #expect(place.connections == 4)
            // It has a process of its own, which is listed and ended with the other.
            #expect(try await place.start("hold", target, environment: other).wait().status == 0)
            let list = try await place.list()
            #expect(list.count == 2 && Set(list.compactMap { $0["holder_pid"] as? Int }).count == 2)
        }
    }

    @Test("Without use it ends by itself, and its process with the last")
    func expiry() async throws {
        try await Self.withPlace { place in
            let hold = try place.start("hold", ["-t", "pot:tea", "--for", "0.5s"])
            #expect(try await hold.wait().status == 0)
            // What is used is kept.
            let run = try await place.tool("run", "-t", "pot:tea", "--", "sleep", "1")
            #expect(run.status == 0 && place.connections == 1, "\(run.errors)")
            #expect(try await hold.waitForProcesses(\.isEmpty).isEmpty)
            #expect(Files.names(in: place.sockets).isEmpty)
        }
    }

    @Test("The holder is killed while a command runs: the command fails and says why, and the next holder starts")
    func killedHolder() async throws {
        try await Self.withPlace { place in
            let hold = try place.start("hold", ["-t", "pot:tea"])
            #expect(try await hold.wait().status == 0)
            let holder = try #require(try await place.list().first?["holder_pid"] as? Int)
            let run = try place.start("run", ["-t", "pot:tea", "--", "sleep", "1000"])
            let isRunning = try await eventually { hold.processes.contains { $0.contains(": sleep 1000") } }
            #expect(isRunning)
            kill(Int32(holder), SIGKILL)
            let result = try await run.wait(limit: .seconds(10))
            #expect(result.status == 5, "\(result.errors)")
            let output = result.text + result.errors
            #expect(
                output.contains("failed at pot:tea") && output.contains("the process to which this one was attached"),
                "\(output)"
            )
            // All that was held ends without its parent, and the command with it.
            #expect(try await hold.waitForProcesses(\.isEmpty).isEmpty)
            // The socket that was left is no obstacle.
            #expect(Files.names(in: place.sockets).count == 1)
            #expect(try await place.tool("run", "-t", "pot:tea", "--", "true").status == 0)
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
            #expect(try await place.list().count == 1)
        }
    }

    @Test(
        "The holder is killed while a copy runs: it fails and says why, the old file is whole and nothing is left",
        arguments: LongTests.pick([50], long: Array(stride(from: 10, through: 90, by: 10)))
    )
    func killedDuringCopy(percent: Int) async throws {
        try await Self.withPlace { place in
            let size = LongTests.pick(256 << 20, long: 1 << 30)
            try TestFiles.make("\(place.folder)/a", size: size)
            mkdir("\(place.folder)/to", 0o755)
            try Files.write([1], to: "\(place.folder)/to/a")
            let hold = try place.start("hold", ["-t", "pot:tea"])
            #expect(try await hold.wait().status == 0)
            let holder = try #require(try await place.list().first?["holder_pid"] as? Int)
            let context = try await place.tool("run", "-t", "pot:tea", "--", "sh", "-c", "echo $PPID")
            let pid = try #require(Int32(context.lines.first ?? ""))
            func written() -> Int {
                let line = (Files.text("/proc/\(pid)/io") ?? "").split(separator: "\n").first {
                    $0.hasPrefix("wchar: ")
                }
                return line.flatMap { Int($0.dropFirst(7)) } ?? 0
            }
            let before = written()
            let copy = try place.start("copy", ["\(place.folder)/a", "-t", "pot:tea", ":\(place.folder)/to/a"])
            #expect(try await eventually(within: .seconds(30)) { written() - before >= size / 100 * percent })
            kill(Int32(holder), SIGKILL)
            let result = try await copy.wait(limit: .seconds(20))
            #expect(result.status == 5, "\(result.errors)")
            #expect(
                result.errors.contains("pot:tea: ") && result.errors.contains("the process to which"),
                "\(result.errors)"
            )
            #expect(try await hold.waitForProcesses(\.isEmpty).isEmpty)
            // Its content is not compared: a test that fails would describe a gigabyte.
            #expect(try TestFiles.status("\(place.folder)/to/a").st_size == 1)
            #expect(TestFiles.names(in: "\(place.folder)/to") == ["a"])
            // The next one removes the socket that was left.
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
        }
    }

    @Test("A command that is killed leaves nothing in what is held, nor behind it")
    func killedCommand() async throws {
        try await Self.withPlace { place in
            let hold = try place.start("hold", ["-t", "pot:tea"])
            #expect(try await hold.wait().status == 0)
            let idle = hold.processes.count
            let run = try place.start("run", ["-t", "pot:tea+local:x", "-t", "pot:tea", "--", "sleep", "1000"])
            let areRunning = try await eventually { hold.processes.count { $0.contains(": sleep 1000") } == 2 }
            #expect(areRunning)
            run.signal(SIGKILL)
            _ = try await run.wait()
            #expect(try await hold.waitForProcesses { $0.count <= idle + 1 }.allSatisfy { !$0.contains("sleep") })
            #expect(try await eventually { try await place.list().first?["users"] as? Int == 0 })
            #expect(try await place.tool("run", "-t", "pot:tea", "--", "true").status == 0)
            #expect(place.connections == 1)
        }
    }

    @Test("A connection that was lost is made anew by the next command, and doctor says so")
    func loss() async throws {
        try await Self.withPlace { place in
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
            let context = try await place.tool("run", "-t", "pot:tea", "--", "sh", "-c", "echo $PPID")
            kill(try #require(Int32(context.lines.first ?? "")), SIGKILL)
            #expect(try await eventually { try await place.list().first?["ok"] as? Bool == false })
            #expect(try await place.tool("hold", "--list").text.contains("lost (process "))
            let run = try await place.tool("run", "-t", "pot:tea", "--", "echo", "again")
            #expect(run.status == 0 && run.text.contains("again") && place.connections == 2)
            let doctor = try await place.tool("doctor", "pot:tea")
            #expect(doctor.text.contains("made anew once (process "), "\(doctor.text)")
            let json = try CommandLineTests.object(try await place.tool("doctor", "--json", "pot:tea").text)
            #expect(json["made_anew"] as? Int == 1 && (json["last_loss"] as? String)?.contains("SIGKILL") == true)
        }
    }

    @Test("A holder that stands still while it makes a connection anew is given up after the time of a connection")
    func frozenRenewal() async throws {
        try await Self.withPlace { place in
            let target = ["-t", "pot:tea", "--connect-timeout", "3"]
            #expect(try await place.start("hold", target).wait().status == 0)
            let holder = Int32(try #require(try await place.list().first?["holder_pid"] as? Int))
            let context = try await place.start("run", target + ["--", "sh", "-c", "echo $PPID"]).wait()
            kill(try #require(Int32(context.lines.first ?? "")), SIGKILL)
            #expect(try await eventually { try await place.list().first?["ok"] as? Bool == false })
            try Files.write([], to: "\(place.folder)/stuck")
            let run = try place.start("run", target + ["--", "true"])
            #expect(try await eventually { place.connections == 2 })
            try await Processes.stop(holder)
            let result = try await run.wait(limit: .seconds(20))
            kill(holder, SIGCONT)
            #expect(result.status == 4 && result.duration < .seconds(10), "\(result.duration)")
            let said = result.text + result.errors
            #expect(said.contains("has not answered within 3") && said.contains("--no-hold"), "\(said)")
        }
    }

    @Test("Targets that fail are told as by run, and the others are held")
    func failures() async throws {
        try await Self.withPlace { place in
            let hold = try await place.tool("hold", "-t", "pot:tea", "-t", "ssh:nobody@127.0.0.1:1")
            #expect(hold.status == 4)
            #expect(hold.text == "pot:tea: held for 10 min 00 s without use\n")
            #expect(
                hold.errors.contains(
                    "ssh:nobody@127.0.0.1:1: unreachable at ssh:nobody@127.0.0.1:1\n  connectionRefused: "
                ),
                "\(hold.errors)"
            )
            #expect(try await place.list().map { $0["target"] as? String } == ["pot:tea"])
        }
    }

    @Test(
        "A command line that makes no sense is refused",
        arguments: [
            [], ["-t", "local"], ["-t", "pot:a", "-t", "local+local:x"], ["-t", "nowhere"],
            ["-t", "pot:a", "--for", "soon"],
            ["--list", "--end"], ["--end", "-t", "pot:a"], ["--list", "--for", "3s"], ["--json", "-t", "pot:a"],
        ]
    )
    func commandLines(arguments: [String]) async throws {
        try await Self.withPlace { place in
            let result = try await place.start("hold", arguments).wait()
            #expect(result.status == 2, "\(result.text)\(result.errors)")
            #expect(place.connections == 0)
        }
    }

    @Test("A folder that others may enter is not used: hold refuses, run goes its own way and says so")
    func openFolder() async throws {
        try await Self.withPlace { place in
            try #require(mkdir(place.sockets, 0o755) == 0)
            let hold = try await place.tool("hold", "-t", "pot:tea")
            #expect(hold.status == 4 && hold.errors.contains("others may enter it (mode 755)"), "\(hold.errors)")
            #expect(hold.errors.contains("(mode 755)\n  hint: chmod 700 \(place.sockets)\n"), "\(hold.errors)")
            #expect(place.connections == 0)
            let run = try await place.tool("run", "-t", "pot:tea", "--", "true")
            #expect(run.status == 0 && run.errors.contains("connections that are held cannot be used"), "\(run.errors)")
            try #require(chmod(place.sockets, 0o700) == 0)
        }
    }

    @Test("A holder that stands still holds commands up for 2 s, and they go their own way")
    func frozenHolder() async throws {
        try await Self.withPlace { place in
            #expect(try await place.tool("hold", "-t", "pot:tea").status == 0)
            let holder = Int32(try #require(try await place.list().first?["holder_pid"] as? Int))
            try await Processes.stop(holder)
            let run = try await place.tool("run", "-t", "pot:tea", "--", "echo", "here")
            kill(holder, SIGCONT)
            #expect(run.status == 0 && run.text.contains("here") && place.connections == 2)
            #expect(run.errors.contains("has not answered within"), "\(run.errors)")
            #expect(run.duration < .seconds(20))
        }
    }
}
