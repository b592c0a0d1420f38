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

/// The options of ssh, sudo, su and doas, with the real ones, and with scripts where the test bed has none.
@Suite("Options of accounts", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(3)))
struct Accounts {
    // MARK: ssh

    /// A folder with an encrypted copy of the client's key, and a configuration that names no other key.
    private func withEncryptedKey(_ body: (Router, _ key: String, _ config: String) async throws -> Void) async throws {
        let identity = try Testbed.fact("TB_SSH_IDENTITY")
        let config = try Testbed.sshConfig
        try await withTemporaryDirectory { folder in
            try await withFixtureRouter { router in
                let script = """
                    set -e; umask 077; cp "$1" key; cp "$1.pub" key.pub; grep -v IdentityFile "$2" > config
                    exec ssh-keygen -q -p -P '' -N 'open sesame' -f key
                    """
                let made = try await router.local().run(["sh", "-c", "cd \(folder); \(script)", "sh", identity, config])
                #expect(made.status == .exited(0))
                try await body(router, "\(folder)/key", "\(folder)/config")
            }
        }
    }

    @Test("The passphrase of a key is typed, once")
    func passphrase() async throws {
        try await withEncryptedKey { router, key, config in
            func connect(_ configure: (inout ConnectionMethod.SSHOptions) -> Void) async throws -> Context {
                try await router.ssh("tb-bash") { options in
                    options.configFile = config
                    options.identityFile = key
                    configure(&options)
                }
            }
            let context = try await connect { $0.passphrase = "open sesame" }
            #expect(try await context.userName() == "tb-bash")
            // A password alone serves as the passphrase, too.
            #expect(try await connect { $0.password = "open sesame" }.userName() == "tb-bash")
            let wrong = try await failure { try await connect { $0.passphrase = "open barley" } }
            #expect(wrong.code == .passwordError, "\(wrong)")
            #expect(wrong.message.contains("passphrase of the key \(key) is incorrect"))
            #expect(!"\(wrong)".contains("barley"))
            // Nobody can be asked: ssh goes on without the key.
            let missing = try await failure { try await connect { _ in } }
            #expect(missing.code == .passwordRequired, "\(missing)")
            #expect(missing.hint?.contains("passphrase") == true)
            let asked = try await failure { try await connect { $0.hostKeyCheck = .accept } }
            #expect(asked.code == .passwordRequired, "\(asked)")
            #expect(asked.message.contains("\(key) is encrypted"))
        }
    }

    @Test("A passphrase that does not help, and the password behind it")
    func passphraseAndPassword() async throws {
        let password = try Testbed.password(of: "tb-bash")
        try await withEncryptedKey { router, key, config in
            let context = try await router.ssh("tb-password") { options in
                options.configFile = config
                options.identityFile = key
                options.passphrase = "open sesame"
                options.password = password
            }
            #expect(try await context.userName() == "tb-bash")
        }
    }

    @Test("ssh's account of what it does is logged, and is no question and no failure")
    func debugLevel() async throws {
        let password = try Testbed.password(of: "tb-bash")
        let config = try Testbed.sshConfig
        try await withFixtureRouter { router in
            let starter = try await router.local { options in
                options.name = "starter"
                options.isDebugEnabled = true
            }
            let context = try await router.ssh("tb-password", via: starter) { options in
                options.configFile = config
                options.password = password
                options.debugLevel = 3
            }
            #expect(try await context.userName() == "tb-bash")
            for level in 1...3 {
                #expect(
                    try await CapturedLog.waitForLine(of: "mitogen.[starter]") {
                        $0.hasPrefix("ssh.tb-password: debug\(level):")
                    }
                )
            }
            for (host, code) in [("tb-refused", MitogenError.Code.connectionRefused), ("tb-new-key", .hostKeyError)] {
                let error = try await failure { try await router.testbed(host) { $0.debugLevel = 3 } }
                #expect(error.code == code, "\(error)")
                #expect(!error.diagnostics.isEmpty)
                #expect(!error.diagnostics.contains { $0.hasPrefix("debug") })
            }
        }
    }

    @Test("New, changed and unknown host keys, in each mode")
    func hostKeys() async throws {
        let known = try Testbed.fact("TB_SSH_KNOWN_HOSTS")
        try await withTemporaryDirectory { folder in
            try await withFixtureRouter { router in
                func connect(_ host: String, _ check: ConnectionMethod.SSHOptions.HostKeyCheck, file: String)
                    async throws -> Context
                {
                    // In the configuration: what is typed would win over each mode.
                    let lines = "UserKnownHostsFile \(folder)/\(file)\nInclude \(try Testbed.sshConfig)\n"
                    try Files.write(Array(lines.utf8), to: "\(folder)/config")
                    return try await router.ssh(host) { options in
                        options.configFile = "\(folder)/config"
                        options.hostKeyCheck = check
                    }
                }
                let unknown = try await failure { try await connect("tb-new-key", .enforce, file: "new") }
                #expect(unknown.code == .hostKeyError, "\(unknown)")
                #expect(try await connect("tb-new-key", .accept, file: "new").userName() == "tb-bash")
                // It was remembered.
                #expect(try await connect("tb-new-key", .enforce, file: "new").userName() == "tb-bash")
                #expect(try await connect("tb-new-key", .ignore, file: "none").userName() == "tb-bash")
                #expect(Files.bytes("\(folder)/none") == nil)

                try Files.write(try #require(Files.bytes(known)), to: "\(folder)/known")
                for check in [ConnectionMethod.SSHOptions.HostKeyCheck.enforce, .accept] {
                    let changed = try await failure { try await connect("tb-changed-key", check, file: "known") }
                    #expect(changed.code == .hostKeyChanged, "\(check): \(changed)")
                }
                #expect(Files.bytes("\(folder)/known") == Files.bytes(known))
                #expect(try await connect("tb-changed-key", .ignore, file: "known").userName() == "tb-bash")
            }
        }
    }

    // MARK: sudo

    @Test("Options in sudo's own words")
    func sudoOptions() async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            // Only root may choose any group.
            let root = try await router.sudo(via: free)
            let other = try await router.sudo(via: root) {
                $0.sudoArguments = ["-nHu", "tb-other", "--group=tb-plain"]
            }
            #expect(other.name == "ssh.tb-bash.sudo.root.sudo.tb-other")
            let shown = try await other.run(["sh", "-c", "id -un; id -gn; echo $HOME"])
            let home = try await other.run(["sh", "-c", "getent passwd tb-other | cut -d: -f6"]).outputText
            #expect(shown.outputText == "tb-other\ntb-plain\n\(home)")
            let explicit = try await router.sudo(via: free) { options in
                options.sudoArguments = ["-u", "tb-other"]
                options.username = "tb-plain"
            }
            #expect(try await explicit.userName() == "tb-plain")
            let refused = try await failure { try await router.sudo(via: free) { $0.sudoArguments = ["-Hk"] } }
            #expect(refused.code == .misuse)
            #expect(refused.message == "-k in sudoArguments is not supported")
        }
    }

    @Test("sudo starts every login shell", arguments: ["tb-bash", "tb-dash", "tb-ash", "tb-tcsh", "tb-fish"])
    func sudoLogin(user: String) async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let context = try await router.sudo(via: free) { options in
                options.username = user
                options.isLogin = true
            }
            #expect(try await context.userName() == user)
            let places = try await context.run(["sh", "-c", "pwd; echo $HOME"]).outputText.split(separator: "\n")
            #expect(places.count == 2 && places[0] == places[1])
        }
    }

    /// A tool that asks as sudo-rs does, its stars for the letters included, and lets one password pass.
    private static let sudoRS = #"""
        #!/bin/sh
        while [ "$1" != -- ]; do [ "$1" = -n ] && quiet=1; [ "$1" = -p ] && prompt=$2; shift; done
        shift
        if [ "$quiet" ]; then echo 'sudo: interactive authentication is required' >&2; exit 1; fi
        exec 3<>/dev/tty
        stty -echo <&3
        for try in 1 2 3; do
            printf '[sudo: %s] Password: ' "$prompt" >&3
            IFS= read -r word <&3
            printf '***\b \b\b \b\b \b\033[0K\r\n' >&3
            [ "$word" = right ] && exec "$@" 3>&-
            echo 'sudo: Authentication failed, try again.' >&3
        done
        echo 'sudo: maximum 3 incorrect authentication attempts' >&2
        exit 1
        """#

    @Test("sudo-rs is answered as well")
    func sudoRSPrompts() async throws {
        try await withTemporaryDirectory { folder in
            try Files.write(Array(Self.sudoRS.utf8), to: "\(folder)/sudo")
            chmod("\(folder)/sudo", 0o755)
            try await withFixtureRouter { router in
                func connect(_ password: Secret?) async throws -> Context {
                    try await router.sudo { options in
                        options.sudoPath = "\(folder)/sudo"
                        options.password = password
                    }
                }
                #expect(try await connect("right").call(Add(1, 2)) == 3)
                let wrong = try await failure { try await connect("wrong") }
                #expect(wrong.code == .passwordError, "\(wrong)")
                let missing = try await failure { try await connect(nil) }
                #expect(missing.code == .passwordRequired, "\(missing)")
            }
        }
    }

    // MARK: su and doas

    @Test("su starts every login shell", arguments: ["tb-bash", "tb-dash", "tb-ash", "tb-tcsh", "tb-fish"])
    func suShells(user: String) async throws {
        try await withFixtureRouter { router in
            let free = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let root = try await router.sudo(via: free)
            #expect(try await router.su(via: root) { $0.username = user }.userName() == user)
        }
    }

    /// A tool that asks as su does in French, on a terminal or what takes its place.
    private static let frenchSu = #"""
        #!/bin/sh
        saved=$(stty -g)
        stty -echo
        printf 'Mot de passe : '
        IFS= read -r word
        echo
        stty "$saved"
        if [ "$word" != right ]; then echo "su : Échec de l'authentification"; exec sleep 25; fi
        exec sh -c "$3"
        """#

    @Test("A su that speaks another language")
    func languages() async throws {
        try await withTemporaryDirectory { folder in
            try Files.write(Array(Self.frenchSu.utf8), to: "\(folder)/su")
            chmod("\(folder)/su", 0o755)
            try await withFixtureRouter { router in
                func connect(_ password: Secret) async throws -> Context {
                    try await router.su { options in
                        options.suPath = "\(folder)/su"
                        options.password = password
                        options.passwordPrompt = "mot de passe :"
                        options.incorrectPrompts = ["Échec de l'authentification"]
                    }
                }
                #expect(try await connect("right").call(Add(1, 2)) == 3)
                let wrong = try await failure { try await connect("wrong") }
                #expect(wrong.code == .passwordError, "\(wrong)")
            }
        }
    }

    @Test("What doas remembers is of no use to the next connection, which has a terminal of its own")
    func doasPersist() async throws {
        try await withFixtureRouter { router in
            let account = try Testbed.fact("TB_DOAS_PERSIST_USER")
            let password = try Testbed.password(of: account)
            let keeper = try await router.testbed("tb-bash") { $0.username = account }
            for _ in 0..<2 {
                #expect(try await router.doas(via: keeper) { $0.password = password }.userName() == "root")
                let missing = try await failure { try await router.doas(via: keeper) }
                #expect(missing.code == .passwordRequired, "\(missing)")
            }
        }
    }

    @Test("Names and texts that cannot work are refused before anything is started")
    func misuse() async throws {
        try await withFixtureRouter { router in
            let errors = [
                try await failure { try await router.su { $0.username = "-c" } },
                try await failure { try await router.sudo { $0.username = "" } },
                try await failure { try await router.doas { $0.passwordPrompt = " " } },
                try await failure { try await router.su { $0.incorrectPrompts = ["no", ""] } },
                try await failure { try await router.ssh("host") { $0.passwordPrompt = "" } },
                try await failure { try await router.sudo { $0.preservedVariables = ["A,B"] } },
                try await failure { try await router.sudo { $0.group = "" } },
            ]
            for error in errors { #expect(error.code == .misuse, "\(error)") }
        }
    }
}
