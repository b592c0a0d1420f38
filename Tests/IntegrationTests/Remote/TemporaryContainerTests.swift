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

/// Containers that exist as long as their context does: none is left, whatever happens.
@Suite("Temporary containers", .needs(.docker), .serialized, .timeLimit(.minutes(2)))
struct TemporaryContainerTests {
    private static let image = "localhost/tb"

    private func temporary(
        _ router: Router,
        _ image: String = image,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.DockerOptions) -> Void = { _ in }
    ) async throws -> Context {
        let program = try Engine.docker.program
        return try await router.docker(image: image, via: via) { options in
            options.dockerPath = program
            options.runArguments = ["--network=none"]
            configure(&options)
        }
    }

    /// The temporary containers that there are, stopped ones included.
    private func names(_ local: Context) async throws -> [String] {
        let listed = try await local.run([
            try Engine.docker.program, "ps", "--all", "--filter", "name=mitogen-", "--format", "{{.Names}}",
        ])
        return listed.outputText.split(separator: "\n").map(String.init)
    }

    @Test("It runs the context, and goes with it")
    func life() async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            let context = try await temporary(router) { $0.username = "nobody" }
            #expect(context.name == "docker.localhost/tb")
            #expect(try await context.call(Add(1, 2)) == 3)
            #expect(try await context.userName() == "nobody")
            #expect(try await names(local).count == 1)
            try await context.shutdown(waits: true, timeout: .seconds(10))
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test(
        "It goes when docker's client is killed, and when it does not end by itself",
        arguments: ["killed", "frozen"]
    )
    func client(what: String) async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            let others = Processes.children(of: selfPID)
            let context = try await temporary(router)
            let client = try #require(Set(Processes.children(of: selfPID)).subtracting(others).first)
            let name = try #require(try await names(local).first)
            if what == "killed" {
                kill(client, SIGKILL)
            } else {
                // It does not even notice the end of the router.
                _ = try await local.run([try Engine.docker.program, "pause", name])
                return
            }
            let error = try await failure { try await context.call(HangForever()) }
            #expect(error.code == .channelError, "\(error)")
        }
        try await withFixtureRouter { router in
            let local = try await router.local()
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test("Its volumes without a name go, too")
    func volumes() async throws {
        let mark = "tb-\(getpid())"
        func volumes(_ local: Context) async throws -> [String] {
            let words = [try Engine.docker.program, "volume", "ls", "--quiet", "--filter", "label=mitogen=\(mark)"]
            return try await local.run(words).outputText.split(separator: "\n").map(String.init)
        }
        try await withFixtureRouter { router in
            let local = try await router.local()
            let mount = "--mount=type=volume,destination=/data,volume-label=mitogen=\(mark)"
            let context = try await temporary(router) { $0.runArguments += [mount] }
            #expect(try await volumes(local).count == 1)
            try await context.shutdown(waits: true, timeout: .seconds(10))
            #expect(try await eventually { try await volumes(local).isEmpty })
            // Docker does nothing for a container that never ran.
            let error = try await failure {
                try await temporary(router, "localhost/tb-scratch") { $0.runArguments += ["--read-only", mount] }
            }
            #expect(error.code == .noShell, "\(error)")
            #expect(try await eventually { try await names(local).isEmpty })
            #expect(try await eventually { try await volumes(local).isEmpty })
        }
    }

    @Test("It goes when the attempt fails", arguments: ["no shell", "time", "cancelled"])
    func failing(why: String) async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            switch why {
            case "no shell":
                // Nor can anything be copied into it.
                let error = try await failure {
                    try await temporary(router, "localhost/tb-scratch") { $0.runArguments += ["--read-only"] }
                }
                #expect(error.code == .noShell, "\(error)")
                #expect(error.message.contains("the image localhost/tb-scratch has no sh"))
            case "time":
                let error = try await failure { try await temporary(router) { $0.connectTimeout = .seconds(0.15) } }
                #expect(error.code == .timeoutError)
            default:
                let attempt = Task { try await temporary(router) }
                let started = try await eventually { try await !names(local).isEmpty }
                attempt.cancel()
                let result = await attempt.result
                if case .failure(let error) = result { #expect((error as? MitogenError)?.code == .cancelled) }
                #expect(started)
                if case .success(let context) = result { try await context.shutdown() }
            }
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test(
        "A trap ends the context although it is the container's first process",
        arguments: [Crash.Way.overflow, .abort]
    )
    func trap(way: Crash.Way) async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            let context = try await temporary(router)
            let error = try await failure { try await context.call(Crash(way)) }
            #expect(error.code == .channelError, "\(error)")
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test("An image without a shell gets the program from the engine", arguments: [true, false])
    func withoutShell(isDirect: Bool) async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            let context = try await temporary(router, "localhost/tb-scratch", via: isDirect ? nil : local) { options in
                options.username = "65534:65534"
            }
            #expect(try await context.call(Add(1, 2)) == 3)
            #expect(try await names(local).count == 1)
            try await context.shutdown(waits: true, timeout: .seconds(10))
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test(
        "An image without a single file: it runs the context, others are started in its container, and nothing stays",
        .enabled(if: (try? Testbed.fact("TB_DOCKER_EMPTY")) != nil, "Tests/Testbed/setup docker, as root")
    )
    func empty() async throws {
        try await withFixtureRouter { router in
            let local = try await router.local()
            let context = try await temporary(router, try Testbed.fact("TB_DOCKER_EMPTY"))
            #expect(try await context.call(Add(1, 2)) == 3)
            let name = try #require(try await names(local).first)
            let copied = try await router.container(.docker, name)
            #expect(try await copied.call(Add(3, 4)) == 7)
            let program = try Engine.docker.program
            let entered = try await router.setns(container: name, kind: .docker) { $0.toolPath = program }
            #expect(try await entered.call(Add(5, 6)) == 11)
            // Docker itself makes this file, and some below folders.
            let listed = try await local.run(["sh", "-c", "\(program) export \(name) | tar -tf - | grep -v /"])
            #expect(listed.outputText == ".dockerenv\n")
            try await context.shutdown(waits: true, timeout: .seconds(10))
            #expect(try await eventually { try await names(local).isEmpty })
        }
    }

    @Test("An image that is not there and cannot be fetched")
    func noImage() async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await temporary(router, "localhost:1/no-such-image") }
            #expect(error.code == .noSuchImage, "\(error)")
            #expect(error.hint?.contains("docker pull") == true)
        }
    }

    @Test("It goes when this program is killed at any moment", .enabled(if: ToolProcess.isBuilt))
    func killed() async throws {
        let path = "\(try Testbed.fact("TESTBED"))/bin:/usr/bin:/bin"
        // Making, starting, bootstrapping, running: docker takes about 80, 150 and 250 ms to get there.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delay in [70, 90, 110, 130, 150, 200, 300, 800] {
                let process = try ToolProcess(
                    ["run", "-t", "docker-image:\(Self.image)", "--", "sleep", "60"],
                    environment: ["PATH": path]
                )
                group.addTask {
                    try await Task.sleep(for: .milliseconds(delay))
                    process.signal(SIGKILL)
                    _ = try await process.wait()
                }
            }
            try await group.waitForAll()
        }
        try await withFixtureRouter { router in
            let local = try await router.local()
            #expect(try await eventually(within: .seconds(20)) { try await names(local).isEmpty })
        }
    }
}
