//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Files of hosts")
struct HostsFileTests {
    static func targets(_ bytes: [UInt8]) throws -> [String] {
        var selection = TargetSelection()
        try selection.add(HostsFile(name: "hosts", bytes: bytes))
        return selection.targets.map(\.canonicalText)
    }

    @Test("A line has a target, or a plain host, which is one of ssh")
    func lines() throws {
        let text = """
            # all of them
              web1  \t
            web[02-03]+sudo   # ranges too

            user@host:2222\r
            #web9
            local:a#2
            local
            ssh:local
            [::1]:22
            me@[fe80::1]
            10.0.0.1:22
            sudo:x
            ssh://me@uri:22
            [1-2]
            DOM\\+me@web
            last
            """
        let targets = [
            "ssh:web1", "ssh:web02+sudo", "ssh:web03+sudo", "ssh:user@host:2222", "local:a#2", "local", "ssh:local",
            "ssh:[::1]:22", "ssh:me@[fe80::1]", "ssh:10.0.0.1:22", "sudo:x", "ssh:me@uri:22",
            "ssh:1", "ssh:2", #"ssh:DOM\+me@web"#, "ssh:last",
        ]
        #expect(try Self.targets(Array(text.utf8)) == targets)
        #expect(try Self.targets([0xef, 0xbb, 0xbf] + Array("web1".utf8)) == ["ssh:web1"])
    }

    private static let severalWords =
        "has more than one word; a hosts file has one target on each line, written [USER@]HOST[:PORT]"
    private static let inventory =
        "this is an Ansible inventory: give it with -i, and say which of it with -t @GROUP or --all"

    @Test(
        "Errors name the file and the line",
        arguments: [
            ("", "the hosts file 'hosts' names no target"), ("# web1\n\n \n", "the hosts file 'hosts' names no target"),
            ("web1\nweb\u{0}2\n", "hosts:2: this is no text; a hosts file has one target on each line"),
            ("a\n\nb,c\n", "hosts:3: 'b,c' has an operator such as ','; a hosts file has one target on each line"),
            ("a\nweb1:22 joe", "hosts:2: 'web1:22 joe' \(Self.severalWords)"),
            ("web1 joe", "hosts:1: 'web1 joe' \(Self.severalWords)"),
            (
                "a\nweb#1",
                "hosts:2: hop 'ssh:web#1' is not valid: [USER@]HOST[:PORT] may not have '#' in the host; it is "
                    + "written [USER@]HOST[:PORT] or ssh://[USER@]HOST[:PORT]"
            ),
            ("[all]\nweb1", "hosts:1: \(Self.inventory)"), ("web1\n[db:children]\na", "hosts:2: \(Self.inventory)"),
            ("web1\nweb2 ansible_host=10.0.0.1", "hosts:2: \(Self.inventory)"),
            (
                "web1:99999",
                "hosts:1: hop 'ssh:web1:99999' is not valid: [USER@]HOST[:PORT] needs a port between 1 and "
                    + "65535 after ':'"
            ),
            (
                "fe80::a",
                "hosts:1: hop 'ssh:fe80::a' is not valid: [USER@]HOST[:PORT] needs brackets around an IPv6 "
                    + "address, as in [fe80::1]:22"
            ),
            (
                "web1\nweb[1-10001]",
                "hosts:2: target 'web[1-10001]' stands for 10001 targets; a run has at most 10000 "
                    + "targets"
            ),
            ("web1\nweb[2-10001]", "hosts:2: target 'web[2-10001]' is one too many; a run has at most 10000 targets"),
            ("web1++sudo", "hosts:1: target 'web1++sudo' has nothing at hop 2; hops are joined by a single '+'"),
            ("+web1", "hosts:1: target '+web1' has nothing at hop 1; hops are joined by a single '+'"),
        ] as [(String, String)]
    )
    func errors(text: String, message: String) {
        let error = #expect(throws: ArgumentError.self) { try Self.targets(Array(text.utf8)) }
        #expect(error?.description == message)
    }

    @Test("A slip in the name of a hop is no host")
    func slips() {
        let error = #expect(throws: ArgumentError.self) { try Self.targets(Array("shh:web1".utf8)) }
        #expect(
            error?.description.hasPrefix("hosts:1: unknown hop 'shh' in target 'shh:web1'; did you mean 'ssh'?") == true
        )
        #expect(throws: ArgumentError.self) { try Self.targets([0x77, 0xff]) }
    }

    @Test("What cannot be read is named")
    func unreadable() {
        let missing = #expect(throws: ArgumentError.self) { try HostsFile(path: "/nonexistent/mitogen") }
        #expect(missing?.description == "cannot read the hosts file '/nonexistent/mitogen': No such file or directory")
        let directory = #expect(throws: ArgumentError.self) { try HostsFile(path: "/") }
        #expect(directory?.description == "cannot read the hosts file '/': Is a directory")
        let endless = #expect(throws: ArgumentError.self) { try HostsFile(path: "/dev/zero") }
        #expect(endless?.description == "the hosts file '/dev/zero' is larger than 16 MiB")
    }
}
