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

    @Test("Through a Python context, tools lead on that ask nothing")
    func throughPython() async throws {
        let password = try Testbed.password(of: "tb-plain")
        try await withPython { router in
            let runtime = ContextRuntime.python("/usr/bin/python3")
            let here = try await router.local { $0.runtime = runtime }
            let ssh = try await router.testbed("tb-bash", via: here) { options in
                options.username = "tb-free"
                options.runtime = runtime
            }
            #expect(ssh.name == "\(here.name).ssh.tb-bash")
            #expect(try await userName(ssh) == "tb-free")
            let pid: Int = try await here.call(named: "os.getpid")
            let asking = try await router.myself().run(["pgrep", "-P", "\(pid)", "-f", "ServerAliveInterval 15"])
            #expect(asking.status == .exited(0))
            let root = try await router.sudo(via: ssh) { $0.runtime = runtime }
            #expect(try await userName(root) == "root")
            let isPickle: Bool = try await root.call(named: "mitogen.utils.cast", [true])
            #expect(isPickle)
            let asks = try await failure {
                try await router.su(via: ssh) { options in
                    options.username = "tb-plain"
                    options.password = password
                    options.runtime = runtime
                }
            }
            #expect(
                asks.code == .misuse && asks.message.contains("no password") && asks.message.contains("su.tb-plain")
            )
            for change: (inout ConnectionMethod.SSHOptions) -> Void in [
                { $0.debugLevel = 1 }, { $0.sshArguments = ["-v"] }, { $0.sshArguments = ["-o", "LogLevel=INFO"] },
                { $0.sshArguments = ["-L", "8080:localhost:80"] }, { $0.hostKeyCheck = .accept },
            ] {
                let error = try await failure {
                    try await router.testbed("tb-bash", via: here) { options in
                        options.runtime = runtime
                        change(&options)
                    }
                }
                #expect(error.code == .misuse && error.message.contains("ssh.tb-bash"), "\(error)")
            }
            let login = try await failure {
                try await router.sudo(via: ssh) { options in
                    options.isLogin = true
                    options.runtime = runtime
                }
            }
            #expect(login.code == .misuse && login.message.contains("login shell"), "\(login)")
            let refused = try await failure {
                try await router.testbed("tb-bash", via: here) { options in
                    options.username = "tb-nobody-there"
                    options.runtime = runtime
                }
            }
            #expect(refused.message.contains("Permission denied"), "\(refused)")
        }
    }

    @Test("In a container, by its engine and by its namespaces", .needs(.docker), .needsRoot)
    func container() async throws {
        let program = try Engine.docker.program
        try await withPython { router in
            let runtime = ContextRuntime.python("/usr/bin/python3")
            let inside = try await router.docker(container: "tb-python") { options in
                options.dockerPath = program
                options.runtime = runtime
            }
            let entered = try await router.setns(container: "tb-python", kind: .docker) { options in
                options.toolPath = program
                options.runtime = runtime
            }
            let here: String = try await router.local { $0.runtime = runtime }.call(named: "socket.gethostname")
            for python in [inside, entered] {
                let isPickle: Bool = try await python.call(named: "mitogen.utils.cast", [true])
                #expect(isPickle)
                let name: String = try await python.call(named: "socket.gethostname")
                #expect(name.count == 12 && name != here)
            }
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
