//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite(
    "Hops of a table with the tool",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(1))
)
struct HopTableCommandTests {
    private static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
        try Files.write(Array(text.utf8), to: path)
        try #require(chmod(path, mode) == 0)
    }

    private static func withTable(
        _ section: (_ tool: String) -> String,
        script: String = ToolStub.leadsHere,
        _ body: (_ table: String, _ stub: ToolStub) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let stub = try ToolStub(in: directory, script)
            try Self.write(section(stub.path), to: "\(directory)/hops")
            try await body("\(directory)/hops", stub)
        }
    }

    private static func pot(_ tool: String) -> String {
        "[pot]\nhelp = a pot of tea\ncommand = \(tool) in --user={user} {name} {command}\n"
    }

    @Test("A command runs behind hops of a table, chained with others")
    func run() async throws {
        try await Self.withTable(Self.pot) { table, stub in
            let result = try await ToolProcess.run([
                "run", "--hops", table, "-t", "local:a+pot:joe@tea+pot:milk", "--output", "json", "--", "echo", "hello",
            ])
            #expect(result.status == 0, "\(result.errors)")
            let object = try CommandLineTests.object(result.text)
            #expect(object["target"] as? String == "local:a+pot:joe@tea+pot:milk")
            #expect(object["stdout"] as? String == "hello\n")
            #expect(
                stub.runs == [
                    ["in", "--user=joe", "tea", "sh", "-c", "SCRIPT"], ["in", "milk", "sh", "-c", "SCRIPT"],
                ]
            )
        }
    }

    @Test("doctor, tree and bench have them as well")
    func others() async throws {
        try await Self.withTable(Self.pot) { table, _ in
            let doctor = try await ToolProcess.run(["doctor", "--hops", table, "pot:tea"])
            #expect(doctor.status == 0, "\(doctor.text)\(doctor.errors)")
            #expect(doctor.lines.first == "pot:tea")
            let tree = try await ToolProcess.run(["tree", "--hops", table, "-t", "local+pot:tea"])
            #expect(tree.status == 0, "\(tree.errors)")
            #expect(tree.lines.last?.contains("pot:tea") == true)
            let bench = try await ToolProcess.run(["bench", "--hops", table, "-t", "pot:-x"])
            #expect(bench.status == 2)
            #expect(bench.errors.contains("[USER@]NAME may not begin with '-'"))
        }
    }

    @Test("The table in the user's configuration counts, unless another is named")
    func usual() async throws {
        try await Self.withTable(Self.pot) { table, _ in
            let home = table + ".home"
            for folder in [home, "\(home)/.config", "\(home)/.config/mitogen"] { mkdir(folder, 0o755) }
            let text = try #require(Files.text(table))
            try Self.write(text, to: "\(home)/.config/mitogen/hops.conf")
            let environment = ["HOME": home, "XDG_CONFIG_HOME": ""]
            let run = ["run", "-t", "pot:tea", "--", "true"]
            #expect(try await ToolProcess.run(run, environment: environment).status == 0)
            let help = try await ToolProcess.run(["help", "targets"], environment: environment)
            #expect(help.text.contains("pot:[USER@]NAME  a pot of tea"))
            let unknown = try await ToolProcess.run(["run", "-t", "pots:tea", "--", "true"], environment: environment)
            #expect(unknown.status == 2)
            #expect(unknown.errors.contains("did you mean 'pot'?"))

            try Self.write("# no hops\n", to: table)
            let named = try await ToolProcess.run(["run", "--hops", table] + run.dropFirst(), environment: environment)
            #expect(named.status == 2)
            #expect(named.errors.contains("unknown hop 'pot'"))
        }
    }

    @Test(
        "A table that others could have changed is refused before anything is started",
        arguments: [0o620, 0o602] as [mode_t]
    )
    func permissions(mode: mode_t) async throws {
        try await Self.withTable(Self.pot) { table, stub in
            chmod(table, mode)
            let result = try await ToolProcess.run(["run", "--hops", table, "-t", "pot:tea", "--", "true"])
            #expect(result.status == 2)
            #expect(result.errors.contains("chmod go-w \(table)"))
            #expect(stub.runs.isEmpty)
        }
    }

    @Test("A table of another user is refused", .enabled(if: geteuid() == 0, "only root can give files away"))
    func owner() async throws {
        try await Self.withTable(Self.pot) { table, stub in
            try #require(chown(table, 4711, 0) == 0)
            let result = try await ToolProcess.run(["doctor", "--hops", table, "pot:tea"])
            #expect(result.status == 2)
            #expect(result.errors.contains("belongs to user 4711"))
            #expect(stub.runs.isEmpty)
        }
    }

    @Test("Errors in a table are told with file and line")
    func mistakes() async throws {
        try await Self.withTable({ _ in "[pot]\n\nterminal = maybe\ncommand = x {user} {name} {command}\n" }) {
            table,
            _ in
            let result = try await ToolProcess.run(["tree", "--hops", table])
            #expect(result.status == 2)
            #expect(result.errors.contains("\(table):3: terminal is one of 'none', 'questions', 'all', not 'maybe'"))
        }
    }

    @Test("A table's tool is given the password that it asks for")
    func password() async throws {
        let asks = #"""
            exec 3<>/dev/tty
            printf 'Secret word: ' >&3
            IFS= read -r word <&3
            [ "$word" = right ] || { echo 'That is wrong' >&3; exec sleep 50; }
            exec 3>&-
            """#
        let questions = "terminal = questions\npassword-prompt = secret word:\nincorrect-password = that is wrong\n"
        try await Self.withTable({ Self.pot($0) + questions }, script: "\(asks)\n\(ToolStub.leadsHere)") { table, _ in
            func run(_ password: String) async throws -> ToolResult {
                try Self.write(password + "\n", to: "\(table).password")
                return try await ToolProcess.run([
                    "run", "--hops", table, "--become-password-file", "\(table).password", "-t", "pot:tea", "--",
                    "true",
                ])
            }
            #expect(try await run("right").status == 0)
            let wrong = try await run("wrong")
            #expect(wrong.status == 4)
            #expect(wrong.text.contains("password is incorrect") || wrong.errors.contains("password is incorrect"))
        }
    }

    @Test("A table's tool can copy the program", arguments: ["copy = TOOL cp {file} {target}", "copy = TOOL untar"])
    func copy(line: String) async throws {
        let script = #"""
            d=${0%/*}
            case $1 in
            untar) exec tar -xf - -C "$d" ;;
            cp) exec cp "$2" "$d$3" ;;
            esac
            p=$d$3; shift 3
            exec "$p" "$@"
            """#
        try await Self.withTable(
            { tool in
                "[pot]\nargument = NAME\ncommand = \(tool) run {name} {command}\nimage = copy\n"
                    + line.replacingOccurrences(of: "TOOL", with: tool)
            },
            script: script
        ) { table, stub in
            let result = try await ToolProcess.run(["run", "--hops", table, "-t", "pot:tea", "--", "echo", "hello"])
            #expect(result.status == 0, "\(result.text)\(result.errors)")
            #expect(stub.runs.count == 2)
            let folder = String(table.dropLast("/hops".count))
            #expect(Files.names(in: folder).allSatisfy { !$0.hasPrefix(".mitogen-") })
        }
    }
}
