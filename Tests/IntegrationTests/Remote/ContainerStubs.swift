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

/// The methods that lead into containers, with scripts instead of their tools: what they are called with, and that a
/// context comes of it.
@Suite("Tools of containers", .serialized, .timeLimit(.minutes(1)))
struct ContainerStubs {
    typealias Method = @Sendable (Router, _ tool: String, _ via: Context?) async throws -> Context

    struct Sample: CustomTestStringConvertible {
        let name: String
        let arguments: [String]
        let method: Method

        var testDescription: String { name }
    }

    static let samples: [Sample] = [
        Sample(name: "docker.app", arguments: ["exec", "--interactive", "app", "sh", "-c", "SCRIPT"]) {
            router,
            tool,
            via in
            try await router.docker(container: "app", via: via) { $0.dockerPath = tool }
        },
        Sample(
            name: "docker.app",
            arguments: ["--context", "x", "exec", "--interactive", "--user=joe:10", "app", "sh", "-c", "SCRIPT"]
        ) { router, tool, via in
            try await router.docker(container: "app", via: via) { options in
                options.dockerPath = tool
                options.dockerArguments = ["--context", "x"]
                options.username = "joe:10"
            }
        },
        Sample(name: "podman.app", arguments: ["exec", "--interactive", "--", "app", "sh", "-c", "SCRIPT"]) {
            router,
            tool,
            via in
            try await router.podman(container: "app", via: via) { $0.podmanPath = tool }
        },
        Sample(
            name: "podman.app",
            arguments: ["--remote", "exec", "--user=joe", "--interactive", "--", "app", "sh", "-c", "SCRIPT"]
        ) { router, tool, via in
            try await router.podman(container: "app", via: via) { options in
                options.podmanPath = tool
                options.podmanArguments = ["--remote"]
                options.username = "joe"
            }
        },
        Sample(name: "buildah.app", arguments: ["run", "--", "app", "sh", "-c", "SCRIPT"]) { router, tool, via in
            try await router.buildah(container: "app", via: via) { $0.buildahPath = tool }
        },
        Sample(name: "buildah.app", arguments: ["run", "--user=joe", "--", "app", "sh", "-c", "SCRIPT"]) {
            router,
            tool,
            via in
            try await router.buildah(container: "app", via: via) { options in
                options.buildahPath = tool
                options.username = "joe"
            }
        },
        Sample(name: "kubectl:api", arguments: ["exec", "-i", "api", "--", "sh", "-c", "SCRIPT"]) {
            router,
            tool,
            via in
            try await router.kubectl(pod: "api", via: via) { $0.kubectlPath = tool }
        },
        Sample(
            name: "kubectl:shop/api/server",
            arguments: [
                "--context", "x", "-n", "shop", "exec", "-i", "api", "-c", "server", "--", "sh", "-c", "SCRIPT",
            ]
        ) { router, tool, via in
            try await router.kubectl(pod: "api", via: via) { options in
                options.kubectlPath = tool
                options.kubectlArguments = ["--context", "x"]
                options.namespace = "shop"
                options.container = "server"
            }
        },
        Sample(name: "lxc.app", arguments: ["--clear-env", "--name", "app", "--", "sh", "-c", "SCRIPT"]) {
            router,
            tool,
            via in
            try await router.lxc(container: "app", via: via) { $0.lxcAttachPath = tool }
        },
        Sample(
            name: "lxd.app",
            arguments: ["exec", "--mode=non-interactive", "app", "--", "sh", "-c", "SCRIPT"]
        ) { router, tool, via in
            try await router.lxd(container: "app", via: via) { $0.lxcPath = tool }
        },
        Sample(
            name: "incus.far:app",
            arguments: ["exec", "--mode=non-interactive", "far:app", "--", "sh", "-c", "SCRIPT"]
        ) { router, tool, via in
            try await router.incus(container: "far:app", via: via) { $0.incusPath = tool }
        },
        Sample(name: "jail.app", arguments: ["app", "sh", "-c", "SCRIPT"]) { router, tool, via in
            try await router.jail(container: "app", via: via) { $0.jexecPath = tool }
        },
        Sample(name: "jail.app", arguments: ["-U", "joe", "app", "sh", "-c", "SCRIPT"]) { router, tool, via in
            try await router.jail(container: "app", via: via) { options in
                options.jexecPath = tool
                options.username = "joe"
            }
        },
    ]

    @Test("Each is called to the letter, here and through a context", arguments: samples)
    func vectors(sample: Sample) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, ToolStub.leadsHere)
            try await withFixtureRouter { router in
                let context = try await sample.method(router, stub.path, nil)
                #expect(context.name == sample.name)
                #expect(try await context.call(Add(1, 2)) == 3)
                let via = try await router.local { $0.name = "near" }
                let other = try await sample.method(router, stub.path, via)
                #expect(other.name == "near.\(sample.name)")
                #expect(try await other.call(Add(3, 4)) == 7)
            }
            #expect(stub.runs == [sample.arguments, sample.arguments])
        }
    }

    @Test(
        "A temporary container has a name, which is removed if docker is killed, and only then",
        arguments: [true, false]
    )
    func temporary(isKilled: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "[ $1 = rm ] && exit\n\(ToolStub.leadsHere)")
            try await withFixtureRouter { router in
                let context = try await router.docker(image: "debian:12") { options in
                    options.dockerPath = stub.path
                    options.username = "joe"
                    options.runArguments = ["--network=none"]
                }
                #expect(context.name == "docker.debian:12")
                let pid = try await context.call(ProcessID())
                let run = try #require(stub.runs.first)
                let name = try #require(run.first { $0.hasPrefix("--name=mitogen-") }?.dropFirst(7))
                #expect(
                    run == [
                        "run", "--interactive", "--user=joe", "--rm", "--name=\(name)", "--entrypoint=sh",
                        "--network=none", "debian:12", "-c", "SCRIPT",
                    ]
                )
                if isKilled {
                    kill(pid, SIGKILL)
                    #expect(try await eventually { stub.runs.contains(["rm", "--force", "--volumes", String(name)]) })
                } else {
                    try await context.shutdown(waits: true, timeout: .seconds(10))
                    #expect(try await Processes.stillRunning([pid], after: .seconds(10)).isEmpty)
                }
            }
            #expect(isKilled || stub.runs.count == 1)
        }
    }

    @Test(
        "Where there is no shell the engine copies the program, which then removes itself",
        arguments: ["docker", "podman"]
    )
    func copy(tool: String) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, ToolStub.withoutShell)
            try await withFixtureRouter { router in
                let context =
                    tool == "docker"
                    ? try await router.docker(container: "app") { options in
                        options.dockerPath = stub.path
                        options.username = "joe"
                    }
                    : try await router.podman(container: "app") { options in
                        options.podmanPath = stub.path
                        options.username = "joe"
                    }
                #expect(try await context.call(Add(1, 2)) == 3)
                #expect(Files.names(in: directory).allSatisfy { !$0.hasPrefix(".mitogen-") })
                #expect(try await eventually { stub.runs.count == 4 })
            }
            let file = try #require(stub.runs[2].first { $0.hasPrefix("/.mitogen-") })
            let environment = ["--env=SWIFT_ROOT=/", "--env=MITOGEN_UNLINK=\(file)", "app", file]
            #expect(stub.runs[1] == ["cp", "-", "app:/"])
            #expect(stub.runs[2].dropLast() == ["exec", "--user=joe", "--interactive"] + environment)
            #expect(stub.runs[3] == ["exec", "--user=0"] + environment + ["mitogen:removal"])
        }
    }

    @Test("Where there is no shell a program that is there is started without one")
    func executable() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, ToolStub.withoutShell)
            let fixture = try Fixture.path
            symlink(fixture, "\(directory)/fixture")
            try await withFixtureRouter { router in
                let context = try await router.docker(container: "app") { options in
                    options.dockerPath = stub.path
                    options.executable = ["/fixture"]
                    options.remoteName = "name"
                }
                #expect(try await context.call(Add(1, 2)) == 3)
            }
            let start = ["exec", "--interactive", "--env=SWIFT_ROOT=/", "app", "/fixture", "mitogen:name"]
            #expect(stub.runs.dropFirst() == [start])
        }
    }

    @Test("When copying fails the error says what was tried, in the engine's words")
    func copyFails() async throws {
        try await withTemporaryDirectory { directory in
            let words = "Error response from daemon: container rootfs is marked read-only"
            let stub = try ToolStub(
                in: directory,
                "[ $1 = cp ] && { echo '\(words)' >&2; exit 1; }\n\(ToolStub.withoutShell)"
            )
            try await withFixtureRouter { router in
                let error = try await failure {
                    try await router.docker(container: "app") { $0.dockerPath = stub.path }
                }
                #expect(error.code == .noShell)
                #expect(error.message.contains("could not copy"))
                #expect(error.diagnostics == [words])
                #expect(error.context == "docker.app")
                #expect(error.hint?.hasSuffix("`setns-docker:app` needs no shell") == true)
            }
        }
    }

    private static func copies(in directory: String) -> [String] {
        Files.names(in: directory).filter { $0.hasPrefix(".mitogen-") }
    }

    /// A tool whose first run of `cp` brings a part of the program, and then hangs.
    private static let hangsInTheMiddle = #"""
        d=${0%/*}
        if [ $1 = cp ] && mkdir "$d/once" 2>/dev/null; then
            head -c 100000 | tar -xf - -C "$d"
            exec sleep 20
        fi
        """#

    @Test(
        "Copying that does not end is given up with the attempt, and what is there in part is removed",
        arguments: [false, true]
    )
    func copyHangs(isCancelled: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "\(Self.hangsInTheMiddle)\n\(ToolStub.withoutShell)")
            try await withFixtureRouter { router in
                let attempt = Task {
                    try await failure {
                        try await router.docker(container: "app") { options in
                            options.dockerPath = stub.path
                            options.connectTimeout = .seconds(isCancelled ? 30 : 5)
                        }
                    }
                }
                #expect(try await eventually { !Self.copies(in: directory).isEmpty })
                if isCancelled { attempt.cancel() }
                let error = try await attempt.value
                #expect(error.code == (isCancelled ? .cancelled : .timeoutError))
                #expect(try await eventually { stub.runs.last?.last == "mitogen:removal" })
                #expect(try await eventually { Self.copies(in: directory).isEmpty })
            }
        }
    }

    @Test(
        "When what makes the connection is killed, the program's file goes",
        arguments: [true, false]
    )
    func killed(whileCopying: Bool) async throws {
        try await withTemporaryDirectory { directory in
            // Runs of the program that are not for its removal take long.
            let hangs = #"case "$*" in *" mitogen:here") exec sleep 20 ;; esac"#
            let script = "\(whileCopying ? Self.hangsInTheMiddle : hangs)\n\(ToolStub.withoutShell)"
            let stub = try ToolStub(in: directory, script)
            try await withFixtureRouter { router in
                let via = try await router.local()
                let pid = try await via.call(ProcessID())
                let attempt = Task {
                    try await failure {
                        try await router.docker(container: "app", via: via) { options in
                            options.dockerPath = stub.path
                            options.remoteName = "here"
                        }
                    }
                }
                #expect(
                    try await eventually {
                        !Self.copies(in: directory).isEmpty
                            && (whileCopying || stub.runs.last?.last == "mitogen:here")
                    }
                )
                kill(pid, SIGKILL)
                _ = try await attempt.value
                #expect(try await eventually { stub.runs.last?.last == "mitogen:removal" })
                #expect(try await eventually { Self.copies(in: directory).isEmpty })
            }
            // A complete file is not copied again.
            if !whileCopying { #expect(stub.runs.filter { $0[0] == "cp" }.count == 1) }
        }
    }

    @Test(
        "Names that a tool would take for something else are refused",
        arguments: ["", "-x", "--privileged", "a b", "a\n"]
    )
    func names(name: String) async throws {
        try await withFixtureRouter { router in
            let attempts: [@Sendable () async throws -> Context] = [
                { try await router.docker(container: name) }, { try await router.docker(image: name) },
                { try await router.podman(container: name) }, { try await router.buildah(container: name) },
                { try await router.kubectl(pod: name) }, { try await router.kubectl(pod: "a") { $0.namespace = name } },
                { try await router.kubectl(pod: "a") { $0.container = name } },
                { try await router.lxc(container: name) }, { try await router.lxd(container: name) },
                { try await router.incus(container: name) }, { try await router.jail(container: name) },
                { try await router.jail(container: "a") { $0.username = name } },
            ]
            for attempt in attempts {
                let error = try await failure { try await attempt() }
                #expect(error.code == .misuse, "\(error)")
            }
        }
    }
}
