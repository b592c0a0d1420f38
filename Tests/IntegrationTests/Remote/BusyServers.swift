//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Many connections to a server that takes few at a time, and what is left of connections that are not made.
@Suite(
    "Servers that refuse connections",
    .needsTestbed,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .leavesNothing,
    .serialized,
    .timeLimit(.minutes(4))
)
struct BusyServers {
    private static let count = 60

    private static func write(_ text: String, in directory: String) throws -> String {
        try Files.write(Array(text.utf8), to: "\(directory)/ssh_config")
        return "\(directory)/ssh_config"
    }

    /// Runs a command on sixty hosts, which are one; the image is there already, as it is not what this is about.
    private static func runEverywhere(_ host: String, _ config: String) async throws -> ToolResult {
        let usual = ["run", "--ssh-config", config, "--connect-timeout", "120", "--output", "stream", "-t"]
        let first = try await ToolProcess(usual + ["ssh:\(host)1", "--", "true"]).wait(limit: .seconds(120))
        #expect(first.status == 0, "\(first.errors)")
        return try await ToolProcess(usual + ["ssh:\(host)[1-\(count)]", "--", "id", "-un"]).wait(limit: .seconds(150))
    }

    @Test("Sixty targets of one server with its usual limit are all reached, and none is refused")
    func oneServer() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await OwnServer(in: directory, "MaxStartups 10:30:100")
            defer { server.stop() }
            let config = try Self.write(server.host("m*"), in: directory)
            let result = try await Self.runEverywhere("m", config)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines.count { $0.hasSuffix("tb-bash") } == Self.count)
            #expect(!server.log.contains { $0.contains("MaxStartups") }, "\(server.log.suffix(20))")
        }
    }

    @Test("So are sixty behind one jump host")
    func oneJumpHost() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await OwnServer(in: directory, "MaxStartups 10:30:100")
            defer { server.stop() }
            let port = try #require(Int(Testbed.fact("TB_SSH_PORT")))
            let text = try server.host("gate") + OwnServer.host("far*", port: port, "ProxyJump gate")
            let config = try Self.write(text, in: directory)
            let result = try await Self.runEverywhere("far", config)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines.count { $0.hasSuffix("tb-bash") } == Self.count)
            #expect(!server.log.contains { $0.contains("MaxStartups") }, "\(server.log.suffix(20))")
        }
    }

    @Test("A connection that is refused because others log in is made when they are done")
    func triedAgain() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await OwnServer(in: directory, "MaxStartups 1")
            defer { server.stop() }
            let config = try Self.write(server.host("m1"), in: directory)
            let other = try Listener.connect(to: server.port)
            try await Task.sleep(for: .milliseconds(200))
            async let ended: Void = {
                try? await Task.sleep(for: .milliseconds(700))
                close(other)
            }()
            try await withFixtureRouter { router in
                let context = try await router.ssh("m1") { options in
                    options.configFile = config
                    options.hostKeyCheck = .configured
                }
                #expect(try await context.userName() == "tb-bash")
            }
            await ended
            #expect(server.log.contains { $0.contains("MaxStartups") }, "\(server.log)")
        }
    }

    @Test(
        "It is tried four times more, and not at all once a login has begun",
        arguments: [
            (["kex_exchange_identification: Connection closed by remote host"], 5),
            (
                [
                    "kex_exchange_identification: read: Connection reset by peer",
                    "Connection reset by 127.0.0.1 port 22",
                ], 5
            ),
            (["Connection closed by 127.0.0.1 port 22"], 1),
            (
                [
                    "joe@host: Permission denied (publickey).",
                    "kex_exchange_identification: Connection closed by remote host",
                ], 1
            ),
        ]
    )
    func attempts(lines: [String], count: Int) async throws {
        try await withTemporaryDirectory { directory in
            let words = lines.map { "echo '\($0)' >&2" }.joined(separator: "\n")
            let stub = try ToolStub(in: directory, "[ \"$1\" != -G ] || exec echo hostname web\n\(words)\nexit 255")
            try await withFixtureRouter { router in
                let error = try await failure { try await router.ssh("host") { $0.sshPath = stub.path } }
                #expect(error.code == .connectionLost || error.code == .authenticationFailed, "\(error)")
                #expect(stub.runs.count { $0.first != "-G" } == count)
            }
            // Within the time for the whole attempt.
            guard count > 1 else { return }
            try await withFixtureRouter { router in
                let time = try await duration {
                    let error = try await failure {
                        try await router.ssh("host") { options in
                            options.sshPath = stub.path
                            options.connectTimeout = .seconds(0.8)
                        }
                    }
                    #expect(error.code == .connectionLost)
                    #expect(error.hint?.contains("PerSourcePenalties") == true)
                }
                #expect(time < .seconds(3))
            }
        }
    }

    @Test(
        "It is not tried again through a program that may have logged in on the way",
        arguments: [("sshpass -e ssh -W %h:%p gate", 1), ("none", 5)]
    )
    func otherPrograms(command: String, count: Int) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(
                in: directory,
                """
                if [ "$1" = -G ]; then echo hostname web; echo 'proxycommand \(command)'; exit; fi
                echo 'kex_exchange_identification: Connection closed by remote host' >&2
                exit 255
                """
            )
            try await withFixtureRouter { router in
                let error = try await failure { try await router.ssh("host") { $0.sshPath = stub.path } }
                #expect(error.code == .connectionLost, "\(error)")
                #expect(stub.runs.count { $0.first != "-G" } == count)
            }
        }
    }

    @Test("Where eight do not get on, those who wait for their places give up in time, and say for whom they wait")
    func stuck() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(
                in: directory,
                // All twelve have begun before the first one has its place.
                "if [ \"$1\" = -G ]; then sleep 0.8; echo hostname web; exit; fi\nexec sleep 60"
            )
            try await withFixtureRouter { router in
                let messages = await withTaskGroup(of: String.self) { group in
                    for _ in 0..<12 {
                        group.addTask {
                            do throws(MitogenError) {
                                _ = try await router.ssh("web") { options in
                                    options.sshPath = stub.path
                                    options.connectTimeout = .seconds(2)
                                }
                                return "connected"
                            } catch {
                                return error.message
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(messages.count { $0.contains("waiting for other connections to web:22") } == 4, "\(messages)")
                #expect(stub.runs.count { $0.first != "-G" } == 8)
            }
        }
    }

    @Test("Connections that wait for their places at one server do not hold up those to others")
    func otherServer() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(
                in: directory,
                """
                for word do case $word in slow|quick) host=$word ;; esac; done
                if [ "$1" = -G ]; then echo hostname $host; exit; fi
                [ $host = quick ] || exec sleep 60
                while [ $# -gt 1 ]; do shift; done
                exec sh -c "$1"
                """
            )
            // One more than a server has places.
            try await withFixtureRouter({ $0.maxConcurrentConnections = 9 }) { router in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            _ = try await failure {
                                try await router.ssh("slow") { options in
                                    options.sshPath = stub.path
                                    options.connectTimeout = .seconds(6)
                                }
                            }
                        }
                    }
                    try #require(
                        try await eventually { stub.runs.count { $0.first != "-G" } == 8 }
                    )
                    let time = try await duration {
                        let context = try await router.ssh("quick") { $0.sshPath = stub.path }
                        #expect(try await context.call(Add(1, 2)) == 3)
                    }
                    #expect(time < .seconds(4))
                    group.cancelAll()
                    try? await group.waitForAll()
                }
            }
        }
    }

    // MARK: What is left

    /// A configuration whose inner ssh has a `ProxyCommand` that never says anything, and the number in its command
    /// line.
    private static func jumps(in directory: String, _ lines: String) throws -> (config: String, mark: String) {
        let mark = "\(Int.random(in: 100_000...999_999))"
        let text = """
            Host outer
            HostName 127.0.0.1
            ProxyJump inner
            \(lines)
            Host inner
            HostName 127.0.0.1
            ProxyCommand sh -c 'exec sleep \(mark)'
            """
        return (try write(text + "\n", in: directory), mark)
    }

    private static func isRunning(_ mark: String) -> Bool {
        Processes.all.contains { pid in
            (Files.bytes("/proc/\(pid)/cmdline") ?? []).split(separator: 0).contains { $0.elementsEqual(mark.utf8) }
        }
    }

    @Test("An ssh that ends by its own ConnectTimeout leaves no ProxyCommand of another behind")
    func proxyCommand() async throws {
        try await withTemporaryDirectory { directory in
            let (config, mark) = try Self.jumps(in: directory, "ConnectTimeout 1")
            try await withFixtureRouter { router in
                let error = try await failure { try await router.ssh("outer") { $0.configFile = config } }
                #expect(error.code == .timeoutError, "\(error)")
                #expect(try await eventually(within: .seconds(3)) { !Self.isRunning(mark) })
            }
        }
    }

    enum Waiting: CaseIterable {
        case directly
        case behindJump
        case inOtherTool
    }

    @Test("Nothing is left of connections that wait when the tool is killed", arguments: Waiting.allCases)
    func killed(_ way: Waiting) async throws {
        try await withTemporaryDirectory { directory in
            let listener = try Listener()
            defer { listener.close() }
            let jumps = try Self.jumps(in: directory, "")
            let direct = "Host outer\nHostName 127.0.0.1\nPort \(listener.port)\nUser m\(jumps.mark)\n"
            let config = way == .directly ? try Self.write(direct, in: directory) : jumps.config
            // As `gcloud compute ssh` and the like: a program that starts ssh.
            let stub = try ToolStub(in: directory, "ssh -F \(config) outer \"$@\"\nexit $?")
            let table = "\(directory)/hops"
            try Files.write(Array("[wrap]\nargument = none\ncommand = \(stub.path) {command}\n".utf8), to: table)
            try #require(chmod(table, 0o600) == 0)
            let target = way == .inOtherTool ? "wrap" : "ssh:outer"
            let tool = try ToolProcess(["run", "--hops", table, "--ssh-config", config, "-t", target, "--", "true"])
            let found = try await tool.waitForProcesses { all in
                all.contains {
                    way == .directly
                        ? $0.contains("ssh -F") && !$0.contains("-G") : $0.contains("sleep \(jumps.mark)")
                }
            }
            #expect(found.count > 1)
            try await Task.sleep(for: .milliseconds(100))
            tool.signal(SIGKILL)
            _ = try await tool.wait()
            #expect(try await eventually(within: .seconds(4)) { tool.processes.isEmpty }, "\(tool.processes)")
        }
    }
}
