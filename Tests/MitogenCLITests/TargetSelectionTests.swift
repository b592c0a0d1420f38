//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Naming many targets")
struct TargetSelectionTests {
    static func targets(_ lists: String...) throws -> [String] {
        var selection = TargetSelection()
        for list in lists { try selection.add(list: list) }
        return selection.targets.map(\.canonicalText)
    }

    static func file(_ text: String) throws -> HostsFile {
        try HostsFile(name: "hosts", bytes: Array(text.utf8))
    }

    @Test(
        "Ranges of hosts are expanded, with what stands around them",
        arguments: [
            ("ssh:web[1-2]", ["ssh:web1", "ssh:web2"]),
            ("ssh:me@web[1-2]:22+sudo:x", ["ssh:me@web1:22+sudo:x", "ssh:me@web2:22+sudo:x"]),
            ("ssh:[a,b]+ssh:n[1-2]", ["ssh:a+ssh:n1", "ssh:a+ssh:n2", "ssh:b+ssh:n1", "ssh:b+ssh:n2"]),
            ("ssh:me@[::1]:22", ["ssh:me@[::1]:22"]), ("ssh:[::1]+ssh:w[2-2]", ["ssh:[::1]+ssh:w2"]),
            (
                "local:w[1-2]+docker:[a,b]",
                ["local:w1+docker:a", "local:w1+docker:b", "local:w2+docker:a", "local:w2+docker:b"]
            ),
            (#"docker:w\[1-2\]"#, [#"docker:w\[1-2\]"#]), (#"sudo:a\!b\&c\^d"#, [#"sudo:a\!b\&c\^d"#]),
            ("local,ssh:w[1,2],sudo", ["local", "ssh:w1", "ssh:w2", "sudo"]),
        ] as [(String, [String])]
    )
    func expands(list: String, targets: [String]) throws {
        #expect(try Self.targets(list) == targets)
    }

    @Test("What ranges and files name is there once; what is written out twice is there twice")
    func duplicates() throws {
        #expect(try Self.targets("local", "local,local") == ["local", "local", "local"])
        #expect(try Self.targets("ssh:w[1-3,2]") == ["ssh:w1", "ssh:w2", "ssh:w3"])
        #expect(try Self.targets("ssh:w2", "ssh:w[1-2]") == ["ssh:w2", "ssh:w1"])
        #expect(try Self.targets("ssh:w[1-2],ssh:w2", "ssh:w1") == ["ssh:w1", "ssh:w2"])
        var selection = TargetSelection()
        try selection.add(list: "local,local")
        try selection.add(Self.file("local\nweb1\nssh:web1\nweb[1-2]\n"))
        #expect(selection.targets.map(\.canonicalText) == ["local", "local", "ssh:web1", "ssh:web2"])
    }

    @Test("What cannot be expanded is explained")
    func errors() {
        let cases: [(String, String)] = [
            (
                "ssh:web[5-2]+sudo",
                "target 'ssh:web[5-2]+sudo' has a bad range '[5-2]': '5-2' begins with the larger number; "
                    + "expected is 2-5"
            ),
            ("ssh:a[1-2]@web", "target 'ssh:a[1-2]@web' has a bad range '[1-2]': only the host can have ranges"),
            (
                "ssh:web[1-2]:[22-23]",
                "hop 'ssh:web1:[22-23]' is not valid: [USER@]HOST[:PORT] needs a port between 1 and 65535 after ':'"
            ),
            (
                "ssh:web[1-2]x\u{1b}",
                "hop 'ssh:web[1-2]x^[' is not valid: [USER@]HOST[:PORT] may not contain control characters"
            ),
            ("ssh:-[1-2]", "hop 'ssh:-1' is not valid: [USER@]HOST[:PORT] may not begin with '-'"),
            (
                "ssh:fe80::1",
                "hop 'ssh:fe80::1' is not valid: [USER@]HOST[:PORT] needs brackets around an IPv6 address, "
                    + "as in [fe80::1]:22"
            ),
            (",local", "',local' has nothing as target 1; targets are separated by a single ','"),
            ("local,,local", "'local,,local' has nothing as target 2; targets are separated by a single ','"),
            ("local,", "'local,' has nothing as target 2; targets are separated by a single ','"),
            (
                "local:a,b",
                "unknown hop 'b'; a host is written ssh:HOST; 'mitogen help targets' lists the known ones (a comma separates targets; one that is part of a name is "
                    + "written '\\,')"
            ),
            ("local:[a/,b]", "hop 'local:a/' is not valid: NAME may not contain '/'"),
            ("local!", "'local!' has nothing as target 2; targets are separated by a single '!'"),
            (
                "ssh:web[1-1000000000]",
                "target 'ssh:web[1-1000000000]' stands for 1000000000 targets; a run has at most 10000 targets"
            ),
            (
                "ssh:w[1-999999999]+ssh:[1-999999999]+ssh:[1-999999999]",
                "target 'ssh:w[1-999999999]+ssh:[1-999999999]+ssh:[1-999999999]' stands for more targets than can be "
                    + "counted; a run has at most 10000 targets"
            ),
            ("ssh:w[1-10000],local", "target 'local' is one too many; a run has at most 10000 targets"),
        ]
        for (list, message) in cases {
            let error = #expect(throws: TargetSyntaxError.self) { try Self.targets(list) }
            #expect(error?.description == message)
        }
    }

    @Test("Where one target is expected, several are an error")
    func single() throws {
        #expect(try TargetSpecification(parsing: "ssh:web[7]").canonicalText == "ssh:web7")
        for (text, count) in [("ssh:web[1-3]", 3), ("local,local", 2)] {
            let error = #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: text) }
            #expect(error == .severalTargets(target: text, count: count))
        }
    }

    @Test("--exclude matches targets that are written alike, and ssh hops to plain hosts")
    func exclusions() throws {
        let all = [
            "local", "local", "sudo", "ssh:web1", "ssh:me@web1:22", "ssh:web2+sudo", "ssh:gate+ssh:web3",
            "ssh:[::1]:22",
        ]
        let cases: [([String], [Int], [String])] = [
            (["local"], [0, 1], []), (["web1"], [3, 4], []), (["ssh:web1"], [3], []), (["me@web1"], [4], []),
            (["web1:22"], [4], []), (["me@web1:22", "web1:23"], [4], ["web1:23"]), (["gate"], [6], []),
            (["web[1-9]"], [3, 4, 5, 6], []), (["web2+sudo"], [5], []), (["web2+su"], [], ["web2+su"]),
            (["ssh:web[1-3]"], [3], []), (["[::1]"], [7], []),
            (["web[1,2],nobody", "local:x"], [3, 4, 5], ["nobody", "local:x"]),
            (["web1", "web[1-2]"], [3, 4, 5], []), (["ssh:sudo"], [], ["ssh:sudo"]), (["sudo"], [2], []),
            ([], [], []),
        ]
        for (texts, removed, unused) in cases {
            var selection = TargetSelection()
            for text in all { try selection.add(list: text) }
            #expect(try selection.remove(TargetExclusions(texts)) == unused, "\(texts)")
            let left = all.indices.filter { !removed.contains($0) }.map { all[$0] }
            #expect(selection.targets.map(\.canonicalText) == left, "\(texts)")
        }
    }

    @Test("Wrong exclusions are explained", arguments: ["", "a,,b", "web[2-1]", "shh:web1", "web[1-100000]", "local:"])
    func badExclusions(text: String) {
        #expect(throws: TargetSyntaxError.self) { try TargetExclusions([text]) }
    }

    @Test("10,000 targets need no patience", .timeLimit(.minutes(1)))
    func many() throws {
        let limit = TargetSelection.limit
        let clock = ContinuousClock()
        var texts: [String] = []
        let forms: [(inout TargetSelection) throws -> Void] = [
            { try $0.add(list: "ssh:deploy@web[00001-\(limit)].example.org:2222+sudo") },
            { try $0.add(list: (1...limit).map { "ssh:gate+ssh:web\($0)" }.joined(separator: ",")) },
            {
                try $0.add(Self.file((1...limit).map { "web\($0).example.org # a host\n" }.joined()))
                _ = try $0.remove(TargetExclusions(["db[1-100]", "ssh:web[1-100].example.com"]))
            },
            { for _ in 1...limit { try $0.add(list: "local") } },
        ]
        for form in forms {
            // A quadratic step would take minutes; the limit leaves room for a busy machine.
            let time = try clock.measure {
                var selection = TargetSelection()
                try form(&selection)
                texts = TargetSpecification.labels(for: selection.targets)
                #expect(TargetTree(selection.targets).ends.count == limit)
            }
            #expect(Set(texts).count == limit)
            #expect(time < .seconds(10))
        }
    }
}
