//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "The command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct CommandLineTests {
    static func object(_ line: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    @Test("A target that stands still: the run ends with 3 some seconds after its time, and says what is not known")
    func frozen() async throws {
        let start = ContinuousClock.now
        let command = ["sh", "-c", "kill -STOP $PPID; exec sleep 60"]
        let result = try await ToolProcess.run(["run", "-t", "local", "--timeout", "1", "--"] + command)
        #expect(result.status == 3)
        let said = result.text + result.errors
        #expect(said.contains("does not answer") && said.contains("the command may still run"), "\(said)")
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test("A command runs in a child, and in a child of a child")
    func twoTargets() async throws {
        let result = try await ToolProcess.run(["run", "-t", "local", "-t", "local+local:b", "--", "uname", "-a"])
        #expect(result.status == 0)
        #expect(result.errors.isEmpty)
        #expect(result.lines.contains { $0.hasPrefix("== local (exit 0, ") })
        #expect(result.lines.contains { $0.hasPrefix("== local+local:b (exit 0, ") })
        #expect(result.lines.filter { $0.hasPrefix("Linux ") }.count == 2)
    }

    @Test("The hop fork leads to a copy of a process that runs there already")
    func fork() async throws {
        let script = "cat /proc/$PPID/comm"
        let result = try await ToolProcess.run(["run", "-t", "fork", "-t", "local+fork", "--", "sh", "-c", script])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(result.lines.contains { $0.hasPrefix("== local+fork (exit 0, ") })
        #expect(result.lines.filter { $0.hasPrefix("mitogen:") }.count == 2, "\(result.text)")
        let refused = try await ToolProcess.run(["run", "-t", "fork:name", "--", "true"])
        #expect(refused.status != 0 && refused.errors.contains("fork"), "\(refused.errors)")
    }

    @Test(
        "With one target the status is the command's",
        arguments: [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
            as [(String, Int32)]
    )
    func oneTarget(script: String, status: Int32) async throws {
        #expect(try await ToolProcess.run(["run", "--", "sh", "-c", script]).status == status)
    }

    @Test(
        "With several targets the status tells the worst",
        arguments: [
            (["--", "true"], 0), (["--", "false"], 5), (["--", "sh", "-c", "kill -9 $$"], 5),
            (["--timeout", "0.3", "--", "sleep", "60"], 3), (["--", "/no/such/program"], 5),
        ] as [([String], Int32)]
    )
    func severalTargets(arguments: [String], status: Int32) async throws {
        let result = try await ToolProcess.run(["run", "-t", "local:a", "-t", "local:b"] + arguments)
        #expect(result.status == status)
    }

    @Test("A target given twice runs twice, under two labels")
    func sameTarget() async throws {
        let arguments = ["run", "-t", "local", "-t", "local", "--output", "json", "--", "sh", "-c", "echo $PPID"]
        let objects = try await ToolProcess.run(arguments).lines.map(Self.object)
        #expect(Set(objects.compactMap { $0["target"] as? String }) == ["local", "local#2"])
        // In one context, which is the parent of both.
        #expect(Set(objects.compactMap { $0["stdout"] as? String }).count == 1)
    }

    @Test("--timeout ends the process group")
    func timeout() async throws {
        let script = "sleep 60 & sleep 60"
        let process = try ToolProcess(["run", "--timeout", "0.5", "--output", "json", "--", "sh", "-c", script])
        let result = try await process.wait()
        #expect(result.status == 3)
        #expect(result.duration < .seconds(5))
        let object = try Self.object(result.text)
        #expect(object["exit_status"] is NSNull)
        #expect((object["error"] as? [String: Any])?["code"] as? String == "timeout")
        #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
    }

    @Test("--env and --cwd are for the command")
    func surroundings() async throws {
        let result = try await ToolProcess.run([
            "run", "--env", "A=1", "--env", "B=x=y", "--env", "A=2", "--cwd", "/usr", "--", "sh", "-c",
            "echo \"$A $B\"; pwd; cat",
        ])
        #expect(result.text == "2 x=y\n/usr\n")
        #expect(result.status == 0)
    }

    @Test("The command, --env and --cwd are passed byte by byte")
    func bytes() async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let script = """
            e=$(printf '\\351')
            exec \(mitogen) run --env "A=$e" --cwd "$1" -- sh -c 'printf %s "$A$1"; touch "$1"' sh "caf$e"
            """
        try await withTemporaryDirectory { directory in
            let helper = try HelperProcess(["sh", "-c", "(\(script)) | od -An -tx1", "sh", directory])
            #expect(try await helper.waitForEnd() == 0)
            #expect(helper.lines == [" e9 63 61 66 e9"])
            // Nothing stands in the place of the byte.
            #expect(unlink("\(directory)/caf\u{fffd}") != 0)
            let name: [CChar] = (Array("\(directory)/caf".utf8) + [0xe9, 0]).map { CChar(bitPattern: $0) }
            #expect(unlink(name) == 0)
        }
        let refused = try HelperProcess(["sh", "-c", "exec \(mitogen) doctor \"local:$(printf '\\351')\""])
        #expect(try await refused.waitForEnd() == 2)
        #expect(refused.lines.first?.contains("'local:\\xe9' is not UTF-8") == true)
    }

    @Test("A connection that is lost under a command is told with its hop", arguments: [0, 1])
    func lostConnection(level: Int) async throws {
        let arguments = ["run", "-t", "local:a+local:b", "--output", "json", "--", "sh", "-c", "echo x; sleep 60"]
        let process = try ToolProcess(arguments)
        let running = try await process.waitForProcesses { $0.contains { $0.hasSuffix(": sleep 60 ") } }
        // Of the agents, the inner one is the child of the outer one.
        let agents = running.filter { $0.contains(": mitogen:") }.compactMap { Int32($0.prefix { $0 != ":" }) }
        try #require(agents.count == 2, "\(running)")
        let outer = try #require(agents.first { !Processes.children(of: $0).filter(agents.contains).isEmpty })
        let inner = try #require(agents.first { $0 != outer })
        kill(level == 0 ? outer : inner, SIGKILL)
        let result = try await process.wait()
        #expect(result.status == 5)
        let object = try Self.object(result.text)
        let error = try #require(object["error"] as? [String: Any])
        #expect(error["hop"] as? String == (level == 0 ? "local:a" : "local:b"))
        #expect(error["code"] as? String == "channelError")
        let message = try #require(error["message"] as? String)
        #expect(message.contains("whether and how the command has ended is not known"))
        #expect(message.contains("SIGKILL"))
        #expect(!message.contains("RunProcess") && !message.contains("respondent"))
        #expect(object["exit_status"] is NSNull && object["stdout"] as? String == "x\n")
        #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
    }

    @Test("--stdin reaches every target whole, also when another takes only some of it")
    func standardInput() async throws {
        let input = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let script = "case $NAME in head) head -c 1000 | cat;; *) cat;; esac"
        let arguments = ["-t", "local", "-t", "local+local", "--output", "json", "--", "sh", "-c", script]
        let both = try await ToolProcess.run(["run", "--stdin"] + arguments, stdin: input)
        #expect(both.status == 0)
        let outputs = try both.lines.map(Self.object).compactMap { $0["stdout_base64"] as? String }
        #expect(outputs.count == 2)
        for output in outputs { #expect(Data(base64Encoded: output) == Data(input)) }

        let some = try await ToolProcess.run(
            ["run", "--stdin", "--env", "NAME=head"] + arguments,
            stdin: input
        )
        #expect(some.status == 0)
        #expect(some.lines.count == 2)
    }

    @Test("Without --stdin nothing is read; an empty input ends at once")
    func noInput() async throws {
        let null = try await ToolProcess.run(["run", "--", "wc", "-c"], stdin: Array("not for the command".utf8))
        #expect(null.text == "0\n")
        let empty = try await ToolProcess.run(["run", "--stdin", "--", "wc", "-c"], stdin: [])
        #expect(empty.text == "0\n")
    }

    @Test("JSON has the promised keys, and base64 for what is no text")
    func json() async throws {
        let script = "printf 'a\\377b'; echo 'text ü' >&2; exit 4"
        let result = try await ToolProcess.run(["run", "--output", "json", "--", "sh", "-c", script])
        #expect(result.status == 4)
        #expect(result.lines.count == 1)
        let object = try Self.object(result.text)
        #expect(
            Set(object.keys)
                == ["target", "exit_status", "signal", "stdout_base64", "stderr", "error", "duration_ms"]
        )
        #expect(object["target"] as? String == "local")
        #expect(object["exit_status"] as? Int == 4)
        #expect(object["stdout_base64"] as? String == Data([0x61, 0xff, 0x62]).base64EncodedString())
        #expect(object["stderr"] as? String == "text ü\n")
        #expect(object["error"] is NSNull)
    }

    @Test("JSON tells a signal from an exit status of the same number")
    func jsonSignal() async throws {
        for (script, signal) in [("exit 137", nil), ("kill -9 $$", 9)] as [(String, Int?)] {
            let result = try await ToolProcess.run(["run", "--output", "json", "--", "sh", "-c", script])
            #expect(result.status == 137)
            let object = try Self.object(result.text)
            #expect(object["exit_status"] as? Int == 137)
            #expect(object["signal"] as? Int == signal)
            #expect(object["error"] is NSNull)
        }
    }

    @Test("40 MB of output go through a temporary file")
    func largeOutput() async throws {
        let script = "head -c 40000000 /dev/zero; echo end"
        let arguments = ["run", "-t", "local:a", "-t", "local:b", "--", "sh", "-c", script]
        let result = try await ToolProcess.run(arguments)
        #expect(result.status == 0)
        #expect(result.output.count { $0 == 0 } == 80_000_000)

        // Where that cannot be made, the loss is told.
        let lost = try await ToolProcess.run(arguments, environment: ["TMPDIR": "/no/such/directory"])
        #expect(lost.status == 5)
        #expect(lost.errors.contains("output_incomplete"))
    }

    @Test("Output of many targets is folded or prefixed")
    func forms() async throws {
        let targets = ["-t", "local:a", "-t", "local:b"]
        let gathered = try await ToolProcess.run(["run"] + targets + ["--output", "gather", "--", "echo", "same"])
        #expect(gathered.lines.count == 2)
        #expect(gathered.lines[0].contains("(2 targets, exit 0)"))
        let streamed = try await ToolProcess.run(["run"] + targets + ["--output", "stream", "--", "echo", "same"])
        #expect(streamed.lines.sorted() == ["local:a | same", "local:b | same"])
    }

    @Test("A command that is not there is a failure, not an unreachable target")
    func missingProgram() async throws {
        let result = try await ToolProcess.run(["run", "--output", "json", "--", "/no/such/program"])
        #expect(result.status == 5)
        let error = try #require(try Self.object(result.text)["error"] as? [String: Any])
        #expect(error["code"] as? String == "spawnError")
        #expect(error["hop"] is NSNull)
        #expect((error["message"] as? String)?.contains("No such file or directory") == true)
    }

    @Test(
        "A wrong command line is told and ends with 2",
        arguments: [
            (["run"], "there is no command to run"), (["run", "--"], "there is no command to run"),
            (["run", "-t", "lokal", "--", "true"], "did you mean 'local'?"),
            (["run", "--no-such-option", "--", "true"], "unknown option '--no-such-option'"),
            (["run", "--timeout", "soon", "--", "true"], "a number of seconds"),
            (["run", "--output", "jsno", "--", "true"], "did you mean 'json'?"),
            (["run", "--env", "A", "--", "true"], "NAME=VALUE"), (["bench", "-t", ""], "may not be empty"),
            (["bench", "--only", "cals"], "--only is one of calls, "),
            (["bench", "--only", "chain"], "--only 'chain' needs a target of several hops"),
            (["no-such-command"], "no-such-command"),
        ]
    )
    func usageErrors(arguments: [String], text: String) async throws {
        let result = try await ToolProcess.run(arguments)
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(text))
    }

    @Test(
        "An option that a command does not have is named, wherever it stands and whatever else is wrong",
        arguments: [
            "run", "hosts", "copy", "fetch", "sync", "fakessh", "py", "hold", "doctor", "tree", "bench", "config",
            "manual", "hold-connections",
        ]
    )
    func unknownOptions(command: String) async throws {
        let slip = command == "sync" ? "--exlcude" : "--conect-timeout"
        let right = command == "sync" ? "--exclude" : "--connect-timeout"
        let isConnecting = !["hosts", "config", "manual", "hold-connections"].contains(command)
        let passesOn = ["run", "fakessh"].contains(command)
        var lines = [["--bogus=secret", "a", ":b"]]
        if !passesOn { lines += [["a", "-Z", "b"]] }
        if command == "sync" {
            lines += [["--bogus"], ["a", "--bogus"], ["--dry-run", "--exclude", "3", "--bogus", "a", "b"]]
        }
        if isConnecting { lines += [[slip, "3", "a", "b"]] }
        for line in lines {
            let result = try await ToolProcess.run([command] + line)
            let name = line.contains(slip) ? slip : line.contains("-Z") ? "-Z" : "--bogus"
            #expect(result.status == 2 && result.output.isEmpty, "\(line): \(result.errors)")
            #expect(result.errors.hasPrefix("Error: unknown option '\(name)'"), "\(line): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1 && !result.errors.contains("secret"))
            if name == slip {
                #expect(result.errors == "Error: unknown option '\(slip)'; did you mean '\(right)'?\n")
            }
        }
    }

    @Test("Help and version are not errors, and the command's own options stay its own")
    func help() async throws {
        let help = try await ToolProcess.run(["run", "--help"])
        #expect(help.status == 0)
        #expect(help.text.contains("--canary <N>"))
        #expect(try await ToolProcess.run(["help", "targets"]).text.contains("local[:NAME]"))
        let version = try await ToolProcess.run(["--version"])
        let machine = try await ToolProcess.run(["run", "uname", "-m"]).text.filter { !$0.isNewline }
        #expect(version.status == 0 && version.lines.first == "mitogen 0.1.0")
        #expect(version.text.contains("Linux \(machine): mitogen-agent, ") && version.text.contains(" bytes, build "))
        #expect(version.text.contains("Swift 6.") && version.text.contains("compression  gzip (/"))
        let command = try await ToolProcess.run(["run", "echo", "--help", "-t", "--", "x"])
        #expect(command.text == "--help -t -- x\n")
    }
}
