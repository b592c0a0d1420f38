//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Configuration, completions and packages",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct ConfigCommandTests {
    private static func withHome(_ config: String, _ body: (String) async throws -> Void) async throws {
        try await withTemporaryDirectory { home in
            try FileManager.default.createDirectory(
                atPath: "\(home)/.config/mitogen",
                withIntermediateDirectories: true
            )
            try Files.write(Array(config.utf8), to: "\(home)/.config/mitogen/config")
            try await body(home)
        }
    }

    @Test("What the user's file sets counts, and what is typed wins")
    func counts() async throws {
        try await Self.withHome("target = local:[a,b]\n[run]\noutput = gather\n") { home in
            let environment = ["HOME": home]
            let run = try await ToolProcess.run(["run", "echo", "x"], environment: environment)
            #expect(run.lines == ["== local:a,local:b (2 targets, exit 0)", "x"], "\(run.errors)")
            let typed = try await ToolProcess.run(["run", "-o", "stream", "--", "echo", "x"], environment: environment)
            #expect(typed.lines.sorted() == ["local:a | x", "local:b | x"])
            let tree = try await ToolProcess.run(["tree"], environment: environment)
            #expect(tree.status == 0 && tree.text.contains("local:b"))
            let shown = try await ToolProcess.run(["config"], environment: environment)
            #expect(shown.lines.count == 2 && shown.lines[1].hasSuffix("\(home)/.config/mitogen/config:3"))
            let other = environment.merging(["MITOGEN_CONFIG": "/dev/null"]) { $1 }
            #expect(try await ToolProcess.run(["run", "echo", "x"], environment: other).text == "x\n")
        }
    }

    @Test("What is not right in the file is told in one line")
    func wrong() async throws {
        try await Self.withHome("fanuot = 3\n") { home in
            for arguments in [["run", "true"], ["config"], ["hosts", "a"]] {
                let result = try await ToolProcess.run(arguments, environment: ["HOME": home])
                #expect(result.status == 2 && result.output.isEmpty)
                #expect(
                    result.errors
                        == "Error: \(home)/.config/mitogen/config:1: there is no option 'fanuot'; did you mean 'fanout'?\n"
                )
            }
            let help = try await ToolProcess.run(["--help"], environment: ["HOME": home])
            #expect(help.status == 0)
        }
    }

    @Test("A shell is offered groups, hosts and kinds of hops")
    func completions() async throws {
        try await Self.withHome("") { home in
            try Files.write(Array("web: w[1-2]\n".utf8), to: "\(home)/.config/mitogen/groups.conf")
            mkdir("\(home)/.ssh", 0o700)
            try Files.write(Array("Host db1 *.org\n".utf8), to: "\(home)/.ssh/config")
            let words = try await ToolProcess.run(["hosts", "--completions"], environment: ["HOME": home])
            #expect(words.lines.first == "@web")
            // Where ClusterShell is installed its groups are offered, too.
            #expect(words.lines.filter { !$0.hasPrefix("@") }.prefix(4) == ["ssh:db1", "local", "fork", "ssh:"])
            for shell in ["bash", "zsh", "fish"] {
                let script = try await ToolProcess.run(["--generate-completion-script", shell])
                #expect(script.status == 0 && script.text.contains("mitogen hosts --completions"))
            }
        }
    }

    @Test("The live view draws a line for each target, and leaves the summary behind")
    func live() async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let script = "echo begun; sleep 0.5; echo ended; exit $(($PPID % 1 + 3))"
        let session = try TerminalSession(mitogen, ["run", "-t", "local:[1-2]", "--live", "--", "sh", "-c", script])
        try await session.wait(for: "local:2  runs")
        try await session.wait(for: "begun")
        #expect(try await session.waitForEnd() == 5 << 8)
        #expect(session.text.contains("\u{1b}[2A\u{1b}[J"))
        #expect(session.text.hasSuffix("2 exit 3\r\nmitogen:    exit 3: local:[1-2]\r\n"))
        // Without a terminal there is the summary only.
        let piped = try await ToolProcess.run(["run", "-t", "local:[1-2]", "--live", "--", "echo", "x"])
        #expect(piped.output.isEmpty && piped.errors.hasPrefix("mitogen: 2 targets in "))
        #expect(piped.errors.split(separator: "\n").count == 1)
    }

    @Test("On a dumb terminal, and where there is no terminal, nothing is drawn; NO_COLOR leaves out colours only")
    func plainTerminals() async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let arguments = ["run", "-t", "local:[1-2]", "--live", "--", "sh", "-c", "echo begun; exit 3"]
        let dumb = try TerminalSession(mitogen, arguments, environment: ["TERM": "dumb"])
        #expect(try await dumb.waitForEnd() == 5 << 8)
        #expect(!dumb.text.contains("\u{1b}") && !dumb.text.contains("begun"))
        #expect(dumb.text.contains("2 targets in ") && dumb.text.hasSuffix("exit 3: local:[1-2]\r\n"))
        let grouped = ["run", "-t", "local:[1-2]", "--", "sh", "-c", "exit 3"]
        let plain = try TerminalSession(mitogen, grouped, environment: ["NO_COLOR": "1"])
        #expect(try await plain.waitForEnd() == 5 << 8)
        #expect(plain.text.contains("!! local:1") && !plain.text.contains("\u{1b}[1"))
        let coloured = try TerminalSession(mitogen, grouped)
        #expect(try await coloured.waitForEnd() == 5 << 8)
        #expect(coloured.text.contains("\u{1b}[1;31m!! local:1"))
    }

    @Test("The live view fits into a small terminal")
    func smallTerminal() async throws {
        let mitogen = try #require(BuiltProgram.path(of: "mitogen"))
        let script = "echo a-long-line-that-has-no-room-in-thirty-columns; sleep 0.7"
        let session = try TerminalSession(
            mitogen,
            ["run", "-t", "local:[1-9]", "--live", "--", "sh", "-c", script],
            size: (rows: 6, columns: 30)
        )
        try await session.wait(for: "runs")
        #expect(try await session.waitForEnd() == 0)
        let views = session.text.split(separator: "\u{1b}[J", omittingEmptySubsequences: false)
        #expect(views.count > 1)
        for view in views.dropLast() {
            let lines = view.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 6, "\(view)")
            for line in lines where !line.contains("\u{1b}") { #expect(line.count <= 30, "\(line)") }
        }
        #expect(session.text.contains("9 targets in "))
    }

    @Test("A package has the programs, man pages and completions, and is used where nothing else is")
    func package() async throws {
        let tools = ["/usr/bin/dpkg-deb", "/usr/bin/strip", "/usr/bin/tar"]
        try #require(tools.allSatisfy { access($0, X_OK) == 0 })
        try await withTemporaryDirectory { directory in
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("scripts/package").path
            let run = try HelperProcess([script, "--binaries", BuiltProgram.directory, "--output", directory])
            #expect(try await run.waitForEnd(within: .seconds(90)) == 0, "\(run.lines.suffix(5))")
            let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            #expect(names.count == 2)
            let package = try #require(names.first { $0.hasSuffix(".deb") })
            let archive = try #require(names.first { $0.hasSuffix(".tar.gz") })
            // An empty root is less than any container: only what the package has is there.
            let root = "\(directory)/root"
            let use = """
                set -e
                dpkg-deb -x \(directory)/\(package) \(root)
                cd \(root)/usr/share
                zcat man/man1/mitogen-run.1.gz | grep -q canary
                grep -q -- '--completions' bash-completion/completions/mitogen zsh/vendor-completions/_mitogen
                ls fish/vendor_completions.d/mitogen.fish doc/mitogen/copyright doc/mitogen/changelog.gz >/dev/null
                tar -tzf \(directory)/\(archive) | grep -q '^mitogen-[^/]*/bin/mitogen-agent$'
                mkdir \(root)/proc \(root)/dev \(root)/tmp
                exec unshare -m sh -c 'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" &&
                    exec chroot "$1" /usr/bin/mitogen run --summary -- /usr/bin/mitogen --version' sh \(root)
                """
            let used = try HelperProcess(["sh", "-c", use])
            let status = try await used.waitForEnd(within: .seconds(30))
            #expect(status == 0, "\(used.lines.suffix(5))")
            #expect(used.lines.contains { $0.hasPrefix("mitogen 0.") })
        }
    }
}
