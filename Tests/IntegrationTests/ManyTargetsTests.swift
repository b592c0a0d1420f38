//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Many targets on the command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct ManyTargetsTests {
    private static func withFile<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let path = "/tmp/mitogen-test-targets-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        return try await body(path)
    }

    private static func labels(_ result: ToolResult) throws -> [String] {
        try result.lines.map(CommandLineTests.object).compactMap { $0["target"] as? String }
    }

    @Test("Targets come from commas, files and standard input; exclusions that match nothing are told")
    func sources() async throws {
        try await Self.withFile { path in
            try "# hosts\nlocal:f1\n\nlocal:f2   # the second\n".write(toFile: path, atomically: false, encoding: .utf8)
            let arguments = [
                "run", "-t", "local:a,local:b", "--hosts-file", path, "--hosts-file", "-", "-x", "local:b,web7",
                "--exclude", "local:f2", "--output", "json", "--", "true",
            ]
            let result = try await ToolProcess.run(arguments, stdin: Array("local:i\n".utf8))
            #expect(result.status == 0)
            #expect(try Self.labels(result).sorted() == ["local:a", "local:f1", "local:i"])
            #expect(result.errors == "mitogen: no target matches --exclude 'web7'\n")
        }
    }

    @Test("Files that name nothing, and exclusions that leave nothing, end with 2")
    func nothing() async throws {
        let cases: [([String], String)] = [
            (["--hosts-file", "/dev/null"], "the hosts file '/dev/null' names no target"),
            (["--hosts-file", "/nonexistent/mitogen"], "No such file or directory"),
            (["-t", "local:a", "-x", "local:a"], "--exclude leaves no target"),
            (["-t", "ssh:web[1-1000000000]"], "at most 10000 targets"),
        ]
        for (arguments, text) in cases {
            let result = try await ToolProcess.run(["run"] + arguments + ["--", "true"])
            #expect(result.status == 2)
            #expect(result.output.isEmpty)
            #expect(result.errors.contains(text))
        }
        let bench = try await ToolProcess.run(["bench", "-t", "ssh:web[1-2]"])
        #expect(bench.status == 2)
        #expect(bench.errors.contains("only one is expected"))
    }

    @Test("--fanout runs so many at a time, and all in the end", arguments: [1, 2, 20])
    func fanout(places: Int) async throws {
        try await Self.withFile { path in
            // Those that share a hop, those that end at it, and one that is reached by none.
            let targets = (1...5).map { "local:s+local:\($0)" } + ["local:s", "local:s", "local:x"]
            // The file has a line for each beginning and end: echo writes a line at once, and both only append.
            let script = "echo 1 >>\(path); sleep 0.2; echo -1 >>\(path)"
            let result = try await ToolProcess.run(
                ["run", "-t", targets.joined(separator: ","), "--fanout", "\(places)", "--", "sh", "-c", script]
            )
            #expect(result.status == 0)
            #expect(result.errors.isEmpty)
            let steps = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { Int($0) }
            #expect(steps.count == 2 * targets.count)
            var (running, most) = (0, 0)
            for step in steps {
                running += step
                most = max(most, running)
            }
            #expect(running == 0)
            #expect(most <= places)
            // With room for all, they do run at the same time.
            #expect(places == 1 || most > 1)
        }
    }

    /// The outcomes of `true` on 60 targets, which take 180 descriptors.
    private static func runLimited(_ limit: String, _ options: String = "") async throws -> HelperProcess {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let targets = (1...60).map { "local:\($0)" }.joined(separator: ",")
        let script = "\(limit) && exec \(mitogen) run -t \(targets) \(options) --output json -- true"
        return try HelperProcess(["sh", "-c", script])
    }

    @Test("The soft limit of open files limits no number of targets")
    func softLimit() async throws {
        let run = try await Self.runLimited("ulimit -S -n 100")
        #expect(try await run.waitForEnd(within: .seconds(60)) == 0, "\(run.lines.suffix(3))")
        #expect(run.lines.count == 60)
    }

    @Test("Where the hard limit of open files is met, the error says what is needed, and --fanout helps")
    func hardLimit() async throws {
        let run = try await Self.runLimited("ulimit -n 124")
        #expect(try await run.waitForEnd(within: .seconds(60)) == 4)
        let errors = try run.lines.map(CommandLineTests.object).compactMap { $0["error"] as? [String: Any] }
        #expect(!errors.isEmpty)
        for error in errors {
            #expect(error["code"] as? String == "tooManyOpenFiles")
            let message = try #require(error["message"] as? String)
            #expect(message.contains("60 connections at a time need about 304 open files"))
            #expect(message.contains("the hard limit is 124 (ulimit -Hn): raise it, or use --fanout 15"))
        }
        let fanout = try await Self.runLimited("ulimit -n 124", "--fanout 15")
        #expect(try await fanout.waitForEnd(within: .seconds(60)) == 0, "\(fanout.lines.suffix(3))")
        let enough = try await Self.runLimited("ulimit -n 304")
        #expect(try await enough.waitForEnd(within: .seconds(60)) == 0, "\(enough.lines.suffix(3))")
    }

    @Test("With --fanout a hop is shared, and closed when nobody needs it any more")
    func closing() async throws {
        try await Self.withFile { path in
            // Tells its own context and the one before it, and whether the context of the target before still runs.
            let script = """
                before=$(cat \(path) 2>/dev/null)
                case $(grep ^State: /proc/$before/status 2>/dev/null) in ""|*Z*|*X*) state=gone;; *) state=there;; esac
                echo $PPID >\(path)
                echo $(grep ^PPid: /proc/$PPID/status | tr -dc 0-9) $state
                """
            let targets = "local:s+local:a,local:s+local:b,local:s+local:c"
            let result = try await ToolProcess.run(
                ["run", "-t", targets, "--fanout", "1", "--output", "json", "--", "sh", "-c", script]
            )
            #expect(result.errors.isEmpty)
            let objects = try result.lines.map(CommandLineTests.object)
            #expect(objects.compactMap { $0["target"] as? String } == targets.split(separator: ",").map(String.init))
            let words = objects.compactMap { ($0["stdout"] as? String)?.split(whereSeparator: \.isWhitespace) }
            #expect(words.count == 3)
            #expect(Set(words.map { $0.first }).count == 1)
            #expect(words.map { $0.last } == ["gone", "gone", "gone"])
        }
    }

    @Test("A shared hop that fails is tried once, and told for all")
    func failingHop() async throws {
        try await withTemporaryDirectory { folder in
            // ssh ends at once, and connects nowhere.
            let config = "\(folder)/config"
            try Files.write(Array("NoSuchOption yes\n".utf8), to: config)
            let result = try await ToolProcess.run([
                "run", "-t", "ssh:a+local:1,ssh:a+local:2,ssh:a,local", "--fanout", "1", "--ssh-config", config,
                "--output", "json", "--", "true",
            ])
            #expect(result.status == 4)
            let objects = try result.lines.map(CommandLineTests.object)
            let hops = objects.map { ($0["error"] as? [String: Any])?["hop"] as? String }
            #expect(hops == ["ssh:a", "ssh:a", "ssh:a", nil])
        }
    }

    @Test("Ctrl-C ends those that run, and begins no others")
    func interruption() async throws {
        try await Self.withFile { path in
            let script = "echo begun >>\(path); sleep 60"
            let targets = (1...6).map { "local:s+local:\($0)" }.joined(separator: ",")
            let process = try ToolProcess(
                ["run", "-t", targets, "--fanout", "2", "--output", "json", "--", "sh", "-c", script]
            )
            let running = try await process.waitForProcesses { $0.count { $0.hasSuffix(": sleep 60 ") } == 2 }
            try #require(running.count { $0.hasSuffix(": sleep 60 ") } == 2, "\(running)")
            let clock = ContinuousClock()
            let start = clock.now
            process.signal(SIGINT)
            let result = try await process.wait()
            #expect(result.status == 130)
            #expect(clock.now - start < .seconds(5))
            let errors = try result.lines.map(CommandLineTests.object).compactMap { $0["error"] as? [String: Any] }
            #expect(errors.compactMap { $0["code"] as? String } == Array(repeating: "interrupted", count: 6))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "begun\nbegun\n")
            #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
        }
    }

    @Test("Ranges and plain hosts reach machines", .needsTestbed)
    func machines() async throws {
        let result = try await ToolProcess.run(
            [
                "run", "-t", "ssh:tb-[bash,dash,ash]+local", "--hosts-file", "-", "-x", "tb-ash", "--fanout", "2",
                "--ssh-config", try Testbed.sshConfig, "--output", "json", "--", "id", "-un",
            ],
            stdin: Array("tb-[bash,dash]\n".utf8)
        )
        #expect(result.status == 0)
        var users: [String: String] = [:]
        for object in try result.lines.map(CommandLineTests.object) {
            users[try #require(object["target"] as? String)] = object["stdout"] as? String
        }
        let expected = [
            "ssh:tb-bash+local": "tb-bash\n", "ssh:tb-dash+local": "tb-dash\n", "ssh:tb-bash": "tb-bash\n",
            "ssh:tb-dash": "tb-dash\n",
        ]
        #expect(users == expected)
    }
}
