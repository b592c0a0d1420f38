//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@Suite(
    "Node sets and inventories on the command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(1))
)
struct HostsCommandTests {
    private static func list(_ arguments: [String], home: String = "/nonexistent") async throws -> [String] {
        let result = try await ToolProcess.run(["run", "--list-hosts"] + arguments, environment: ["HOME": home])
        #expect(result.status == 0, "\(result.errors)")
        return result.lines
    }

    private static func write(_ text: String, _ path: String, mode: mode_t = 0o600) throws {
        try Files.write(Array(text.utf8), to: path)
        try #require(chmod(path, mode) == 0)
    }

    @Test("Names come from arguments, files and standard input")
    func sources() async throws {
        try await withTemporaryDirectory { directory in
            try Self.write("# names\nweb[1-2] web5\nweb7 # the last\n", "\(directory)/names")
            let both = try await ToolProcess.run(
                ["hosts", "web9", "-", "--hosts-file", "\(directory)/names"],
                stdin: Array("web3\nweb4,web5\n".utf8)
            )
            #expect(both.text == "web[1-5,7,9]\n")
            let tabs = try await ToolProcess.run(["hosts", "-e", "-S", "\\t", "web[1-2]"])
            #expect(tabs.output == Array("web1\tweb2\n".utf8))
            let tab = try await ToolProcess.run(["hosts", "-e", "-S", "\t", "web[1-2]"])
            #expect(tab.output == Array("web1\tweb2\n".utf8))
            let many = try await ToolProcess.run(["hosts", "-c", "web[1-1000000000]!web[7-9]"])
            #expect(many.text == "999999997\n")
            let piped = try await ToolProcess.run(["hosts", "-c"], stdin: Array("b1\na[1-2]\n".utf8))
            #expect(piped.text == "3\n")
            let wrong = try await ToolProcess.run(["hosts", "web[1-2"])
            #expect(wrong.status == 2 && wrong.errors.contains("there is no ']'"))
        }
    }

    @Test("Inventories are told by what is in them")
    func inventories() async throws {
        try await withTemporaryDirectory { directory in
            try Self.write("[web]\nweb[1:2] ansible_user=me\n[web:vars]\nansible_become=1\n", "\(directory)/hosts.ini")
            #expect(
                try await Self.list(["-i", "\(directory)/hosts.ini", "-t", "@web"]) == [
                    "ssh:me@web1+sudo  # web1", "ssh:me@web2+sudo  # web2",
                ]
            )
            #expect(
                try await Self.list(["-i", "\(directory)/hosts.ini", "-t", "web2"]) == ["ssh:me@web2+sudo  # web2"]
            )
            #expect(
                try await Self.list(["-i", "\(directory)/hosts.ini", "-a", "-x", "web1"]) == [
                    "ssh:me@web2+sudo  # web2"
                ]
            )
            let json = #"{"_meta":{"hostvars":{"db1":{"ansible_connection":"local"}}},"db":{"hosts":["db1"]}}"#
            try Self.write("#!/bin/sh\n[ \"$1\" = --list ] && echo '\(json)'\n", "\(directory)/program", mode: 0o700)
            #expect(try await Self.list(["-i", "\(directory)/program", "-t", "@db"]) == ["local  # db1"])
            try Self.write(json, "\(directory)/file.json")
            #expect(try await Self.list(["-i", "\(directory)/file.json", "-a"]) == ["local  # db1"])
            try Self.write("Host x1 x2\nHost *\n", "\(directory)/ssh_config")
            #expect(try await Self.list(["-i", "ssh:\(directory)/ssh_config", "-t", "x1,@*"]) == ["ssh:x1", "ssh:x2"])
            try Self.write(
                "[Main]\ndefault: d\n[d]\nmap: [ $GROUP = web ] && echo 'w[1-2]'\n[e]\nmap: echo $GROUP-x\n",
                "\(directory)/groups.conf"
            )
            #expect(
                try await Self.list(["-i", "\(directory)/groups.conf", "-t", "@web,@e:y"]) == [
                    "ssh:w1", "ssh:w2", "ssh:y-x",
                ]
            )
            try Self.write("all:\n  hosts:\n", "\(directory)/hosts.yml")
            let yaml = try await ToolProcess.run(
                ["run", "-i", "\(directory)/hosts.yml", "-a", "true"],
                environment: ["PATH": "/nonexistent"]
            )
            #expect(yaml.status == 2 && yaml.errors.contains("needs ansible-inventory, which is not installed"))
            try Self.write("#!/bin/sh\nexit 3\n", "\(directory)/broken", mode: 0o700)
            let broken = try await ToolProcess.run(["run", "-i", "\(directory)/broken", "-a", "true"])
            #expect(broken.status == 2 && broken.errors.contains("ended with status 3"))
        }
    }

    @Test("Hosts of an inventory are shown by their names, folded, whatever the form of the results")
    func names() async throws {
        try await withTemporaryDirectory { directory in
            let hosts = "\(directory)/hosts.ini"
            try Self.write("[web]\nweb[01:02] ansible_connection=local\n", hosts)
            func run(_ arguments: String...) async throws -> ToolResult {
                try await ToolProcess.run(
                    ["run", "-i", hosts, "-t", "web01+local:[1-2]"] + arguments + ["--", "echo", "x"]
                )
            }
            #expect(try await run("-o", "gather").lines == ["== web01+local:[1-2] (2 targets, exit 0)", "x"])
            #expect(try await run("-o", "stream").lines.sorted() == ["web01+local:1 | x", "web01+local:2 | x"])
            let objects = try await run("-o", "json").lines.map(CommandLineTests.object)
            #expect(objects.compactMap { $0["target"] as? String }.sorted() == ["web01+local:1", "web01+local:2"])
            let events = try await run("-o", "events").lines.map(CommandLineTests.object)
            #expect(
                events.contains {
                    $0["target"] as? String == "web01+local:1" && $0["path"] as? [String] == ["local", "local:1"]
                }
            )
            let failed = try await ToolProcess.run(
                ["run", "-i", hosts, "-t", "web01+local:[1-2]", "-o", "none", "--summary", "--", "false"]
            )
            #expect(failed.errors.contains("exit 1: web01+local:[1-2]\n"))
            let files = try await run("-o", "none", "--output-dir", "\(directory)/out")
            #expect(
                files.status == 0 && Files.names(in: "\(directory)/out").sorted() == ["web01+local:1", "web01+local:2"]
            )
            let dry = try await run("--dry-run")
            #expect(
                dry.lines.contains("targets   2: web01+local:[1-2]")
                    && dry.lines.last == "  local+local:2  # web01+local:2"
            )
        }
    }

    @Test("A host is shown by a name that is read as the same place, by run, doctor and tree")
    func readableNames() async throws {
        try await withTemporaryDirectory { directory in
            let hosts = "\(directory)/hosts.ini"
            let text =
                "[odd]\nlocal ansible_connection=local\nfork ansible_host=127.0.0.1 ansible_port=1\n[web]\nweb1 "
                + "ansible_connection=local\n"
            try Self.write(text, hosts)
            let odd = try await ToolProcess.run(["run", "-i", hosts, "-t", "@odd", "-o", "none", "--", "true"])
            // 'fork' alone would be a process of this machine.
            #expect(
                odd.status == 4 && odd.errors.contains("ssh:127.0.0.1:1 (unreachable at ssh:127.0.0.1:1, "),
                "\(odd.errors)"
            )
            #expect(try await Self.list(["-i", hosts, "-t", "@odd"]) == ["local", "ssh:127.0.0.1:1  # fork"])
            let two = "\(directory)/two.ini"
            try Self.write("one ansible_connection=local\ntwo ansible_connection=local\n", two)
            for (excluded, left) in [("one", "two"), ("two", "one")] {
                let result = try await ToolProcess.run([
                    "run", "-i", two, "-a", "-x", excluded, "-o", "json", "--", "true",
                ])
                #expect(result.status == 0, "\(result.errors)")
                #expect(try result.lines.map { try CommandLineTests.object($0)["target"] as? String } == [left])
            }
            let doctor = try await ToolProcess.run(["doctor", "-i", hosts, "web1+local:a"])
            #expect(doctor.status == 0 && doctor.lines[0] == "web1" && doctor.lines[1] == "  hops          local")
            #expect(doctor.lines.contains("web1+local:a"))
            let objects = try await ToolProcess.run(["doctor", "--json", "-i", hosts, "web1"]).lines.map(
                CommandLineTests.object
            )
            #expect(objects.map { $0["target"] as? String } == ["web1"])
            #expect(objects.map { $0["path"] as? [String] } == [["local"]])
            let tree = try await ToolProcess.run(["tree", "-i", hosts, "-t", "web1+local:a"])
            #expect(tree.status == 0 && tree.text.contains("└─ local (web1) ") && tree.text.contains("   └─ local:a "))
        }
    }

    @Test("An unknown group is named, with where it was looked for")
    func unknownGroups() async throws {
        try await withTemporaryDirectory { directory in
            try Self.write("[web]\nweb1\n", "\(directory)/hosts.ini")
            try Self.write("[Main]\ndefault: d\n[d]\nmap: [ $GROUP = web ] && echo w1\n", "\(directory)/groups.conf")
            for command in [["hosts", "@nothing"], ["run", "-t", "@nothing", "true"]] {
                let one = try await ToolProcess.run(
                    command.prefix(1) + ["-i", "\(directory)/hosts.ini"] + command.dropFirst()
                )
                #expect(one.status == 2)
                #expect(
                    one.errors
                        == "Error: group '@nothing': there is no such group in '\(directory)/hosts.ini'; known are "
                        + "@all, @ungrouped, @web\n"
                )
                let two = try await ToolProcess.run(
                    command.prefix(1) + ["-i", "\(directory)/groups.conf"] + command.dropFirst()
                )
                #expect(
                    two.errors == "Error: group '@nothing': there is no such group in '\(directory)/groups.conf [d]'\n"
                )
                let none = try await ToolProcess.run(command, environment: ["HOME": "/nonexistent"])
                // Where ClusterShell is installed, its own groups are looked at.
                let isAlone = access("/etc/clustershell/groups.conf", F_OK) != 0
                #expect(none.status == 2)
                #expect(
                    none.errors.contains(
                        isAlone
                            ? "group '@nothing': there are no groups: neither ~/.config/"
                            : "'/etc/clustershell/groups.conf ["
                    )
                )
            }
        }
    }

    @Test("The user's own groups count without an option, for every command that has targets")
    func ownGroups() async throws {
        try await withTemporaryDirectory { home in
            try FileManager.default.createDirectory(
                atPath: "\(home)/.config/mitogen",
                withIntermediateDirectories: true
            )
            // The file is no program, whatever its permissions are.
            try Self.write(
                "pair: local:[a,b]\nall2: @pair local:c\n",
                "\(home)/.config/mitogen/groups.conf",
                mode: 0o755
            )
            #expect(try await Self.list(["-t", "@all2!@pair"], home: home) == ["local:c"])
            let run = try await ToolProcess.run(
                ["run", "-t", "@pair", "-o", "gather", "--", "echo", "x"],
                environment: ["HOME": home]
            )
            #expect(run.lines == ["== local:a,local:b (2 targets, exit 0)", "x"])
            let tree = try await ToolProcess.run(["tree", "-t", "@pair"], environment: ["HOME": home])
            #expect(tree.status == 0 && tree.text.contains("local:a") && tree.text.contains("local:b"))
            let doctor = try await ToolProcess.run(["doctor", "@pair"], environment: ["HOME": home])
            #expect(doctor.status == 0 && doctor.lines.contains("local:b"))
            let names = try await ToolProcess.run(["hosts", "-l"], environment: ["HOME": home])
            #expect(names.lines.prefix(2) == ["@all2", "@pair"])
            let unknown = try await ToolProcess.run(["run", "-t", "@piar", "true"], environment: ["HOME": home])
            #expect(unknown.status == 2 && unknown.errors.contains("did you mean '@pair'?"))
        }
    }
}
