//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Groups of ClusterShell, and hosts of ssh")
struct GroupSourceTests {
    static func lines(_ text: String) throws -> [TextFile.Line] { try AnsibleInventoryTests.lines(text) }

    @Test("A file of groups has a line for each")
    func groupFile() throws {
        let lines = try Self.lines("web: web[1-3] web7\n# more\ndb.x:\ndb.x: db1,db2\nweb: web9\n")
        #expect(
            try GroupFile.groups(of: lines, name: "g") == ["web": ["web[1-3]", "web7", "web9"], "db.x": ["db1,db2"]]
        )
        let error = #expect(throws: ArgumentError.self) {
            try GroupFile.groups(of: try Self.lines("web: a\nweb1:22\n"), name: "g")
        }
        #expect(error?.description == "g:2: expected is GROUP: NODES, as in 'web: web[1-20]'")
        #expect(!GroupFile.isGroup("[web]") && !GroupFile.isGroup("web1:22") && !GroupFile.isGroup("a b: c"))
    }

    @Test("A groups.conf tells commands, which get the name of a group")
    func configuration() throws {
        let text = """
            [Main]
            default: slurm
            confdir: /etc/clustershell/groups.conf.d $CFGDIR/more
            [local]
            map: sed -n 's/^$GROUP:\\(.*\\)/\\1/p' $CFGDIR/groups
            list: cut -d: -f1 $CFGDIR/groups
            [slurm, pbs]
            map: echo $SOURCE-${GROUP}
            all = echo all
            """
        let lines = try Self.lines(text)
        #expect(GroupsConfiguration.isConfiguration(lines))
        #expect(!GroupsConfiguration.isConfiguration(try Self.lines("[web]\nweb1\n")))
        let configuration = try GroupsConfiguration(lines, name: "g", folder: "/x")
        #expect(configuration.defaultSource == "slurm")
        #expect(configuration.folders == ["/etc/clustershell/groups.conf.d", "/x/more"])
        #expect(configuration.sources.map(\.name) == ["local", "slurm", "pbs"])
        #expect(try configuration.sources[0].mapCommand(for: "web") == "sed -n 's/^web:\\(.*\\)/\\1/p' /x/groups")
        #expect(try configuration.sources[2].mapCommand(for: "a") == "echo pbs-a")
        #expect(configuration.sources[1].all == "echo all" && configuration.sources[1].list == nil)
        for group in ["-x", "$(id)", "a b", "a;b", "`x`", "a\nb", "a'b"] {
            #expect(throws: ArgumentError.self) { try configuration.sources[0].mapCommand(for: group) }
        }
        let bad = #expect(throws: ArgumentError.self) {
            try GroupsConfiguration(try Self.lines("[x]\nlist: a\n"), name: "g", folder: "/")
        }
        #expect(bad?.description == "g: source 'x' has no 'map'")
    }

    @Test("An inventory with a variable or a group 'map' is no groups.conf")
    func noConfiguration() throws {
        for text in ["map=1\n[web]\nw1\n", "[web]\nw1\n[web:vars]\nmap=1\n", "[Main]\nw\n[x:children]\nMain\n"] {
            #expect(!GroupsConfiguration.isConfiguration(try Self.lines(text)), "\(text)")
        }
        #expect(throws: ArgumentError.self) {
            try GroupsConfiguration(try Self.lines("[x]\nmap: cat $CFGDIR/x\n"), name: "g", folder: "/a;b")
        }
    }

    @Test("A command of a source has an end, and its output and status are kept")
    func commandOutput() throws {
        let output = try CommandOutput.of("echo a; exit 3")
        #expect(output.bytes == Array("a\n".utf8) && output.status == 3)
        let start = ContinuousClock.now
        // What the shell leaves behind does not keep the tool waiting.
        #expect(try CommandOutput.of("sleep 20 & echo b").bytes == Array("b\n".utf8))
        let error = #expect(throws: ArgumentError.self) {
            try CommandOutput.of("echo c; exec sleep 20", limit: .milliseconds(200))
        }
        #expect(error?.description.contains("takes longer than 0.2 seconds") == true)
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("The hosts of an ssh configuration are those without wildcards")
    func sshHosts() throws {
        let text = """
            Host *
              User me
            host web1 "web 2" !web3 w?b
            Host=db1
            Match host x
            Include conf.d/*.conf ~/other
            HostName ignored
            """
        let content = SSHConfigHosts.content(of: try Self.lines(text))
        #expect(content.includes == ["conf.d/*.conf", "~/other"])
        #expect(content.hosts.contains("web1") && content.hosts.contains("db1"))
        #expect(!content.hosts.contains { $0.contains("*") || $0.contains("?") || $0.contains("!") || $0 == "ignored" })
    }
}
