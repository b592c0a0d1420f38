//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a test throws by itself.
private struct Enough: Error {}

extension LibraryTests.Commands {
    @Test("The output is a sequence of lines, of bytes or of pieces, and the command's end comes after it")
    func sequences() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let command = ["sh", "-c", "printf 'one\\ntwo\\r\\n'; echo err >&2; printf three; exit 3"]
            let (lines, result) = try await child.withOutput(of: command) { output in
                var lines: [String] = []
                for try await line in output.lines() { lines.append(line) }
                return (lines, try await output.result())
            }
            #expect(lines == ["one", "two", "three"])
            #expect(result.status == .exited(3) && result.standardError.isEmpty)
            let errors = try await child.withOutput(of: command) { output in
                var lines: [String] = []
                for try await line in output.lines(of: .standardError) { lines.append(line) }
                return lines
            }
            #expect(errors == ["err"])
            let bytes = try await child.withOutput(of: ["head", "-c", "5000000", "/dev/zero"]) { output in
                var count = 0
                for try await piece in output.bytes() { count += piece.count }
                return count
            }
            #expect(bytes == 5_000_000)
            let pieces = try await child.withOutput(ofScript: Array("echo $1; echo e >&2".utf8), arguments: ["a"]) {
                var text: [ProcessOutput.Source: String] = [:]
                for try await piece in $0 {
                    text[piece.source, default: ""] += String(decoding: piece.bytes, as: UTF8.self)
                }
                return text
            }
            #expect(pieces == [.standardOutput: "a\n", .standardError: "e\n"])
        }
    }

    @Test("A command is ended when its sequence is left, by return or by error", arguments: [1, 2])
    func leaving(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            let endless = ["sh", "-c", "echo $$; exec yes"]
            let pid = try await context.withOutput(of: endless) { output in
                for try await line in output.lines() { return Int32(line) ?? 0 }
                return 0
            }
            var thrown: Int32 = 0
            await #expect(throws: Enough.self) {
                try await context.withOutput(of: endless) { output in
                    for try await line in output.lines() {
                        thrown = Int32(line) ?? 0
                        throw Enough()
                    }
                }
            }
            #expect(pid > 1 && thrown > 1)
            #expect(try await Processes.stillRunning([pid, thrown], after: .seconds(3)).isEmpty)
        }
    }

    @Test("A sequence that nobody asks holds the command up, also the one of lines", arguments: [1, 2])
    func slowSequence(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/count"
                let script = """
                    line=$(head -c 65535 /dev/zero | tr '\\0' x)
                    i=0; while [ $i -lt 400 ]; do echo $line; i=$((i+1)); echo $i > \(path); done
                    """
                var whileWaiting = 0
                let total = try await context.withOutput(of: ["sh", "-c", script], throwsOnFailure: true) { output in
                    var total = 0
                    for try await line in output.lines() {
                        if total == 0 {
                            try await Task.sleep(for: .milliseconds(700))
                            whileWaiting = Files.text(path).flatMap { Int($0.prefix { $0 != "\n" }) } ?? 0
                        }
                        total += line.utf8.count + 1
                    }
                    return total
                }
                #expect(total == 400 * 65536)
                // 1 MiB on the way, what a pipe holds, and the lines that were being dealt with.
                #expect(whileWaiting >= 1 && whileWaiting <= 20)
            }
        }
    }

    @Test("What a command is checked for is an error in every form, with the end of what it said")
    func checkedForms() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "starter" }
            let script = "echo out; echo reason >&2; exit 4"
            let collected = try await failure { _ = try await child.run(["sh", "-c", script], throwsOnFailure: true) }
            let passed = try await failure {
                _ = try await child.run(["sh", "-c", script], throwsOnFailure: true) { _ in true }
            }
            let brought = try await failure { _ = try await child.runScript(Array(script.utf8), throwsOnFailure: true) }
            var lines: [String] = []
            let sequence = try await failure {
                try await child.withOutput(of: ["sh", "-c", script], throwsOnFailure: true) { output in
                    for try await line in output.lines() { lines.append(line) }
                }
            }
            for error in [collected, passed, brought, sequence] {
                #expect(error.code == .commandFailed && error.context == "starter", "\(error)")
                #expect(error.diagnostics == ["reason"] && error.message.contains("exit status 4"), "\(error)")
            }
            #expect(lines == ["out"])
            // What is not wanted any more has not failed.
            _ = try await child.run(["yes"], throwsOnFailure: true) { _ in false }
            try await child.withOutput(of: ["yes"], throwsOnFailure: true) { _ in }
            #expect(try await child.run(["true"], throwsOnFailure: true).status.isSuccess)
            let unstarted = try await failure {
                try await child.withOutput(of: ["no-such-program-anywhere"]) { output in
                    for try await _ in output.lines() {}
                }
            }
            #expect(unstarted.code == .spawnError)
        }
    }

    @Test("The input is a text, bytes, a file or a sequence; one that fails is no half of an input")
    func inputForms() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                #expect(try await child.run(["cat"], stdin: .string("é")).outputText == "é")
                let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try Files.write(bytes, to: "\(directory)/input")
                #expect(try await child.run(["cat"], stdin: .file("\(directory)/input")).standardOutput == bytes)
                let pieces = AsyncStream { continuation in
                    for number in 0..<3 { continuation.yield(Array("\(number)\n".utf8)) }
                    continuation.finish()
                }
                let mapped = pieces.map { piece -> [UInt8] in piece + piece }
                #expect(try await child.run(["cat"], stdin: .stream(mapped)).outputText == "0\n0\n1\n1\n2\n2\n")

                let marked = ["sh", "-c", "echo started >\(directory)/mark; cat; echo end >>\(directory)/mark"]
                let missing = try await failure { _ = try await child.run(marked, stdin: .file("\(directory)/none")) }
                #expect(missing.code == .noSuchFile && Files.text("\(directory)/mark") == nil, "\(missing)")
                let folder = try await failure { _ = try await child.run(marked, stdin: .file(directory)) }
                #expect(folder.code == .misuse && Files.text("\(directory)/mark") == nil, "\(folder)")
                let failing = AsyncThrowingStream<[UInt8], any Error> { continuation in
                    continuation.yield([65])
                    continuation.finish(throwing: Enough())
                }
                let failed = try await failure { _ = try await child.run(marked, stdin: .stream(failing)) }
                #expect(failed.code == .inputFailed && failed.message.contains("Enough"), "\(failed)")
                let pid = try await child.call(ProcessID())
                #expect(try await eventually(within: .seconds(4)) { Processes.children(of: pid).isEmpty })
                #expect(Files.text("\(directory)/mark") != "started\nend\n")
            }
        }
    }

    @Test("A path that becomes a FIFO at the wrong moment holds nothing up", .timeLimit(.minutes(1)))
    func changingInput() async throws {
        try await withFixtureRouter { router in
            try await withTemporaryDirectory { directory in
                try Files.write(Array("text".utf8), to: "\(directory)/file")
                #expect(mkfifo("\(directory)/fifo", 0o600) == 0)
                let input = "\(directory)/input"
                #expect(link("\(directory)/file", input) == 0)
                let isDone = Atomic<Bool>(false)
                // Whatever is looked at in between: the one name leads here or there.
                let flipping = Task.detached {
                    while !isDone.load(ordering: .relaxed) {
                        for name in ["fifo", "file"] {
                            link("\(directory)/\(name)", "\(input).new")
                            rename("\(input).new", input)
                        }
                    }
                }
                let context = router.myself()
                var (read, refused) = (0, 0)
                let before = Files.names(in: "/proc/self/fd").count
                // A machine with much to do may keep the other thread from changing anything for long.
                var rounds = 0
                while rounds < 300 || read == 0 || refused == 0 {
                    rounds += 1
                    do {
                        #expect(try await context.run(["cat"], stdin: .file(input)).outputText == "text")
                        read += 1
                    } catch let error as MitogenError where error.code == .misuse {
                        refused += 1
                    }
                }
                isDone.store(true, ordering: .relaxed)
                await flipping.value
                #expect(try await eventually { Files.names(in: "/proc/self/fd").count <= before + 3 })
            }
        }
    }

    /// Gives a piece, and then nothing, not even an end when it is cancelled.
    private struct Stuck: AsyncSequence, AsyncIteratorProtocol, Sendable {
        var isGiven = false
        func makeAsyncIterator() -> Stuck { self }
        mutating func next() async -> [UInt8]? {
            if isGiven { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
            isGiven = true
            return Array("one\n".utf8)
        }
    }

    @Test("A source that never ends, whatever happens, holds up no run")
    func stuckInput() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let start = ContinuousClock.now
            let ended = try await child.run(["head", "-n", "1"], stdin: .stream(Stuck()))
            #expect(ended.outputText == "one\n")
            let late = try await child.run(["cat"], stdin: .stream(Stuck()), timeout: .milliseconds(300))
            #expect(late.hasTimedOut && late.outputText == "one\n")
            let line = try await child.withOutput(of: ["cat"], stdin: .stream(Stuck())) { output in
                for try await line in output.lines() { return line }
                return ""
            }
            #expect(line == "one")
            #expect(ContinuousClock.now - start < .seconds(20))
            let pid = try await child.call(ProcessID())
            #expect(try await eventually(within: .seconds(4)) { Processes.children(of: pid).isEmpty })
        }
    }

    @Test("A source that fails is told as it failed, and is no matter once the command has ended")
    func lostInput() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let lost = AsyncThrowingStream<[UInt8], any Error> { continuation in
                continuation.finish(throwing: MitogenError(.channelError, "the source is lost"))
            }
            let error = try await failure { _ = try await child.run(["cat"], stdin: .stream(lost)) }
            #expect(error.code == .channelError && error.message.contains("the source is lost"), "\(error)")
            let (pieces, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
            let result = try await child.run(["echo", "out"], stdin: .stream(pieces)) { _ in
                // By then the command has ended.
                try? await Task.sleep(for: .seconds(1))
                continuation.finish(throwing: Enough())
                try? await Task.sleep(for: .milliseconds(100))
                return true
            }
            #expect(result.status == .exited(0))
        }
    }

    @Test("What a reader takes for its pieces is none of the command's time")
    func slowReader() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var count = 0
            let result = try await child.withOutput(
                of: ["sh", "-c", "head -c 4000000 /dev/zero; sleep 1000"],
                timeout: .milliseconds(500),
                teardown: []
            ) { output in
                var isFirst = true
                for try await piece in output {
                    // Longer than the limit and what is waited on top of it.
                    if isFirst { try await Task.sleep(for: .seconds(4.5)) }
                    isFirst = false
                    count += piece.bytes.count
                }
                return try await output.result()
            }
            #expect(result.hasTimedOut && count > 0)
        }
    }

    @Test("The environment is inherited, changed or replaced")
    func environmentForms() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let script = "printf '%s|%s|%s' \"$A\" \"${B-unset}\" \"${HOME:+home}\""
            let shell = ["sh", "-c", script]
            let changed = try await child.run(shell, environment: ["A": "1", "B": "2", "HOME": nil])
            #expect(changed.outputText == "1|2|")
            let updated = ProcessEnvironment.inherited.updating(["A": "1", "B": "2"]).updating(["B": nil])
            #expect(try await child.run(shell, environment: updated).outputText == "1|unset|home")
            let only = try await child.run(["/usr/bin/env"], environment: .only(["A": "x", "E": "y=z"]))
            #expect(Set(only.outputText.split(separator: "\n")) == ["A=x", "E=y=z"])
            // Without a PATH the usual places are looked at.
            let bare = try await child.run(["env", "-0"], environment: .only([ByteString("A"): "x"]))
            #expect(bare.outputText == "A=x\0")
            #expect(try await child.run(["env"], environment: .only([String: String]())).outputText.isEmpty)
        }
    }

    @Test("A command is ended step by step, as its caller says, and by force in the end", arguments: [1, 2])
    func teardown(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/signals"
                let script = """
                    trap 'echo int >>\(path)' INT; trap 'echo usr1 >>\(path)' USR1; trap 'echo term >>\(path)' TERM
                    echo $$; while :; do sleep 0.05; done
                    """
                let steps: [TeardownStep] = [
                    .interrupt(wait: .seconds(1)), .send(SIGUSR1, wait: .seconds(1)), .terminate(wait: .seconds(1)),
                ]
                let pid = try await context.withOutput(of: ["sh", "-c", script], teardown: steps) { output in
                    for try await line in output.lines() { return Int32(line) ?? 0 }
                    return 0
                }
                #expect(try await eventually(within: .seconds(8)) { Files.text(path) == "int\nusr1\nterm\n" })
                #expect(try await Processes.stillRunning([pid], after: .seconds(4)).isEmpty)
                // One that ends at the first step does not see the second.
                let obedient =
                    "trap 'echo int >>\(path); exit 5' INT; trap 'echo term >>\(path)' TERM; while :; do sleep 0.05; done"
                let early = try await context.run(["sh", "-c", obedient], timeout: .seconds(2), teardown: steps)
                #expect(early.hasTimedOut && early.status == .exited(5))
                #expect(Files.text(path) == "int\nusr1\nterm\nint\n")
                // Without steps it is KILL at once.
                let none = try await context.run(["sleep", "1000"], timeout: .milliseconds(100), teardown: [])
                #expect(none.hasTimedOut && none.status == .signaled(9))
                let wrong = try await failure { _ = try await context.run(["true"], teardown: [.send(0, wait: .zero)]) }
                #expect(wrong.code == .misuse)
            }
        }
    }

    @Test("Cancelling the task that goes through the output ends the command")
    func cancelledSequence() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let output = TextBox()
            try await withThrowingTaskGroup(of: MitogenError.self) { group in
                group.addTask {
                    try await failure {
                        try await child.withOutput(of: ["sh", "-c", "echo $$; exec sleep 1000"]) { pieces in
                            for try await piece in pieces { output.append(piece) }
                        }
                    }
                }
                #expect(try await eventually { output.text.hasSuffix("\n") })
                group.cancelAll()
                let error = try await group.next()
                #expect(error?.code == .cancelled)
            }
            let pids = [Int32(output.text.dropLast()) ?? 0]
            #expect(try await Processes.stillRunning(pids, after: .seconds(2)).isEmpty)
        }
    }
}
