//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Glibc
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("What the command line says to ssh")
struct SSHSettingsTests {
    private static func settings(
        configs: [String] = [],
        options: [String] = [],
        identities: [String] = [],
        hostKeys: ConnectionMethod.SSHOptions.HostKeyCheck = .configured
    ) throws(ArgumentError) -> HopSettings {
        var settings = HopSettings()
        settings.ssh = try SSHSettings(
            configs: configs,
            options: options,
            identities: identities,
            hostKeys: hostKeys
        )
        return settings
    }

    /// The options of each ssh hop of a target.
    private static func options(_ target: String, _ settings: HopSettings) throws -> [ConnectionMethod.SSHOptions] {
        let hops = try TargetSpecification(parsing: target).hops
        return hops.indices.filter { hops[$0].kind == "ssh" }.map {
            settings.sshOptions(for: hops[$0], behind: hops[..<$0])
        }
    }

    @Test(
        "Files of this machine are for ssh that runs on it",
        arguments: [
            ("ssh:a", ["/c"]), ("ssh:a+ssh:b", ["/c", nil]), ("sudo+ssh:a", ["/c"]), ("local+su:x+ssh:a", ["/c"]),
            ("docker:x+ssh:a", [nil]), ("ssh:a+sudo+ssh:b", ["/c", nil]),
        ] as [(String, [String?])]
    )
    func files(target: String, expected: [String?]) throws {
        let settings = try Self.settings(
            configs: ["/c"],
            options: ["UserKnownHostsFile=/k", "Port=7"],
            identities: ["/i"]
        )
        let options = try Self.options(target, settings)
        #expect(options.map(\.configFile) == expected)
        #expect(options.map(\.identityFile) == expected.map { $0 == nil ? nil : "/i" })
        #expect(options.map { $0.sshArguments.contains("UserKnownHostsFile=/k") } == expected.map { $0 != nil })
        #expect(options.allSatisfy { $0.sshArguments.contains("Port=7") })
    }

    @Test("A relative path counts from the folder that the command runs in, wherever ssh is started")
    func relative() throws {
        let settings = try Self.settings(configs: ["c"], options: [], identities: ["../i"])
        let current = try #require(getcwd(nil, 0))
        defer { free(current) }
        let folder = String(cString: current)
        let options = try Self.options("ssh:a", settings)
        #expect(options.map(\.configFile) == ["\(folder)/c"])
        #expect(options.map(\.identityFile) == ["\(folder)/../i"])
        let others = try Self.settings(configs: ["~/c"], options: [], identities: ["%d/i"])
        #expect(try Self.options("ssh:a", others).map(\.configFile) == ["~/c"])
        #expect(try Self.options("ssh:a", others).map(\.identityFile) == ["%d/i"])
    }

    @Test(
        "An option with a relative path is found, as what is held is connected from another folder",
        arguments: [
            ("IdentityFile=key", true), ("IdentityFile key", true), ("UserKnownHostsFile=/k", false),
            ("ControlPath=~/c", false), ("ProxyCommand=nc %h %p", false), ("Port=7", false),
            ("IdentityAgent=SSH_AUTH_SOCK", false), ("UserKnownHostsFile=none", false), ("IdentityFile", false),
        ]
    )
    func relativeOption(option: String, isRelative: Bool) throws {
        let settings = try Self.settings(configs: [], options: [option], identities: [])
        #expect((settings.ssh.relativeOption != nil) == isRelative)
    }

    @Test("Others are given for their hosts, wherever ssh runs, and come first")
    func hosts() throws {
        let settings = try Self.settings(
            configs: ["/c", "ssh:b=/there"],
            options: ["Port=7", "ssh:b[1-2]=Port=8", "ssh:me@b=IdentityFile=/x", "UserKnownHostsFile=/dev/null"],
            identities: ["ssh:b=/k=v"]
        )
        let options = try Self.options("ssh:a+ssh:me@b+ssh:b2", settings)
        #expect(options.map(\.configFile) == ["/c", "/there", nil])
        #expect(options.map(\.identityFile) == [nil, "/k=v", nil])
        let everywhere = ["-o", "Port=7", "-o", "UserKnownHostsFile=/dev/null"]
        #expect(
            options.map(\.sshArguments) == [
                everywhere, ["-o", "IdentityFile=/x"] + everywhere, ["-o", "Port=8"] + everywhere,
            ]
        )
    }

    @Test(
        "A file of this machine that does not count somewhere is said so, once",
        arguments: [
            (["--ssh-config", "/c"], "ssh:a+ssh:b", "--ssh-config"),
            (["--identity", "/i"], "docker:x+ssh:b", "--identity"),
            (["--ssh-option", "UserKnownHostsFile=/k"], "ssh:a+sudo+ssh:b", "--ssh-option"),
            (
                ["--ssh-config", "/c", "--identity", "/i"], "ssh:a,ssh:a+ssh:b,ssh:a+ssh:c",
                "--ssh-config and --identity"
            ),
            (["--ssh-config", "/c"], "ssh:a,sudo+ssh:b", nil), (["--ssh-option", "Port=7"], "ssh:a+ssh:b", nil),
            (["--ssh-option", "UserKnownHostsFile=/dev/null"], "ssh:a+ssh:b", nil),
            (["--identity", "/i", "--identity", "ssh:b=/k"], "ssh:a+ssh:b", nil),
            (["--ssh-option", "IdentityFile=/i", "--ssh-option", "ssh:b=identityfile=/k"], "ssh:a+ssh:b", nil),
        ] as [([String], String, String?)]
    )
    func warnings(arguments: [String], targets: String, names: String?) throws {
        let words = ["run"] + arguments + ["-t", targets, "--", "true"]
        let command = try #require(try MitogenCommand.parseAsRoot(words) as? RunCommand)
        let warnings = try RunOptions(command, readsFiles: true).warnings
        #expect(warnings.count == (names == nil ? 0 : 1))
        guard let names, let warning = warnings.first else { return }
        #expect(warning.hasPrefix("\(names) without a host"))
        #expect(warning.contains("not for ssh:b in"))
    }

    @Test("What is typed comes before what is added, so that it wins")
    func order() throws {
        let settings = try Self.settings(
            options: ["StrictHostKeyChecking=no", "ServerAliveInterval=3", "LogLevel=DEBUG", "BatchMode=no"],
            hostKeys: .enforce
        )
        let words = try #require(try Self.options("ssh:a", settings).first).arguments(command: "true")
        for (typed, added) in [
            ("StrictHostKeyChecking=no", "StrictHostKeyChecking yes"), ("LogLevel=DEBUG", "LogLevel ERROR"),
            ("BatchMode=no", "BatchMode yes"),
        ] {
            let places = (words.firstIndex(of: typed), words.firstIndex(of: added))
            #expect(try #require(places.0) < #require(places.1))
        }
        #expect(words.suffix(3) == ["--", "a", "true"])
    }

    @Test(
        "The configuration's forwards are left out, unless one is typed",
        arguments: [([], true), (["LocalForward=1 a:2"], false), (["dynamicforward 1080"], false), (["Port=2"], true)]
            as [([String], Bool)]
    )
    func forwards(typed: [String], clears: Bool) throws {
        let options = try #require(try Self.options("ssh:a", Self.settings(options: typed)).first)
        #expect(options.arguments(command: "true").contains("ClearAllForwardings yes") == clears)
        var library = ConnectionMethod.SSHOptions(hostname: "a")
        library.sshArguments = ["-4L", "1:b:2"]
        #expect(!library.arguments(command: "true").contains("ClearAllForwardings yes"))
    }

    @Test("Each way to check host keys says so to ssh, and 'configured' nothing")
    func hostKeys() throws {
        for (check, expected) in [
            (ConnectionMethod.SSHOptions.HostKeyCheck.enforce, "yes"), (.accept, "ask"), (.ignore, "no"),
            (.configured, nil),
        ] as [(ConnectionMethod.SSHOptions.HostKeyCheck, String?)] {
            let options = try #require(try Self.options("ssh:a", Self.settings(hostKeys: check)).first)
            let words = options.arguments(command: "true").filter { $0.hasPrefix("StrictHostKeyChecking ") }
            #expect(words == (expected.map { ["StrictHostKeyChecking \($0)"] } ?? []))
        }
        #expect(ConnectionMethod.SSHOptions(hostname: "a").hostKeyCheck == .enforce)
        for (arguments, check) in [
            ([], .configured), (["--accept-new-host-keys"], .accept), (["--check-host-keys", "enforce"], .enforce),
            (["--check-host-keys", "accept", "--accept-new-host-keys"], .accept),
        ] as [([String], ConnectionMethod.SSHOptions.HostKeyCheck)] {
            let command = try #require(try MitogenCommand.parseAsRoot(["run"] + arguments + ["x"]) as? RunCommand)
            #expect(try Self.options("ssh:a", command.connections.settings()).first?.hostKeyCheck == check)
        }
    }

    @Test(
        "What leaves no connection is refused, and other slips",
        arguments: [
            ["--ssh-option", "RequestTTY=force"], ["--ssh-option", "requesttty yes"],
            ["--ssh-option", "StdinNull=yes"],
            ["--ssh-option", "SessionType = none"], ["--ssh-option", "ForkAfterAuthentication=yes"],
            ["--ssh-option", "RemoteCommand=tmux"], ["--ssh-option", "ssh:a=RequestTTY=\"force\""],
            ["--ssh-option", ""], ["--ssh-config", "a", "--ssh-config", "b"], ["--identity", "ssh:a[=b"],
            ["--check-host-keys", "yes"], ["--check-host-keys", "ignore", "--accept-new-host-keys"],
        ]
    )
    func slips(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try MitogenCommand.parseAsRoot(["run"] + arguments + ["x"]) }
        #expect(error.map(MitogenTool.exitStatus) == 2)
    }

    @Test(
        "What leaves a connection is not",
        arguments: [
            ["-o", "RequestTTY=no"], ["-o", "RemoteCommand=none"], ["-o", "SessionType=default"], ["-i", "-t"], ["-4C"],
            ["-oStdinNull=no"], ["-J", "a,b"],
        ]
    )
    func allowed(arguments: [String]) {
        #expect(ConnectionMethod.SSHOptions.problem(withArguments: arguments) == nil)
        for refused in [["-t"], ["-4N"], ["-W", "a:1"], ["-oRequestTTY=force"]] {
            #expect(ConnectionMethod.SSHOptions.problem(withArguments: arguments + refused) != nil)
        }
    }
}
