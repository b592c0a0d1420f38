//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Targets")
struct TargetSpecificationTests {
    /// Kinds as later versions may have them.
    static let kinds: [HopKind] = [
        .local,
        HopKind(name: "ssh", argument: .required("HOST"), help: "another machine"),
        HopKind(name: "sudo", argument: .optional("USER"), help: "another user"),
        HopKind(name: "plain", argument: .none, help: "nothing to say"),
    ]

    @Test(
        "A target is parsed to its hops and back",
        arguments: [
            ("local", [Hop(kind: "local")]),
            ("local:a", [Hop(kind: "local", argument: "a")]),
            ("local+local:b", [Hop(kind: "local"), Hop(kind: "local", argument: "b")]),
            ("ssh:me@host:22+sudo", [Hop(kind: "ssh", argument: "me@host:22"), Hop(kind: "sudo")]),
            ("sudo:root+plain", [Hop(kind: "sudo", argument: "root"), Hop(kind: "plain")]),
            ("local:größe 1", [Hop(kind: "local", argument: "größe 1")]),
        ]
    )
    func parses(text: String, hops: [Hop]) throws {
        let target = try TargetSpecification(parsing: text, kinds: Self.kinds)
        #expect(target.hops == hops)
        #expect(target.canonicalText == text)
        #expect("\(target)" == text)
        #expect(try TargetSpecification(parsing: target.canonicalText, kinds: Self.kinds) == target)
    }

    @Test(
        "What is not a target is explained",
        arguments: [
            ("", "a target may not be empty; it is written as in local[:NAME], ssh:HOST"),
            ("+", "target '+' has nothing at hop 1; hops are joined by a single '+'"),
            ("local+", "target 'local+' has nothing at hop 2; hops are joined by a single '+'"),
            ("local++ssh:a", "target 'local++ssh:a' has nothing at hop 2; hops are joined by a single '+'"),
            (
                "locl",
                "unknown hop 'locl'; did you mean 'local'? 'mitogen help targets' lists the known ones"
            ),
            (
                "local+Sudo:x",
                "unknown hop 'Sudo' in target 'local+Sudo:x'; did you mean 'sudo'? "
                    + "'mitogen help targets' lists the known ones"
            ),
            (
                "kubectl:x",
                "unknown hop 'kubectl' in target 'kubectl:x'; a host is written ssh:HOST; "
                    + "'mitogen help targets' lists the known ones"
            ),
            ("plain:x", "hop 'plain' takes no argument, but 'x' follows it"),
            ("plain:", "hop 'plain' takes no argument, but '' follows it"),
            ("ssh", "hop 'ssh' needs an argument: ssh:HOST"),
            ("ssh:", "nothing follows the colon of hop 'ssh': ssh:HOST"),
            ("local:", "nothing follows the colon of hop 'local': local[:NAME]"),
            ("local:a/b", "hop 'local:a/b' is not valid: NAME may not contain '/'"),
            ("local:a\\b", "hop 'local:a\\b' is not valid: NAME may not contain '\\'"),
            ("local:a\u{1b}b", "hop 'local:a^[b' is not valid: NAME may not contain control characters"),
            ("local:a\nb", "hop 'local:a\\nb' is not valid: NAME may not contain control characters"),
            ("local:a\u{202e}b", "hop 'local:a\\u{202e}b' is not valid: NAME may not contain control characters"),
            ("local:a\u{9b}b", "hop 'local:a\\u{9b}b' is not valid: NAME may not contain control characters"),
            ("ssh:a\tb", "hop 'ssh:a\\tb' is not valid: HOST may not contain control characters"),
        ]
    )
    func explains(text: String, message: String) {
        let error = #expect(throws: TargetSyntaxError.self) {
            try TargetSpecification(parsing: text, kinds: Self.kinds)
        }
        #expect(error?.description == message)
    }

    @Test("An unknown hop lists the known ones")
    func knownKinds() {
        let known = [
            "local[:NAME]", "fork", "ssh:[USER@]HOST[:PORT]", "sudo[:USER]", "su[:USER]", "doas[:USER]",
            "docker:[USER@]NAME",
            "docker-image:IMAGE", "podman:[USER@]NAME", "buildah:[USER@]NAME",
            "kubectl:[NAMESPACE/]POD[/CONTAINER]", "lxc:NAME", "lxd:NAME", "incus:NAME", "jail:[USER@]NAME",
            "setns-docker:[USER[:GROUP]@]NAME", "setns-podman:[USER[:GROUP]@]NAME", "setns-lxc:[USER[:GROUP]@]NAME",
            "setns-lxd:[USER[:GROUP]@]NAME", "setns-incus:[USER[:GROUP]@]NAME", "setns-machinectl:[USER[:GROUP]@]NAME",
            "python[:INTERPRETER]",
        ]
        #expect(HopKind.known.map(\.usage) == known)
        let error = #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: "telnet:web1") }
        #expect(
            error?.description
                == "unknown hop 'telnet' in target 'telnet:web1'; a host is written ssh:HOST; 'mitogen help targets' lists the "
                + "known ones"
        )
    }

    @Test(
        "A destination of ssh is taken apart",
        arguments: [
            ("web1", nil, "web1", nil), ("deploy@web1", "deploy", "web1", nil), ("web1:2222", nil, "web1", 2222),
            ("a@b@web1:22", "a@b", "web1", 22), ("[fe80::1]:22", nil, "fe80::1", 22), ("[::1]", nil, "::1", nil),
        ] as [(String, String?, String, Int?)]
    )
    func sshDestinations(text: String, user: String?, host: String, port: Int?) throws {
        _ = try TargetSpecification(parsing: "ssh:\(text)")
        let destination = SSHDestination(text)
        #expect(destination.user == user)
        #expect(destination.host == host)
        #expect(destination.port == port)
    }

    @Test(
        "A backslash makes what follows it a part of a name, and the text is written back so",
        arguments: [
            (#"ssh:DOMAIN\+joe@web1"#, "DOMAIN+joe@web1", nil), (#"ssh:a\,b@web1"#, "a,b@web1", nil),
            (#"ssh:DOMAIN\joe@web1"#, #"DOMAIN\joe@web1"#, nil), (#"ssh:a\\\+b@web1"#, #"a\+b@web1"#, nil),
            (#"ssh:a\[1\]@[::1]:22"#, "a[1]@[::1]:22", nil), (#"sudo:a\+b"#, "a+b", nil),
            (#"docker-image:a\[1\]\,b"#, "a[1],b", nil), ("ssh://me@web1:2222", "me@web1:2222", "ssh:me@web1:2222"),
            ("ssh://web1/", "web1", "ssh:web1"), ("ssh://[::1]:22", "[::1]:22", "ssh:[::1]:22"),
            ("ssh://DOMAIN%2bjoe@web1", "DOMAIN+joe@web1", #"ssh:DOMAIN\+joe@web1"#),
        ] as [(String, String, String?)]
    )
    func escapes(text: String, argument: String, canonical: String?) throws {
        let target = try TargetSpecification(parsing: text)
        #expect(target.hops.map(\.argument) == [argument])
        #expect(target.canonicalText == canonical ?? text)
        #expect(try TargetSpecification(parsing: target.canonicalText) == target)
        let list = try #require(try? TargetSelectionTests.targets("\(text),local"))
        #expect(list == [canonical ?? text, "local"])
    }

    @Test("What may be the rest of a name is said to need a backslash")
    func needsBackslash() {
        let plus = #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: "ssh:DOMAIN+joe@web1") }
        #expect(plus?.description.contains(#"a '+' that is part of a name is written '\+'"#) == true)
        let comma = #expect(throws: TargetSyntaxError.self) { try TargetSelectionTests.targets("ssh:a,joe@web1") }
        #expect(comma?.description.contains(#"one that is part of a name is written '\,'"#) == true)
        let password = #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: "ssh://a:hunter2@b") }
        #expect(password?.description.contains("--ask-password") == true)
        #expect(password?.description.contains("hunter2") == false)
    }

    @Test(
        "What is no destination of ssh is refused",
        arguments: [
            "", "@web1", "web1:", "web1:0", "web1:65536", "web1:x", "-oProxyCommand=x", "a@-b", "a b", "user@", "a/b",
            "a#b", "a;b", "a'b", "a\"b", "a$b", "//a/b", "//", "a*",
        ]
    )
    func badSSHDestinations(text: String) {
        #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: "ssh:\(text)") }
    }

    @Test(
        "Targets given twice have labels of their own",
        arguments: [
            (["local"], ["local"]),
            (["local", "local:a"], ["local", "local:a"]),
            (["local", "local", "local"], ["local", "local#2", "local#3"]),
            (["local:a", "local:a", "local:a#2"], ["local:a", "local:a#3", "local:a#2"]),
            (["local:a#2", "local:a#2", "local:a", "local:a"], ["local:a#2", "local:a#2#2", "local:a", "local:a#3"]),
            (["local:a", "local:a", "local:a", "local:a#3"], ["local:a", "local:a#2", "local:a#4", "local:a#3"]),
            ([], []),
        ]
    )
    func labels(texts: [String], labels: [String]) throws {
        let result = TargetSpecification.labels(for: try texts.map { try TargetSpecification(parsing: $0) })
        #expect(result == labels)
        #expect(Set(result).count == result.count)
    }

    @Test(
        "The distance between words is counted",
        arguments: [
            ("", "", 0), ("a", "", 1), ("", "abc", 3), ("local", "local", 0), ("locl", "local", 1),
            ("lcoal", "local", 2), ("docker", "sudo", 6),
        ]
    )
    func distance(first: String, second: String, distance: Int) {
        #expect(Suggestion.editDistance(first, second) == distance)
        #expect(Suggestion.editDistance(second, first) == distance)
    }

    @Test(
        "Only a near word is suggested",
        arguments: [("shs", nil), ("sh", "ssh"), ("sud", "sudo"), ("lcoal", "local"), ("", nil)]
    )
    func suggestion(word: String, suggestion: String?) {
        #expect(Suggestion.nearest(to: word, in: Self.kinds.map(\.name)) == suggestion)
    }

    @Test("The help text has a line for each kind")
    func helpText() {
        let text = """
              local[:NAME]  a child process on the same machine, shown there as NAME
              ssh:HOST      another machine
            """
        #expect(HopKind.helpText(for: Array(Self.kinds.prefix(2))) == text)
        #expect(HopKind.helpText(for: []).isEmpty)
    }
}
