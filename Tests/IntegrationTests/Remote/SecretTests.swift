//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Logging
import Mitogen
import MitogenFixtures
import Testing

/// Passwords are typed, and are nowhere else.
@Suite("Secrets", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(2)))
struct SecretTests {
    /// What no server takes, and nothing else on this machine contains.
    private static let wrong = "wrong-\(UInt64.random(in: 0 ... .max))"

    @Test("Right and wrong passwords are in no argument, environment, log record and error while connections are made")
    func everywhere() async throws {
        let accounts = ["tb-bash", "tb-sudo", "tb-other"]
        let passwords = try accounts.map { try Testbed.password(of: $0).value } + [Self.wrong]
        let before = CapturedLog.all.count
        let debugFiles = Leftovers.debugFiles
        let errors = try await CapturedLog.withEverything {
            try await SecretWatch.watch(passwords) {
                try await withFixtureRouter {
                    $0.forwardedLogLevel = 1
                } _: { router in
                    async let right: Void = Self.connect(router)
                    async let failures = Self.fail(router)
                    try await right
                    return try await failures
                }
            }
        }
        #expect(errors.map(\.code) == Array(repeating: .passwordError, count: 5), "\(errors)")
        let records = CapturedLog.all.dropFirst(before)
        #expect(records.contains { $0.level <= .debug && $0.label == "mitogen" }, "nothing was logged at all")
        let written = Leftovers.debugFiles.subtracting(debugFiles).compactMap { Files.text("/tmp/\($0)") }
        #expect(written.count >= 3, "contexts that are asked to debug write files")
        for password in passwords {
            #expect(!written.contains { $0.contains(password) })
            #expect(!records.contains { $0.message.contains(password) || $0.label.contains(password) })
            for error in errors {
                var text = "\(error) \(String(reflecting: error)) \(error.diagnostics) \(error.hint ?? "")"
                dump(error, to: &text)
                #expect(!text.contains(password))
            }
        }
    }

    /// By every method, and through a context whose own log is passed on.
    private static func connect(_ router: Router) async throws {
        let (bash, sudo) = (try Testbed.password(of: "tb-bash"), try Testbed.password(of: "tb-sudo"))
        let other = try Testbed.password(of: "tb-other")
        let config = try Testbed.sshConfig
        let first = try await router.testbed("tb-password") { options in
            options.password = bash
            options.debugLevel = 3
            options.isDebugEnabled = true
        }
        let inner = try await router.ssh("tb-password", via: first) { options in
            options.configFile = config
            options.username = "tb-sudo"
            options.password = sudo
            options.debugLevel = 3
            options.isDebugEnabled = true
        }
        #expect(try await inner.userName() == "tb-sudo")
        for _ in 0..<2 {
            #expect(try await router.sudo(via: inner) { $0.password = sudo }.userName() == "root")
        }
        #expect(try await router.doas(via: inner) { $0.password = sudo }.userName() == "root")
        let last = try await router.su(via: inner) { options in
            options.username = "tb-other"
            options.password = other
            options.isDebugEnabled = true
        }
        #expect(try await last.userName() == "tb-other")
        let environment = try await last.run(["env"]).outputText
        for secret in [bash, sudo, other] { #expect(!environment.contains(secret.value)) }
    }

    private static func fail(_ router: Router) async throws -> [MitogenError] {
        let secret = Secret(wrong)
        let plain = try await router.testbed("tb-bash") { $0.username = "tb-sudo" }
        let config = try Testbed.sshConfig
        async let ssh = failure {
            try await router.testbed("tb-password") { options in
                options.password = secret
                options.debugLevel = 3
            }
        }
        async let inner = failure {
            try await router.ssh("tb-password", via: plain) { options in
                options.configFile = config
                options.username = "tb-dash"
                options.password = secret
            }
        }
        async let sudo = failure { try await router.sudo(via: plain) { $0.password = secret } }
        async let su = failure {
            try await router.su(via: plain) { options in
                options.username = "tb-other"
                options.password = secret
            }
        }
        async let doas = failure { try await router.doas(via: plain) { $0.password = secret } }
        return try await [ssh, inner, sudo, su, doas]
    }

    @Test("The command line's output has no password, whether it is right or wrong")
    func commandLine() async throws {
        guard ToolProcess.isBuilt else { try Test.cancel("mitogen is not built") }
        let secret = try Testbed.password(of: "tb-sudo").value
        let config = try Testbed.sshConfig
        try await withTemporaryDirectory { directory in
            let (right, wrong) = ("\(directory)/right", "\(directory)/wrong")
            try Files.write(Array("\(secret)\n".utf8), to: right)
            try Files.write(Array("\(Self.wrong)\n".utf8), to: wrong)
            let target = "ssh:tb-sudo@tb-password+sudo:tb-other"
            let results = try await SecretWatch.watch([secret, Self.wrong]) {
                var results: [ToolResult] = []
                for (password, become) in [(right, right), (wrong, right), (right, wrong)] {
                    let files = ["--password-file", password, "--become-password-file", become]
                    let arguments = ["--ssh-config", config, "--ssh-option", "LogLevel=DEBUG3"] + files
                    results.append(
                        try await ToolProcess.run(
                            ["run", "-t", target] + arguments + ["--output", "json", "--", "env"]
                        )
                    )
                }
                return results
            }
            #expect(results.map(\.status) == [0, 4, 4], "\(results.map(\.text)) \(results.map(\.errors))")
            for result in results {
                #expect(!(result.text + result.errors).contains(secret))
                #expect(!(result.text + result.errors).contains(Self.wrong))
            }
            #expect(results.dropFirst().allSatisfy { $0.text.contains("passwordError") })
        }
    }
}
