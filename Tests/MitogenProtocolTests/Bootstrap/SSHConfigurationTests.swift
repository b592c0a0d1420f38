//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenProtocol

@Suite("ssh's account of its configuration")
struct SSHConfigurationTests {
    private static func configuration(_ text: String) -> SSHConfiguration {
        SSHConfiguration(lines: text.split(separator: "\n").map(String.init))
    }

    /// The lines that matter, as OpenSSH 7.4, 8.4 and 9.2, asked with `-N`, print them for the same wishes of a user.
    private static let versions = [
        ("", "ServerAliveInterval 15"),
        ("user me\nhostname web\nport 22\nrequesttty force\nserveraliveinterval 0\n", "ServerAliveInterval 15"),
        (
            "hostname web\nport 22\nrequesttty force\nserveraliveinterval 0\nremotecommand tmux new -A\n",
            "RemoteCommand none|ServerAliveInterval 15"
        ),
        (
            """
            hostname web
            requesttty force
            sessiontype none
            stdinnull yes
            forkafterauthentication yes
            serveraliveinterval 0
            remotecommand tmux new -A
            """,
            "RemoteCommand none|SessionType default|StdinNull no|ForkAfterAuthentication no|ServerAliveInterval 15"
        ),
        (
            "sessiontype none\nstdinnull no\nforkafterauthentication yes\nserveraliveinterval 30\n",
            "SessionType default|ForkAfterAuthentication no"
        ),
        ("sessiontype none\nstdinnull no\nforkafterauthentication no\nserveraliveinterval 30\n", "SessionType default"),
    ]

    @Test("Only what this ssh knows, and has otherwise, is set", arguments: versions)
    func arguments(text: String, options: String) {
        let expected = options.split(separator: "|").flatMap { ["-o", String($0)] }
        #expect(Self.configuration(text).arguments(keepalive: 15) == expected)
        let without = expected.prefix { $0 != "ServerAliveInterval 15" }
        #expect(
            Self.configuration(text).arguments(keepalive: nil).filter { $0 != "-o" } == without.filter { $0 != "-o" }
        )
    }

    @Test("Of several values the first one counts, and a line without a value says nothing")
    func values() {
        let configuration = Self.configuration("hostname a\nhostname b\nport 2222\nstray\nsetenv A=b c\n")
        #expect(configuration["hostname"] == "a")
        #expect(configuration["setenv"] == "A=b c")
        #expect(configuration["stray"] == nil)
        #expect(configuration.server == "a:2222")
        #expect(Self.configuration("hostname fe80::1%lo\n").server == "fe80::1%lo:22")
        #expect(Self.configuration("port 22\n").server == nil)
    }

    @Test(
        "Jump hosts are taken apart",
        arguments: [
            ("gate", "gate", nil), ("me@gate", "gate", nil), ("me@gate:33", "gate", "33"), ("[::1]:33", "::1", "33"),
            ("[::1]", "::1", nil), ("a@b@gate:33", "gate", "33"), ("ssh://me@gate:33", "gate", "33"),
            ("ssh://gate/", "gate", nil), ("::1", "::1", nil),
        ] as [(String, String, String?)]
    )
    func jumps(text: String, host: String, port: String?) {
        let jumps = Self.configuration("proxyjump first,\(text)\n").jumps
        #expect(jumps.count == 2)
        #expect(jumps.last?.host == host)
        #expect(jumps.last?.port == port)
        #expect(Self.configuration("proxyjump none\n").jumps.isEmpty)
        #expect(Self.configuration("").jumps.isEmpty)
    }

    @Test(
        "A ProxyCommand leads through a jump host if it is another ssh",
        arguments: [
            ("ssh -W %h:%p gate", true), ("/usr/bin/ssh -W %h:%p gate", true), ("exec ssh gate nc %h %p", true),
            ("nc %h %p", false), ("none", false), ("sshpass -f x ssh -W %h:%p gate", false),
        ]
    )
    func proxyCommands(command: String, isJump: Bool) {
        let configuration = Self.configuration("proxycommand \(command)\n")
        #expect((configuration.jumpCommand != nil) == isJump)
        #expect(configuration.hidesServers == (!isJump && command != "none"))
        #expect(!Self.configuration("proxyjump gate\n").hidesServers)
        #expect(Self.configuration("").hidesServers)
    }
}

@Suite("Attempts after a failure")
struct ConnectionRetriesTests {
    @Test("A server that closes at once is asked four times more, at growing intervals")
    func later() {
        for (random, expected) in [(0.0, [250, 500, 1000, 2000]), (1.0, [500, 1000, 2000, 4000])] {
            var retries = ConnectionRetries()
            let delays = (0..<5).map { _ in retries.delay(after: .later, random: random) }
            #expect(delays == expected.map { .milliseconds($0) } + [nil])
        }
    }

    @Test("What is done otherwise is done once, and stays so")
    func once() {
        var retries = ConnectionRetries()
        #expect(retries.delay(after: nil, random: 0) == nil)
        #expect(retries.delay(after: .withoutCache, random: 0) == .zero)
        #expect(retries.delay(after: .withoutCache, random: 0) == nil)
        #expect(retries.delay(after: .withoutExec, random: 0) == .zero)
        #expect(retries.delay(after: .withoutExec, random: 0) == nil)
        #expect(retries.delay(after: .later, random: 0) != nil)
        #expect(retries.replacesCached && retries.avoidsExec)
    }
}

@Suite("What ssh's words mean")
struct SSHWordsTests {
    static let closed = "kex_exchange_identification: Connection closed by remote host"
    static let reset = "kex_exchange_identification: read: Connection reset by peer"
    static let old = "ssh_exchange_identification: Connection closed by remote host"

    private static func failure(_ lines: [String], servers: Int = 1) -> BootstrapFailure? {
        ToolFailures.ssh(serverCount: servers).failure(in: lines)
    }

    @Test("A connection that the server closes at once is tried again")
    func closedAtOnce() throws {
        for lines in [[Self.closed], [Self.reset, "Connection reset by 10.0.0.1 port 22"], [Self.old]] {
            let failure = try #require(Self.failure(lines))
            #expect(failure.code == .connectionLost)
            #expect(failure.retry == .later)
            for word in ["MaxStartups", "PerSourcePenalties"] {
                #expect(failure.hint?.apiText.contains(word) == true)
            }
            #expect(failure.hint?.names.contains(.fanout) == true)
        }
        // The inner ssh, with its own level of words, and the outer one.
        let both = [Self.reset, "Connection reset by 10.0.0.1 port 22", Self.closed]
        #expect(Self.failure(both, servers: 2)?.retry == .later)
    }

    @Test(
        "One that may have been logged in on is not",
        arguments: [
            (["Connection closed by 10.0.0.1 port 22", closed], 2), ([closed], 2),
            (["Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", closed], 2),
            ([closed, closed], 3), ([closed, closed], .max),
            (["channel 0: open failed: connect failed: x", "stdio forwarding failed", closed], 2),
            (["Connection closed by 10.0.0.1 port 22"], 1), (["Connection reset by authenticating user me"], 1),
        ]
    )
    func closedLater(lines: [String], servers: Int) {
        #expect(Self.failure(lines, servers: servers)?.retry == nil)
        #expect(Self.failure(lines, servers: servers)?.code != .eofError)
    }

    @Test(
        "Each has its code and its hint",
        arguments: [
            ("ControlPath too long ('/a' >= 108 bytes)", MitogenError.Code.controlPathTooLong, "ControlPath ~/.ssh/%C"),
            (
                #"unix_listener: path "/a" too long for Unix domain socket"#, .controlPathTooLong,
                "ControlPath ~/.ssh/%C"
            ),
            ("ssh: connect to host fe80::1 port 22: Invalid argument", .noRoute, "fe80::1%eth0"),
            ("stdio forwarding failed", .noRoute, "AllowTcpForwarding"),
        ]
    )
    func codes(line: String, code: MitogenError.Code, hint: String) {
        let failure = Self.failure([line])
        #expect(failure?.code == code)
        #expect(failure?.hint?.apiText.contains(hint) == true)
    }

    @Test("An address that cannot be connected to is one only if ssh connects to it")
    func invalidArguments() {
        let address = "ssh: connect to host fe80::1 port 22: Invalid argument"
        for line in ["setsockopt SO_KEEPALIVE: Invalid argument", "bash: line 1: /x: Invalid argument"] {
            #expect(Self.failure([line])?.code != .noRoute)
            #expect(Self.failure([line, Self.closed])?.retry == .later)
        }
        // It is the jump host's; the outer ssh knows only that the inner one has ended.
        #expect(Self.failure([address, Self.closed], servers: 2)?.code == .noRoute)
    }

    @Test("A login shell that refuses exec is asked without, in whatever language it says so")
    func restrictedShells() throws {
        let stage = try FirstStage(program: .image(nil), usesCache: true, remoteName: "x", random: "abcdefghijklmnop")
        #expect(stage.shellCommand.hasPrefix("exec sh -c '"))
        var other = stage
        other.avoidsExec = true
        #expect("exec \(other.shellCommand)" == stage.shellCommand)
        for (line, exit, tool, reason) in [
            ("rbash: line 1: exec: restricted", 1, ToolFailures.ssh, ConnectionRetries.Reason.withoutExec),
            ("rbash: ligne 1: exec : restreint", 1, .su, .withoutExec),
            ("sh: 1: exec: sh: not found", 127, .ssh, nil), ("exec: restricted", 1, .sudo, nil),
        ] as [(String, Int32, ToolFailures, ConnectionRetries.Reason?)] {
            var machine = BootstrapMachine(stage, tool: tool)
            _ = machine.receive(diagnostics: Array("\(line)\n".utf8))
            _ = machine.outputDidEnd()
            _ = machine.diagnosticsDidEnd()
            guard case .fail(let failure)? = machine.processDidExit(.exited(exit)).last else {
                Issue.record("no failure")
                continue
            }
            #expect(failure.retry == reason, "\(line)")
        }
    }

    @Test("Who insists on a known host key says so")
    func hostKeys() {
        for (insists, names) in [(true, true), (false, false)] {
            var machine = PromptMachine(.ssh(insistsOnHostKeys: insists), hasPassword: false)
            // What a tool says before it asks anything decides when it ends.
            let answers = machine.receive(Array("Host key verification failed.\r\n".utf8))
            guard case .fail(.hostKeyError, let message, let hint?)? = answers.last ?? machine.toolDidEnd() else {
                Issue.record("no failure")
                continue
            }
            #expect(!message.contains("insists"))
            #expect(hint.apiText.contains("mitogen insists") == names)
            #expect(hint.names.contains(.enforcedHostKeys) == names)
            #expect(hint.names.contains(.acceptedHostKeys))
        }
    }
}
