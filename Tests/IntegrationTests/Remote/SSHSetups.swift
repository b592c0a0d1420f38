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

/// Configurations of ssh that fit a person at a terminal, and not a connection that carries a program.
@Suite(
    "ssh as the user has set it up",
    .needsTestbed,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .leavesNothing,
    .serialized,
    .timeLimit(.minutes(3))
)
struct SSHSetups {
    /// A file with a configuration in front of the test bed's own.
    private static func configuration(in directory: String, _ text: String) throws -> String {
        let path = "\(directory)/ssh_config"
        try Files.write(Array((text + "\nHost *\nInclude \(try Testbed.sshConfig)\n").utf8), to: path)
        return path
    }

    @Test(
        "Terminals, commands and sessions of the configuration do not get in the way",
        arguments: [
            ("RemoteCommand tmux new -A", ["RemoteCommand none"]), ("RequestTTY force", []),
            ("StdinNull yes", ["StdinNull no"]), ("SessionType none", []),
            ("ForkAfterAuthentication yes", ["ForkAfterAuthentication no"]),
            (
                "RemoteCommand x\nRequestTTY force\nStdinNull yes\nSessionType none\nForkAfterAuthentication yes",
                ["RemoteCommand none", "StdinNull no", "ForkAfterAuthentication no"]
            ),
        ]
    )
    func sessions(lines: String, added: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let config = try Self.configuration(in: directory, "Host tb-*\n\(lines)\nServerAliveInterval 7")
            let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...255) }
            let result = try await ToolProcess.run(
                ["run", "--ssh-config", config, "-t", "ssh:tb-bash", "--stdin", "--output", "stream", "--", "md5sum"],
                stdin: bytes
            )
            #expect(result.status == 0, "\(result.errors)")
            try Files.write(bytes, to: "\(directory)/bytes")
            let expected = try await run("sh", "-c", "md5sum <\(directory)/bytes")
            #expect(result.text.contains(expected.text.prefix(32)), "\(result.text)")
            // An upload, which needs more of the connection than a greeting, and what ssh was told.
            let stub = try ToolStub(in: directory, "exec ssh \"$@\"")
            try await withFixtureRouter { router in
                let context = try await router.testbed("tb-bash") { options in
                    options.sshPath = stub.path
                    options.configFile = config
                    options.usesImageCache = false
                }
                #expect(try await context.call(Add(1, 2)) == 3)
            }
            let runs = stub.runs.filter { $0.first != "-G" }
            #expect(runs.count == 1)
            for option in added + ["SessionType default"] { #expect(runs.first?.contains(option) == true, "\(runs)") }
        }
    }

    @Test("What leaves no connection is refused where it is typed, here and in the library")
    func refused() async throws {
        for option in ["RequestTTY=force", "StdinNull=yes", "SessionType=none", "ForkAfterAuthentication=yes"] {
            let result = try await ToolProcess.run(["run", "-t", "ssh:tb-bash", "--ssh-option", option, "--", "true"])
            #expect(result.status == 2)
            #expect(result.errors.contains(option), "\(result.errors)")
            try await withFixtureRouter { router in
                let error = try await failure {
                    try await router.testbed("tb-bash") { $0.sshArguments = ["-o", option] }
                }
                #expect(error.code == .misuse)
                #expect(error.message.contains(option))
            }
        }
    }

    @Test("Forwards of the configuration are left to the user's own ssh; one that is typed counts")
    func forwards() async throws {
        try await withTemporaryDirectory { directory in
            let port = try OwnServer.freePort()
            let server = "127.0.0.1:\(try Testbed.fact("TB_SSH_PORT"))"
            let config = try Self.configuration(
                in: directory,
                "Host tb-*\nLocalForward \(port) \(server)\nRemoteForward \(port + 1) \(server)\nExitOnForwardFailure yes"
            )
            let own = try HelperProcess(["ssh", "-F", config, "-N", "tb-bash"])
            defer { own.signal(SIGTERM) }
            func forwarded() async throws -> Bool {
                try await run("busybox", "nc", "-w", "1", "127.0.0.1", "\(port)").text.hasPrefix("SSH-2.0")
            }
            try #require(try await eventually(forwarded))
            for targets in ["ssh:tb-bash", "ssh:tb-bash,ssh:tb-dash,ssh:tb-ash"] {
                let result = try await ToolProcess.run([
                    "run", "--ssh-config", config, "-t", targets, "--connect-timeout", "60", "--", "true",
                ])
                #expect(result.status == 0, "\(result.errors)")
            }
            #expect(try await forwarded())
            // Typed, the port is wanted, and it is taken.
            let typed = try await ToolProcess.run([
                "run", "--ssh-config", config, "--ssh-option", "LocalForward=\(port) \(server)", "-t", "ssh:tb-bash",
                "--",
                "true",
            ])
            #expect(typed.status == 4)
            #expect(typed.errors.contains("Address already in use"), "\(typed.errors)")
        }
    }

    @Test("What the configuration says about host keys counts, and what is typed counts more")
    func hostKeys() async throws {
        try await withTemporaryDirectory { directory in
            func attempt(_ lines: String, _ options: String...) async throws -> ToolResult {
                let config = try Self.configuration(in: directory, "Host tb-new-key\n\(lines)")
                return try await ToolProcess.run(
                    ["run", "--ssh-config", config] + options + ["-t", "ssh:tb-new-key", "--", "true"]
                )
            }
            let nobody = "UserKnownHostsFile /dev/null"
            for check in ["no", "accept-new"] {
                #expect(try await attempt("StrictHostKeyChecking \(check)\n\(nobody)").status == 0)
            }
            let refused = try await attempt("StrictHostKeyChecking no\n\(nobody)", "--check-host-keys", "enforce")
            #expect(refused.status == 4)
            for word in ["hostKeyError", "mitogen insists", "--check-host-keys enforce"] {
                #expect(refused.errors.contains(word), "\(refused.errors)")
            }
            let asked = try await attempt("StrictHostKeyChecking ask\n\(nobody)")
            #expect(asked.status == 4)
            #expect(asked.errors.contains("hostKeyError") && !asked.errors.contains("mitogen insists"))
            let typed = try await attempt(
                "StrictHostKeyChecking yes",
                "--ssh-option",
                "StrictHostKeyChecking=no",
                "--ssh-option",
                nobody,
                "--check-host-keys",
                "enforce"
            )
            #expect(typed.status == 0, "\(typed.errors)")
            // With a terminal ssh asks, and that is answered as it is said in the options.
            let config = try Self.configuration(in: directory, "Host tb-new-key\nStrictHostKeyChecking ask\n\(nobody)")
            try await withFixtureRouter { router in
                for (check, code) in [
                    (ConnectionMethod.SSHOptions.HostKeyCheck.configured, MitogenError.Code.hostKeyError),
                    (.enforce, .hostKeyError),
                    (.ignore, nil),
                ] as [(ConnectionMethod.SSHOptions.HostKeyCheck, MitogenError.Code?)] {
                    var seen: MitogenError.Code?
                    do throws(MitogenError) {
                        _ = try await router.ssh("tb-new-key") { options in
                            options.configFile = config
                            options.hostKeyCheck = check
                            options.password = "unused"
                        }
                    } catch {
                        seen = error.code
                    }
                    #expect(seen == code, "\(check)")
                }
            }
        }
    }

    // MARK: Versions of ssh

    /// A script that takes and refuses options as OpenSSH of a version does, and leads here.
    private static func stub(in directory: String, knows options: [String], answers: String?) throws -> ToolStub {
        let question = answers.map { "printf '\($0)'; exit 0" } ?? "echo 'unknown option -- G' >&2; exit 255"
        let forks = answers?.contains("forkafterauthentication yes") == true
        return try ToolStub(
            in: directory,
            """
            known=" loglevel batchmode stricthostkeychecking clearallforwardings serveraliveinterval \
            \(options.map { $0.lowercased() }.joined(separator: " ")) "
            command=\(answers?.contains("remotecommand") == true ? "tmux" : "none")
            forks=\(forks ? "1" : "")
            while [ $# -gt 0 ]; do
                case $1 in
                -G) asks=1 ;;
                -N) none=1 ;;
                -T|-v) ;;
                --) shift; break ;;
                -o) shift; name=$(echo "${1%%[ =]*}" | tr A-Z a-z)
                    case $known in *" $name "*) ;; *) echo "Bad configuration option: $name" >&2; exit 255 ;; esac
                    [ $name != remotecommand ] || command=none
                    [ $name != forkafterauthentication ] || forks= ;;
                *) echo "unknown option $1" >&2; exit 255 ;;
                esac
                shift
            done
            if [ "$asks" ] && [ "$forks" ] && [ -z "$none" ]; then
                echo "Cannot fork into background without a command to execute." >&2; exit 255
            fi
            if [ "$asks" ]; then \(question); fi
            [ -z "$forks" ] || exit 0
            [ $command = none ] || { echo "Cannot execute command-line and remote command." >&2; exit 255; }
            exec sh -c "$2"
            """
        )
    }

    @Test(
        "Only options that the ssh at hand knows are passed, here and where another ssh runs",
        arguments: [
            ([], nil, []),
            ([], #"hostname web\nport 22\nrequesttty force\nserveraliveinterval 0\n"#, []),
            (["RemoteCommand"], #"hostname web\nrequesttty force\nremotecommand tmux\n"#, ["RemoteCommand none"]),
            (
                ["RemoteCommand", "SessionType", "StdinNull", "ForkAfterAuthentication"],
                #"sessiontype none\nstdinnull yes\nforkafterauthentication yes\nserveraliveinterval 9\n"#,
                ["SessionType default", "StdinNull no", "ForkAfterAuthentication no"]
            ),
            (
                ["RemoteCommand", "SessionType", "StdinNull", "ForkAfterAuthentication"],
                #"sessiontype none\nstdinnull no\nforkafterauthentication yes\nserveraliveinterval 9\n"#,
                ["SessionType default", "ForkAfterAuthentication no"]
            ),
        ] as [([String], String?, [String])]
    )
    func versions(knows: [String], answers: String?, added: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try Self.stub(in: directory, knows: knows, answers: answers)
            try await withFixtureRouter { router in
                let near = try await router.local { $0.name = "near" }
                for via in [nil, near] {
                    let context = try await router.ssh("web", via: via) { $0.sshPath = stub.path }
                    #expect(try await context.call(Add(1, 2)) == 3)
                }
            }
            let keepalive = answers?.contains("serveraliveinterval 9") == true ? [] : ["ServerAliveInterval 15"]
            let usual = ["LogLevel ERROR", "BatchMode yes", "StrictHostKeyChecking yes", "ClearAllForwardings yes"]
            let runs = stub.runs.filter { $0.first != "-G" }
            #expect(runs.count == 2)
            for run in runs {
                let options = zip(run, run.dropFirst()).filter { $0.0 == "-o" }.map(\.1)
                #expect(options == usual + added + keepalive)
            }
        }
    }

    @Test(
        "ssh is asked once about the hosts that match the same patterns",
        arguments: [
            ("", 3), ("Match all\n", 7), ("Host 'other'\n", 7), ("Host other\nHostName %h.example.com\n", 3),
            ("Host *\nProxyJump none\n", 3),
        ]
    )
    func alikeHosts(more: String, questions: Int) async throws {
        try await withTemporaryDirectory { directory in
            let config = try Self.configuration(
                in: directory,
                "Host web*\nPort 2201\nHost db1\nRemoteCommand x\n\(more)"
            )
            let stub = try ToolStub(
                in: directory,
                "case $1 in -G) exec ssh \"$@\" ;; esac; while [ $# -gt 1 ]; do shift; done; exec sh -c \"$1\""
            )
            try await withFixtureRouter { router in
                let names = (1...5).map { "web\($0)" } + ["db1", "db2"]
                try await withThrowingTaskGroup { group in
                    for name in names {
                        group.addTask {
                            let context = try await router.ssh(name) { options in
                                options.sshPath = stub.path
                                options.configFile = config
                            }
                            #expect(try await context.call(Add(1, 2)) == 3)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(stub.runs.count { $0.first == "-G" } == questions)
            for run in stub.runs where run.first != "-G" {
                #expect(run.contains("RemoteCommand none") == run.contains("db1"), "\(run)")
            }
        }
    }

    @Test("A question that ssh does not answer holds up no other host", .timeLimit(.minutes(1)))
    func hangingQuestion() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(
                in: directory,
                "case \"$*\" in *-G*slow) exec sleep 60 ;; *-G*) exec ssh \"$@\" ;; esac; "
                    + "while [ $# -gt 1 ]; do shift; done; exec sh -c \"$1\""
            )
            try await withFixtureRouter { router in
                let slow = Task { try await router.ssh("slow") { $0.sshPath = stub.path } }
                try #require(try await eventually { stub.runs.count == 1 })
                let start = ContinuousClock.now
                let context = try await router.ssh("fast") { $0.sshPath = stub.path }
                #expect(try await context.call(Add(1, 2)) == 3)
                #expect(.now - start < .seconds(10))
                slow.cancel()
                _ = await slow.result
            }
        }
    }

    @Test("An ssh that does not say its configuration in time is ended, and the error says what was waited for")
    func silentQuestion() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "exec sleep 60")
            try await withFixtureRouter { router in
                let error = try await failure {
                    try await router.ssh("web") { options in
                        options.sshPath = stub.path
                        options.connectTimeout = .seconds(0.4)
                    }
                }
                #expect(error.code == .timeoutError)
                #expect(error.message.contains("tool -G"), "\(error)")
                #expect(error.hint?.contains("`connectTimeout`") == true)
            }
        }
    }

    private static func connectWithLog(_ path: String) async throws {
        try await CapturedLog.withEverything {
            try await withFixtureRouter { router in
                let context = try await router.ssh("web") { $0.sshPath = path }
                #expect(try await context.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("The log says why an ssh has not told its configuration")
    func failedQuestion() async throws {
        try await withTemporaryDirectory { directory in
            let script = "[ \"$1\" != -G ] || { echo port 1; echo 'a word of complaint' >&2; exit 9; }\n"
            let stub = try ToolStub(in: directory, script + #"while [ $# -gt 1 ]; do shift; done; exec sh -c "$1""#)
            try await Self.connectWithLog(stub.path)
            let lines = CapturedLog.lines(of: "mitogen").filter { $0.contains("\(stub.path) -G") }
            #expect(lines.contains { $0.contains("9") && $0.contains(": a word of complaint") }, "\(lines)")
        }
    }

    // MARK: The login

    @Test("A restricted login shell refuses exec, and is asked without; here and by su")
    func restrictedShell() async throws {
        let account = "tb-rbash"
        try await withFixtureRouter { router in
            let context = try await router.testbed("tb-bash") { $0.username = account }
            #expect(try await context.userName() == account)
            let other = try await router.su { $0.username = account }
            #expect(try await other.userName() == account)
        }
    }

    @Test("Options with paths are for ssh that runs here; the others are given for their host")
    func hops() async throws {
        try await withTemporaryDirectory { directory in
            // Only this account may read the files that are for its ssh.
            let (config, key) = ("\(directory)/there", "\(directory)/key")
            try Files.write(
                Array(try OwnServer.host("inner", port: Int(Testbed.fact("TB_SSH_PORT")) ?? 0).utf8),
                to: config
            )
            chmod(directory, 0o755)
            for arguments in [
                ["install", "-m", "600", "-o", "tb-bash", try Testbed.fact("TB_SSH_IDENTITY"), key],
                ["chown", "tb-bash", config],
            ] {
                #expect(try await HelperProcess(arguments).waitForEnd() == 0)
            }
            let usual = ["run", "--ssh-config", try Testbed.sshConfig]
            let target = ["-t", "ssh:tb-bash+ssh:tb-dash@inner", "--", "id", "-un"]
            // Where the first one leads there is no such host, and no complaint about a file.
            let without = try await ToolProcess.run(usual + target)
            #expect(without.status == 4)
            #expect(without.errors.contains("unknownHost"), "\(without.errors)")
            let with = try await ToolProcess.run(
                usual + ["--ssh-config", "ssh:inner=\(config)", "--identity", "ssh:inner=\(key)"] + target
            )
            #expect(with.status == 0, "\(with.errors)")
            #expect(with.text == "tb-dash\n")
        }
    }
}
