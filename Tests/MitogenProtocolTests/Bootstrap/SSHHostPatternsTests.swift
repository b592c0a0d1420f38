//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenProtocol

@Suite("Which hosts ssh says the same about")
struct SSHHostPatternsTests {
    private static func patterns(_ files: String...) -> SSHHostPatterns? {
        SSHHostPatterns(files: files.map { Array($0.utf8) })
    }

    @Test("Hosts that match the same patterns have one key")
    func sameKey() throws {
        let patterns = try #require(
            Self.patterns(
                "Host web*  !web9 GATE1\n  Port 22\nHOST=db?\r\n# Host w*\n",
                "Host *.example.com *\nHostName web3\n"
            )
        )
        let key = { patterns.key(of: $0) }
        #expect(key("web1") == key("web2"))
        #expect(key("web1") != key("web9"))
        // ssh says of every host that its name is web3.
        #expect(key("web1") != key("web3"))
        #expect(key("10.0.0.1") == key("10.0.0.2"))
        #expect(key("web1") != key("db1"))
        #expect(key("db1") == key("db2"))
        #expect(key("db1") != key("db10"))
        #expect(key("gate1") != key("gate2"))
        #expect(key("a.example.com") == key("b.example.com"))
        #expect(key("a.example.com") != key("a.example.org"))
    }

    @Test("Without a pattern all hosts are alike, and with none of ssh's files too")
    func noPatterns() throws {
        let patterns = try #require(Self.patterns("ServerAliveInterval 5\n"))
        #expect(patterns.key(of: "a") == patterns.key(of: "b"))
    }

    @Test(
        "A host that ssh takes apart, or writes otherwise, is alike to none",
        arguments: [
            "me@web1", "ssh://web1", "WEB1", "web1:22", "::1", "w\u{e9}b", "web 1", "127.1", "10.0.0.01", "0x7f.1",
            "300.0.0.1",
        ]
    )
    func unclear(host: String) throws {
        #expect(try #require(Self.patterns("Host web*")).key(of: host) == nil)
    }

    @Test(
        "Where more than the name can matter nothing is shared",
        arguments: [
            "Match all", "match exec true", "MATCH=host web1", "Include conf.d/%h", "Host a\nInclude=~/%n.conf",
        ]
    )
    func matches(text: String) { #expect(Self.patterns("Host *\n", text) == nil) }

    @Test(
        "`*` and `?`, anywhere",
        arguments: [
            ("web1", "web1", true), ("web1", "web", false), ("web", "web1", false),
            ("web1", "*", true), ("", "*", true), ("", "", true), ("web1", "", false), ("web1", "w*1", true),
            ("web1", "w*b?", true), ("web1", "w*b??", false), ("axbxb", "a*b", true),
            ("abab", "*ab", true),
            ("ababc", "*ab", false), ("a.b.c", "*.*.c", true), ("web1", "!web*", true), ("web1", "**1", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*a*c", false),
        ]
    )
    func wildcards(name: String, pattern: String, isMatch: Bool) {
        #expect(SSHHostPatterns.matches(Array(name.utf8), Array(pattern.utf8)[...]) == isMatch)
    }

    @Test("The files are those that `ssh -v` names")
    func files() {
        let said = [
            "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026",
            "debug1: Reading configuration data /root/.ssh/config",
            "debug1: /root/.ssh/config line 3: include /root/.ssh/conf.d/* matched no files",
            "debug1: Reading configuration data /etc/ssh/ssh_config",
        ]
        #expect(SSHHostPatterns.files(in: said) == ["/root/.ssh/config", "/etc/ssh/ssh_config"])
        #expect(SSHHostPatterns.files(in: Array(said.prefix(1))).isEmpty)
    }

    @Test(
        "An answer is good for another host if the name is nowhere in it but where it stands alone",
        arguments: [
            ("hostname web1\ncanonicalizehostname false", "web2:22"),
            ("hostname web1\nport 2222\ncanonicalizehostname no", "web2:2222"),
            ("hostname 10.0.0.1\ncanonicalizehostname false", "10.0.0.1:22"),
            ("hostname web1\ncanonicalizehostname false\ncanonicalizePermittedcnames none", "web2:22"),
            ("hostname web1\ncanonicalizehostname false\ncanonicalizePermittedcnames *.a:*.b", nil),
            ("hostname web1\ncanonicalizehostname always", nil), ("hostname web1", nil), ("", nil),
            ("hostname web1.example.com\ncanonicalizehostname false", nil),
            ("hostname web10\ncanonicalizehostname false", nil),
            ("hostname web1\nproxyjump gate-web1\ncanonicalizehostname false", nil),
            ("hostname web1\nproxycommand nc web1 22\ncanonicalizehostname false", nil),
            ("hostname web1\nproxyjump gate\ncanonicalizehostname false", "web2:22"),
        ] as [(String, String?)]
    )
    func renamed(text: String, server: String?) {
        let configuration = SSHConfiguration(lines: text.split(separator: "\n").map(String.init))
        #expect(configuration.renamed(from: "web1", to: "web2")?.server == server)
    }
}
