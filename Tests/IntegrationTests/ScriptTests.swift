//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Mitogen
import Testing

/// `mitogen run --script`, and what is left of it.
@Suite(
    "Scripts that are brought along",
    .serialized,
    .timeLimit(.minutes(1)),
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct ScriptTests {
    /// Runs the tool with a script in a folder of its own, where the target puts it as well.
    private func run(
        _ script: String,
        _ arguments: [String] = [],
        options: [String] = [],
        stdin: [UInt8]? = nil,
        environment: [String: String] = [:]
    ) async throws -> ToolResult {
        try await withTemporaryDirectory { directory in
            try Files.write(Array(script.utf8), to: "\(directory)/script")
            chmod("\(directory)/script", 0o400)
            let result = try await ToolProcess.run(
                ["run", "--script", "\(directory)/script", "--output", "stream"] + options + ["--"] + arguments,
                stdin: stdin,
                environment: ["TMPDIR": directory].merging(environment) { _, new in new }
            )
            #expect(Self.scripts(in: directory).isEmpty)
            return result
        }
    }

    private static func scripts(in directory: String) -> [String] {
        Files.names(in: directory).filter { $0.hasPrefix(".mitogen-script-") }
    }

    @Test("The arguments are untouched, and the file is the user's alone and gone afterwards")
    func arguments() async throws {
        let script = "#!/bin/sh -u\nprintf '<%s>' \"$@\"; echo; stat -c '%a %u' \"$0\"; id -u; cat; exit 3"
        let words = ["a b", "", "$HOME", "it's", "-t", "--", "*", "x\ny"]
        let result = try await run(script, words, options: ["--stdin"], stdin: Array("input".utf8))
        #expect(result.status == 3)
        let user = getuid()
        #expect(
            result.text.replacing("local | ", with: "")
                == "<a b><><$HOME><it's><-t><--><*><x\ny>\n700 \(user)\n\(user)\ninput\n",
            "\(result.text)\(result.errors)"
        )
    }

    @Test("Any interpreter will do; without its line it is sh; a program runs itself")
    func interpreters() async throws {
        #expect(try await run("echo $(( 1 + $1 ))", ["2"]).text == "local | 3\n")
        let python = "#!/usr/bin/env -S python3 -u\nimport sys; print(sys.argv[1:], b'\\xe9')"
        #expect(try await run(python, ["x"]).text == "local | ['x'] b'\\xe9'\n")
        #expect(try await run("#! /bin/echo  one argument \n", ["x"]).text.hasPrefix("local | one argument /tmp/"))
        let program = try await withTemporaryDirectory { directory in
            try await ToolProcess.run(["run", "--script", "/bin/echo", "-t", "local", "--", "itself"])
        }
        #expect(program.lines.last == "itself", "\(program.text)\(program.errors)")
        let dos = try await run("#!/bin/sh\r\necho\r\n")
        #expect(dos.status == 5 && dos.errors.contains("carriage return"), "\(dos.errors)")
    }

    @Test("A file system that executes nothing will do", .needsTestbed)
    func noexec() async throws {
        let mount = try Testbed.fact("TB_MOUNT_NOEXEC")
        let result = try await run("#!/bin/sh\necho $0", environment: ["TMPDIR": mount])
        #expect(result.text.hasPrefix("local | \(mount)/.mitogen-script-"), "\(result.text)\(result.errors)")
        #expect(Self.scripts(in: mount).isEmpty)
        // A program needs another place.
        let program = try await ToolProcess.run(["run", "--script", "/bin/true"], environment: ["TMPDIR": mount])
        #expect(program.status == 0, "\(program.errors)")
    }

    @Test("Standard input can be the script, for several targets")
    func standardInput() async throws {
        let script = Array("#!/bin/sh\necho $1 $0".utf8)
        let options = ["run", "--script", "-", "-t", "local,local+local:b", "--output", "stream", "--", "hi"]
        let result = try await ToolProcess.run(options, stdin: script)
        #expect(result.status == 0)
        #expect(result.lines.count == 2 && result.lines.allSatisfy { $0.contains(" | hi /tmp/.mitogen-script-") })
    }

    @Test(
        "The file is gone however it ends",
        arguments: ["timeout", "interrupt", "kill -9 of mitogen", "kill -9 of the way"]
    )
    func removed(way: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/script"
            try Files.write(Array("#!/bin/sh\necho $PPID >\(directory)/pid\nwhile :; do sleep 1; done".utf8), to: path)
            let process = try ToolProcess(
                ["run", "--script", path, "-t", "local:a+local:b"] + (way == "timeout" ? ["--timeout", "1"] : []),
                environment: ["TMPDIR": directory]
            )
            #expect(try await eventually { (Files.text("\(directory)/pid") ?? "").hasSuffix("\n") })
            #expect(Self.scripts(in: directory).count == 1)
            switch way {
            case "interrupt": process.signal(SIGINT)
            case "kill -9 of mitogen": process.signal(SIGKILL)
            case "kill -9 of the way":
                // The context between: the parent of the script's.
                let context = try #require(Int32((Files.text("\(directory)/pid") ?? "").dropLast()))
                let stat = (Files.text("/proc/\(context)/stat") ?? "").split(separator: ")").last?.split(separator: " ")
                kill(try #require(stat.flatMap { Int32($0[1]) }), SIGKILL)
            default: break
            }
            let result = try await process.wait()
            #expect(result.status == ["timeout": 3, "interrupt": 130, "kill -9 of mitogen": 137][way] ?? 5)
            #expect(try await eventually { Self.scripts(in: directory).isEmpty })
            #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
        }
    }

    @Test(
        "What cannot be read, or is not clear, is an error with status 2",
        arguments: [
            (["--script", "/no/such"], "No such file"), (["--script", "/tmp"], "Is a directory"),
            (["--script", "-", "--stdin"], "exclude each other"), (["--script", "-", "--hosts-file", "-"], "exclude"),
            (["--script", "-", "--password-file", "-"], "exclude"), (["--script", "/dev/zero"], "larger than"),
            (["--script", "/bin/true", "--bogus"], "argument of the script"),
        ]
    )
    func errors(arguments: [String], text: String) async throws {
        let result = try await ToolProcess.run(["run"] + arguments)
        #expect(result.status == 2)
        #expect(result.errors.contains(text), "\(result.errors)")
    }

    @Test(
        "The first line is read as the kernel reads it",
        arguments: [
            ("#!/bin/sh\necho", "/bin/sh", nil), ("#!  /usr/bin/env  python3 -u \n", "/usr/bin/env", "python3 -u"),
            ("#!/bin/awk\t-f", "/bin/awk", "-f"), ("#!\necho", "/bin/sh", nil), ("echo\n#!/bin/x", "/bin/sh", nil),
            ("", "/bin/sh", nil), ("#", "/bin/sh", nil), ("#!/a\0b\n", "/a", nil),
        ] as [(String, String, String?)]
    )
    func firstLine(script: String, program: String, argument: String?) throws {
        let expected = ScriptProgram.interpreter(ByteString(program), argument: argument.map { ByteString($0) })
        #expect(try ScriptProgram(of: Array(script.utf8)) == expected)
        let words = [ByteString(program)] + (argument.map { [ByteString($0)] } ?? []) + ["/f", "x"]
        #expect(expected.words(file: "/f", arguments: ["x"]) == words)
    }
}
