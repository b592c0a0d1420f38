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

/// Contexts on other machines and accounts, with real servers.
@Suite("Other machines and accounts", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(3)))
struct RemoteTests {
    @Test(
        "Every login shell will do, and every way to a server",
        arguments: [
            "tb-bash", "tb-dash", "tb-ash", "tb-tcsh", "tb-fish", "tb-noisy", "tb-jump3", "tb-banner",
            "tb-one-session", "tb-dropbear",
        ]
    )
    func loginShells(host: String) async throws {
        try await withFixtureRouter { router in
            let context = try await router.testbed(host)
            #expect(context.name == "ssh.\(host)")
            #expect(try await context.call(Add(1, 2)) == 3)
            let expected =
                ["tb-jump3": "tb-ash"][host] ?? (host.hasSuffix("sh") || host == "tb-noisy" ? host : "tb-bash")
            #expect(try await context.userName() == expected)
        }
    }

    @Test("The second connection finds the image in the cache, and leaves no other file")
    func cache() async throws {
        for _ in 0..<2 {
            try await withFixtureRouter { router in
                let context = try await router.testbed("tb-dash")
                let files = try await context.run([
                    "sh", "-c", "ls -1 $HOME/.cache/mitogen; ls -a /tmp | grep .mitogen-",
                ])
                #expect(files.outputText.split(separator: "\n").count >= 1)
                #expect(!files.outputText.contains(".mitogen-"))
                // What it has compressed for contexts behind it, in other tests, is no program.
                let images = "find $HOME/.cache/mitogen -type f ! -name '*.gz' -exec stat -c '%a %U' {} +"
                let modes = try await context.run(["sh", "-c", images]).outputText.split(separator: "\n")
                #expect(!modes.isEmpty && modes.allSatisfy { $0 == "500 tb-dash" }, "\(modes)")
            }
        }
    }

    @Test("Sixty-four first connections to one home at the same time all succeed")
    func manyAtOnce() async throws {
        let account = "tb-keep"
        try await withFixtureRouter { router in
            let first = try await router.testbed("tb-bash") { $0.username = account }
            // Its own image in the cache, and nobody else's.
            let image = try await first.run(["sh", "-c", "readlink /proc/$PPID/exe"]).outputText.dropLast()
            #expect(image.contains("/\(account)/.cache/mitogen/"))
            #expect(try await first.run(["rm", "-f", String(image)]).status.isSuccess)
            let start = ContinuousClock.now
            let reports = try await withThrowingTaskGroup(of: ConnectionReport?.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        // On a slow machine sixty-four debug programs of 7 MB take longer than the default of 30 s.
                        let context = try await router.testbed("tb-bash") {
                            $0.username = account
                            $0.connectTimeout = .seconds(120)
                        }
                        #expect(try await context.call(Add(number, 1)) == number + 1)
                        return context.connection
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap(\.self)
            }
            #expect(reports.count == 64)
            let slowest = reports.map(\.duration).max() ?? .zero
            print(
                "64 connections in \(ContinuousClock.now - start), the slowest in \(slowest);",
                "\(reports.count { $0.imageBytes > 0 }) had to send the image"
            )
            #expect(
                try await first.run(["sh", "-c", "ls -A $HOME/.cache/mitogen | grep -c '^[.]'"]).outputText == "0\n"
            )
        }
    }

    @Test("A password is typed, once")
    func password() async throws {
        try await withFixtureRouter { router in
            let password = try Testbed.password(of: "tb-bash")
            let context = try await router.testbed("tb-password") { $0.password = password }
            #expect(try await context.userName() == "tb-bash")
            #expect("\(password) \(String(reflecting: password))" == "<redacted> <redacted>")
            let wrong = try await failure { try await router.testbed("tb-password") { $0.password = "not this" } }
            #expect(wrong.code == .passwordError)
            #expect(wrong.message.contains("incorrect"))
        }
    }

    @Test("From account to account: ssh, ssh again, sudo, su and doas, in one chain")
    func chain() async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-dash" }
            // The second ssh runs as that account, which may not read the key.
            let freePassword = try Testbed.password(of: "tb-free")
            let inner = try await router.testbed("tb-password", via: free) { options in
                options.username = "tb-free"
                options.password = freePassword
            }
            let root = try await router.sudo(via: inner)
            let other = try await router.su(via: root) { $0.username = "tb-sudo" }
            let password = try Testbed.password(of: "tb-sudo")
            let last = try await router.doas(via: other) { options in
                options.username = "tb-other"
                options.password = password
            }
            #expect(last.name == "ssh.tb-bash.ssh.tb-password.sudo.root.su.tb-sudo.doas.tb-other")
            #expect(try await last.userName() == "tb-other")
            #expect(try await last.call(Add(2, 2)) == 4)
            let large = [UInt8](repeating: 7, count: 3_000_000)
            #expect(try await last.call(Echo(large)) == large)
            // What fails at its end names every hop.
            let error = try await failure { try await router.sudo(via: last) }
            #expect(error.context == "ssh.tb-bash.ssh.tb-password.sudo.root.su.tb-sudo.doas.tb-other → sudo.root")
        }
    }

    @Test("sudo asks for a password, or does not")
    func sudo() async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let root = try await router.sudo(via: free)
            #expect(root.name == "ssh.tb-bash.sudo.root")
            #expect(try await root.userName() == "root")
            let asked = try await router.testbed("tb-bash") { $0.username = "tb-sudo" }
            let password = try Testbed.password(of: "tb-sudo")
            let other = try await router.sudo(via: asked) { options in
                options.username = "tb-other"
                options.password = password
            }
            #expect(try await other.userName() == "tb-other")
            #expect(try await other.call(Add(20, 22)) == 42)
        }
    }

    @Test("su and doas ask for a password, or do not")
    func suAndDoas() async throws {
        try await withFixtureRouter { router in
            let plain = try await router.testbed("tb-bash") { $0.username = "tb-plain" }
            let otherPassword = try Testbed.password(of: "tb-other")
            let other = try await router.su(via: plain) { options in
                options.username = "tb-other"
                options.password = otherPassword
            }
            #expect(try await other.userName() == "tb-other")
            #expect(
                try await other.call(Echo([UInt8]([0, 255, 10, 13, 4, 3, 26, 17, 19]))) == [
                    0, 255, 10, 13, 4, 3, 26, 17, 19,
                ]
            )
            let sudoer = try await router.testbed("tb-bash") { $0.username = "tb-sudo" }
            let password = try Testbed.password(of: "tb-sudo")
            let root = try await router.doas(via: sudoer) { $0.password = password }
            #expect(try await root.userName() == "root")
            // Root needs no password for anybody.
            #expect(try await router.su(via: root) { $0.username = "tb-other" }.userName() == "tb-other")
        }
    }
}
