//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPython
internal import Testing

/// Python contexts on other machines and accounts, with real servers.
@Suite(
    "Python contexts elsewhere",
    .needsTestbed,
    .enabled(if: PythonWithMitogen.isThere, "scripts/test makes the virtual environment"),
    .leavesNothing,
    .serialized,
    .timeLimit(.minutes(2))
)
struct PythonContexts {
    private func withPython(_ body: (Router) async throws -> Void) async throws {
        try await withFixtureRouter { router in
            try router.configurePython { $0.interpreter = PythonWithMitogen.path }
            try await body(router)
        }
    }

    private func userName(_ python: Context) async throws -> String {
        try await python.call(named: "getpass.getuser")
    }

    @Test(
        "Every login shell will do, and every way to a server",
        arguments: ["tb-bash", "tb-ash", "tb-tcsh", "tb-fish", "tb-noisy", "tb-jump3", "tb-banner"]
    )
    func loginShells(host: String) async throws {
        try await withPython { router in
            let python = try await router.testbed(host) { $0.runtime = .python("/usr/bin/python3") }
            #expect(python.name == "ssh.\(host)")
            // It is the first call that imports from here.
            let isPickle: Bool = try await python.call(named: "mitogen.utils.cast", [true])
            #expect(isPickle)
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            let sum: Int = try await python.call(named: "zlib.crc32", [.bytes(bytes)])
            #expect(sum > 0)
        }
    }

    @Test("Accounts are changed with passwords, behind Swift and by the tool itself")
    func accounts() async throws {
        let password = try Testbed.password(of: "tb-plain")
        try await withPython { router in
            let plain = try await router.testbed("tb-bash") { $0.username = "tb-plain" }
            let root = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let sudo = try await router.sudo(via: root) { $0.runtime = .python("/usr/bin/python3") }
            #expect(try await userName(sudo) == "root")
            let su = try await router.su(via: root) { options in
                options.username = "tb-plain"
                options.password = password
                options.runtime = .python("/usr/bin/python3")
            }
            #expect(try await userName(su) == "tb-plain")
            let below = try await router.local(via: plain) { $0.runtime = .python("/usr/bin/python3") }
            #expect(try await userName(below) == "tb-plain")
            let refused = try await failure {
                try await router.su(via: root) { options in
                    options.username = "tb-plain"
                    options.password = "wrong"
                    options.runtime = .python("/usr/bin/python3")
                }
            }
            #expect(refused.code == .passwordError)
        }
    }
}
