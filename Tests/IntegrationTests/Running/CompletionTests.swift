//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Completions in real shells",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct CompletionTests {
    private static func path(of shell: String) -> String? {
        ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(shell)" }.first { access($0, X_OK) == 0 }
    }

    private static func has(_ shell: String) -> Bool { self.path(of: shell) != nil }

    /// A home with groups, hosts of ssh and the completions of a shell.
    private static func withHome(_ shell: String, _ body: (String) async throws -> Void) async throws {
        try await withTemporaryDirectory { home in
            for folder in [".config", ".config/mitogen", ".ssh"] { mkdir("\(home)/\(folder)", 0o700) }
            let groups = "web: ssh:w[1-2]\nweird: ssh:x1\ndb: ssh:db1\n"
            try Files.write(Array(groups.utf8), to: "\(home)/.config/mitogen/groups.conf")
            // A name that a shell would carry out is not offered.
            let hosts = "Host gate1 store g$(touch${IFS}\(home)/executed) g`touch${IFS}\(home)/executed`\n"
            try Files.write(Array(hosts.utf8), to: "\(home)/.ssh/config")
            let inventory = "[lab]\nbox[1:2] ansible_host=10.0.0.1\nlocal ansible_host=10.0.0.2\n"
            try Files.write(Array(inventory.utf8), to: "\(home)/hosts.ini")
            chmod("\(home)/hosts.ini", 0o600)
            try Files.write(Array("[tree]\ninventory = \(home)/hosts.ini\n".utf8), to: "\(home)/.config/mitogen/config")
            // A program that is only typed is not run.
            try Files.write(Array("#!/bin/sh\ntouch \(home)/executed\n".utf8), to: "\(home)/program")
            chmod("\(home)/program", 0o700)
            let script = try await ToolProcess.run(["--generate-completion-script", shell])
            try #require(script.status == 0 && !script.output.isEmpty)
            // Both ways to write it are the same.
            #expect(try await ToolProcess.run(["--generate-completion-script=\(shell)"]).output == script.output)
            try Files.write(script.output, to: "\(home)/_mitogen")
            try await body(home)
            #expect(access("\(home)/executed", F_OK) != 0)
        }
    }

    private static func environment(_ home: String) -> [String: String] {
        ["HOME": home, "PATH": "\(BuiltProgram.directory):/usr/local/bin:/usr/bin:/bin", "PS1": "$ "]
    }

    @Test(
        "bash completes targets and groups on a terminal, also behind ':' and '@'",
        .enabled(if: has("bash")),
        arguments: [
            ("run --list-hosts -t @we\tb", "ssh:w2"), ("run --list-hosts -t @d\t", "ssh:db1"),
            ("run --list-hosts -t ssh:g\t", "ssh:gate1"), ("run --list-hosts --target ssh:s\t", "ssh:store"),
            ("run --list-hosts -t @web -x @we\tb -t loc\t", "local\r\n"), ("ru\t--list-hosts -t @db", "ssh:db1"),
            ("run --list-h\t -t @db", "ssh:db1"), ("run --list-hosts -t ss\tgate1", "ssh:gate1"),
            ("tree --js\t -t loc\t", "{\"schema\":1,\"target\":\"local\""),
            ("run --list-hosts -i ~/hosts.ini -t @l\t", "ssh:10.0.0.1  # box1"),
            ("run --list-hosts --inventory=hosts.ini -t box\t1", "ssh:10.0.0.1  # box1"),
        ]
    )
    func bash(line: String, shown: String) async throws {
        try await Self.withHome("bash") { home in
            try Files.write(
                Array("cd\nPS1='$ '\nbind 'set enable-bracketed-paste off'\n. ~/_mitogen\n".utf8),
                to: "\(home)/rc"
            )
            let session = try TerminalSession(
                try #require(Self.path(of: "bash")),
                ["--noprofile", "--rcfile", "\(home)/rc", "-i"],
                environment: Self.environment(home),
                size: (rows: 24, columns: 120)
            )
            try await session.wait(for: "$ ")
            session.type("mitogen \(line)\n")
            try await session.wait(for: "\r\n\(shown)")
            session.type("exit\n")
            _ = try await session.waitForEnd()
        }
    }

    @Test(
        "zsh completes targets and groups on a terminal",
        .enabled(if: has("zsh"), "zsh is not installed"),
        arguments: [
            ("run --list-hosts -t @d\t", "ssh:db1"), ("run --list-hosts -t ssh:g\t", "ssh:gate1"),
            ("run --list-hosts -x @web -t ssh:s\t", "ssh:store"),
            ("tree --json -t loc\t", "{\"schema\":1,\"target\":\"local\""),
            ("run --list-hosts -t ss\tgate1", "ssh:gate1"),
            ("run --list-hosts -i ~/hosts.ini -t @l\t", "ssh:10.0.0.1  # box1"),
        ]
    )
    func zsh(line: String, shown: String) async throws {
        try await Self.withHome("zsh") { home in
            let settings =
                "PS1='$ '\nunsetopt beep promptsp\nfpath=(~ $fpath)\nautoload -U compinit\ncompinit -u -d ~/dump\n"
            try Files.write(Array(settings.utf8), to: "\(home)/.zshrc")
            let session = try TerminalSession(
                try #require(Self.path(of: "zsh")),
                ["-d", "-i"],
                environment: Self.environment(home),
                size: (rows: 24, columns: 120)
            )
            try await session.wait(for: "$ ")
            session.type("mitogen \(line)\n")
            try await session.wait(for: "\r\n\(shown)")
            session.type("exit\n")
            _ = try await session.waitForEnd()
        }
    }

    @Test(
        "fish completes targets and groups",
        .enabled(if: has("fish"), "fish is not installed"),
        arguments: [
            ("mitogen run -t @we", ["@web", "@weird"]), ("mitogen run -t ssh:g", ["ssh:gate1"]),
            ("mitogen copy file -x @d", ["@db"]), ("mitogen run --live -t sto", ["ssh:store"]),
            ("mitogen run -i ~/hosts.ini -t @", ["@all", "@lab", "@ungrouped"]),
            ("mitogen tree -t box", ["box1", "box2"]), ("mitogen tree -t ssh:10", ["ssh:10.0.0.2"]),
            ("mitogen run -i ~/program -t @d", []),
        ]
    )
    func fish(line: String, words: [String]) async throws {
        try await Self.withHome("fish") { home in
            let script = "source \(home)/_mitogen; complete -C '\(line)'"
            let environment = Self.environment(home).map { "\($0.key)=\($0.value)" }
            let shell = try HelperProcess(["env", "-i"] + environment + ["fish", "--no-config", "-c", script])
            #expect(try await shell.waitForEnd() == 0)
            let found = shell.lines.map { String($0.prefix { $0 != "\t" }) }
            #expect(found == words, "\(shell.lines)")
        }
    }
}
