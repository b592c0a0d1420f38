//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Groups of nodes")
struct NodeGroupsTests {
    static let groups = NodeGroups(
        sources: [
            NodeGroups.Source(
                name: "main",
                groups: [
                    "web": ["web[1-3]"], "db": ["db1,db2"], "front": ["@web", "proxy"], "rack1": ["web1", "db1"],
                    "rack2": ["web2"], "loop": ["@pool"], "pool": ["@loop"], "gone": ["@nowhere"],
                    "far": ["ssh:gate+ssh:inner[1-2]"],
                ],
                all: ["web[1-3]", "db[1-2]"]
            ),
            NodeGroups.Source(name: "slurm", groups: ["gpu": ["g[1-2]"], "web": ["other"]]),
        ],
        targets: ["web1": "ssh:me@10.0.0.1:2222+sudo", "web2": "ssh:10.0.0.2", "app": "docker:app"]
    )

    static func targets(_ lists: String...) throws -> [String] {
        var selection = TargetSelection()
        for list in lists { try selection.add(list: list, groups: self.groups) }
        return selection.targets.map(\.canonicalText)
    }

    @Test(
        "Groups stand for their members, in order and each once",
        arguments: [
            ("@web", ["web1", "web2", "web3"]), ("@front", ["web1", "web2", "web3", "proxy"]),
            ("@slurm:gpu", ["g1", "g2"]), ("@gpu", ["g1", "g2"]), ("@slurm:web", ["other"]),
            ("@rack[1-2]", ["web1", "db1", "web2"]), ("@web!@rack1", ["web2", "web3"]),
            ("@front&@rack[1-2]", ["web1", "web2"]), ("x,@db", ["x", "db1", "db2"]),
            ("@main:*", ["web1", "web2", "web3", "db1", "db2"]),
            ("@*", ["web1", "web2", "web3", "db1", "db2", "g1", "g2", "other"]),
            ("@web+sudo", ["web1+sudo", "web2+sudo", "web3+sudo"]),
        ] as [(String, [String])]
    )
    func members(text: String, names: [String]) throws {
        #expect(try Self.groups.names(inExpression: text) == names)
    }

    @Test("Groups are found once, and stay in their source wherever they stand in a member", .timeLimit(.minutes(1)))
    func nested() throws {
        var groups = ["g0": ["w[1-2]"], "late": ["w9,@g0!w1"]]
        for level in 1...60 { groups["g\(level)"] = ["@g\(level - 1)", "@g\(level - 1)"] }
        let other = NodeGroups.Source(name: "other", groups: ["g0": ["wrong"]])
        let all = NodeGroups(sources: [other, NodeGroups.Source(name: "deep", groups: groups)])
        #expect(try all.names(inExpression: "@g60") == ["w1", "w2"])
        #expect(try all.names(inExpression: "@late") == ["w9", "w2"])
    }

    @Test("Groups that cannot be used are explained")
    func errors() {
        let cases: [(NodeGroups, String, String)] = [
            (Self.groups, "@webb", "group '@webb': there is no such group in 'main', 'slurm'; did you mean '@web'?"),
            (
                Self.groups, "@slurm:nothing",
                "group '@slurm:nothing': there is no such group in 'slurm'; known are @gpu, @web"
            ),
            (Self.groups, "@foo:web", "no source of groups is called 'foo'; known are main, slurm"),
            (Self.groups, "@loop", "it contains itself"), (Self.groups, "@", "the name of a group follows '@'"),
            (Self.groups, "@gone", "group '@gone': group '@nowhere': there is no such group in 'main'; known are"),
            (.none, "@web", "group '@web': there are no groups: neither ~/.config/mitogen/groups.conf nor"),
            (.none, "@*", "there are no groups: neither ~/.config/mitogen/groups.conf nor"),
        ]
        for (groups, text, message) in cases {
            let error = #expect(throws: ArgumentError.self) { try groups.names(inExpression: text) }
            #expect(error?.description.contains(message) == true, "\(text)")
        }
        let error = #expect(throws: TargetSyntaxError.self) { try Self.targets("ssh:gate+ssh:@webb") }
        #expect(
            error?.description
                == "group '@webb' of target 'ssh:gate+ssh:@webb': there is no such group in 'main', 'slurm'; did you mean '@web'?"
        )
    }

    @Test(
        "Targets can name groups, hosts of an inventory, and groups as hosts of ssh",
        arguments: [
            ("@web", ["ssh:me@10.0.0.1:2222+sudo", "ssh:10.0.0.2", "ssh:web3"]),
            ("@db+sudo", ["ssh:db1+sudo", "ssh:db2+sudo"]),
            ("ssh:gate+ssh:@db", ["ssh:gate+ssh:db1", "ssh:gate+ssh:db2"]),
            ("ssh:me@@db:22+sudo", ["ssh:me@db1:22+sudo", "ssh:me@db2:22+sudo"]),
            ("ssh:@slurm:gpu", ["ssh:g1", "ssh:g2"]), ("ssh:@slurm:gpu:22", ["ssh:g1:22", "ssh:g2:22"]),
            ("app", ["docker:app"]), ("web[1-2]", ["ssh:me@10.0.0.1:2222+sudo", "ssh:10.0.0.2"]),
            ("web2+su", ["ssh:10.0.0.2+su"]), ("docker:@db", ["docker:db1", "docker:db2"]),
            ("@far", ["ssh:gate+ssh:inner1", "ssh:gate+ssh:inner2"]),
            ("@web!web2", ["ssh:me@10.0.0.1:2222+sudo", "ssh:web3"]),
            ("@rack1,ssh:db1", ["ssh:me@10.0.0.1:2222+sudo", "ssh:db1"]),
        ] as [(String, [String])]
    )
    func targets(text: String, targets: [String]) throws {
        #expect(try Self.targets(text) == targets)
    }

    @Test(
        "Hosts of an inventory are shown by their names, with what is written around them",
        arguments: [
            ("@web", ["web1", "web2", "ssh:web3"]), ("app,ssh:db1", ["app", "ssh:db1"]),
            ("web[1-2]+su:x", ["web1+su:x", "web2+su:x"]), ("web1+local:[a,b]", ["web1+local:a", "web1+local:b"]),
            // A hop by ssh is read as what ssh makes of a name, and not as the inventory's host.
            ("ssh:gate+ssh:@rack1", ["ssh:gate+ssh:me@10.0.0.1:2222+sudo", "ssh:gate+ssh:db1"]),
            ("ssh:me@@rack1", ["ssh:me@10.0.0.1:2222+sudo", "ssh:me@db1"]),
            ("@web!web2", ["web1", "ssh:web3"]),
            ("web1,ssh:me@10.0.0.1:2222+sudo", ["web1", "ssh:me@10.0.0.1:2222+sudo"]),
        ] as [(String, [String])]
    )
    func labels(text: String, labels: [String]) throws {
        var selection = TargetSelection()
        try selection.add(list: text, groups: Self.groups)
        #expect(TargetSpecification.labels(for: selection.targets) == labels)
    }

    @Test("Names of an inventory that lead to one place are one target, and are told")
    func merged() throws {
        let targets = ["a1": "ssh:x", "a2": "ssh:x", "a3": "ssh:y"]
        let source = NodeGroups.Source(name: "g", groups: ["all": ["a1", "a2", "a3"]])
        let groups = NodeGroups(sources: [source], targets: targets)
        for text in ["@all", "a[1-3]", "a1,a[2-3]", "a[1-2],a3!b"] {
            var selection = TargetSelection()
            try selection.add(list: text, groups: groups)
            #expect(TargetSpecification.labels(for: selection.targets) == ["a1", "a3"], "\(text)")
            #expect(selection.merged == ["a2"], "\(text)")
        }
        var selection = TargetSelection()
        try selection.add(list: "@all,a1,@all", groups: groups)
        #expect(selection.merged == ["a2"])
    }

    @Test(
        "What is shown is read as the same place, whatever hosts of an inventory are called",
        arguments: ["@odd", "@odd+sudo", "ssh:gate+ssh:@plain", "ssh:op@@plain:7+su", "far[1-2]", "web1+ssh:@plain"]
    )
    func readable(list: String) throws {
        let targets = [
            "local": "ssh:10.0.0.1", "docker": "ssh:10.0.0.2", "ssh:x": "ssh:10.0.0.3", "a+b": "ssh:10.0.0.4",
            "@odd": "ssh:10.0.0.5", "web1": "ssh:10.0.0.6", "far1": "ssh:gate+ssh:in", "far2": "ssh:gate+ssh:in+sudo",
            "fe80::1": "ssh:[fe80::1]",
        ]
        let odd = targets.keys.sorted().filter { $0 != "@odd" }.map { TargetEscape.escaped($0[...]) }
        let source = NodeGroups.Source(name: "g", groups: ["odd": odd, "plain": ["web1"]])
        var groups = NodeGroups(sources: [source], targets: targets)
        for isNamed in [true, false] {
            groups.isNamed = isNamed
            var selection = TargetSelection()
            try selection.add(list: list, groups: groups)
            // Without -i, an inventory in the user's own file is not asked for a name alone.
            let known = isNamed ? groups : .none
            for target in selection.targets {
                var again = TargetSelection()
                try again.add(list: target.label, groups: known)
                #expect(again.targets == [target], "\(target.label)")
            }
            var all = TargetSelection()
            try all.add(
                list: NodeSetFolding.text(TargetSpecification.labels(for: selection.targets), order: .written),
                groups: known
            )
            #expect(all.targets == selection.targets)
            if list == "@odd", isNamed {
                let labels = Set(selection.targets.map(\.label))
                #expect(labels.isSuperset(of: ["ssh:10.0.0.1", "web1", "far1", #"a\+b"#, "fe80::1"]), "\(labels)")
            }
        }
    }

    @Test(
        "One of several names of a place is excluded by its name, and the place is there under another",
        arguments: [
            ("@all", "a1", ["a2", "b"]), ("@all", "a2", ["a1", "b"]), ("@all", "a[1-2]", ["b"]),
            ("@all", "@all!a2", ["a2"]), ("@all+sudo", "a1", ["a2+sudo", "b+sudo"]),
            ("@all+sudo", "a1+sudo", ["a2+sudo", "b+sudo"]), ("@all", "ssh:10.0.0.1", ["b"]),
            ("@all", "10.0.0.1", ["b"]),
            ("a1,a2,b", "a2", ["a1", "b"]), ("in,b", "a2", ["b"]), ("ssh:10.0.0.1,b", "a2", ["b"]),
            ("h1,h2", "h1", ["h2"]), ("h1,h2", "h2", ["h1"]), ("@names", "b", ["alias"]), ("@names", "alias", ["b"]),
            ("ssh:gate+ssh:@all", "a1", ["ssh:gate+ssh:10.0.0.1", "ssh:gate+ssh:b"]),
            ("a1,a2", "root@a1", ["a1", "a2"]),
        ] as [(String, String, [String])]
    )
    func excludedNames(list: String, excluded: String, rest: [String]) throws {
        let targets = [
            "a1": "ssh:10.0.0.1", "a2": "ssh:10.0.0.1", "b": "ssh:b", "in": "ssh:10.0.0.1+ssh:in", "h1": "local",
            "h2": "local", "alias": "ssh:b",
        ]
        let source = NodeGroups.Source(name: "g", groups: ["all": ["a1", "a2", "b"], "names": ["b", "alias"]])
        let groups = NodeGroups(sources: [source], targets: targets)
        var selection = TargetSelection()
        try selection.add(list: list, groups: groups)
        let unused = selection.remove(try TargetExclusions([excluded], groups: groups))
        #expect(unused.isEmpty == (excluded != "root@a1"))
        #expect(selection.targets.map(\.label) == rest)
        #expect(selection.merged.allSatisfy { $0 == "a2" || $0 == "a1" })
        // The operator in a list means the same.
        if !list.contains(","), !excluded.contains("!") {
            var other = TargetSelection()
            try other.add(list: "\(list)!\(excluded)", groups: groups)
            #expect(other.targets.map(\.label) == rest)
        }
    }

    @Test("Names of an inventory are folded, and do not make targets differ")
    func names() throws {
        var selection = TargetSelection()
        try selection.add(list: "web[1-2]", groups: Self.groups)
        #expect(NodeSetFolding.text(TargetSpecification.labels(for: selection.targets), order: .written) == "web[1-2]")
        let plain = try TargetSpecification(parsing: "ssh:10.0.0.2")
        #expect(selection.targets[1] == plain && selection.targets[1].hashValue == plain.hashValue)
        #expect(selection.targets[1].label == "web2" && plain.label == "ssh:10.0.0.2")
        #expect(Set(selection.targets).contains(plain))
    }

    @Test(
        "Operators of sets combine targets, and plain hosts match every hop by ssh to them",
        arguments: [
            ("ssh:w[1-4]+sudo!w[2-3]", ["ssh:w1+sudo", "ssh:w4+sudo"]),
            ("ssh:w[1-4]+sudo!ssh:w2", ["ssh:w1+sudo", "ssh:w2+sudo", "ssh:w3+sudo", "ssh:w4+sudo"]),
            ("ssh:w[1-4]&w[3-9]", ["ssh:w3", "ssh:w4"]), ("ssh:w[1-3]^ssh:w[3-4]", ["ssh:w1", "ssh:w2", "ssh:w4"]),
            ("ssh:w[1-3]^w3", ["ssh:w1", "ssh:w2"]), ("local:[a,b]!local:a,local:a", ["local:b", "local:a"]),
            ("ssh:w[1-3]!@web&w3", ["ssh:w3"]),
        ] as [(String, [String])]
    )
    func operators(text: String, targets: [String]) throws {
        #expect(try Self.targets(text) == targets)
    }

    @Test("An expression can be excluded, and is told if it matches nothing")
    func exclusions() throws {
        var selection = TargetSelection()
        try selection.add(list: "ssh:w[1-6]+sudo,local")
        let exclusions = try TargetExclusions(["w[1-4]!w2", "@web", "local!local"], groups: Self.groups)
        #expect(selection.remove(exclusions) == ["@web", "local!local"])
        #expect(
            selection.targets.map(\.canonicalText) == ["ssh:w2+sudo", "ssh:w5+sudo", "ssh:w6+sudo", "local"]
        )
    }

    @Test(
        "Only a sign where a group may begin is one",
        arguments: [
            ("@web", true), ("a,@web", true), ("ssh:@web", true), ("ssh:me@@web", true), ("a!@x", true),
            ("ssh:me@web", false),
            ("ssh:a\\+b@web", false), ("", false),
        ]
    )
    func namesGroup(text: String, isGroup: Bool) {
        #expect(InventoryArguments.namesGroup(text) == isGroup)
    }
}
