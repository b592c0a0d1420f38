//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Testing

/// `mitogen fakessh` with targets on this machine: what an ssh carries, and how it ends.
@Suite(
    "mitogen fakessh",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct FakeSSHCommandTests {
    /// Runs a shell script whose ssh leads to a child, in a folder of its own; `$D` names that on both sides.
    private func run(
        _ script: String,
        target: String = "local",
        _ check: (ToolResult, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let process = try start(script, target: target, directory)
            let result = try await process.wait()
            try await check(result, directory)
            #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
            #expect(Files.names(in: directory).allSatisfy { !$0.hasPrefix("mitogen-fakessh-") })
        }
    }

    private func start(_ script: String, target: String = "local", _ directory: String) throws -> ToolProcess {
        try ToolProcess(
            ["fakessh", target, "--", "sh", "-c", "cd $D; " + script],
            environment: [
                "D": directory, "TMPDIR": directory, "HOME": directory, "GIT_CONFIG_GLOBAL": "/dev/null",
                // What leads to another ssh does not count.
                "RSYNC_RSH": "false", "GIT_SSH": "false", "GIT_SSH_COMMAND": "false",
            ]
        )
    }

    @Test("Every exit status is the command's, and the tool's is the program's")
    func exitStatuses() async throws {
        let script = """
            for i in $(seq 0 255); do
                (ssh host "exit $i"; [ $? = $i ] || echo "wrong: $i") & [ $((i % 16)) != 15 ] || wait
            done; exit 37
            """
        try await run(script) { result, _ in
            #expect(result.status == 37)
            #expect(result.text.isEmpty && result.errors.isEmpty, "\(result.text)\(result.errors)")
        }
    }

    @Test("Random bytes go there and back unchanged, 300,000 and 20,000,000", arguments: [300_000, 20_000_000])
    func bytes(count: Int) async throws {
        let script = """
            head -c \(count) /dev/urandom >a; ssh host cat <a >b; echo $?; cmp a b && wc -c <b
            """
        try await run(script, target: "local+local:b") { result, _ in
            #expect(result.lines == ["0", "\(count)"], "\(result.text)\(result.errors)")
        }
    }

    @Test("Standard error is apart, arguments and a command's bytes are untouched, and the end of input arrives")
    func streams() async throws {
        let script = #"""
            printf 'in\0put' | ssh -l nobody -p 1 any.host 'cat; echo " $1 \$x '"it's"'"' ">&2" >out 2>err; echo $?
            od -c out | head -n 1 | tr -s ' '; cat err; ssh host 'pwd; echo $HOME'
            """#
        try await run(script) { result, directory in
            #expect(result.lines.count == 5, "\(result.text)\(result.errors)")
            #expect(result.lines.first == "0")
            #expect(result.lines.dropFirst().first == "0000000 i n \\0 p u t")
            #expect(result.lines.dropFirst(2).first == "  $x it's", "\(result.lines)")
            // As a login has it, whatever HOME is here.
            #expect(Set(result.lines.suffix(2)).count == 1 && !result.text.contains(directory), "\(result.lines)")
        }
    }

    @Test("Streams are closed one by one, by either side, while the command goes on")
    func halfClosed() async throws {
        let wait = "until [ -e $D/FLAG ]; do sleep 0.02; done"
        let script = """
            ssh host 'cat >/dev/null; sleep 0.2; echo after the end' </dev/null
            mkfifo f; { cat f; touch 1; } &
            (exec ssh host "exec >&-; \(wait.replacing("FLAG", with: "1")); exit 4" >f); echo "status $?"
            { yes; touch 2; } | ssh host "exec <&-; \(wait.replacing("FLAG", with: "2")); echo closed"
            """
        try await run("export D; " + script) { result, _ in
            #expect(result.lines == ["after the end", "status 4", "closed"], "\(result.errors)")
        }
    }

    @Test("Whoever does not read holds the command up")
    func window() async throws {
        let script = """
            ssh host 'i=0; while head -c 65536 /dev/zero; do i=$((i + 1)); echo $i >'$D'/count; done' |
                { sleep 1; cat count; ps -o rss= -p $(cut -d ' ' -f 4 /proc/$PPID/stat); }
            """
        try await run(script) { result, _ in
            let pieces = try #require(result.lines.first.flatMap { Int($0) })
            // 1 MiB under way, two pipes of 64 KiB, and what a context and a process have read.
            #expect(pieces > 4 && pieces < 40, "\(pieces) of 64 KiB")
        }
    }

    @Test("Twenty at a time, each with input and output of its own")
    func concurrent() async throws {
        let script = """
            for i in $(seq 20); do (head -c 100000 /dev/urandom >a$i; ssh host "cat; exit $i" <a$i >b$i; echo $? >s$i) & done
            wait; for i in $(seq 20); do cmp a$i b$i && [ $(cat s$i) = $i ] && echo ok; done
            """
        try await run(script) { result, _ in
            #expect(result.lines == [String](repeating: "ok", count: 20), "\(result.text)\(result.errors)")
        }
    }

    @Test("A signal that ends the ssh ends its command", arguments: [SIGTERM, SIGKILL, SIGINT])
    func signal(number: Int32) async throws {
        let script = """
            ssh host 'echo $$ >'$D'/pid; exec sleep 1000' & until [ -s pid ]; do sleep 0.02; done
            /bin/kill -\(number) $!; wait $!; echo $?
            for i in $(seq 150); do kill -0 $(cat pid) 2>/dev/null || break; sleep 0.02; done
            kill -0 $(cat pid) 2>/dev/null && echo left; exit 0
            """
        // A shell has what it starts in the background ignore SIGINT.
        try await run(number == SIGINT ? script.replacing("ssh host", with: "env --default-signal ssh host") : script) {
            #expect($0.lines == ["\(128 + number)"], "\($0.errors)")
            _ = $1
        }
    }

    @Test("A command that a signal has ended gives 255, as with ssh; its shell may give 128 and the number")
    func signaled() async throws {
        let script = "ssh host 'kill -9 $$'; echo $?; ssh host 'sh -c \"kill -TERM \\$\\$\"; exit $?'; echo $?"
        try await run(script) { result, _ in
            #expect(result.lines == ["255", "143"], "\(result.errors)")
        }
    }

    @Test("A lost connection gives 255, and says what was lost")
    func lost() async throws {
        // The context is the parent of the command's shell.
        try await run("ssh host 'kill -9 $PPID; sleep 60'; echo $?; ssh host true; echo $?") { result, _ in
            #expect(result.lines == ["255", "255"])
            #expect(result.errors.hasPrefix("ssh: mitogen: ") && result.errors.contains("lost"), "\(result.errors)")
            #expect(result.duration < .seconds(20))
        }
    }

    @Test("rsync, scp with and without sftp, and sftp, over two contexts")
    func copies() async throws {
        let script = """
            mkdir a; head -c 300000 /dev/urandom >a/x; printf '%s' text >"a/it's a name"; chmod 640 a/x
            rsync -a a/ remote:$D/r/ && rsync -a --delete remote:$D/r/ r2/ && diff -r a r2 && stat -c %a r2/x
            rsync -a remote:$D/r/x r3 && cmp a/x r3 && echo rsync
            scp -q a/x remote:$D/s1 && scp -q -O remote:$D/s1 s2 && cmp a/x s2 && echo scp
            echo "put a/x $D/f1" | sftp -q -b - remote >/dev/null && cmp a/x f1 && echo sftp
            """
        try await run(script, target: "local+local:b") { result, _ in
            #expect(result.lines == ["640", "rsync", "scp", "sftp"], "\(result.text)\(result.errors)")
        }
    }

    @Test("git clones and pushes, whatever ssh is configured for it")
    func git() async throws {
        let script = """
            git init -q --bare p.git; git config --file .git-config core.sshCommand false
            export GIT_CONFIG_GLOBAL=$D/.git-config GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a \
                GIT_COMMITTER_EMAIL=a@b
            git clone -q git@host:$D/p.git w 2>/dev/null; cd w; head -c 300000 /dev/urandom >f; git add f
            git commit -q -m one; git push -q origin HEAD:refs/heads/main; cd ..
            git -C p.git log --format=%s main; git clone -q -b main ssh://host$D/p.git v && cmp w/f v/f && echo same
            """
        try await run(script) { result, _ in
            #expect(result.lines == ["one", "same"], "\(result.text)\(result.errors)")
        }
    }

    @Test("What is no command is refused: the reason, and 255")
    func refused() async throws {
        try await run("ssh -L 1:a:2 host c; echo $?; ssh host; echo $?; ssh -s host netconf; echo $?; ssh -V") {
            result,
            _ in
            #expect(result.lines == ["255", "255", "255"])
            let lines = result.errors.split(separator: "\n")
            #expect(lines.count == 4 && lines.dropLast().allSatisfy { $0.hasPrefix("ssh: mitogen: ") }, "\(lines)")
        }
    }

    @Test("A tool that is killed leaves no process, and its ssh finds nobody")
    func killed() async throws {
        try await withTemporaryDirectory { directory in
            let script =
                "ssh host 'echo there >'$D'/1; sleep 1000' & ssh host 'echo there >'$D'/2; sleep 1000'; sleep 1000"
            let process = try start(script, target: "local+local:b", directory)
            #expect(try await eventually { Files.text("\(directory)/2") != nil && Files.text("\(directory)/1") != nil })
            process.signal(SIGKILL)
            #expect(try await process.wait().status == 128 + SIGKILL)
            #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
            // Its folder is left behind, and removed by the next one.
            func folders() -> [String] { Files.names(in: directory).filter { $0.hasPrefix("mitogen-fakessh-") } }
            #expect(folders().count == 1)
            #expect(try await start("ssh host true", directory).wait().status == 0)
            #expect(folders().isEmpty)
        }
    }

    @Test("A signal is the program's, and --timeout ends it", arguments: ["signal", "timeout"])
    func ended(way: String) async throws {
        try await withTemporaryDirectory { directory in
            let script = "trap 'echo trapped; exit 9' TERM; ssh host 'echo >'$D'/1'; while :; do sleep 0.05; done"
            let arguments = way == "timeout" ? ["--timeout", "3"] : []
            let process = try ToolProcess(
                ["fakessh"] + arguments + ["local", "--", "sh", "-c", script],
                environment: ["D": directory]
            )
            #expect(try await eventually { Files.text("\(directory)/1") != nil })
            if way == "signal" { process.signal(SIGTERM) }
            let result = try await process.wait()
            #expect(result.text == "trapped\n")
            #expect(result.status == (way == "signal" ? 9 : 3), "\(result.errors)")
            #expect(way == "signal" || result.errors.contains("timeoutError"), "\(result.errors)")
            #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
        }
    }

    @Test(
        "What cannot be done is said, with a status that tells",
        arguments: [
            (["local"], 2, "no program"), ([], 2, "no target"), (["nowhere", "--", "ls"], 2, "unknown hop"),
            (["local,local:b", "ls"], 2, "one target"),
            (["local", "--timeout", "1", "--", "ls"], 2, "before the target"),
            (["-t", "local", "--", "/no/such/program"], 127, "spawnError"),
            (["local+setns-docker:no-such-one", "--", "ls"], 4, "cannot reach setns-docker:no-such-one"),
        ] as [([String], Int32, String)]
    )
    func failures(arguments: [String], status: Int32, text: String) async throws {
        let result = try await ToolProcess.run(["fakessh"] + arguments)
        #expect(result.status == status)
        #expect(result.errors.contains(text), "\(result.errors)")
    }

    @Test("On a terminal the program has it: a Ctrl-C ends the program, its ssh and the command")
    func terminal() async throws {
        let tool = try #require(BuiltProgram.path(of: "mitogen"))
        try await withTemporaryDirectory { directory in
            let script = "tty >/dev/tty; ssh host 'echo $$ >\(directory)/pid; exec sleep 1000'"
            let session = try TerminalSession(tool, ["fakessh", "local", "--", "sh", "-c", script])
            #expect(try await eventually { (Files.text("\(directory)/pid") ?? "").hasSuffix("\n") })
            let pid = try #require(Int32((Files.text("\(directory)/pid") ?? "").dropLast()))
            session.type("\u{3}")
            #expect(try await session.waitForEnd() == (128 + SIGINT) << 8)
            #expect(session.text.contains("/dev/pts/"), "\(session.text)")
            #expect(try await eventually { kill(pid, 0) != 0 })
        }
    }
}
