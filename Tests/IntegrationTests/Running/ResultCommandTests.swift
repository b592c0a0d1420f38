//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Results on the command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(1))
)
struct ResultCommandTests {
    private static let script = "echo out-$0; echo err >&2"

    @Test("--output-dir and --error-dir have a file for each target, whatever the form of the results")
    func files() async throws {
        try await withTemporaryDirectory { directory in
            for form in ["none", "gather", "stream", "events"] {
                let (out, err) = ("\(directory)/\(form)-out", "\(directory)/\(form)-err")
                let result = try await ToolProcess.run(
                    ["run", "-t", "local:[1-2]", "-o", form, "--output-dir", out, "--error-dir", err, "--", "sh", "-c"]
                        + [Self.script, "x"]
                )
                #expect(result.status == 0, "\(result.errors)")
                for name in ["local:1", "local:2"] {
                    #expect(try String(contentsOfFile: "\(out)/\(name)", encoding: .utf8) == "out-x\n")
                    #expect(try String(contentsOfFile: "\(err)/\(name)", encoding: .utf8) == "err\n")
                }
                if form == "none" { #expect(result.output.isEmpty && result.errors.isEmpty) }
            }
            // What was there is replaced; a directory that cannot be made is told before the first connection.
            let again = try await ToolProcess.run(
                ["run", "-t", "local:2", "-o", "none", "--output-dir", "\(directory)/none-out", "--", "echo", "new"]
            )
            #expect(again.status == 0)
            #expect(try String(contentsOfFile: "\(directory)/none-out/local:2", encoding: .utf8) == "new\n")
            try Files.write([], to: "\(directory)/plain")
            for (place, problem) in [
                (
                    "/proc/no/such",
                    "cannot be made: No such file or directory; the directory that it is in has to be there"
                ),
                ("\(directory)/plain", "is no directory"),
            ] {
                for option in ["--output-dir", "--error-dir"] {
                    let bad = try await ToolProcess.run(["run", option, place, "--", "echo", "x"])
                    #expect(bad.status == 2 && bad.output.isEmpty)
                    #expect(bad.errors == "Error: \(option) '\(place)' \(problem)\n")
                }
            }
            mkdir("\(directory)/none-out/local", 0o700)
            let name = String(repeating: "x", count: 250)
            for (target, problem) in [
                ("local", "is a directory there"), ("local:\(name)", "is too long for the name of a file"),
            ] {
                let bad = try await ToolProcess.run(
                    ["run", "-t", target, "--output-dir", "\(directory)/none-out", "--", "echo", "x"]
                )
                #expect(bad.status == 2 && bad.output.isEmpty)
                #expect(
                    bad.errors == "Error: --output-dir '\(directory)/none-out': the target '\(target)' \(problem)\n"
                )
            }
        }
    }

    @Test("--summary counts in the end, --diff compares with the largest group")
    func summaryAndDifferences() async throws {
        let folder = "/tmp/mitogen-test-folder-\(UInt32.random(in: 0 ... .max))"
        let result = try await ToolProcess.run(
            // One of them is the first to make the folder.
            ["run", "-t", "local:[1-4]", "--diff", "--summary", "--", "sh", "-c"]
                + ["if mkdir \"$0\" 2>/dev/null; then echo b; exit 3; else echo a; fi", folder]
        )
        rmdir(folder)
        #expect(result.status == 5)
        #expect(result.lines[0].hasSuffix(" (3 targets, exit 0)") && result.lines[1] == "a")
        #expect(result.lines[2].hasSuffix(" (1 target, exit 3)") && result.lines[3].hasPrefix("--- local:"))
        #expect(result.lines[5...].joined(separator: "\n") == "@@ -1 +1 @@\n-a\n+b")
        #expect(result.errors.contains("mitogen: 4 targets in ") && result.errors.contains(": 3 exit 0, 1 exit 3\n"))
        #expect(result.errors.contains("mitogen:    exit 3: local:"))
    }

    @Test("Events come while the command runs, and every line is an object")
    func events() async throws {
        let result = try await ToolProcess.run(
            [
                "run", "-t", "local:[1-2]+local:x", "-o", "events", "--", "sh", "-c",
                "echo a; sleep 0.3; echo b >&2; kill -9 $$",
            ]
        )
        #expect(result.status == 5)
        let objects = try result.lines.map(CommandLineTests.object)
        #expect(objects.first?["event"] as? String == "run" && objects.last?["event"] as? String == "end")
        #expect(objects.last?["exit"] as? Int == 2)
        let first = objects.filter { $0["target"] as? String == "local:1+local:x" }
        #expect(first.compactMap { $0["event"] as? String } == ["started", "stdout", "stderr", "exit"])
        #expect(first.allSatisfy { $0["path"] as? [String] == ["local:1", "local:x"] })
        let times = first.compactMap { $0["time"] as? Double }
        #expect(times == times.sorted() && times[2] - times[1] > 0.2)
        #expect(first.last?["signal"] as? Int == 9)
    }

    @Test("--list-hosts and --dry-run connect to nothing")
    func previews() async throws {
        let list = try await ToolProcess.run([
            "run", "--list-hosts", "-t", "ssh:no.such[01-02].invalid+sudo!no.such01.invalid",
        ])
        #expect(list.status == 0 && list.lines == ["ssh:no.such02.invalid+sudo"])
        let dry = try await ToolProcess.run(["run", "--dry-run", "-t", "ssh:no.such.invalid", "--", "rm", "-rf", "a b"])
        #expect(dry.status == 0)
        #expect(dry.lines.first == "command   rm -rf 'a b'")
        #expect(dry.text.contains("mitogen-agent, ") && dry.text.contains("where ~/.cache/mitogen has no copy"))
    }

    @Test("What is wrong is told in one line, without the usage")
    func oneLine() async throws {
        let cases = [
            ["run", "-t", "lokal", "--", "true"], ["run", "-t", "ssh:w[3-1]", "true"], ["run", "--no-such", "true"],
            ["run", "-t", "ssh:w!", "true"], ["run", "-t", "@nowhere", "true"], ["hosts", "a["],
            ["hosts", "--nonsense"],
            ["run", "--fanout", "x", "true"], ["tree", "-t", "a"], ["doctor"], ["copy"], ["no-such-command"],
            ["run", "-i", "/no/such/file", "-t", "@web", "true"], ["help", "nothing"], ["help", "run", "x"],
            ["run", "-i", "web1,", "--all", "true"],
        ]
        for arguments in cases {
            let result = try await ToolProcess.run(arguments)
            #expect(result.status == 2, "\(arguments)")
            #expect(result.output.isEmpty)
            #expect(result.errors.split(separator: "\n").count == 1, "\(arguments): \(result.errors)")
            #expect(!result.errors.contains("Usage"))
        }
    }

    @Test(
        "Every command that lists --version has it",
        arguments: [
            [], ["run"], ["hosts"], ["copy"], ["fetch"], ["sync"], ["fakessh"], ["hold"], ["doctor"], ["tree"],
            ["bench"],
            ["config"],
        ]
    )
    func version(command: [String]) async throws {
        let help = try await ToolProcess.run(command + ["--help"])
        #expect(help.status == 0 && help.text.contains(" --version "))
        let result = try await ToolProcess.run(command + ["--version"])
        #expect(result.status == 0 && result.errors.isEmpty)
        #expect(result.lines.first == "mitogen 0.1.0" && result.text.contains("  for targets  Linux "))
        if command == ["run"] {
            // It is the program's where a program is named.
            let other = try await ToolProcess.run(["run", "--", "sh", "-c", "echo $1", "x", "--version"])
            #expect(other.text == "--version\n")
        }
    }

    @Test(
        "Files and directories that options name are refused before anything is connected",
        arguments: [
            ["run", "--hosts-file", "/no/such", "true"], ["run", "--script", "/no/such"],
            ["run", "--hops", "/no/such", "true"],
            ["run", "--password-file", "/no/such", "true"], ["run", "--passphrase-file", "/no/such", "true"],
            ["run", "--become-password-file", "/no/such", "true"], ["run", "--ssh-config", "/no/such", "true"],
            ["run", "--identity", "/no/such", "true"], ["run", "--output-dir", "/no/such/dir", "true"],
            ["run", "--error-dir", "/no/such/dir", "true"], ["run", "-i", "/no/such", "--all", "true"],
            ["doctor", "--identity", "/no/such", "local"], ["tree", "--ssh-config", "/no/such"],
            ["hold", "--hosts-file", "/no/such"], ["copy", "--hosts-file", "/no/such", "a", ":b"],
            ["sync", "--identity", "/no/such", "/etc/hostname", ":/tmp/x"], ["hosts", "--hosts-file", "/no/such"],
            ["copy", "--identity", "/no/such", "/etc/hostname", ":/tmp/x"],
            ["fetch", "--ssh-config", "/no/such", ":/etc/hostname", "/tmp/x"],
            ["hold", "--identity", "/no/such", "-t", "ssh:no.such.invalid"],
            ["fakessh", "--identity", "/no/such", "local", "true"], ["bench", "--ssh-config", "/no/such"],
        ]
    )
    func missingFiles(arguments: [String]) async throws {
        let result = try await ToolProcess.run(arguments)
        #expect(result.status == 2 && result.output.isEmpty, "\(result.status)")
        #expect(
            result.errors.hasPrefix("Error: ") && result.errors.split(separator: "\n").count == 1,
            "\(result.errors)"
        )
        #expect(result.errors.contains("/no/such") && result.errors.contains("No such file or directory"))
    }

    @Test("A configuration that is not there is refused, and what is wrong in one is told with its line")
    func configuration() async throws {
        let missing = try await ToolProcess.run(["run", "true"], environment: ["MITOGEN_CONFIG": "/no/such"])
        #expect(missing.status == 2 && missing.errors.contains("'/no/such'"), "\(missing.errors)")
    }

    @Test("Topics of the help are not errors", arguments: ["targets", "connections", "output", "exit-status"])
    func topics(topic: String) async throws {
        let result = try await ToolProcess.run(["help", topic])
        #expect(result.status == 0 && result.errors.isEmpty && result.lines.count > 8)
    }
}
