//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Testing

/// The interpreter of the virtual environment that `scripts/test` makes.
enum PythonWithMitogen {
    static let path =
        #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined() + "/.build/python/0.3.54/bin/python"

    static var isThere: Bool { access(path, X_OK) == 0 }
}

@Suite(
    "mitogen py",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .enabled(if: PythonWithMitogen.isThere, "scripts/test makes the virtual environment"),
    .timeLimit(.minutes(2))
)
struct PyCommandTests {
    private static let script = """
        import near

        def report(limit=5, *names):
            return {'limit': near.double(limit), 'names': names, 'raw': b'\\x00\\xff', 'none': None}

        def refuse(text):
            raise ValueError(text)

        """

    private func withScript(_ body: (_ folder: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            try Files.write(Array(Self.script.utf8), to: "\(folder)/audit.py")
            try Files.write(Array("def double(value):\n    return 2 * value\n".utf8), to: "\(folder)/near.py")
            try await body(folder)
        }
    }

    @Test("A function of a file runs in every target, and finds what lies beside the file")
    func file() async throws {
        try await withScript { folder in
            let result = try await ToolProcess.run([
                "py", "--controller-python", PythonWithMitogen.path, "-t", "local:a", "-t", "local:b+local:c",
                "--fanout", "1",
                "--connect-timeout", "20", "\(folder)/audit.py", "report", "limit=x", "--timeout", "20",
            ])
            #expect(result.status == 0, "\(result.errors)")
            let expected = ["local:a", "local:b+local:c"].map {
                "{\"target\":\"\($0)\",\"result\":{\"limit\":\"xx\",\"names\":[],\"raw\":\"AP8=\",\"none\":null}}"
            }
            #expect(result.lines.sorted() == expected)
        }
    }

    @Test("A function of a module takes JSON")
    func module() async throws {
        try await withScript { folder in
            let result = try await ToolProcess.run([
                "py", "--controller-python", PythonWithMitogen.path, "--python", "python3", "--path", folder,
                "--json-arguments",
                "audit", "report", "3", "\"x\"", "[1, null, true, {\"a\": 1.5}]",
            ])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.text.contains("{\"limit\":6,\"names\":[\"x\",[1,null,true,{\"a\":1.5}]],"))
        }
    }

    @Test("A last hop names the interpreter, and --python that of the other targets")
    func hop() async throws {
        let arguments = ["py", "--controller-python", PythonWithMitogen.path]
        let result = try await ToolProcess.run(
            arguments + [
                "-t", "local:a+python:/usr/bin/env python3", "-t", "python", "--python", "python-gone", "-t", "local:b",
                "os", "getppid",
            ]
        )
        #expect(result.status == 5)
        let lines = result.lines.sorted()
        try #require(lines.count == 3, "\(result.errors)")
        #expect(lines[0].hasPrefix("{\"target\":\"local:a+python:/usr/bin/env python3\",\"result\":"))
        #expect(lines[1].hasPrefix("{\"target\":\"local:b\",\"error\":") && lines[1].contains("python-gone"))
        // One that names no interpreter gets that of --python as well.
        #expect(lines[2].hasPrefix("{\"target\":\"python\",\"error\":") && lines[2].contains("python-gone"))
        let here = try await ToolProcess.run(arguments + ["-t", "python:python3", "operator", "add", "a", "b"])
        #expect(here.text == "{\"target\":\"python:python3\",\"result\":\"ab\"}\n", "\(here.errors)")
    }

    @Test("Commands that need a copy of this program refuse a hop to Python before anything is connected")
    func refusedHop() async throws {
        let target = "ssh:nowhere+python:python3.11"
        for arguments in [
            ["run", "-t", target, "--", "true"], ["copy", "-t", target, "/etc/hostname", ":/tmp/x"],
            ["fetch", "-t", target, ":/etc/hostname", "/tmp/"], ["sync", "-t", target, "/tmp/", ":/tmp/x"],
            ["hold", "-t", target], ["doctor", target], ["tree", "-t", target], ["bench", "-t", target],
            ["fakessh", target, "--", "true"],
        ] {
            let result = try await ToolProcess.run(arguments)
            let sentence =
                "target '\(target)': the hop 'python' is for 'mitogen py', which calls a Python function; leave it out here"
            #expect(result.status == 2 && result.errors.contains(sentence), "\(arguments[0]): \(result.errors)")
        }
        let middle = try await ToolProcess.run(["py", "-t", "ssh:nowhere+python+local", "os", "getpid"])
        #expect(middle.status == 2 && middle.errors.contains("'python' is the last hop of a target"))
    }

    @Test("Targets come from an inventory")
    func inventory() async throws {
        try await withTemporaryDirectory { folder in
            let hosts = "\(folder)/hosts.ini"
            try Files.write(Array("a ansible_connection=local\n".utf8), to: hosts)
            try #require(chmod(hosts, 0o600) == 0)
            let result = try await ToolProcess.run([
                "py", "--controller-python", PythonWithMitogen.path, "-i", hosts, "--all", "os", "getpid",
            ])
            #expect(result.status == 0 && result.text.hasPrefix("{\"target\":\"a\",\"result\":"), "\(result.errors)")
        }
    }

    @Test("What fails there is an error of the target")
    func failures() async throws {
        try await withScript { folder in
            let arguments = ["py", "--controller-python", PythonWithMitogen.path, "--path", folder]
            let refused = try await ToolProcess.run(arguments + ["audit", "refuse", "too early"])
            #expect(refused.status == 5 && refused.text.contains("ValueError: too early"))
            let missing = try await ToolProcess.run(arguments + ["--python", "python-gone", "audit", "report"])
            #expect(missing.status == 5 && missing.text.contains("python-gone") && missing.text.contains("--python"))
            let slow = try await ToolProcess.run(
                arguments + ["--json-arguments", "--timeout", "0.5", "time", "sleep", "30"]
            )
            #expect(slow.status == 3 && slow.duration < .seconds(20))
            // A Python that does not start in time is one that cannot be used.
            let stuck = "\(folder)/python-stuck"
            try Files.write(Array("#!/bin/sh\nexec sleep 60\n".utf8), to: stuck)
            try #require(chmod(stuck, 0o755) == 0)
            let late = try await ToolProcess.run(
                arguments + ["--connect-timeout", "2", "--python", stuck, "audit", "report"]
            )
            #expect(late.status == 5 && late.text.contains("\"error\""), "\(late.status) \(late.text) \(late.errors)")
        }
    }

    @Test("What is wrong here is said before anything is connected")
    func refused() async throws {
        for (arguments, text) in [
            (["/nowhere/audit.py", "report"], "cannot read '/nowhere/audit.py'"),
            (["os", "a b"], "'a b' is not the name of a Python function"), (["o-s", "getpid"], "'o-s' is neither"),
            (["--path", "/nowhere", "os", "getpid"], "'/nowhere' is no folder"),
            (["--json-arguments", "os", "getpid", "x y"], "'x y' is not JSON"),
        ] {
            let result = try await ToolProcess.run(["py", "-t", "ssh:nowhere"] + arguments)
            #expect(result.status == 2 && result.errors.contains(text), "\(result.errors)")
        }
        let noPackage = try await ToolProcess.run([
            "py", "--controller-python", "/bin/false", "-t", "ssh:nowhere", "os", "getpid",
        ])
        #expect(noPackage.status == 5 && noPackage.output.isEmpty)
        #expect(noPackage.errors.contains("pip install mitogen") && noPackage.errors.contains("--controller-python"))
    }
}
