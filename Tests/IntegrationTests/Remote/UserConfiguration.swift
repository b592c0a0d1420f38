//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Testing

/// What users have set up for ssh counts for the command line, too.
@Suite(
    "The user's own ssh",
    .needsTestbed,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .leavesNothing,
    .serialized,
    .timeLimit(.minutes(2))
)
struct UserConfiguration {
    /// A configuration for one host of this name, without a key.
    private static func configuration(_ host: String, _ lines: String...) throws -> [UInt8] {
        let common = [
            "Host \(host)", "HostName \(try Testbed.fact("TB_SSH_HOST"))", "Port \(try Testbed.fact("TB_SSH_PORT"))",
            "User tb-bash", "UserKnownHostsFile \(try Testbed.fact("TB_SSH_KNOWN_HOSTS"))",
        ]
        return Array(((common + lines).joined(separator: "\n") + "\n").utf8)
    }

    @Test("The account's own ~/.ssh/config names the host, and the key")
    func ownConfiguration() async throws {
        // OpenSSH takes the home from the list of accounts and not from HOME, so it must be a real one.
        let account = "tb-keep"
        let home = "\(try Testbed.fact("TESTBED"))/home/\(account)/.ssh"
        let host = "mitogen-own-\(selfPID)"
        defer { for name in ["config", host] { unlink("\(home)/\(name)") } }
        try await withTemporaryDirectory { directory in
            try Files.write(Self.configuration(host, "IdentityFile \(home)/\(host)"), to: "\(directory)/config")
            let key = try Testbed.fact("TB_SSH_IDENTITY")
            for (from, to) in [("\(directory)/config", "config"), (key, host)] {
                let copied = try await run("install", "-o", account, "-m", "600", from, "\(home)/\(to)")
                #expect(copied.status == 0)
            }
            let target = "sudo:\(account)+ssh:\(host)"
            let result = try await ToolProcess.run(["run", "-t", target, "--", "id", "-un"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.text == "tb-bash\n")
        }
    }

    @Test("A running agent is asked for keys")
    func agent() async throws {
        try await withTemporaryDirectory { directory in
            let (config, socket) = ("\(directory)/config", "\(directory)/agent")
            try Files.write(Self.configuration("tb-agent", "IdentityFile none"), to: config)
            let arguments = ["run", "-t", "ssh:tb-agent", "--ssh-config", config, "--", "id", "-un"]
            let without = try await ToolProcess.run(arguments)
            #expect(without.status == 4)
            #expect(without.errors.contains("Permission denied"), "\(without.errors)")
            let agent = try HelperProcess(["ssh-agent", "-D", "-a", socket])
            defer { agent.signal(SIGTERM) }
            try #require(try await eventually { access(socket, F_OK) == 0 })
            let variable = "SSH_AUTH_SOCK=\(socket)"
            let added = try await run("env", variable, "ssh-add", "-q", try Testbed.fact("TB_SSH_IDENTITY"))
            #expect(added.status == 0, "\(added.text)")
            let with = try await ToolProcess.run(arguments, environment: ["SSH_AUTH_SOCK": socket])
            #expect(with.status == 0, "\(with.errors)")
            #expect(with.text == "tb-bash\n")
        }
    }

    @Test("A running master connection is used")
    func runningMaster() async throws {
        try await withTemporaryDirectory { directory in
            let config = "\(directory)/config"
            let key = "IdentityFile \(try Testbed.fact("TB_SSH_IDENTITY"))"
            try Files.write(Self.configuration("tb-master", key, "ControlPath \(directory)/control"), to: config)
            let tool = ["run", "-t", "ssh:tb-master", "--ssh-config", config, "--", "sh", "-c", "echo $SSH_CONNECTION"]
            let alone = try await ToolProcess.run(tool)
            let master = try HelperProcess(["ssh", "-F", config, "-M", "-N", "tb-master"])
            defer { master.signal(SIGTERM) }
            try #require(
                try await eventually { try await run("ssh", "-F", config, "-O", "check", "tb-master").status == 0 }
            )
            let plain = try await run("ssh", "-F", config, "tb-master", "echo $SSH_CONNECTION")
            let shared = try await ToolProcess.run(tool)
            #expect(alone.status == 0, "\(alone.errors)")
            #expect(shared.status == 0, "\(shared.errors)")
            #expect(shared.lines == [plain.text])
            #expect(shared.lines != alone.lines)
            // The other sessions of the master live on.
            #expect(try await run("ssh", "-F", config, "-O", "check", "tb-master").status == 0)
        }
    }

    @Test("A master that ssh starts itself, and that stays, does not hold up anything")
    func ownMaster() async throws {
        try await withTemporaryDirectory { directory in
            let config = "\(directory)/config"
            let key = "IdentityFile \(try Testbed.fact("TB_SSH_IDENTITY"))"
            let control = ["ControlPath \(directory)/control", "ControlMaster auto", "ControlPersist 60"]
            try Files.write(
                Self.configuration("tb-persist", key, control[0], control[1], control[2]),
                to: config
            )
            let tool = [
                "run", "-t", "ssh:tb-persist", "--ssh-config", config, "--", "sh", "-c", "echo $SSH_CONNECTION",
            ]
            let first = try await ToolProcess.run(tool)
            #expect(try await run("ssh", "-F", config, "-O", "check", "tb-persist").status == 0)
            let second = try await ToolProcess.run(tool)
            #expect(first.status == 0, "\(first.errors)")
            #expect(second.status == 0, "\(second.errors)")
            #expect(first.lines.count == 1)
            #expect(first.lines == second.lines)
            #expect(first.duration < .seconds(20))
            #expect(try await run("ssh", "-F", config, "-O", "exit", "tb-persist").status == 0)
            #expect(try await eventually { access("\(directory)/control", F_OK) != 0 })
        }
    }
}
