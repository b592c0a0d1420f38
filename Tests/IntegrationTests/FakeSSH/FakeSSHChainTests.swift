//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFakeSSH
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Real programs of this machine whose ssh leads through ssh, sudo and docker.
@Suite("Fake ssh through a chain", .needsTestbed, .serialized, .timeLimit(.minutes(2)))
struct FakeSSHChainTests {
    private static let hasTransfer = (try? Testbed.fact("TB_DOCKER_TRANSFER")) != nil && Engine.up.contains(.docker)

    /// Runs a shell script in a folder of its own, with its ssh leading to a context.
    ///
    /// - Returns: What it has written to both outputs.
    private func run(_ script: String, to context: Context) async throws -> String {
        try await withTemporaryDirectory { directory in
            let status = try await FakeSSH.run(
                ["sh", "-c", "exec >out 2>&1 </dev/null; set -e\n" + script],
                to: context,
                environment: ["GIT_CONFIG_GLOBAL": "/dev/null", "R": "/tmp/far.\(directory.dropFirst(5))"],
                workingDirectory: directory
            )
            let said = Files.text("\(directory)/out") ?? ""
            #expect(status.isSuccess, "\(status): \(said)")
            return said
        }
    }

    @Test(
        "rsync, scp, scp -O, sftp and git, through ssh, sudo and docker; without an sftp-server the error names scp -O",
        .enabled(if: hasTransfer, "the test bed has no container with rsync: Tests/Testbed/setup transfer, as root")
    )
    func programs() async throws {
        let script = """
            ssh remote "mkdir $R"; trap 'ssh remote "rm -rf $R"' EXIT
            mkdir a; head -c 300000 /dev/urandom >a/x; head -c 3000000 /dev/urandom >a/y
            rsync -a a/ remote:$R/r; rsync -a remote:$R/r/ b; diff -r a b; echo rsync
            scp -q a/x remote:$R/x; scp -q -O remote:$R/x c; cmp a/x c; echo scp
            scp -q -O a/x remote:$R/z; scp -q remote:$R/z d; cmp a/x d; echo scp -O
            echo "get $R/z e" | sftp -q -b - remote >/dev/null; cmp a/x e; echo sftp
            ssh remote "git init -q --template= --bare $R/p"
            git clone -q git@remote:$R/p w 2>/dev/null; cd w; cp ../a/x .; git add x
            git -c user.name=a -c user.email=a@b commit -q -m one; git push -q origin HEAD:refs/heads/main; cd ..
            git clone -q -b main git@remote:$R/p v; cmp a/x v/x; echo git
            ssh remote 'cat /usr/lib/os-release; exit 0'
            """
        try await withFixtureRouter { router in
            let machine = try await router.testbed("tb-bash") { $0.username = "tb-free" }
            let root = try await router.sudo(via: machine)
            let context = try await router.container(.docker, "tb-transfer", via: root)
            let said = try await run(script, to: context)
            #expect(said == "rsync\nscp\nscp -O\nsftp\ngit\nID=busybox\n")
            let other = try await router.container(.docker, via: root)
            let refusal = try await run("! scp -q out remote:/tmp/x", to: other)
            #expect(refusal.contains("no sftp-server") && refusal.contains("scp -O"), "\(refusal)")
        }
    }

    @Test(
        "As the account's login shell runs it: the same as over the real ssh",
        arguments: ["ash", "tcsh", "fish"]
    )
    func shells(name: String) async throws {
        let config = try Testbed.sshConfig
        let command = "'pwd; id -un; echo $HOME $LOGNAME $SHELL \"two  words\"; exit 3'"
        try await withFixtureRouter { router in
            let context = try await router.testbed("tb-\(name)")
            try await withTemporaryDirectory { directory in
                let real = "/usr/bin/ssh -F \(config) tb-\(name) \(command) >real 2>&1; echo $? >>real"
                let status = try await FakeSSH.run(
                    ["sh", "-c", "ssh host \(command) >fake 2>&1; echo $? >>fake; \(real)"],
                    to: context,
                    workingDirectory: directory
                )
                #expect(status.isSuccess)
                let fake = Files.text("\(directory)/fake")
                #expect(fake == Files.text("\(directory)/real"))
                #expect(fake?.contains("tb-\(name)") == true && fake?.hasSuffix("\n3\n") == true, "\(fake ?? "")")
            }
        }
    }

    @Test("A cancelled task and a time limit end the program and the command")
    func ended() async throws {
        try await withFixtureRouter { router in
            let context = try await router.testbed("tb-dash")
            let program = ["sh", "-c", "ssh host 'echo $$; exec sleep 1000' >pid; exit 9"]
            func pid(in directory: String) -> Int32? {
                Files.text("\(directory)/pid").flatMap { $0.hasSuffix("\n") ? Int32($0.dropLast()) : nil }
            }
            try await withTemporaryDirectory { directory in
                let error = try await failure {
                    try await FakeSSH.run(program, to: context, workingDirectory: directory, timeout: .seconds(2))
                }
                #expect(error.code == .timeoutError)
                let command = try #require(pid(in: directory))
                #expect(try await Processes.stillRunning([command], after: .seconds(4)).isEmpty)
            }
            try await withTemporaryDirectory { directory in
                let task = Task { try await FakeSSH.run(program, to: context, workingDirectory: directory) }
                #expect(try await eventually { pid(in: directory) != nil })
                task.cancel()
                #expect(try await failure { try await task.value }.code == .cancelled)
                let command = try #require(pid(in: directory))
                #expect(try await Processes.stillRunning([command], after: .seconds(4)).isEmpty)
            }
        }
    }
}
