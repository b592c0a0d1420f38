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

/// Images and executables on real servers.
@Suite("Images on other machines", .needsTestbed, .serialized, .timeLimit(.minutes(3)))
struct RemoteImages {
    /// A copy of the fixture that every user can execute.
    private func withInstalledProgram(
        named name: String,
        _ body: (String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o755)
            let path = "\(directory)/\(name)"
            try Files.write(try #require(Files.bytes(Fixture.path)), to: path)
            chmod(path, 0o755)
            try await body(path)
        }
    }

    @Test(
        "An installed program is run as it is named, whatever is in its name",
        arguments: ["agent", "my agent", "it's \"my\" $HOME `agent`\\!"],
        ["tb-dash", "tb-fish"]
    )
    func executable(name: String, host: String) async throws {
        try await withInstalledProgram(named: name) { path in
            try await withFixtureRouter { router in
                let context = try await router.testbed(host) { $0.executable = [path] }
                #expect(try await context.userName() == host)
                // Another user's links are only there for root and for the context itself.
                let pid = try await context.call(ProcessID())
                #expect(try await context.run(["readlink", "/proc/\(pid)/exe"]).outputText == "\(path)\n")
            }
        }
    }

    @Test("A wrapper gets its arguments, and executes the program")
    func wrappers() async throws {
        try await withInstalledProgram(named: "my agent") { path in
            try await withFixtureRouter { router in
                let env = try await router.testbed("tb-dash") {
                    $0.executable = ["env", "FOO=a b$c", path]
                }
                #expect(try await env.run(["sh", "-c", "echo \"$FOO\""]).outputText == "a b$c\n")
                let nice = try await router.testbed("tb-dash") { $0.executable = ["nice", "-n", "5", path] }
                #expect(try await nice.run(["nice"]).outputText == "5\n")
            }
        }
    }

    @Test(
        "What is not the program is told apart, and the hint says what to do",
        arguments: [
            (["/nonexistent/agent"], MitogenError.Code.executeError, "did not execute", "not there"),
            (["env", "/nonexistent/agent"], .executeError, "did not execute", "not there"),
            (["/etc/passwd"], .executeError, "did not execute", "mode"),
            (["/bin/true"], .eofError, "another program", "same version"),
            (["/bin/cat"], .eofError, "another program", "same version"),
            (["echo", "it's"], .eofError, "another program: echo it's", "same version"),
        ]
    )
    func otherPrograms(words: [String], code: MitogenError.Code, text: String, hint: String) async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await router.testbed("tb-dash") { $0.executable = words } }
            #expect(error.code == code, "\(error)")
            #expect(error.context == "ssh.tb-dash")
            #expect(error.message.contains(text), "\(error)")
            #expect(error.hint?.contains(hint) == true, "\(error)")
        }
    }

    @Test("A damaged image in the cache is sent again", arguments: ["tb-dash", "tb-bash"])
    func damagedCache(host: String) async throws {
        try await withFixtureRouter { router in
            let first = try await router.testbed(host)
            // The file that runs cannot be written to.
            let damage = """
                set -e; f=$(readlink /proc/$PPID/exe); s=$(wc -c <"$f"); case $f in $HOME/.cache/mitogen/*) ;; *) exit 1;; esac
                rm "$f"; head -c "$s" /dev/zero >"$f"; chmod 500 "$f"; echo "$f"
                """
            let damaged = try await first.run(["sh", "-c", damage])
            #expect(damaged.status == .exited(0), "\(damaged.outputText)")
            let name = "damaged on \(host)"
            for _ in 0..<2 {
                let again = try await router.testbed(host) { $0.name = name }
                #expect(try await again.call(Add(1, 2)) == 3)
            }
            #expect(CapturedLog.lines(of: "mitogen").count { $0.contains("\(name): the image in") } == 1)
        }
    }
}
