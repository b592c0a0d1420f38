//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Order and caution on the command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct CautionCommandTests {
    private static func targets(_ result: ToolResult, _ code: String?) throws -> [String] {
        try result.lines.map(CommandLineTests.object)
            .filter { ($0["error"] as? [String: Any])?["code"] as? String == code }
            .compactMap { $0["target"] as? String }.sorted()
    }

    @Test("--serial finishes targets before the next ones are begun, --stagger keeps a distance")
    func serial() async throws {
        let script = "date +%s%N; sleep 0.1; date +%s%N"
        func times(_ options: String...) async throws -> [[Int]] {
            let result = try await ToolProcess.run(
                ["run", "-t", "local:[1-4]", "-o", "json"] + options + ["--", "sh", "-c", script]
            )
            #expect(result.status == 0)
            let objects = try result.lines.map(CommandLineTests.object)
            let sorted = objects.sorted { ($0["target"] as? String ?? "") < ($1["target"] as? String ?? "") }
            return sorted.map { ($0["stdout"] as? String ?? "").split(separator: "\n").compactMap { Int($0) } }
        }
        let batches = try await times("--serial", "2")
        #expect(batches.count == 4 && batches.allSatisfy { $0.count == 2 })
        let ends = batches[..<2].map { $0[1] }.max() ?? .max
        #expect(batches[2...].allSatisfy { $0[0] >= ends })
        let paced = try await times("--stagger", "0.3")
        let starts = paced.compactMap(\.first).sorted()
        // The first connections may be made while the machine is busy; the last one cannot be early.
        #expect((starts.last ?? 0) - (starts.first ?? 0) >= 500_000_000)
    }

    @Test("--fail-fast and --max-fail begin no more targets, and say which were not run")
    func failures() async throws {
        let script = ["sh", "-c", "case $PPID in *) exit 7;; esac"]
        let fast = try await ToolProcess.run(
            ["run", "-t", "local:[1-5]", "--fanout", "1", "--fail-fast", "-o", "json", "--"] + script
        )
        #expect(fast.status == 5)
        #expect(try Self.targets(fast, nil) == ["local:1"])
        #expect(try Self.targets(fast, "skipped") == ["local:2", "local:3", "local:4", "local:5"])
        #expect(fast.errors == "mitogen: 1 target failed (--fail-fast); not run: local:[2-5]\n")
        let some = try await ToolProcess.run(
            ["run", "-t", "local:[1-10]", "--fanout", "1", "--max-fail", "20%", "-o", "json", "--"] + script
        )
        #expect(try Self.targets(some, nil) == ["local:1", "local:2", "local:3"])
        #expect(some.errors.contains("3 targets failed (--max-fail 20%); not run: local:[4-10]"))
        let all = try await ToolProcess.run(["run", "-t", "local:[1-3]", "--exit", "max", "--"] + script)
        #expect(all.status == 7)
    }

    @Test("--canary with --yes goes on if the first targets succeed")
    func canary() async throws {
        let arguments = ["run", "-t", "local:[1-4]", "--canary", "1", "--yes", "-o", "json", "--"]
        let good = try await ToolProcess.run(arguments + ["true"])
        #expect(good.status == 0 && good.lines.count == 4)
        let bad = try await ToolProcess.run(arguments + ["false"])
        #expect(bad.status == 5)
        #expect(try Self.targets(bad, "skipped") == ["local:2", "local:3", "local:4"])
        #expect(bad.errors == "mitogen: 1 of 1 canaries failed; not run: local:[2-4]\n")
    }

    @Test("Questions are asked at the terminal, and everything but yes is a no", arguments: ["y", "n"])
    func questions(answer: String) async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let arguments = [
            "run", "-t", "local:[1-3]", "--confirm", "2", "--canary", "1", "--", "sh", "-c", "echo done-$((6*7))",
        ]
        let session = try TerminalSession(mitogen, arguments)
        try await session.wait(for: "on 3 targets, local:[1-3]? [y/N]")
        session.type("y\n")
        try await session.wait(for: "1 of 3 targets succeeded; go on with 2? [y/N]")
        #expect(session.text.ranges(of: "done-42").count == 1)
        session.type("\(answer)\n")
        let status = try await session.waitForEnd()
        let isYes = answer == "y"
        #expect(status == (isYes ? 0 : 5 << 8))
        #expect(session.text.ranges(of: "done-42").count == (isYes ? 3 : 1))
        #expect(session.text.contains("the answer was no; not run: local:[2-3]") == !isYes)
    }

    @Test("An interruption is no answer, whether the question is of --confirm or of --canary")
    func interruptions() async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let command = ["--", "sh", "-c", "echo done-$((6*7))"]
        let first = try TerminalSession(mitogen, ["run", "-t", "local:[1-3]", "--confirm", "2"] + command)
        try await first.wait(for: "[y/N]")
        first.type("\u{3}")
        // The tool catches no signals yet.
        #expect(try await first.waitForEnd() == SIGINT)
        #expect(!first.text.contains("done-42") && !first.text.contains("the answer was"))
        let second = try TerminalSession(mitogen, ["run", "-t", "local:[1-3]", "--canary", "1"] + command)
        try await second.wait(for: "go on with 2? [y/N]")
        second.type("\u{3}")
        #expect(try await second.waitForEnd() == 130 << 8)
        #expect(second.text.ranges(of: "done-42").count == 1 && !second.text.contains("the answer was"))
    }

    @Test("Without a terminal a question is an error before the first connection")
    func noTerminal() async throws {
        for options in [["--confirm", "1"], ["--canary", "1"]] {
            let result = try await ToolProcess.run(["run", "-t", "local:[1-2]"] + options + ["--", "echo", "no"])
            #expect(result.status == 2 && result.output.isEmpty)
            #expect(result.errors.contains("there is no terminal to ask at, as \(options[0]) wants; --yes answers"))
        }
        let small = try await ToolProcess.run(["run", "-t", "local:[1-2]", "--confirm", "2", "--", "true"])
        #expect(small.status == 0)
    }

    @Test("--retry tries those again that cannot be reached, and only those")
    func retry() async throws {
        try await withTemporaryDirectory { directory in
            // Leads here from the second time on.
            let script = """
                shift
                echo >>\(directory)/tries
                [ $(grep -c '' \(directory)/tries) -gt 1 ] || exit 9
                exec "$@"
                """
            let stub = try ToolStub(in: directory, script)
            try Files.write(
                Array("[late]\nhelp = late\nargument = NAME\ncommand = \(stub.path) {name} {command}\n".utf8),
                to: "\(directory)/hops"
            )
            let arguments = [
                "run", "--hops", "\(directory)/hops", "-t", "local:a+late:x,local:b", "-o", "json",
            ]
            let command = ["--", "sh", "-c", "echo x >>\(directory)/runs"]
            let result = try await ToolProcess.run(arguments + ["--retry", "2"] + command)
            #expect(result.status == 0, "\(result.text)\(result.errors)")
            #expect(result.errors == "mitogen: cannot reach local:a+late:x; attempt 2 of 3 begins\n")
            #expect(result.lines.count == 2)
            #expect(try String(contentsOfFile: "\(directory)/runs", encoding: .utf8) == "x\nx\n")
            unlink("\(directory)/tries")
            let once = try await ToolProcess.run(arguments + command)
            #expect(once.status == 4)
        }
    }
}
