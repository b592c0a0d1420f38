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

/// Contexts in the containers of real engines.
@Suite("Containers", .serialized, .timeLimit(.minutes(2)))
struct ContainerTests {
    /// What holds for every engine: a context works, a second one finds the image where there is a home, and nothing is
    /// left, not even when the engine's client is killed.
    private func exercise(
        _ engine: Engine,
        _ container: String? = nil,
        name: String? = nil,
        user: String? = nil,
        executable: [String]? = nil
    ) async throws {
        let mark = "inside-\(engine)-\(getpid())"
        try await withFixtureRouter { router in
            let context = try await router.container(engine, container) { options in
                options.remoteName = mark
                options.executable = executable
            }
            #expect(context.name == name ?? "\(engine).\(container ?? engine.container)")
            #expect(try await context.call(Add(1, 2)) == 3)
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            #expect(try await context.call(Echo(bytes)) == bytes)
            #expect(try await context.userName() == "root")
            if let user {
                #expect(
                    try await router.container(engine, container, user: user) { $0.executable = executable }.userName()
                        == user
                )
            }
            let clients = Processes.children(of: selfPID)
            let other = try await router.container(engine, container) { options in
                options.remoteName = "\(mark)-2"
                options.executable = executable
            }
            #expect(try await other.call(Add(3, 4)) == 7)
            let client = try #require(Set(Processes.children(of: selfPID)).subtracting(clients).first)
            kill(client, SIGKILL)
        }
        // The processes inside are this machine's, too.
        #expect(try await eventually { found(mark).isEmpty })
        let missing = try await withFixtureRouter { router in
            try await failure { try await router.container(engine, "no-such-container") }
        }
        #expect(missing.code == (engine == .lxc ? .containerNotRunning : .noSuchContainer), "\(missing)")
        #expect(missing.context?.contains("no-such-container") == true)
        #expect(!missing.diagnostics.isEmpty)
        #expect(missing.hint?.contains("`") == true)
    }

    /// The command lines in which `mark` is.
    private func found(_ mark: String) -> [String] {
        Files.names(in: "/proc").compactMap { name in
            guard Int32(name) != nil, let line = Files.text("/proc/\(name)/cmdline") else { return nil }
            return line.contains("mitogen:\(mark)") ? line : nil
        }
    }

    @Test("Docker", .needs(.docker))
    func docker() async throws { try await exercise(.docker, user: "nobody") }

    @Test("Docker, with Debian in the container", .needs(.docker), .needsDebian)
    func debian() async throws { try await exercise(.docker, "tb-debian", user: "nobody") }

    @Test("Podman", .needs(.podman))
    func podman() async throws { try await exercise(.podman, user: "nobody") }

    @Test("Buildah", .needs(.buildah))
    func buildah() async throws {
        // Buildah 1.28 takes a second for 640 KB of input that does not end, 11 s for this program.
        try await withFixtureRouter { router in
            let copied = try await router.local().run([
                try Engine.buildah.program, "copy", "--chmod", "755", Engine.buildah.container, try Fixture.path,
                "/fixture",
            ])
            #expect(copied.status == .exited(0), "\(copied.errorText)")
        }
        try await exercise(.buildah, user: "nobody", executable: ["/fixture"])
    }

    @Test("Kubernetes", .needs(.kubectl))
    func kubectl() async throws { try await exercise(.kubectl, name: "kubectl:tb") }

    @Test("A container of a pod is named, and one that is not there is told from a pod", .needs(.kubectl))
    func podContainers() async throws {
        let program = try Engine.kubectl.program
        try await withFixtureRouter { router in
            let via = try await router.local { $0.name = "near" }
            let side = try await router.kubectl(pod: "tb", via: via) { options in
                options.kubectlPath = program
                options.container = "side"
            }
            #expect(side.name == "near.kubectl:/tb/side")
            #expect(try await side.run(["sh", "-c", "echo $TB_CONTAINER"]).outputText == "side\n")
            #expect(side.connection?.podContainer == "side")
            #expect(try await router.container(.kubectl).connection?.podContainer == "main")
            for place in [nil, via] {
                let missing = try await failure {
                    try await router.kubectl(pod: "tb", via: place) { options in
                        options.kubectlPath = program
                        options.namespace = "default"
                        options.container = "nosuch"
                    }
                }
                #expect(missing.code == .noSuchContainer, "\(missing)")
                #expect(missing.message.contains("the pod tb has no container nosuch"))
                #expect(missing.message.hasSuffix("it has main, side"))
                #expect(missing.hint?.contains("kubectl:default/tb/CONTAINER") == true)
                #expect(missing.context?.hasSuffix("kubectl:default/tb/nosuch") == true)
            }
        }
    }

    @Test("doctor says which container of a pod was used", .needs(.kubectl), .enabled(if: ToolProcess.isBuilt))
    func podContainerInDoctor() async throws {
        let path = "\(try Testbed.fact("TESTBED"))/bin:/usr/bin:/bin"
        for (target, container) in [("kubectl:tb", "main"), ("local+kubectl:/tb/side", "side")] {
            let result = try await ToolProcess.run(["doctor", target], environment: ["PATH": path])
            #expect(result.lines.contains("  container     \(container)"), "\(result.text)")
        }
        // One that kubectl takes without a word.
        try await withTemporaryDirectory { directory in
            let client = "\(directory)/kubectl"
            let script = """
                #!/bin/sh
                if [ "$1" = get ]; then printf 'standard=\\nnames=only\\n'; exit; fi
                shift; exec \(path.prefix { $0 != ":" })/kubectl exec -q "$@"

                """
            try Files.write(Array(script.utf8), to: client)
            let result = try await ToolProcess.run(
                ["doctor", "kubectl:tb"],
                environment: ["PATH": "\(directory):/usr/bin:/bin"]
            )
            #expect(result.lines.contains("  container     only"), "\(result.text)")
        }
    }

    @Test("LXC", .needs(.lxc))
    func lxc() async throws { try await exercise(.lxc) }

    @Test("LXD", .needs(.lxd))
    func lxd() async throws { try await exercise(.lxd) }

    @Test("Incus", .needs(.incus))
    func incus() async throws { try await exercise(.incus) }

    @Test("A frozen instance is said to be paused", .needs(.lxd), .needs(.incus), arguments: [Engine.lxd, .incus])
    func frozen(engine: Engine) async throws {
        let name = "tb-frozen-\(getpid())"
        let program = try engine.program
        try await withFixtureRouter { router in
            let local = try await router.local()
            for words in [["launch", "tb", name], ["pause", name]] {
                let result = try await local.run([program] + words)
                #expect(result.status.isSuccess, "\(result.errorText)")
            }
            let error = try await failure { try await router.container(engine, name) }
            #expect(error.code == .containerNotRunning, "\(error)")
            #expect(error.message.contains("is paused"))
            #expect(error.hint == "let it go on: `\(engine == .lxd ? "lxc" : "incus") start \(name)`")
            // It does what it says.
            #expect(try await local.run([program, "start", name]).status.isSuccess)
            let context = try await router.container(engine, name)
            #expect(try await context.call(Add(1, 2)) == 3)
            #expect(try await local.run([program, "delete", "--force", name]).status.isSuccess)
        }
    }

    @Test("From account to account and into a container", .needsTestbed, .needs(.docker))
    func chain() async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let root = try await router.sudo(via: free)
            let inside = try await router.container(.docker, user: "nobody", via: root)
            #expect(inside.name == "ssh.tb-bash.sudo.root.docker.tb")
            #expect(try await inside.userName() == "nobody")
            #expect(try await inside.call(Add(2, 2)) == 4)
            // The daemon's socket is root's.
            let error = try await failure { try await router.container(.docker, via: free) }
            #expect(error.code == .notPermitted, "\(error)")
            #expect(error.context == "ssh.tb-bash → docker.tb")
            let missing = try await failure { try await router.container(.docker, "no-such", via: root) }
            #expect(missing.code == .noSuchContainer, "\(missing)")
            #expect(missing.context == "ssh.tb-bash.sudo.root → docker.no-such")
        }
    }

    @Test("The command line leads into containers", .needs(.docker), .enabled(if: ToolProcess.isBuilt))
    func commandLine() async throws {
        let path = "\(try Testbed.fact("TESTBED"))/bin:/usr/bin:/bin"
        let result = try await ToolProcess.run(
            ["run", "-t", "docker:nobody@tb", "-t", "local+docker:tb", "--", "id", "-un"],
            environment: ["PATH": path]
        )
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("nobody"))
        #expect(result.text.contains("root"))
    }

    @Test("Each failure has its code, and says what to do", .needs(.docker), .needs(.podman))
    func failures() async throws {
        try await withFixtureRouter { router in
            let stopped = try await failure { try await router.container(.docker, "tb-stopped") }
            #expect(stopped.code == .containerNotRunning)
            #expect(stopped.hint == "start it: `docker start tb-stopped`")
            for engine in [Engine.docker, .podman] {
                let user = try await failure { try await router.container(engine, user: "no-such-user") }
                #expect(user.code == .unknownUser)
                #expect(user.message.contains("no-such-user"))
            }
            let engine = try await failure {
                try await router.docker(container: "tb") { $0.dockerArguments = ["--host", "unix:///no/such/socket"] }
            }
            #expect(engine.code == .engineUnavailable, "\(engine)")
            let tool = try await failure { try await router.podman(container: "tb") { $0.podmanPath = "no-such-tool" } }
            #expect(tool.code == .spawnError)
            #expect(tool.hint?.contains("install podman") == true)
            // Podman's file system is read-only everywhere.
            let place = try await failure { try await router.container(.podman, "tb-readonly") }
            #expect(place.code == .noPlaceToRun)
            #expect(place.hint?.contains("`setns-podman:tb-readonly` needs no folder") == true)
            // It does what it says.
            let program = try Engine.podman.program
            let entered = try await router.setns(container: "tb-readonly", kind: .podman) { $0.toolPath = program }
            #expect(try await entered.call(Add(1, 2)) == 3)
        }
    }

    @Test(
        "A container without a shell gets the program by its engine, and keeps nothing of it",
        .needs(.docker),
        .needs(.podman)
    )
    func noShell() async throws {
        let before = try await files()
        try await withFixtureRouter { router in
            for engine in [Engine.docker, .podman] {
                for user in [nil, "1234"] {
                    let context = try await router.container(engine, "tb-scratch", user: user)
                    #expect(try await context.call(Add(1, 2)) == 3)
                    let id = try await context.run(["/busybox", "id", "-u"])
                    #expect(id.outputText == (user.map { "\($0)\n" } ?? "0\n"))
                }
            }
        }
        var after = try await files()
        _ = try await eventually {
            after = try await files()
            return after == before
        }
        #expect(after == before)
    }

    @Test("Nor does it keep anything when the attempt is given up at any moment", .needs(.docker), .needs(.podman))
    func givenUp() async throws {
        let before = try await files()
        try await withFixtureRouter { router in
            for engine in [Engine.docker, .podman] {
                for delay in [100, 150, 200, 300, 400] {
                    let attempt = Task { try await router.container(engine, "tb-scratch") }
                    try await Task.sleep(for: .milliseconds(delay))
                    attempt.cancel()
                    if case .success(let context) = await attempt.result { try await context.shutdown() }
                }
            }
        }
        var after: [String] = []
        _ = try await eventually(within: .seconds(20)) {
            after = try await files()
            return after == before
        }
        #expect(after == before)
    }

    /// What is in the root folders of the containers without a shell.
    private func files() async throws -> [String] {
        try await withFixtureRouter { router in
            let local = try await router.local()
            var result: [String] = []
            for engine in [Engine.docker, .podman] {
                let listed = try await local.run([
                    try engine.program, "exec", "tb-scratch", "/busybox", "ls", "-A", "/",
                ])
                result.append(listed.outputText)
            }
            return result
        }
    }
}
