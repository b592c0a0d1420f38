//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

/// Methods of a program's own, with scripts as their tools.
@Suite("Methods of a program's own", .serialized, .timeLimit(.minutes(1)))
struct CustomStubs {
    /// Takes the program in by `cp`, which unpacks, or `put FILE TARGET`, and runs it with `run`. What is a path there
    /// is one in the folder of the script here.
    private static let copies = #"""
        d=${0%/*}
        case $1 in
        cp) exec tar -xf - -C "$d" ;;
        put) exec cp "$2" "$d$3" ;;
        esac
        p=$d$2; shift 2
        exec "$p" "$@"
        """#

    /// Asks for a password on its terminal, after some words that it also uses for a wrong one.
    private static let asks = #"""
        exec 3<>/dev/tty
        echo 'Sorry that it takes so long' >&3
        saved=$(stty -g <&3); stty -echo <&3
        printf 'Secret word: ' >&3
        IFS= read -r word <&3
        stty "$saved" <&3
        [ "$word" = right ] || { echo 'Sorry' >&3; exec sleep 50; }
        exec 3>&-
        """#

    // MARK: Through a shell

    @Test("The command's words stand where the options say, here and through a context")
    func words() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, ToolStub.leadsHere)
            var options = ConnectionMethod.CustomOptions(
                "pot",
                arguments: [.word(stub.path), "in", "the pot", .command, "end"]
            )
            options.target = "tea"
            try await withFixtureRouter { router in
                let context = try await router.connect(.custom(options))
                #expect(context.name == "pot.tea")
                #expect(try await context.call(Add(1, 2)) == 3)
                let via = try await router.local { $0.name = "near" }
                let other = try await router.connect(.custom(options), via: via)
                #expect(other.name == "near.pot.tea")
                #expect(try await other.call(Add(3, 4)) == 7)
                options.target = nil
                #expect(try await router.connect(.custom(options)).name == "pot")
            }
            let run = ["in", "the pot", "sh", "-c", "SCRIPT", "end"]
            #expect(stub.runs == [run, run, run])
        }
    }

    @Test("A tool that hands its last words to a shell gets one text")
    func text() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, #"exec sh -c "$2""#)
            let options = ConnectionMethod.CustomOptions(
                "pot",
                arguments: [.word(stub.path), "-c", .shellCommand, "end"]
            )
            try await withFixtureRouter { router in
                let context = try await router.connect(.custom(options))
                #expect(try await context.call(Add(1, 2)) == 3)
            }
            let run = try #require(stub.runs.first)
            #expect(run == ["-c", "COMMAND", "end"])
        }
    }

    @Test("The image is compressed if that is asked for")
    func compressed() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, ToolStub.leadsHere)
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), .command])
            options.usesImageCache = false
            let size = try #require(Files.bytes(Fixture.path)).count
            try await withFixtureRouter { router in
                let plain = try await router.connect(.custom(options))
                #expect(plain.connection?.imageBytes == size)
                options.delivery = .shell(isCompressed: true)
                let small = try await router.connect(.custom(options))
                let bytes = try #require(small.connection).imageBytes
                #expect(bytes > 0 && bytes < size / 2)
                #expect(try await small.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("What a tool says when it fails is in the error")
    func toolFails() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "echo 'tool: no such pot' >&2; exit 3")
            try await withFixtureRouter { router in
                let options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), .command])
                let error = try await failure { try await router.connect(.custom(options)) }
                #expect(error.code == .eofError)
                #expect(error.message.contains("tool: no such pot"))
                #expect(error.context == "pot")
                let missing = ConnectionMethod.CustomOptions("pot", arguments: ["/no/such/tool", .command])
                #expect(try await failure { try await router.connect(.custom(missing)) }.code == .spawnError)
            }
        }
    }

    // MARK: By a copy

    @Test(
        "The program is copied there, runs, and its file is gone",
        arguments: [
            ["cp", "-"], ["put", ConnectionMethod.CustomOptions.localFile, ConnectionMethod.CustomOptions.targetFile],
        ]
    )
    func copy(words: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, Self.copies)
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), "run", .command])
            options.delivery = .copy([stub.path] + words)
            try await withFixtureRouter { router in
                let via = try await router.local { $0.name = "near" }
                for place in [nil, via] {
                    let context = try await router.connect(.custom(options), via: place)
                    #expect(try await context.call(Add(1, 2)) == 3)
                    #expect(Self.copiesLeft(in: directory).isEmpty)
                }
            }
            #expect(stub.runs.map { $0[0] } == [words[0], "run", words[0], "run"])
            for place in [0, 2] {
                let target = stub.runs[place + 1][1]
                #expect(target.hasPrefix("/.mitogen-"))
                #expect(stub.runs[place + 1][2].hasPrefix("mitogen:"))
                let copied = stub.runs[place]
                if words.count == 2 {
                    #expect(copied == words)
                } else {
                    #expect(copied.count == 3 && copied[1].hasSuffix("/mitogen-fixture") && copied[2] == target)
                }
            }
            #expect(stub.runs[1][1] != stub.runs[3][1])
        }
    }

    @Test("A program that was copied and could not start is removed")
    func removal() async throws {
        try await withTemporaryDirectory { directory in
            let refuses = #"[ "$1 $3" != "run mitogen:here" ] || { echo 'no more pots' >&2; exit 5; }"#
            let stub = try ToolStub(in: directory, "\(refuses)\n\(Self.copies)")
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), "run", .command])
            options.delivery = .copy([stub.path, "cp"])
            options.remoteName = "here"
            try await withFixtureRouter { router in
                let error = try await failure { try await router.connect(.custom(options)) }
                #expect(error.code == .eofError, "\(error)")
                #expect(error.diagnostics == ["no more pots"])
                #expect(try await eventually { Self.copiesLeft(in: directory).isEmpty && stub.runs.count == 3 })
            }
            #expect(stub.runs[2] == ["run", stub.runs[1][1], "mitogen:removal"])
        }
    }

    @Test("Where the program's user may not remove the file, the tool is run once more for one who may")
    func removalByOthers() async throws {
        try await withTemporaryDirectory { directory in
            // Under another name the program does not know its file, which is as good as not being allowed to remove it.
            let joe = #"[ "$1" = joe ] && { cp "$d$2" "$d/other"; shift 2; exec "$d/other" "$@"; }"#
            let stub = try ToolStub(in: directory, "d=${0%/*}\n\(joe)\n\(Self.copies)")
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), "joe", .command])
            options.delivery = .copy([stub.path, "cp"])
            options.removal = [.word(stub.path), "root", .command]
            try await withFixtureRouter { router in
                let context = try await router.connect(.custom(options))
                #expect(try await context.call(Add(1, 2)) == 3)
                #expect(try await eventually { Self.copiesLeft(in: directory).isEmpty && stub.runs.count == 3 })
            }
            let target = stub.runs[1][1]
            #expect(stub.runs[2] == ["root", target, "mitogen:removal"])
        }
    }

    @Test("When copying fails nothing is run, and the error has the command's words")
    func copyFails() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "[ $1 = cp ] || exit 0\necho 'the pot is full' >&2; exit 4")
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), "run", .command])
            options.delivery = .copy([stub.path, "cp"])
            try await withFixtureRouter { router in
                let error = try await failure { try await router.connect(.custom(options)) }
                #expect(error.code == .eofError)
                #expect(error.message.contains("could not copy the program to /.mitogen-"))
                #expect(!error.message.contains("has no sh"))
                #expect(error.diagnostics == ["the pot is full"])
            }
            #expect(stub.runs.allSatisfy { $0 == ["cp"] || $0.last == "mitogen:removal" })
        }
    }

    @Test("What is there already is not copied")
    func executable() async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "shift; exec \"$@\"")
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), "run", .command])
            options.delivery = .copy([stub.path, "cp"])
            let fixture = try Fixture.path
            options.executable = [fixture]
            options.remoteName = "here"
            try await withFixtureRouter { router in
                let context = try await router.connect(.custom(options))
                #expect(try await context.call(Add(1, 2)) == 3)
            }
            #expect(stub.runs == [["run", fixture, "mitogen:here"]])
        }
    }

    private static func copiesLeft(in directory: String) -> [String] {
        Files.names(in: directory).filter { $0.hasPrefix(".mitogen-") }
    }

    // MARK: Questions

    @Test(
        "A password is typed on the tool's terminal",
        arguments: [ConnectionMethod.CustomOptions.TerminalUse.diagnostics, .all]
    )
    func password(terminal: ConnectionMethod.CustomOptions.TerminalUse) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, "\(Self.asks)\n\(ToolStub.leadsHere)")
            var options = ConnectionMethod.CustomOptions("pot", arguments: [.word(stub.path), .command])
            options.terminal = terminal
            options.passwordPrompt = "secret word:"
            options.incorrectPrompts = ["sorry"]
            try await withFixtureRouter { router in
                options.password = "right"
                #expect(try await router.connect(.custom(options)).call(Add(1, 2)) == 3)
                options.password = "wrong"
                let wrong = try await failure { try await router.connect(.custom(options)) }
                #expect(wrong.code == .passwordError, "\(wrong)")
                options.password = nil
                let missing = try await failure { try await router.connect(.custom(options)) }
                #expect(missing.code == .passwordRequired, "\(missing)")
            }
        }
    }

    // MARK: Options

    /// Options that are right but for one thing.
    struct Mistake: CustomTestStringConvertible {
        let testDescription: String
        let options: ConnectionMethod.CustomOptions

        init(
            _ name: String,
            _ arguments: [ConnectionMethod.CustomOptions.Argument] = ["tool", .command],
            method: String = "pot"
        ) {
            self.init(name, arguments, method: method) { _ in }
        }

        init(
            _ name: String,
            _ arguments: [ConnectionMethod.CustomOptions.Argument] = ["tool", .command],
            method: String = "pot",
            _ change: (inout ConnectionMethod.CustomOptions) -> Void
        ) {
            var options = ConnectionMethod.CustomOptions(method, arguments: arguments)
            change(&options)
            testDescription = name
            self.options = options
        }
    }

    static let mistakes: [Mistake] = [
        Mistake("no name", method: ""), Mistake("a name like an option", method: "-x"), Mistake("no words", []),
        Mistake("no command", ["tool"]), Mistake("two commands", ["tool", .command, .shellCommand]),
        Mistake("no tool", [.command]), Mistake("an empty tool", ["", .command]),
        Mistake("a zero byte", ["tool", "a\0", .command]),
        Mistake(
            "a place for a file where none is",
            ["tool", .word(ConnectionMethod.CustomOptions.targetFile), .command]
        ),
        Mistake("a password and no question") { $0.password = "x" },
        Mistake("texts for a wrong password and no question") { $0.incorrectPrompts = ["no"] },
        Mistake("a question and no terminal") { $0.passwordPrompt = "word:" },
        Mistake("a question without a text") { options in
            options.terminal = .all
            options.passwordPrompt = " "
        },
        Mistake("an empty text for a wrong password") { options in
            options.terminal = .all
            options.passwordPrompt = "word:"
            options.incorrectPrompts = [""]
        },
        Mistake("a copy by nothing") { $0.delivery = .copy([]) },
        Mistake("a copy by an empty word") { $0.delivery = .copy(["", "x"]) },
        Mistake("a copy for a shell", ["tool", .shellCommand]) { $0.delivery = .copy(["cp"]) },
        Mistake("a copy to nowhere") {
            $0.delivery = .copy(["cp", ConnectionMethod.CustomOptions.localFile, "there"])
        },
        Mistake("a copy and a terminal") { options in
            options.terminal = .diagnostics
            options.delivery = .copy(["cp"])
        },
        Mistake("a removal without a command") { options in
            options.delivery = .copy(["cp"])
            options.removal = ["tool"]
        },
        Mistake("no time") { $0.connectTimeout = .seconds(0) },
    ]

    @Test("Options that make no sense are refused before anything is started", arguments: mistakes)
    func misuse(mistake: Mistake) async throws {
        try await withFixtureRouter { router in
            let error = try await failure { try await router.connect(.custom(mistake.options)) }
            #expect(error.code == .misuse, "\(error)")
        }
    }
}
