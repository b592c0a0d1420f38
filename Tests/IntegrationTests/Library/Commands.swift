//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenFixtures
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Commands")
    struct Commands {}
}

/// What a command has written so far.
final class TextBox: Sendable {
    private let storage = Mutex("")
    var text: String { storage.withLock { $0 } }

    func append(_ piece: ProcessOutput.Piece) {
        storage.withLock { $0 += String(decoding: piece.bytes, as: UTF8.self) }
    }
}

extension LibraryTests.Commands {
    @Test("A command's output and end are told, near and far", arguments: [1, 3])
    func simple(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            let result = try await context.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
            #expect(result.status == .exited(3))
            #expect(result.outputText == "out\n")
            #expect(result.errorText == "err\n")
            #expect(!result.hasTimedOut)
            #expect(try await context.run(["true"]).status.isSuccess)
            #expect(try await context.run(["sh", "-c", "kill -9 $$"]).status == .signaled(9))
            #expect(try await context.run(["sh", "-c", "kill -9 $$"]).status.shellCode == 137)
            #expect(try await context.run(["sh", "-c", "read x; echo \"$x\" $?"]).outputText == " 1\n")
            #expect(
                try await context.run(["printf", "%s|", "a b", "", "$HOME", "'\""]).outputText == "a b||$HOME|'\"|"
            )
        }
    }

    @Test("A command's output is whole, whatever its bytes")
    func binary() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let script = "i=0; while [ $i -lt 200 ]; do printf '\\000\\377\\n%04d' $i; i=$((i+1)); done"
            let output = try await child.run(["sh", "-c", script]).standardOutput
            let expected = (0..<200).flatMap { number -> [UInt8] in
                [0, 255, 10] + Array(String(number + 10_000).utf8.dropFirst())
            }
            #expect(output == expected)
            let many = try await child.run(["head", "-c", "10000000", "/dev/zero"])
            #expect(many.standardOutput.count == 10_000_000)
            #expect(many.standardOutput.allSatisfy { $0 == 0 })
        }
    }

    @Test("Megabytes go through a command's input and output")
    func input() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17) }
            for context in [child, nested] {
                #expect(try await context.run(["cat"], stdin: .bytes(bytes)).standardOutput == bytes)
                #expect(try await context.run(["cat"], stdin: .bytes([])).standardOutput.isEmpty)
            }
            // A command that does not read, or not all, does not hold up the caller.
            let early = try await child.run(["head", "-c", "5"], stdin: .bytes(bytes), timeout: .seconds(10))
            #expect(early.standardOutput == Array(bytes.prefix(5)))
            #expect(try await child.run(["true"], stdin: .bytes(bytes), timeout: .seconds(10)).status.isSuccess)
        }
    }

    @Test("Input comes as it is made")
    func streamedInput() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let (input, continuation) = AsyncStream.makeStream(of: [UInt8].self)
            continuation.yield(Array("one\n".utf8))
            var lines: [String] = []
            let result = try await child.run(["cat"], stdin: .stream(input)) { piece in
                lines.append(String(decoding: piece.bytes, as: UTF8.self))
                if lines.count == 1 { continuation.yield(Array("two\n".utf8)) } else { continuation.finish() }
                return true
            }
            #expect(lines == ["one\n", "two\n"])
            #expect(result.status.isSuccess)
        }
    }

    @Test("A command gets its environment and directory")
    func environment() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let variables = ["MITOGEN_TEST": "a b\n=c", "LANG": "C.test"]
            let script = "printf '%s|%s|%s' \"$MITOGEN_TEST\" \"$LANG\" \"${PATH:+has path}\""
            let result = try await child.run(
                ["sh", "-c", script],
                environment: .inherited.updating(variables),
                workingDirectory: "/usr"
            )
            #expect(result.outputText == "a b\n=c|C.test|has path")
            #expect(try await child.run(["pwd"], workingDirectory: "/usr").outputText == "/usr\n")
        }
    }

    @Test("A command may open as many files as the program might before")
    func openFiles() async throws {
        let helper = try HelperProcess(["sh", "-c", "ulimit -S -n 300; exec \(Fixture.path) open-files"])
        #expect(try await helper.waitForEnd() == 0)
        #expect(helper.lines == ["300", "300", "300"])
    }

    @Test("A command that cannot be started is an error that says why")
    func startFailures() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "starter" }
            let nested = try await router.local(via: child) { $0.name = "further" }
            let cases: [([String], String?, String)] = [
                (["no-such-program-anywhere"], nil, "No such file or directory"),
                (["/nonexistent/program"], nil, "/nonexistent/program"),
                (["/etc/passwd"], nil, "Permission denied"),
                (["true"], "/nonexistent/directory", "/nonexistent/directory"),
                ([], nil, "no program"), ([""], nil, "no program"), (["a\0b"], nil, "NUL"),
            ]
            for (arguments, directory, text) in cases {
                for context in [child, nested] {
                    let error = try await failure { _ = try await context.run(arguments, workingDirectory: directory) }
                    #expect(error.code == .spawnError, "\(arguments): \(error)")
                    #expect("\(error)".contains(text), "\(error)")
                    #expect(error.context == context.name)
                }
            }
        }
    }

    @Test("A command whose time is over is ended, with all that it started")
    func timeout() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var result: ProcessResult?
            let elapsed = try await duration {
                let script = "sleep 1000 & echo $$ $!; wait"
                result = try await child.run(["sh", "-c", script], timeout: .milliseconds(300))
            }
            #expect(result?.hasTimedOut == true)
            #expect(result?.status == .signaled(15))
            #expect(elapsed > .milliseconds(290) && elapsed < .milliseconds(1500))
            let pids = Self.pids(result?.outputText ?? "")
            #expect(pids.count == 2)
            #expect(try await Processes.stillRunning(pids, after: .seconds(1)).isEmpty)
        }
    }

    private static func pids(_ text: String) -> [Int32] {
        text.split { $0 == " " || $0 == "\n" }.compactMap { Int32($0) }
    }

    @Test("A command that does not end when it is told to is ended by force after 2 s")
    func stubborn() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var result: ProcessResult?
            let elapsed = try await duration {
                let script = "trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 1; done"
                result = try await child.run(["sh", "-c", script], timeout: .milliseconds(100))
            }
            #expect(result?.hasTimedOut == true)
            #expect(result?.status == .signaled(9))
            #expect(elapsed > .milliseconds(2000) && elapsed < .milliseconds(3500))
            #expect(try await Processes.stillRunning(Self.pids(result?.outputText ?? ""), after: .seconds(1)).isEmpty)
        }
    }

    @Test("Cancelling the caller's task ends the command, with all that it started")
    func cancelled() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                let output = TextBox()
                try await withThrowingTaskGroup(of: MitogenError.self) { group in
                    group.addTask {
                        try await failure {
                            _ = try await context.run(["sh", "-c", "sleep 1000 & echo $$ $!; wait"]) { piece in
                                output.append(piece)
                                return true
                            }
                        }
                    }
                    #expect(try await eventually { Self.pids(output.text).count == 2 })
                    group.cancelAll()
                    let error = try await group.next()
                    #expect(error?.code == .cancelled)
                }
                let pids = Self.pids(output.text)
                #expect(try await Processes.stillRunning(pids, after: .seconds(2)).isEmpty)
            }
        }
    }

    @Test("A command that writes more than is wanted is ended")
    func outputLimit() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let error = try await failure { _ = try await child.run(["yes"], outputLimit: 100_000) }
            #expect(error.code == .misuse)
            #expect(error.message.contains("100000"))
            #expect(try await child.run(["echo", "12345"], outputLimit: 6).outputText == "12345\n")
            let one = try await failure { _ = try await child.run(["echo", "12345"], outputLimit: 5) }
            #expect(one.code == .misuse)
            var pieces = 0
            let result = try await child.run(["yes"]) { _ in
                pieces += 1
                return pieces < 3
            }
            #expect(pieces == 3)
            #expect(result.status == .signaled(15))
            let childPID = try await child.call(ProcessID())
            #expect(try await eventually(within: .seconds(3)) { Processes.children(of: childPID).isEmpty })
        }
    }

    @Test("A consumer that is slow slows the command down, and memory stays small", arguments: [1, 2])
    func slowConsumer(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/count"
                let script = """
                    i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i > \(path); done
                    """
                var total = 0
                var whileWaiting = 0
                let result = try await context.run(["sh", "-c", script]) { piece in
                    if total == 0 {
                        try? await Task.sleep(for: .milliseconds(700))
                        whileWaiting = Files.text(path).flatMap { Int($0.prefix { $0 != "\n" }) } ?? 0
                    }
                    total += piece.bytes.count
                    return true
                }
                #expect(result.status.isSuccess)
                #expect(total == 400 * 65536)
                // 1 MiB on the way, what a pipe holds, and the piece that was being dealt with.
                #expect(whileWaiting >= 1 && whileWaiting <= 20)
            }
        }
    }

    @Test("What stays in the background with a command's output does not hold up its end for long")
    func background() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var result: ProcessResult?
            let elapsed = try await duration { result = try await child.run(["sh", "-c", "sleep 1000 & echo $!"]) }
            #expect(result?.status == .exited(0))
            #expect(elapsed < .milliseconds(1800))
            let pids = Self.pids(result?.outputText ?? "")
            #expect(pids.count == 1)
            for pid in pids { kill(pid, SIGKILL) }
        }
    }

    @Test("Many commands run at the same time")
    func many() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let elapsed = try await duration {
                let outputs = try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<50 {
                        group.addTask { try await child.run(["sh", "-c", "sleep 0.2; echo \(number)"]).outputText }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                if outputs.count != 50 { throw TestFailure("only \(outputs.count) outputs") }
            }
            #expect(elapsed < .seconds(5))
            let pid = try await child.call(ProcessID())
            #expect(Processes.children(of: pid).isEmpty)
        }
    }

    @Test("A context that goes takes its commands along, and their callers are told")
    func contextGone() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let output = TextBox()
            try await withThrowingTaskGroup(of: MitogenError.self) { group in
                group.addTask {
                    try await failure {
                        let script = "trap '' TERM; echo $$; while :; do sleep 1; done"
                        _ = try await child.run(["sh", "-c", script]) { piece in
                            output.append(piece)
                            return true
                        }
                    }
                }
                #expect(try await eventually { !output.text.isEmpty })
                try await child.shutdown(waits: true, timeout: .seconds(5))
                #expect(try await group.next()?.code == .channelError)
            }
            #expect(try await Processes.stillRunning(Self.pids(output.text), after: .seconds(1)).isEmpty)
        }
    }

    @Test("Nothing of a command holds up the end of its context")
    func quickEnd() async throws {
        try await withFixtureRouter { router in
            var best = Duration.seconds(10)
            for _ in 0..<5 {
                let child = try await router.local()
                // Its output ends a moment after itself.
                _ = try await child.run(["sh", "-c", "sleep 0.03 &"])
                best = min(best, try await duration { try await child.shutdown(waits: true) })
            }
            #expect(best < .milliseconds(100))
        }
    }

    @Test("A function can run commands where it is")
    func fromFunction() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await child.call(RunHere(["echo", "here"])) == "here\n")
        }
    }
}
