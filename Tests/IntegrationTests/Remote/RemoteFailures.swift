//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

/// What is told when a connection cannot be made, with real servers.
@Suite("Connections that fail", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(3)))
struct RemoteFailures {
    @Test(
        "Each failure has its code, names its hop, and says what was said",
        arguments: [
            ("tb-changed-key", MitogenError.Code.hostKeyChanged, "has changed", "ssh-keygen -R"),
            ("tb-new-key", .hostKeyError, "unrecognized", "known_hosts"),
            ("tb-forced", .forcedCommand, "something else", "ForceCommand"),
            ("tb-nologin", .noLoginShell, "not available", "usermod -s"),
            ("tb-expired", .accountExpired, "Password change required", "chage -l"),
            ("tb-refused", .connectionRefused, "Connection refused", "systemctl status ssh"),
            ("no-such-host.invalid", .unknownHost, "Could not resolve", "getent hosts"),
            ("tb-password", .passwordRequired, "password was requested", "password"),
        ]
    )
    func hosts(host: String, code: MitogenError.Code, text: String, hint: String) async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await router.testbed(host) }
            #expect(error.code == code, "\(error)")
            #expect(error.context == "ssh.\(host)")
            #expect("\(error)".contains(text), "\(error)")
            #expect(hint.isEmpty || error.hint?.contains(hint) == true, "\(error)")
        }
    }

    @Test("Through a context, errors keep their code and name every hop")
    func sudoFailures() async throws {
        try await withFixtureRouter { router in
            let asked = try await router.testbed("tb-bash") { $0.username = "tb-sudo" }
            let missing = try await failure { try await router.sudo(via: asked) }
            #expect(missing.code == .passwordRequired)
            #expect(missing.context == "ssh.tb-bash → sudo.root")
            let wrong = try await failure { try await router.sudo(via: asked) { $0.password = "not this" } }
            #expect(wrong.code == .passwordError)
            #expect(wrong.message.contains("incorrect"))
            #expect(!"\(wrong)".contains("not this"))
            let plain = try await router.testbed("tb-bash") { $0.username = "tb-plain" }
            let password = try Testbed.password(of: "tb-plain")
            let forbidden = try await failure { try await router.sudo(via: plain) { $0.password = password } }
            #expect(forbidden.code == .notPermitted, "\(forbidden)")
            let su = try await failure { try await router.su(via: plain) { $0.password = "not this" } }
            #expect(su.code == .passwordError, "\(su)")
            let doas = try await failure { try await router.doas(via: plain) { $0.password = password } }
            #expect(doas.code == .notPermitted || doas.code == .passwordError, "\(doas)")
        }
    }

    @Test("An attempt that has failed does not hold up the end of its router")
    func end() async throws {
        let time = try await bestDuration(of: 3) {
            try await withFixtureRouter { router in
                let error = try await failure { try await router.sudo { $0.sudoPath = "/bin/false" } }
                #expect(error.code == .eofError)
            }
        }
        #expect(time < .milliseconds(900))
    }

    @Test("A tool that is not there, and one that does not answer in time")
    func tools() async throws {
        try await withFixtureRouter { router in
            let missing = try await failure { try await router.ssh("host") { $0.sshPath = "no-such-ssh" } }
            #expect(missing.code == .spawnError)
            let silent = try await failure {
                try await router.sudo { options in
                    options.sudoPath = "/bin/cat"
                    options.connectTimeout = .seconds(0.5)
                }
            }
            #expect(silent.code == .timeoutError || silent.code == .eofError, "\(silent)")
        }
    }
}
