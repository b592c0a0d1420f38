//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Links that are cut while the image is being sent, and programs that are killed.
@Suite("Cut links", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(3)))
struct CutLinks {
    private let name = "cut:\(selfPID)"

    /// How many bytes the line with the first stage's second half, the line with the size and the image have.
    private struct Upload {
        var line = 0
        var size = 0
        var image = 0

        var total: Int { line + size + image }
    }

    /// Sends the whole image once.
    private func measure(_ router: Router) async throws -> Upload {
        let context = try await router.testbed("tb-bash") { options in
            options.remoteName = name
            options.usesImageCache = false
        }
        let count = try #require(context.connection?.imageBytes)
        let platform = try #require(context.connection?.platform?.split(separator: " "))
        var status = stat()
        #expect(stat(try Fixture.path, &status) == 0)
        let image = BootstrapImage(
            key: String(repeating: "0", count: 40),
            size: Int(status.st_size),
            platform: TargetPlatform(system: String(platform[0]), machine: String(platform[1]))
        )
        let stage = try FirstStage(
            program: .image(image),
            usesCache: false,
            remoteName: name,
            random: String(repeating: "r", count: 20)
        )
        let hash = String(repeating: "0", count: 64)
        let line = stage.uploadLine(for: image, compression: .gzip, sha256: hash).utf8.count + 1
        return Upload(line: line, size: "\(count)\n".utf8.count, image: count)
    }

    @Test("The client is killed at any byte of the upload: the far side ends within a second, and nothing is left")
    func killedClient() async throws {
        try await withFixtureRouter { router in
            let upload = try await measure(router)
            let start = upload.line + upload.size
            var places = [0, 1, 500, 1500, upload.line - 2, upload.line - 1, upload.line, upload.line + 3]
            places += [start - 1, start, start + 1, start + 10, start + 65_535, start + 65_536, start + 65_537]
            places += (1...5).map { start + upload.image * $0 / 6 }
            places += [upload.total - 100, upload.total - 17, upload.total - 1]
            for place in places {
                try await cut(router, at: place) { relay, far, options, directory in
                    options.sshPath = try far.wrapper(in: directory, for: relay.ssh)
                }
            }
        }
    }

    @Test("The server's connection is cut anywhere in the encrypted stream")
    func cutConnection() async throws {
        try await withFixtureRouter { router in
            let upload = try await measure(router)
            // What ssh needs for a login and a command is sent before.
            let login = try await withTemporaryDirectory { directory in
                let relay = Relay(in: directory)
                let config = try Testbed.sshConfig
                _ = try await run("ssh", "-F", config, "-o", relay.proxyOption(), "tb-bash", "true")
                return relay.counts.sent
            }
            for place in [3000, 4000, 50_000, upload.image / 3, upload.image - 10_000] {
                try await cut(router, at: login + place) { relay, far, options, directory in
                    options.sshPath = try far.wrapper(in: directory)
                    options.sshArguments = ["-o", try relay.proxyOption()]
                }
            }
        }
    }

    private func cut(
        _ router: Router,
        at place: Int,
        _ configure: @escaping @Sendable (Relay, FarProcesses, inout ConnectionMethod.SSHOptions, String) throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let relay = Relay(in: directory, "pause_at=\(place)")
            let far = FarProcesses()
            var changed = ConnectionMethod.SSHOptions(hostname: "tb-bash")
            try configure(relay, far, &changed, directory)
            changed.remoteName = name
            changed.usesImageCache = false
            changed.configFile = try Testbed.sshConfig
            let options = changed
            async let attempt = failure { try await router.ssh("tb-bash") { $0 = options } }
            try #require(try await eventually(within: .seconds(20)) { relay.isReached }, "\(place) was not reached")
            try await far.waitForStart()
            let start = ContinuousClock.now
            try relay.cut()
            let (duration, used) = try await far.waitForEnd(within: .seconds(1))
            let error = try await attempt
            #expect(ContinuousClock.now - start < .seconds(2), "cut at \(place)")
            #expect(error.code == .connectionLost, "cut at \(place): \(error)")
            #expect(error.connection?.stage == .sendingImage, "cut at \(place)")
            #expect(used <= 20, "cut at \(place): it ended after \(duration), and used \(used) hundredths of a second")
        }
    }

    @Test("What waits for the rest of an upload does not use the processor")
    func stalled() async throws {
        try await withFixtureRouter { router in
            try await withTemporaryDirectory { directory in
                let relay = Relay(in: directory, "pause_at=100000")
                let far = FarProcesses()
                let path = try far.wrapper(in: directory, for: relay.ssh)
                async let attempt = failure {
                    try await router.testbed("tb-bash") { options in
                        options.remoteName = name
                        options.usesImageCache = false
                        options.sshPath = path
                    }
                }
                try #require(try await eventually(within: .seconds(20)) { relay.isReached })
                try await far.waitForStart()
                // What has arrived is still being dealt with.
                _ = try await eventually {
                    let before = far.processorTime
                    try await Task.sleep(for: .milliseconds(300))
                    return far.processorTime == before
                }
                let before = far.processorTime
                try await Task.sleep(for: .seconds(1))
                #expect(far.processorTime - before <= 1)
                try relay.cut()
                #expect(try await attempt.code == .connectionLost)
            }
        }
    }

    // MARK: Killed programs

    @Test("The client is killed while the context works: everything fails at once, and the far side ends")
    func killedWhileRunning() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let far = FarProcesses()
                let path = try far.wrapper(in: directory)
                let context = try await router.testbed("tb-bash") { $0.sshPath = path }
                async let command = failure {
                    try await context.run(["sh", "-c", "trap '' TERM HUP; sleep 1000 & sleep 1000; wait"])
                }
                async let call = failure { try await context.call(HangForever()) }
                try await far.waitForStart(count: 4)
                let client = try #require(Processes.children(of: selfPID).first { Processes.name(of: $0) == "ssh" })
                let start = ContinuousClock.now
                kill(client, SIGKILL)
                let errors = try await [command, call]
                #expect(ContinuousClock.now - start < .seconds(1))
                #expect(errors.map(\.code) == [.channelError, .channelError], "\(errors)")
                _ = try await far.waitForEnd(within: .seconds(2))
            }
        }
    }

    @Test("The program is killed while it works in a context")
    func killedProgram() async throws {
        try await withTemporaryDirectory { directory in
            let far = FarProcesses()
            let ssh = try far.wrapper(in: directory)
            let helper = try HelperProcess.fixture("remote", Testbed.sshConfig, "tb-bash", ssh)
            try await helper.wait(for: "ready")
            try await far.waitForStart(count: 3)
            helper.signal(SIGKILL)
            _ = try await far.waitForEnd(within: .seconds(2))
            #expect(try await helper.waitForEnd() == 128 + SIGKILL)
        }
    }

    @Test("The program is killed in the middle of the upload")
    func killedProgramWhileSending() async throws {
        try await withTemporaryDirectory { directory in
            let far = FarProcesses()
            let relay = Relay(in: directory, "kbytes_per_s=3000")
            let (ssh, option) = (try far.wrapper(in: directory), try relay.proxyOption())
            let helper = try HelperProcess.fixture("remote", Testbed.sshConfig, "tb-bash", ssh, "-o", option)
            try #require(try await eventually(within: .seconds(20)) { relay.counts.sent > 1_000_000 })
            try await far.waitForStart()
            helper.signal(SIGKILL)
            _ = try await far.waitForEnd(within: .seconds(2))
            #expect(try await helper.waitForEnd() == 128 + SIGKILL)
        }
    }
}
