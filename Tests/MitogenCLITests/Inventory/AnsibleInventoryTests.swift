//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Inventories of Ansible")
struct AnsibleInventoryTests {
    static func lines(_ text: String) throws -> [TextFile.Line] {
        try TextFile(kind: "inventory", content: "hosts", name: "inv", hasQuotes: true).lines(of: Array(text.utf8))
    }

    static func ini(_ text: String) throws -> AnsibleInventory {
        try AnsibleInventory(name: "inv", ini: try self.lines(text))
    }

    static let example = """
        # a comment
        ; another
        gate ansible_user=jump
        [web]
        web[01:03] ansible_port=2222
        192.168.0.1:2200
        [db]
        db-[a:b].example ansible_host=10.0.0.9 ansible_user='x y'
        [front:children]
        web
        [front:vars]
        ansible_user = deploy
        ansible_become=yes
        [web:vars]
        ansible_user=webber
        [inner]
        in1 mitogen_via=gate
        in2 mitogen_via=op@other ansible_become=true ansible_become_method=su ansible_become_user=postgres
        box ansible_connection=docker ansible_user=root mitogen_via=in1
        here ansible_connection=local
        """

    @Test("Hosts, groups of groups and variables of an INI file make targets")
    func ini() throws {
        let inventory = try Self.ini(Self.example)
        let described = inventory.targets()
        let (targets, unused) = (described.targets, described.unused)
        #expect(
            targets == [
                "gate": "ssh:jump@gate", "web01": "ssh:webber@web01:2222+sudo", "web02": "ssh:webber@web02:2222+sudo",
                "web03": "ssh:webber@web03:2222+sudo", "192.168.0.1": "ssh:webber@192.168.0.1:2200+sudo",
                "db-a.example": "ssh:x y@10.0.0.9", "db-b.example": "ssh:x y@10.0.0.9",
                "in1": "ssh:jump@gate+ssh:in1", "in2": "ssh:op@other+ssh:in2+su:postgres",
                "box": "ssh:jump@gate+ssh:in1+docker:root@box", "here": "local",
            ]
        )
        #expect(unused.isEmpty)
        let members = inventory.members
        #expect(members["web"] == ["web01", "web02", "web03", "192.168.0.1"])
        #expect(members["front"] == ["@web"])
        #expect(members["ungrouped"] == ["gate"])
        #expect(members["all"]?.count == 11)
        let groups = NodeGroups(sources: [NodeGroups.Source(name: "inv", groups: members)], targets: targets)
        var selection = TargetSelection()
        try selection.add(list: "@front!web02,in[1-2]", groups: groups)
        #expect(
            selection.targets.map(\.canonicalText) == [
                "ssh:webber@web01:2222+sudo", "ssh:webber@web03:2222+sudo", "ssh:webber@192.168.0.1:2200+sudo",
                "ssh:jump@gate+ssh:in1", "ssh:op@other+ssh:in2+su:postgres",
            ]
        )
    }

    @Test(
        "A gateway is an account of a host of the inventory, or a destination of ssh with whatever characters",
        arguments: [
            ("gate", "ssh:jump@10.0.0.1"), ("root@gate", "ssh:jump@10.0.0.1+sudo:root"),
            ("doas:a+b@gate", "ssh:jump@10.0.0.1+doas:a\\+b"), ("su:@gate", "ssh:jump@10.0.0.1+su"),
            ("other", "ssh:other"), ("op@other:2222", "ssh:op@other:2222"), ("a+b@other", "ssh:a\\+b@other"),
            ("me@[fe80::1%eth0]:22", "ssh:me@[fe80::1%eth0]:22"),
            ("me@fe80::1", "ssh:me@[fe80::1]"),
        ]
    )
    func gateways(via: String, hops: String) throws {
        let target = try #require(try Self.target(via: via))
        #expect(target == "\(hops)+ssh:in")
        #expect(try TargetSpecification(parsing: target).canonicalText == "\(hops)+ssh:in")
        // No character of a name is taken for an operator, so the host is refused for what it is.
        #expect(try Self.target(via: "x[1-2]") == #"ssh:x\[1-2\]+ssh:in"#)
        #expect(try Self.target(via: "x!y,z") == #"ssh:x\!y\,z+ssh:in"#)
    }

    private static func target(via: String) throws -> String? {
        let json =
            #"{"_meta":{"hostvars":{"gate":{"ansible_host":"10.0.0.1","ansible_user":"jump"},"in":{"mitogen_via":"\#(via)"}}}"#
            + #","all":{"hosts":["gate","in"]}}"#
        return try AnsibleInventory(name: "inv", json: Array(json.utf8)).targets().targets["in"]
    }

    @Test("A gateway by a method that there is not, and a name that would disturb a terminal, cannot be used")
    func unusable() throws {
        let json =
            #"{"all":{"hosts":["gate","in\u0007"]},"_meta":{"hostvars":{"gate":{"mitogen_via":"machinectl:x@gate"}}}}"#
        let problems = try AnsibleInventory(name: "inv", json: Array(json.utf8)).targets().problems
        #expect(problems["gate"]?.description.contains("mitogen has no method 'machinectl'") == true)
        #expect(problems["in\u{7}"]?.description == "inv: host 'in^G': the name may not contain control characters")
    }

    @Test("The group nearer to a host wins, and the host itself over all")
    func precedence() throws {
        let text = """
            [all:vars]
            ansible_user=a
            [top:children]
            mid
            [mid:children]
            low
            [low]
            h1
            h2 ansible_user=own
            [top:vars]
            ansible_user=t
            ansible_port=1
            [mid:vars]
            ansible_port=2
            ansible_password=secret
            """
        let inventory = try Self.ini(text)
        let described = inventory.targets()
        let (targets, unused) = (described.targets, described.unused)
        #expect(targets == ["h1": "ssh:t@h1:2", "h2": "ssh:own@h2:2"])
        #expect(unused == ["ansible_password"])
    }

    /// Adds a list of targets, and takes away what is excluded.
    static func selected(_ text: String, _ list: String, without excluded: String? = nil) throws -> [String] {
        let inventory = try self.ini(text)
        let described = inventory.targets()
        let groups = NodeGroups(
            sources: [NodeGroups.Source(name: "inv", groups: inventory.members)],
            targets: described.targets,
            problems: described.problems
        )
        var selection = TargetSelection()
        try selection.add(list: list, groups: groups)
        if let excluded {
            let unused = selection.remove(try TargetExclusions([excluded], groups: groups))
            #expect(unused.isEmpty)
        }
        return selection.targets.map(\.canonicalText)
    }

    static let mixed = """
        gw
        here ansible_connection=local
        bad ansible_connection=winrm
        [web]
        web1 ansible_host=10.0.0.1 ansible_user=deploy ansible_port=2222
        web2 ansible_host=10.0.0.2 ansible_become=yes
        [inner]
        in1 mitogen_via=gw
        """

    @Test(
        "A host of an inventory is left out whatever follows or precedes the hops to it",
        arguments: [
            ("@web+sudo", "web1", ["ssh:10.0.0.2+sudo+sudo"]), ("@web", "web2", ["ssh:deploy@10.0.0.1:2222"]),
            ("ssh:gw+ssh:@web", "web1", ["ssh:gw+ssh:10.0.0.2+sudo"]),
            ("gw,in1,web1", "gw", ["ssh:deploy@10.0.0.1:2222"]),
            ("ssh:web1,ssh:10.0.0.2,gw", "@web", ["ssh:gw"]), ("web1,gw", "deploy@web1", ["ssh:gw"]),
            ("here,here+sudo,local,gw", "here", ["ssh:gw"]),
        ] as [(String, String, [String])]
    )
    func exclusions(list: String, excluded: String, rest: [String]) throws {
        #expect(try Self.selected(Self.mixed, list, without: excluded) == rest)
        if !list.contains(",") { #expect(try Self.selected(Self.mixed, "\(list)!\(excluded)") == rest) }
    }

    @Test("A group in a hop by ssh keeps what its inventory says")
    func groupInHop() throws {
        #expect(
            try Self.selected(Self.mixed, "ssh:gate+ssh:@web")
                == ["ssh:gate+ssh:deploy@10.0.0.1:2222", "ssh:gate+ssh:10.0.0.2+sudo"]
        )
        #expect(
            try Self.selected(Self.mixed, "ssh:deploy@@web:2222")
                == ["ssh:deploy@10.0.0.1:2222", "ssh:deploy@10.0.0.2:2222+sudo"]
        )
        for list in ["ssh:root@@web", "ssh:@web:22", "ssh:@ungrouped"] {
            #expect(throws: TargetSyntaxError.self, "\(list)") { try Self.selected(Self.mixed, list) }
        }
    }

    @Test("A host that cannot be used is an error where it is selected only")
    func problems() throws {
        #expect(try Self.selected(Self.mixed, "gw") == ["ssh:gw"])
        for list in ["bad", "@ungrouped", "bad+sudo"] {
            let error = #expect(throws: TargetSyntaxError.self) { try Self.selected(Self.mixed, list) }
            #expect(error?.description.contains("host 'bad' cannot be used: inv: host 'bad'") == true)
        }
    }

    @Test("Groups that lie in groups in many ways take no longer", .timeLimit(.minutes(1)))
    func diamonds() throws {
        var text = "[g0]\nh1\n[g0:vars]\nansible_user=u\n"
        for level in 1...60 { text += "[g\(level):children]\ng\(level - 1)\n[x\(level):children]\ng\(level - 1)\n" }
        for level in 1...59 { text += "[g\(level + 1):children]\nx\(level)\n" }
        #expect(try Self.ini(text).targets().targets == ["h1": "ssh:u@h1"])
    }

    @Test("A '#' in quotes is no comment")
    func quotedComment() throws {
        let targets = try Self.ini("h1 ansible_user='a #b' # it's a comment\n").targets().targets
        #expect(targets == ["h1": "ssh:a #b@h1"])
    }

    @Test("What a program or ansible-inventory writes is read")
    func json() throws {
        let text = #"""
            {"_meta": {"hostvars": {"web1": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "ansible_become": true,
            "facts": {"a": [1, null]}}, "ünï": {}}}, "all": {"children": ["web", "ungrouped"]},
            "web": {"hosts": ["web1", "web2"], "vars": {"ansible_user": "de\u0070loy"}}, "old": ["ünï"]}
            """#
        let inventory = try AnsibleInventory(name: "inv", json: Array(text.utf8))
        #expect(
            inventory.targets().targets
                == ["web1": "ssh:deploy@10.0.0.1:2222+sudo", "web2": "ssh:deploy@web2", "ünï": "ssh:ünï"]
        )
        #expect(inventory.members["web"] == ["web1", "web2"])
        #expect(inventory.members["old"] == ["ünï"])
    }

    @Test("What cannot be read is explained, with its place")
    func errors() {
        let ini: [(String, String)] = [
            ("[web:var]\n", "inv:1: [web:var] is no section"), ("[a:vars]\nx\n", "inv:2: 'x' is no variable"),
            ("h1 h2\n", "inv:1: 'h2' follows a host and is no variable"),
            ("h1 a='b\n", "inv:1: there is no second '"), ("w[3:1]\n", "inv:1: 'w[3:1]' has a bad range '[3:1]'"),
            ("w[01:100]\n", "equally many digits"),
            ("h ansible_host='{{ x }}'\n", "inv: host 'h': ansible_host is a template"),
            ("h ansible_connection=winrm\n", "inv: host 'h': mitogen has no connection 'winrm'"),
            ("h ansible_become=1 ansible_become_method=runas\n", "mitogen has no ansible_become_method 'runas'"),
            ("h ansible_port='22+sudo'\n", "ansible_port is a number, not '22+sudo'"),
            ("h[1:5:9223372036854775807]\n", "has a bad range"),
            ("h[-9223372036854775808:5]\n", "has a bad range"), ("h[1:200000]\n", "more than 100000 hosts"),
            ("h" + String(repeating: "[1:1]", count: 30_000) + "\n", "at most 16 brackets"),
            ("h ansible_become=perhaps\n", "ansible_become is yes or no"),
            ("a mitogen_via=b\nb mitogen_via=a\n", "mitogen_via leads in a circle: a → b → a"),
        ]
        for (text, message) in ini {
            let error = #expect(throws: ArgumentError.self) {
                if let problem = try Self.ini(text).targets().problems.min(by: { $0.key < $1.key }) {
                    throw problem.value
                }
            }
            #expect(error?.description.contains(message) == true, "\(text): \(error?.description ?? "")")
        }
        let json: [(String, String)] = [
            ("[]", "a JSON inventory is an object"),
            ("{", "this is no JSON: the name of a member is expected at byte 2"),
            (#"{"web": {"hosts": ["a"]}}"#, "there is no _meta.hostvars"), (#"{"web": 1}"#, "neither a list of hosts"),
            (#"{"web": {"hosts": "a"}}"#, "'hosts' of group 'web' is no list of names"),
        ]
        for (text, message) in json {
            let error = #expect(throws: ArgumentError.self) {
                try AnsibleInventory(name: "inv", json: Array(text.utf8))
            }
            #expect(error?.description.contains(message) == true, "\(text): \(error?.description ?? "")")
        }
    }

    @Test(
        "Ranges have the form of Ansible",
        arguments: [
            ("w[1:3]", ["w1", "w2", "w3"]), ("w[08:10]", ["w08", "w09", "w10"]), ("w[1:9:4]", ["w1", "w5", "w9"]),
            ("d[a:c]", ["da", "db", "dc"]), ("r[1:2]n[1:2]", ["r1n1", "r1n2", "r2n1", "r2n2"]), ("plain", ["plain"]),
        ]
    )
    func ranges(text: String, names: [String]) throws {
        #expect(try AnsibleRange.expanded(text) == names)
    }

    @Test(
        "JSON is read to its end, and what is none is refused",
        arguments: [
            "", "nul", "1 2", "[1,]", "{\"a\" 1}", "\"a", "\"\\x\"", "\"\\ud800\"", "\"\\u12g4\"", "\"\t\"",
            String(repeating: "[", count: 1000),
        ]
    )
    func badJSON(text: String) {
        #expect(throws: JSONValue.SyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("All forms of JSON values are read")
    func jsonValues() throws {
        let text = #" {"a": [1.5e3, -2, true, false, null, "\ud83d\ude00\n\"\\\/"], "b": {}, "c": []} "#
        #expect(
            try JSONValue(parsing: Array(text.utf8))
                == .object([
                    "a": .array([
                        .number("1.5e3"), .number("-2"), .bool(true), .bool(false), .null, .string("😀\n\"\\/"),
                    ]),
                    "b": .object([:]), "c": .array([]),
                ])
        )
    }
}
