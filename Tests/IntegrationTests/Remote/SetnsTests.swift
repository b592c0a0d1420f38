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

extension Trait where Self == ConditionTrait {
    /// Skips where nobody may enter namespaces.
    static var needsRoot: Self { .enabled(if: geteuid() == 0, "only root enters namespaces") }

    static var needsMachined: Self {
        .enabled(if: (try? Testbed.fact("TB_MACHINECTL")).map { access($0, X_OK) == 0 } ?? false, "nspawn is not up")
    }
}

extension Router {
    /// A context in a container of the test bed, by its namespaces.
    fileprivate func setns(
        _ kind: ConnectionMethod.SetnsOptions.Kind,
        _ container: String = "tb",
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SetnsOptions) -> Void = { _ in }
    ) async throws -> Context {
        let program: String? =
            switch kind {
            case .lxc: nil
            case .machinectl: try Testbed.fact("TB_MACHINECTL")
            case .docker: try Engine.docker.program
            case .podman: try Engine.podman.program
            case .lxd: try Engine.lxd.program
            case .incus: try Engine.incus.program
            }
        return try await setns(container: container, kind: kind, via: via) { options in
            options.toolPath = program
            configure(&options)
        }
    }
}

/// Contexts that enter the namespaces of the containers of real engines.
@Suite("Namespaces of containers", .needsRoot, .serialized, .timeLimit(.minutes(2)))
struct SetnsTests {
    /// What holds for every engine.
    private func exercise(_ kind: ConnectionMethod.SetnsOptions.Kind, _ container: String = "tb") async throws {
        let mark = "setns-\(kind)-\(getpid())"
        try await withFixtureRouter { router in
            let context = try await router.setns(kind, container) { $0.remoteName = mark }
            #expect(context.name == "setns.\(container)")
            #expect(try await context.call(Add(1, 2)) == 3)
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            #expect(try await context.call(Echo(bytes)) == bytes)
            #expect(try await context.userName() == "root")
            try await checkNamespaces(of: context)

            let nobody = try await router.setns(kind, container) { options in
                options.remoteName = mark
                options.username = "nobody"
                options.group = "root"
            }
            let identity = try await nobody.run(["sh", "-c", "id -un; id -gn; id -Gn; echo $HOME; pwd"]).outputText
            let lines = identity.split(separator: "\n")
            #expect(lines.prefix(2) == ["nobody", "root"], "\(identity)")
            #expect(lines.count == 5 && (lines[3] == lines[4] || lines[4] == "/"), "\(identity)")

            // From memory, so that there is nothing that the container could change, and a copy of it starts others.
            let program = try await context.run(["sh", "-c", "readlink /proc/$PPID/exe"]).outputText
            #expect(program.hasPrefix("/memfd:mitogen"))
            let inner = try await router.local(via: context) { $0.remoteName = mark }
            #expect(try await inner.call(Add(3, 4)) == 7)
        }
        #expect(try await eventually { processes(mark).isEmpty })
        let missing = try await withFixtureRouter { router in
            try await failure { try await router.setns(kind, "no-such-container") }
        }
        #expect(missing.code == .noSuchContainer, "\(missing)")
        #expect(missing.context == "setns.no-such-container")
        #expect(missing.hint?.contains("`") == true)
        #expect(!missing.diagnostics.isEmpty)
    }

    /// A context lives in the same namespaces and the same root folder as the container's first process.
    private func checkNamespaces(of context: Context) async throws {
        let names = ["ipc", "uts", "net", "pid", "mnt", "user"]
        let script =
            "for n in \(names.joined(separator: " ")); do readlink /proc/$1/ns/$n; done; stat -c %d:%i /proc/$1/root/"
        let own = try await context.run(["sh", "-c", script, "sh", "self"]).outputText
        let first = try await context.run(["sh", "-c", script, "sh", "1"]).outputText
        #expect(own == first)
        #expect(own.split(separator: "\n").count == names.count + 1)
        #expect(try await context.call(ProcessID()) < 100_000)
        let environment = try await context.run(["env"]).outputText.split(separator: "\n").compactMap {
            $0.split(separator: "=").first
        }
        #expect(Set(environment).isSubset(of: ["PATH", "HOME", "SHELL", "LOGNAME", "USER", "PWD", "SHLVL", "_"]))
    }

    /// The processes of this machine, those in containers included, that are contexts with a name.
    private func processes(_ mark: String) -> [Int32] {
        Files.names(in: "/proc").compactMap { name in
            guard let pid = Int32(name), let line = Files.text("/proc/\(name)/cmdline") else { return nil }
            // Whatever searches them is in them, too.
            return line.hasPrefix("mitogen:\(mark)\0") || line.contains("\0mitogen:\(mark)\0") ? pid : nil
        }
    }

    @Test("Docker", .needs(.docker))
    func docker() async throws { try await exercise(.docker) }

    @Test("Docker, with Debian in the container", .needs(.docker), .needsDebian)
    func debian() async throws { try await exercise(.docker, "tb-debian") }

    @Test("Podman", .needs(.podman))
    func podman() async throws { try await exercise(.podman) }

    @Test("LXC", .needs(.lxc))
    func lxc() async throws { try await exercise(.lxc) }

    @Test("LXD, in a user namespace", .needs(.lxd))
    func lxd() async throws { try await exercise(.lxd) }

    @Test("A user that the user namespace does not have", .needs(.lxd))
    func unmappedUser() async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await router.setns(.lxd) { $0.username = "4000000000" } }
            #expect(error.code == .unknownUser, "\(error)")
            #expect(error.hint?.contains("/etc/subuid") == true)
        }
    }

    @Test("Incus, in a user namespace", .needs(.incus))
    func incus() async throws { try await exercise(.incus) }

    @Test("systemd-nspawn", .needsMachined)
    func machinectl() async throws { try await exercise(.machinectl) }

    @Test("A container with nothing in it", .needs(.docker), .needs(.podman))
    func empty() async throws {
        try await withFixtureRouter { router in
            for kind in [ConnectionMethod.SetnsOptions.Kind.docker, .podman] {
                let root = try await router.setns(kind, "tb-scratch")
                #expect(try await root.call(Add(1, 2)) == 3)
                let before = try await root.run(["/busybox", "ls", "-A", "/"]).outputText
                let user = try await router.setns(kind, "tb-scratch") { options in
                    options.username = "1234"
                    options.group = "56"
                }
                let identity = try await user.run(["/busybox", "id"]).outputText
                #expect(identity == "uid=1234 gid=56 groups=56\n")
                #expect(try await root.run(["/busybox", "ls", "-A", "/"]).outputText == before)
            }
        }
    }

    @Test("Killing the parent ends the context in its PID namespace", .needs(.docker))
    func killedParent() async throws {
        let mark = "setns-orphan-\(getpid())"
        try await withFixtureRouter { router in
            let parent = try await router.local()
            _ = try await router.setns(.docker, via: parent) { $0.remoteName = mark }
            #expect(processes(mark).count == 1)
            kill(try await parent.call(ProcessID()), SIGKILL)
            #expect(try await eventually { processes(mark).isEmpty })
        }
    }

    @Test("From account to account and into a container", .needsTestbed, .needs(.docker))
    func chain() async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let root = try await router.sudo(via: free)
            let inside = try await router.setns(.docker, via: root) { $0.username = "nobody" }
            #expect(inside.name == "ssh.tb-bash.sudo.root.setns.tb")
            #expect(try await inside.userName() == "nobody")
            let error = try await failure { try await router.setns(.docker, via: free) }
            #expect(error.code == .notPermitted, "\(error)")
            #expect(error.context == "ssh.tb-bash → setns.tb")
            #expect(error.hint?.contains("root") == true)
            let missing = try await failure { try await router.setns(.docker, "no-such", via: root) }
            #expect(missing.code == .noSuchContainer, "\(missing)")
            #expect(missing.context == "ssh.tb-bash.sudo.root → setns.no-such")
        }
    }

    @Test("The command line leads into namespaces", .needs(.docker), .enabled(if: ToolProcess.isBuilt))
    func commandLine() async throws {
        let path = "\(try Testbed.fact("TESTBED"))/bin:/usr/bin:/bin"
        let result = try await ToolProcess.run(
            [
                "run", "-t", "setns-docker:nobody@tb,local+setns-lxc:12345:54321@tb", "--", "sh", "-c",
                "echo `id -u`:`id -g`",
            ],
            environment: ["PATH": path]
        )
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("65534:65534"), "\(result.text)")
        #expect(result.text.contains("12345:54321"), "\(result.text)")
    }

    @Test("Each failure has its code, and says what to do", .needs(.docker))
    func failures() async throws {
        try await withFixtureRouter { router in
            let stopped = try await failure { try await router.setns(.docker, "tb-stopped") }
            #expect(stopped.code == .containerNotRunning)
            #expect(stopped.hint == "start it: `docker start tb-stopped`")
            let user = try await failure { try await router.setns(.docker) { $0.username = "no-such-user" } }
            #expect(user.code == .unknownUser)
            #expect(user.message.contains("no-such-user"))
            let group = try await failure { try await router.setns(.docker) { $0.group = "no-such-group" } }
            #expect(group.code == .unknownUser)
            #expect(group.message.contains("no-such-group"))
            let program = try await failure { try await router.setns(.docker) { $0.executable = ["/no/such/program"] } }
            #expect(program.code == .spawnError)
            #expect(program.message.contains("/no/such/program"))
            let tool = try await failure { try await router.setns(.docker) { $0.toolPath = "no-such-tool" } }
            #expect(tool.code == .spawnError)
            #expect(tool.hint?.contains("install no-such-tool") == true)
            let name = try await failure { try await router.setns(.docker, "-x") }
            #expect(name.code == .misuse)
        }
    }

    @Test(
        "An image is no container",
        .needs(.docker),
        .needs(.podman),
        arguments: [ConnectionMethod.SetnsOptions.Kind.docker, .podman]
    )
    func image(kind: ConnectionMethod.SetnsOptions.Kind) async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await router.setns(kind, "localhost/tb") }
            #expect(error.code == .noSuchContainer, "\(error)")
        }
    }
}
