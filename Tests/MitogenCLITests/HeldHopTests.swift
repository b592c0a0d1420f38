//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Mitogen
import Testing

@testable import Mitogen
@testable import MitogenCLI

@Suite("When a held connection is the one that a command would make")
struct HeldHopTests {
    private static func keys(_ target: String, _ change: (inout HopSettings) throws -> Void = { _ in }) throws
        -> [String]
    {
        var settings = HopSettings()
        try change(&settings)
        return try HeldHop.path(try TargetSpecification(parsing: target).hops, settings).map(\.key)
    }

    private static func ssh(
        configs: [String] = [],
        options: [String] = [],
        identities: [String] = [],
        hostKeys: ConnectionMethod.SSHOptions.HostKeyCheck = .configured
    ) throws -> SSHSettings {
        try SSHSettings(configs: configs, options: options, identities: identities, hostKeys: hostKeys)
    }

    @Test("Equal hops with equal options have equal keys, also as the beginning of others")
    func equality() throws {
        let path = try Self.keys("ssh:web1+sudo+docker:app")
        #expect(path == (try Self.keys("ssh:web1+sudo+docker:app")))
        #expect(Array(path.prefix(2)) == (try Self.keys("ssh:web1+sudo")))
        #expect(Set(path).count == 3 && path.allSatisfy { $0.utf8.count == 32 })
        #expect(
            try HeldHop.path(try TargetSpecification(parsing: "ssh:a+sudo").hops, HopSettings()).map(\.text) == [
                "ssh:a", "ssh:a+sudo",
            ]
        )
    }

    @Test(
        "Another hop, user, port or container is another connection",
        arguments: [
            ("ssh:a", "ssh:b"), ("ssh:a", "ssh:joe@a"), ("ssh:a", "ssh:a:2222"), ("sudo", "sudo:joe"), ("sudo", "su"),
            ("su", "doas"), ("docker:a", "podman:a"), ("docker:a", "docker:joe@a"),
            ("setns-docker:a", "setns-podman:a"),
            ("kubectl:a", "kubectl:n/a"), ("lxc:a", "incus:a"), ("local:a", "local:b"), ("docker:a", "docker-image:a"),
        ]
    )
    func hops(left: String, right: String) throws {
        #expect(try Self.keys(left) != Self.keys(right))
    }

    @Test("What leads to a hop counts")
    func path() throws {
        #expect(try Self.keys("ssh:a+ssh:c").last != Self.keys("ssh:b+ssh:c").last)
        #expect(try Self.keys("ssh:c").last != Self.keys("ssh:b+ssh:c").last)
    }

    @Test("Every option counts for the hops that it is for")
    func options() throws {
        let plain = try Self.keys("ssh:a")
        let changes: [(inout HopSettings) throws -> Void] = [
            { $0.ssh = try Self.ssh(configs: ["/c"]) }, { $0.ssh = try Self.ssh(options: ["Port=2"]) },
            { $0.ssh = try Self.ssh(identities: ["/i"]) }, { $0.ssh = try Self.ssh(hostKeys: .ignore) },
            { $0.ssh = try Self.ssh(hostKeys: .accept) }, { $0.connectTimeout = .seconds(5) },
            { $0.usesImageCache = false },
        ]
        var seen: Set = [plain]
        for change in changes { #expect(seen.insert(try Self.keys("ssh:a", change)).inserted) }
        // For another host.
        #expect(try Self.keys("ssh:a") { $0.ssh = try Self.ssh(options: ["ssh:b=Port=2"]) } == plain)
        #expect(try Self.keys("sudo") { $0.requestsSudoTerminal = true } != Self.keys("sudo"))
        #expect(try Self.keys("sudo") { $0.sudoPrompt = "Code:" } != Self.keys("sudo"))
        #expect(try Self.keys("su") { $0.suPrompt = "Code:" } != Self.keys("su"))
        #expect(try Self.keys("doas") { $0.doasPrompt = "Code:" } != Self.keys("doas"))
    }

    @Test("A hop of the table is what its section says")
    func table() throws {
        func settings(_ command: String) throws -> HopSettings {
            var settings = HopSettings()
            settings.table = try HopTable(
                name: "hops",
                bytes: Array("[pot]\nargument = NAME\ncommand = \(command) {name} {command}\n".utf8)
            )
            return settings
        }
        let hop = [Hop(kind: "pot", argument: "tea")]
        let (left, right) = (try HeldHop.path(hop, settings("a in")), try HeldHop.path(hop, settings("b in")))
        #expect(left[0].key != right[0].key)
    }

    @Test("Passwords do not count, and travel with the request only")
    func passwords() throws {
        let plain = try Self.keys("ssh:a+sudo")
        let changed = try Self.keys("ssh:a+sudo") { settings in
            settings.password = "one"
            settings.passphrase = "two"
            settings.becomePassword = "three"
        }
        #expect(changed == plain)
    }

    @Test("The environment counts as far as connections depend on it")
    func environment() {
        let search = ProgramSearch(path: "/nonexistent")
        func digest(_ variables: [String], _ programs: [String] = ["1"]) -> String {
            HoldIdentity(programs: programs, search: search, environment: variables.map { ByteString($0) }).digest
        }
        let plain = digest(["HOME=/root", "SSH_AUTH_SOCK=/a"])
        #expect(digest(["SSH_AUTH_SOCK=/a", "HOME=/root"]) == plain)
        #expect(
            digest(["HOME=/root", "SSH_AUTH_SOCK=/a", "SSH_TTY=/dev/pts/1", "SHLVL=2", "TERM=x", "PWD=/"]) == plain
        )
        let others = [
            "SSH_AUTH_SOCK=/b", "DOCKER_HOST=tcp://x", "KUBECONFIG=/k", "LC_ALL=C", "https_proxy=x",
            "CONTAINER_HOST=x", "KRB5CCNAME=x", "XDG_RUNTIME_DIR=/run/user/1",
        ]
        for variable in others {
            #expect(digest(["HOME=/root", "SSH_AUTH_SOCK=/a", variable]) != plain, "\(variable)")
        }
        #expect(digest(["HOME=/root", "SSH_AUTH_SOCK=/a"], ["2"]) != plain)
        // A value with the end of another one in it is another list of variables.
        #expect(digest(["HOME=a", "USER=b"]) != digest(["HOME=aUSER=b"]))
    }

    /// The programs that a connection starts here by a name without a path.
    private static func programs(of request: ConnectionRequest) -> Set<String> {
        let words: [String?] =
            switch request.way {
            case .program, .fork: []
            case .namespaces(let target): [target.program]
            case .tool(let tool):
                [tool.command, tool.cleanUp, tool.copy?.copy, tool.copy?.run, tool.copy?.removal, tool.copy?.cleanUp]
                    .map {
                        $0?.before.first
                    } + [tool.container?.containerQuery?.first]
            }
        return Set(words.compactMap(\.self).filter { !$0.contains("/") })
    }

    /// Nothing that can be held leads to a Python interpreter.
    private static let kinds = HopKind.known.map(\.name).filter { $0 != "python" }

    @Test("Every program counts that a hop of any kind looks for in PATH", arguments: kinds)
    func everyTool(kind: String) throws {
        let argument = kind == "kubectl" ? "n/pod" : "a"
        let needsNone = ["fork", "sudo", "su", "doas"].contains(kind)
        let hop = Hop(kind: kind, argument: needsNone ? nil : argument)
        let programs = Self.programs(of: try HopSettings().request(for: hop, behind: []))
        #expect(programs.isEmpty == ["local", "fork", "jail"].contains(kind), "\(programs)")
        try withFolder { folder in
            func digest() -> String {
                HoldIdentity(programs: [], search: ProgramSearch(path: folder), environment: []).digest
            }
            for program in programs {
                let before = digest()
                let descriptor = open("\(folder)/\(program)", O_CREAT | O_WRONLY, 0o700)
                try #require(descriptor >= 0)
                close(descriptor)
                #expect(digest() != before, "\(program)")
            }
        }
    }

    @Test("The programs of a hop of the table count, also behind processes of this machine", arguments: ["", "fork+"])
    func toolsOfTable(before: String) throws {
        try withFolder { folder in
            var settings = HopSettings()
            settings.table = try HopTable(
                name: "hops",
                bytes: Array("[pot]\nargument = NAME\ncommand = teapot {name} {command}\n".utf8)
            )
            let path = getenv("PATH").map { String(cString: $0) } ?? ""
            defer { setenv("PATH", path, 1) }
            let target = try TargetSpecification(parsing: "\(before)pot:a", kinds: settings.table.kinds)
            let key = try HeldHop.path(target.hops, settings).last?.key
            let descriptor = open("\(folder)/teapot", O_CREAT | O_WRONLY, 0o700)
            try #require(descriptor >= 0)
            close(descriptor)
            setenv("PATH", "\(folder):\(path)", 1)
            #expect(try HeldHop.path(target.hops, settings).last?.key != key)
        }
    }

    @Test("What is found in PATH counts, and not how")
    func tools() throws {
        try withFolder { folder in
            for name in ["one", "two", "venv"] { try #require(mkdir("\(folder)/\(name)", 0o700) == 0) }
            for file in ["one/ssh", "two/ssh", "venv/python3"] {
                let descriptor = open("\(folder)/\(file)", O_CREAT | O_WRONLY, 0o700)
                try #require(descriptor >= 0)
                close(descriptor)
            }
            try #require(symlink("\(folder)/one", "\(folder)/link") == 0)
            func digest(_ folders: String...) -> String {
                let path = folders.map { "\(folder)/\($0)" }.joined(separator: ":")
                let search = ProgramSearch(path: path)
                return HoldIdentity(programs: [], search: search, environment: [ByteString("PATH=\(path)")]).digest
            }
            #expect(digest("one") == digest("venv", "one") && digest("one") == digest("link", "two"))
            #expect(digest("one") != digest("two") && digest("one") != digest("two", "one"))
            #expect(digest("venv") != digest("one"))
            #expect(ProgramSearch(path: "\(folder)/two").path(of: "ssh") == "\(folder)/two/ssh")
            #expect(ProgramSearch(path: folder).path(of: "one") == nil, "a folder is no program")
            #expect(ProgramSearch(path: nil).path(of: "sh") != nil)
        }
    }
}

@Suite("The time of 'mitogen hold --for'")
struct HoldTimeTests {
    @Test(
        "Numbers with and without a unit",
        arguments: [
            ("90", 90), ("30s", 30), ("10m", 600), ("2h", 7200), ("1.5h", 5400), ("1d", 86_400), ("forever", nil),
        ] as [(String, Double?)]
    )
    func times(text: String, seconds: Double?) throws {
        #expect(try HoldTime(parsing: text).seconds == seconds)
    }

    @Test(
        "Anything else is refused",
        arguments: ["", "m", "0", "0s", "-1", "10x", "1e3", "1.2.3", "nan", "400d", "10 m"]
    )
    func refused(text: String) {
        #expect(throws: ArgumentError.self) { try HoldTime(parsing: text) }
    }
}
