//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

/// ssh, sudo, su and doas, in whose place a script runs the first stage right here.
@Suite("Tools of machines and accounts", .serialized, .timeLimit(.minutes(1)))
struct AccountStubs {
    typealias Method = @Sendable (Router, _ tool: String, _ via: Context?) async throws -> Context

    struct Sample: CustomTestStringConvertible {
        let name: String
        /// Which of standard input, standard error and `/dev/tty` are a terminal.
        var terminal = ""
        let arguments: [String]
        let method: Method

        var testDescription: String { "\(name) \(arguments)" }
    }

    static let ssh: [Sample] = [
        Sample(
            name: "ssh.host",
            arguments: [
                "-T", "-o", "LogLevel ERROR", "-o", "BatchMode yes", "-o", "StrictHostKeyChecking yes", "-o",
                "ClearAllForwardings yes", "-o", "ServerAliveInterval 15", "--", "host", "COMMAND",
            ]
        ) { router, tool, via in
            try await router.ssh("host", via: via) { $0.sshPath = tool }
        },
        Sample(
            name: "ssh.host:2222",
            terminal: "error tty",
            arguments: [
                "-F", "/dev/null", "-vvv", "-l", "joe", "-p", "2222", "-4", "-T", "-o", "IdentitiesOnly yes", "-i",
                "key", "-o", "Compression yes", "-o", "ServerAliveInterval 0", "-o", "StrictHostKeyChecking no", "-o",
                "UserKnownHostsFile /dev/null", "-o", "GlobalKnownHostsFile /dev/null", "-o",
                "ClearAllForwardings yes", "--", "host", "COMMAND",
            ]
        ) { router, tool, via in
            try await router.ssh("host", via: via) { options in
                options.sshPath = tool
                options.configFile = "/dev/null"
                options.debugLevel = 4
                options.username = "joe"
                options.port = 2222
                options.password = "secret"
                options.identityFile = "key"
                options.usesCompression = true
                options.keepAliveInterval = .zero
                options.hostKeyCheck = .ignore
                options.sshArguments = ["-4"]
            }
        },
        Sample(
            name: "ssh.host",
            terminal: "error tty",
            arguments: [
                "-p", "22", "-T", "-o", "LogLevel ERROR", "-o", "ServerAliveInterval 5", "-o",
                "ServerAliveCountMax 2", "-o", "StrictHostKeyChecking ask", "-o", "ClearAllForwardings yes", "--",
                "host", "COMMAND",
            ]
        ) { router, tool, via in
            try await router.ssh("host", via: via) { options in
                options.sshPath = tool
                options.port = 22
                options.keepAliveInterval = .milliseconds(4_200)
                options.keepAliveCount = 2
                options.hostKeyCheck = .accept
            }
        },
    ]

    static let others: [Sample] = [
        Sample(name: "sudo.root", arguments: ["-n", "-u", "root", "--", "sh", "-c", "SCRIPT"]) { router, tool, via in
            try await router.sudo(via: via) { $0.sudoPath = tool }
        },
        Sample(
            name: "sudo.joe",
            terminal: "error tty",
            arguments: [
                "-p", "mitogen-sudo-prompt:", "-u", "joe", "-E", "-H", "-r", "staff_r", "-t", "staff_t", "--", "sh",
                "-c", "SCRIPT",
            ]
        ) { router, tool, via in
            try await router.sudo(via: via) { options in
                options.sudoPath = tool
                options.username = "joe"
                options.password = "secret"
                options.preservesEnvironment = true
                options.setsHome = true
                options.selinuxRole = "staff_r"
                options.selinuxType = "staff_t"
            }
        },
        Sample(name: "su.root", terminal: "input error tty", arguments: ["root", "-c", "COMMAND"]) {
            router,
            tool,
            via in
            try await router.su(via: via) { $0.suPath = tool }
        },
        Sample(name: "su.joe", terminal: "input error tty", arguments: ["joe", "-c", "COMMAND"]) { router, tool, via in
            try await router.su(via: via) { options in
                options.suPath = tool
                options.username = "joe"
                options.password = "secret"
            }
        },
        Sample(name: "doas.root", arguments: ["-n", "-u", "root", "--", "sh", "-c", "SCRIPT"]) { router, tool, via in
            try await router.doas(via: via) { $0.doasPath = tool }
        },
        Sample(
            name: "doas.joe",
            terminal: "error tty",
            arguments: ["-u", "joe", "--", "sh", "-c", "SCRIPT"]
        ) { router, tool, via in
            try await router.doas(via: via) { options in
                options.doasPath = tool
                options.username = "joe"
                options.password = "secret"
            }
        },
    ]

    /// Notes which descriptors are a terminal, then runs what the tool was given.
    private static func script(_ directory: String) -> String {
        """
        t=; [ -t 0 ] && t="input "; [ -t 2 ] && t="${t}error "; (: </dev/tty) 2>/dev/null && t="${t}tty"
        echo "$t" >>"\(directory)/terminals"
        while [ $# -gt 1 ] && [ "$1 ${2%%=*}" != "-c m" ]; do shift; done
        [ $# -gt 1 ] && exec sh "$@"
        [ "$1" != host ] || exit 1
        exec sh -c "$1"
        """
    }

    @Test(
        "Each is called to the letter, here and through a context, with a terminal if it may ask",
        arguments: ssh + others
    )
    func vectors(sample: Sample) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, Self.script(directory))
            try await withFixtureRouter { router in
                let context = try await sample.method(router, stub.path, nil)
                #expect(context.name == sample.name)
                #expect(try await context.call(Add(1, 2)) == 3)
                let via = try await router.local { $0.name = "near" }
                let other = try await sample.method(router, stub.path, via)
                #expect(other.name == "near.\(sample.name)")
                #expect(try await other.call(Add(3, 4)) == 7)
            }
            // ssh is asked for its configuration first; this one says nothing.
            let isSSH = sample.name.hasPrefix("ssh.")
            #expect(stub.runs.filter { $0.first != "-G" } == [sample.arguments, sample.arguments])
            #expect(stub.runs.count { $0.first == "-G" } == (isSSH ? 2 : 0))
            let terminals = Files.text("\(directory)/terminals")?.split(
                separator: "\n",
                omittingEmptySubsequences: false
            )
            let expected = isSSH ? ["", sample.terminal, "", sample.terminal] : [sample.terminal, sample.terminal]
            #expect(terminals?.dropLast().map(String.init) == expected)
        }
    }
}
