//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

@testable internal import MitogenFakeSSH

@Suite("The arguments of an ssh")
struct SSHInvocationTests {
    private func invocation(_ words: [String]) throws -> SSHInvocation {
        try SSHInvocation(words.map { ByteString($0) })
    }

    private func refusal(_ words: [String]) throws -> String {
        let error = try #require(throws: SSHInvocation.Refusal.self) { try invocation(words) }
        return error.text
    }

    @Test(
        "Options may be before and after the host, joined and apart, and end with --",
        arguments: [
            ["host", "a", "-l", "b"], ["-p22", "host", "a", "-l", "b"],
            ["-l", "joe", "host", "-p", "22", "a", "-l", "b"],
            ["-4Cvl", "joe", "joe@host", "a -l b"], ["--", "host", "a", "-l", "b"],
            ["-oUser=joe", "-o", "Port 22", "--", "host", "a", "-l", "b"], ["host", "-q", "--", "a", "-l", "b"],
            ["ssh://joe@host:22", "a", "-l b"], ["-Jjump", "-F", "-", "-i", "-key", "host", "a", "-l", "b"],
        ]
    )
    func places(words: [String]) throws {
        #expect(try invocation(words).request == .command("a -l b"))
    }

    @Test("Behind a -- in front of the host, options belong to the command")
    func terminated() throws {
        #expect(try invocation(["--", "host", "-v", "a"]).request == .command("-v a"))
        #expect(try invocation(["host", "-v", "a"]).request == .command("a"))
        #expect(try invocation(["host", "--", "-v", "a"]).request == .command("-v a"))
        #expect(try invocation(["host", "a", "--", "b"]).request == .command("a -- b"))
    }

    @Test("A command keeps bytes that are not UTF-8, empty words, spaces and quotes")
    func bytes() throws {
        let words = ["host", "printf '%s'", "", "  x\n"].map { ByteString($0) } + [ByteString(bytes: [0xe9, 0xff])]
        let expected = Array("printf '%s'    x\n ".utf8) + [0xe9, 0xff]
        #expect(try SSHInvocation(words).request == .command(ByteString(bytes: expected)))
    }

    @Test("What real programs pass: rsync, scp with and without sftp, sftp, git")
    func programs() throws {
        let rsync = ["-l", "joe", "remote", "rsync", "--server", "-e.LsfxCIvu", ".", "dst"]
        #expect(try invocation(rsync).request == .command("rsync --server -e.LsfxCIvu . dst"))
        let options = [
            "-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none", "-oRequestTTY=no",
            "-oForwardAgent=no",
        ]
        #expect(try invocation(options + ["--", "remote", "scp -t /tmp"]).request == .command("scp -t /tmp"))
        #expect(try invocation(options + ["-l", "joe", "-s", "--", "remote", "sftp"]).request == .sftp)
        let sftp = [
            "-oForwardX11 no", "-oPermitLocalCommand no", "-oClearAllForwardings yes", "-s", "--", "remote", "sftp",
        ]
        #expect(try invocation(sftp).request == .sftp)
        let git = try invocation(["-o", "SendEnv=GIT_PROTOCOL", "git@remote", "git-upload-pack 'project.git'"])
        #expect(git.request == .command("git-upload-pack 'project.git'"))
        #expect(git.sentVariables == ["GIT_PROTOCOL"])
    }

    @Test("Every option of OpenSSH is known: with a value, without one, or as refused")
    func optionString() {
        let text = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"
        var letters = Array(text.utf8)
        var known: Set<UInt8> = []
        while let letter = letters.first {
            letters.removeFirst()
            let takesValue = letters.first == UInt8(ascii: ":")
            if takesValue { letters.removeFirst() }
            known.insert(letter)
            switch SSHOption(letter) {
            case .flag: #expect(!takesValue)
            case .value: #expect(takesValue)
            case .refused: break
            case nil: Issue.record("-\(Unicode.Scalar(letter)) is not known")
            }
        }
        for letter in UInt8(0)...255 where !known.contains(letter) { #expect(SSHOption(letter) == nil) }
    }

    @Test(
        "What is something else than a command is refused by name",
        arguments: [
            (["-L", "1:a:2", "h", "c"], "-L"), (["-R1:a:2", "h", "c"], "-R"), (["-D", "1", "h", "c"], "-D"),
            (["-W", "a:1", "h"], "-W"), (["-w", "0", "h", "c"], "-w"), (["-N", "h"], "-N"), (["-f", "h", "c"], "-f"),
            (["-O", "check", "h"], "-O"), (["-G", "h"], "-G"), (["-Q", "mac"], "-Q"), (["-tt", "h", "c"], "-tt"),
            (["-oRequestTTY=force", "h", "c"], "-tt"), (["-oLocalForward=1 a:2", "h", "c"], "LocalForward"),
            (["-oremotecommand=ls", "h"], "remotecommand"), (["-oForkAfterAuthentication=yes", "h", "c"], "Fork"),
            (["-oSessionType=none", "h"], "SessionType"), (["-s", "h", "netconf"], "netconf"), (["h"], "no command"),
            (["-v"], "no host"), ([], "no host"), (["-Z", "h", "c"], "-Z"), (["-p"], "-p"),
            (["-é", "h", "c"], "\\xc3"),
            (["h", "-l"], "-l"), (["--", "-v"], "no command"),
        ]
    )
    func refused(words: [String], part: String) throws {
        let text = try refusal(words)
        #expect(text.contains(part), "\(text)")
    }

    @Test("-n, -t, -T and -V, and the same as -o")
    func flags() throws {
        #expect(try invocation(["-n", "h", "c"]).readsNothing)
        #expect(try invocation(["-oStdinNull yes", "h", "c"]).readsNothing)
        #expect(try !invocation(["-t", "h", "c"]).readsNothing)
        #expect(try invocation(["-tT", "-t", "h", "c"]).request == .command("c"))
        #expect(try invocation(["-V"]).request == .version)
        #expect(try invocation(["-oSessionType=subsystem", "h", "sftp"]).request == .sftp)
        #expect(try invocation(["-oSetEnv=A=1 B=2", "h", "c"]).setVariables == ["A=1", "B=2"])
    }

    @Test("SendEnv takes patterns")
    func environment() {
        let environment: [ByteString] = ["LANG=C", "LC_ALL=C.UTF-8", "LC=1", "GIT_PROTOCOL=version=2", "HOME=/", "odd"]
        func names(_ patterns: String...) -> [ByteString] {
            ProgramEnvironment.selected(from: environment, patterns).map(\.name)
        }
        #expect(names("LANG", "LC_*") == ["LANG", "LC_ALL"])
        #expect(names("L?") == ["LC"])
        #expect(names("GIT_*").count == 1)
        #expect(names().isEmpty)
        #expect(names("*").count == 5)
        let git = ProgramEnvironment.selected(from: environment, ["GIT_PROTOCOL"])
        #expect(git.first?.value == "version=2")
    }

    @Test("A folder with a space is quoted where a shell reads it")
    func quoting() {
        let plain = ProgramEnvironment.variables(folder: "/tmp/x-1", path: "/bin")
        #expect(plain["PATH"] == "/tmp/x-1:/bin")
        #expect(plain["RSYNC_RSH"] == "/tmp/x-1/ssh")
        let odd = ProgramEnvironment.variables(folder: "/tmp/it's a", path: nil)
        #expect(odd["GIT_SSH_COMMAND"] == "'/tmp/it'\\''s a/ssh'")
        #expect(odd["GIT_SSH"] == "/tmp/it's a/ssh")
    }
}
