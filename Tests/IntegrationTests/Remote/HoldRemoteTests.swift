//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite(
    "Connections that the tool holds through ssh and sudo",
    .serialized,
    .needsTestbed,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct HoldRemoteTests {
    private static let user = "ssh:tb-bash"
    private static let root = "ssh:tb-free@tb-bash+sudo"

    /// The tool with a folder for sockets of its own, and an ssh that notes its process before it becomes the real one.
    private struct Place {
        let folder: String
        let config: String

        func start(_ command: String, _ arguments: [String]) throws -> ToolProcess {
            let isPlain = arguments.contains("--list") || arguments.contains("--end")
            return try ToolProcess(
                [command] + (isPlain ? [] : ["--ssh-config", self.config]) + arguments,
                environment: [
                    "MITOGEN_RUNTIME_DIR": self.folder, "HOME": self.folder,
                    "PATH": "\(self.folder)/bin:/usr/local/bin:/usr/bin:/bin",
                ]
            )
        }

        func tool(_ command: String, _ arguments: String...) async throws -> ToolResult {
            try await self.start(command, arguments).wait()
        }

        /// What a command prints that runs in a target.
        func output(of words: String..., in target: String) async throws -> String {
            let result = try await self.start("run", ["-t", target, "--"] + words).wait()
            #expect(result.status == 0, "\(result.errors)")
            return result.text
        }

        func list() async throws -> [[String: Any]] {
            try await self.tool("hold", "--list", "--json").lines.map(CommandLineTests.object)
        }

        /// The processes of ssh that were started so far.
        var sshPIDs: [Int32] {
            (Files.text("\(self.folder)/ssh.log") ?? "").split(separator: "\n").compactMap { Int32($0) }
        }
    }

    private static func withPlace(_ body: (Place) async throws -> Void) async throws {
        let config = try Testbed.sshConfig
        try await withTemporaryDirectory { folder in
            // Accounts of the test bed read and write here.
            try #require(chmod(folder, 0o755) == 0)
            mkdir("\(folder)/bin", 0o755)
            // Its configuration is asked for before each connection.
            let script = """
                #!/bin/sh
                case " $* " in *" -G "*) ;; *) echo $$ >>"\(folder)/ssh.log" ;; esac
                exec /usr/bin/ssh "$@"

                """
            try Files.write(Array(script.utf8), to: "\(folder)/bin/ssh")
            try #require(chmod("\(folder)/bin/ssh", 0o755) == 0)
            let place = Place(folder: folder, config: config)
            do {
                try await body(place)
            } catch {
                _ = try await place.tool("hold", "--end")
                throw error
            }
            #expect(try await place.tool("hold", "--end").status == 0)
            #expect(try await Processes.stillRunning(place.sshPIDs, after: .seconds(5)).isEmpty)
            #expect(try await place.list().isEmpty)
        }
    }

    @Test("run, copy, fetch, tree and doctor use what is held and start no ssh; other options and --no-hold do")
    func use() async throws {
        try await Self.withPlace { place in
            let hold = try await place.tool("hold", "-t", Self.user, "-t", Self.root)
            #expect(hold.status == 0 && hold.lines.count == 2, "\(hold.text)\(hold.errors)")
            #expect(place.sshPIDs.count == 2)

            #expect(try await place.output(of: "id", "-un", in: Self.user) == "tb-bash\n")
            let roots = try await place.output(of: "sh", "-c", "id -un; echo $PPID", in: Self.root)
            #expect(roots.hasPrefix("root\n"))
            #expect(try await place.output(of: "sh", "-c", "id -un; echo $PPID", in: Self.root) == roots)

            try TestFiles.make("\(place.folder)/a", size: 3_000_000)
            let copy = try await place.tool("copy", "\(place.folder)/a", "-t", Self.root, ":\(place.folder)/b")
            #expect(copy.status == 0, "\(copy.errors)")
            let fetch = try await place.tool(
                "fetch",
                "--flat",
                "-t",
                Self.user,
                ":\(place.folder)/b",
                "\(place.folder)/c"
            )
            #expect(fetch.status == 0, "\(fetch.errors)")
            #expect(try TestFiles.digest("\(place.folder)/c") == TestFiles.digest("\(place.folder)/a"))
            #expect(try await place.tool("tree", "-t", Self.root).status == 0)

            let doctor = try await place.tool("doctor", Self.root)
            #expect(doctor.status == 0 && doctor.text.contains("held          for "), "\(doctor.text)\(doctor.errors)")
            let list = try await place.list()
            let asked = list.filter { $0["asked_for"] as? Bool == true }.compactMap { $0["target"] as? String }
            #expect(asked == [Self.user, Self.root].sorted() && list.count == 3, "\(list)")
            #expect(list.allSatisfy { $0["ok"] as? Bool == true && $0["made_anew"] as? Int == 0 }, "\(list)")
            #expect(place.sshPIDs.count == 2)

            let other = try place.start("run", ["-t", Self.user, "--ssh-option", "Compression=yes", "--", "true"])
            #expect(try await other.wait().status == 0 && place.sshPIDs.count == 3)
            #expect(try await place.tool("run", "--no-hold", "-t", Self.root, "--", "true").status == 0)
            #expect(place.sshPIDs.count == 4)
        }
    }

    @Test("An ssh that was killed is made anew by the next command, with the sudo behind it, and doctor says so")
    func killed() async throws {
        try await Self.withPlace { place in
            #expect(try await place.tool("hold", "-t", Self.root).status == 0)
            let ssh = try #require(place.sshPIDs.first)
            kill(ssh, SIGKILL)
            #expect(try await eventually { try await place.list().allSatisfy { $0["ok"] as? Bool == false } })
            let lost = try await place.tool("hold", "--list")
            #expect(lost.text.contains("\(Self.root): ") && lost.text.contains("lost ("), "\(lost.text)")

            #expect(try await place.output(of: "id", "-un", in: Self.root) == "root\n")
            #expect(place.sshPIDs.count == 2)
            #expect(try await place.output(of: "id", "-un", in: Self.root) == "root\n")
            #expect(place.sshPIDs.count == 2)
            let doctor = try await place.tool("doctor", Self.root)
            #expect(doctor.text.contains("made anew once ("), "\(doctor.text)")
        }
    }
}
