//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Node sets")
struct NodeSetTests {
    /// Names that differ in numbers, in what stands around them, and in zeros.
    static func randomNames(_ generator: inout some RandomNumberGenerator) -> [String] {
        let forms = [
            "w%", "w%x", "r%-n%", "%.%", "ssh:me7@h%:22+sudo:u%", "local:a%", "plain", "ssh:[::1]:22", "ssh:h%",
        ]
        return (0..<Int.random(in: 1...60, using: &generator)).map { _ in
            let form = forms.randomElement(using: &generator) ?? ""
            return form.reduce(into: "") { name, character in
                guard character == "%" else { return name.append(character) }
                let digits = "\(Int.random(in: 0...12, using: &generator))"
                let zeros = Int.random(in: 0...3, using: &generator) == 0 ? 1 : 0
                name += String(repeating: "0", count: zeros) + digits
            }
        }
    }

    /// What node sets stand for, in the order in which they are written.
    static func expanded(_ text: String) throws -> [String] { try NodeGroups.none.names(inExpression: text) }

    @Test("What was folded stands for the same names in the same order, with or without steps")
    func foldsAndParses() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let names = NodeSet(Self.randomNames(&generator)).names
            for autostep in [nil, 3, 5] {
                let written = NodeSetFolding.text(names, order: .written, autostep: autostep)
                #expect(try Self.expanded(written) == names, "\(written)")
                let sorted = NodeSetFolding.text(names, order: .sorted, autostep: autostep)
                #expect(try Self.expanded(sorted).sorted() == names.sorted(), "\(sorted)")
            }
        }
    }

    @Test("The result depends on no order of the names, where it is sorted")
    func sortedIsStable() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let names = Self.randomNames(&generator)
            let first = NodeSetFolding.text(names, order: .sorted)
            #expect(NodeSetFolding.text(names.shuffled(), order: .sorted) == first)
        }
    }

    /// What `nodeset -f` and `nodeset -e` of ClusterShell 1.10.1 write.
    @Test(
        "Node sets are folded and expanded as ClusterShell does it",
        arguments: [
            (
                "web[01-20/2]", "web[01,03,05,07,09,11,13,15,17,19]",
                "web01 web03 web05 web07 web09 web11 web13 web15 web17 web19"
            ),
            ("a,b!a,c", "b,c", "b c"),
            ("a!a,b", "b", "b"),
            ("n[1-4]&n[2-9]", "n[2-4]", "n2 n3 n4"),
            ("n[1-4]^n[2-9]", "n[1,5-9]", "n1 n5 n6 n7 n8 n9"),
            ("n[1-9]!n[2-3]&n[3-5]", "n[4-5]", "n4 n5"),
            ("n[1-3] ! n2", "n[1,3]", "n1 n3"),
            ("n[0-10/3]", "n[0,3,6,9]", "n0 n3 n6 n9"),
            ("n[00-10/3]", "n[00,03,06,09]", "n00 n03 n06 n09"),
            ("n9,n10,n11,n08,n09,n010", "n[9,08-11,010]", "n9 n08 n09 n10 n11 n010"),
            ("n01,n1", "n[1,01]", "n1 n01"),
            ("n01,n02,n10,n100,n99", "n[01-02,10,99-100]", "n01 n02 n10 n99 n100"),
            ("10.0.0.1,10.0.0.2", "10.0.0.[1-2]", "10.0.0.1 10.0.0.2"),
            ("n3,n1,n2", "n[1-3]", "n1 n2 n3"),
            ("web1,db1", "db1,web1", "db1 web1"),
            ("n1a,n2a", "n[1-2]a", "n1a n2a"),
            ("n1-1,n1-2,n2-1,n2-2,n3-2", "n[1-2]-[1-2],n3-2", "n1-1 n1-2 n2-1 n2-2 n3-2"),
            ("n098,n099,n100", "n[098-100]", "n098 n099 n100"),
            ("n98,n099,n100", "n[98,099-100]", "n98 n099 n100"),
            ("x[1-3]y[4,5]", "x[1-3]y[4-5]", "x1y4 x1y5 x2y4 x2y5 x3y4 x3y5"),
            ("r1-n1,r1-n2,r2-n1", "r1-n[1-2],r2-n1", "r1-n1 r1-n2 r2-n1"),
            ("a1b1,a1b3,a2b1,a2b3,a3b1", "a[1-2]b[1,3],a3b1", "a1b1 a1b3 a2b1 a2b3 a3b1"),
            ("n[0,00-02,000]", "n[0,00-02,000]", "n0 n00 n01 n02 n000"),
            ("n[1,1]", "n1", "n1"),
            ("web,web1", "web,web1", "web web1"),
            ("n[1-5]!n[1-9]", "", ""),
            ("n[2-4],m[1-2]!n3", "m[1-2],n[2,4]", "m1 m2 n2 n4"),
            ("n[10-12,8-9]", "n[8-12]", "n8 n9 n10 n11 n12"),
            ("x-1-y2,x-1-y3", "x-1-y[2-3]", "x-1-y2 x-1-y3"),
            ("n0[1-3]", "n[01-03]", "n01 n02 n03"),
            ("n[1-2]0", "n[10,20]", "n10 n20"),
            ("host-a,host-b", "host-a,host-b", "host-a host-b"),
            ("n[1-3],n[2-5]&n[3-9]^n4", "n[3,5]", "n3 n5"),
        ] as [(String, String, String)]
    )
    func asClusterShell(text: String, folded: String, expanded: String) throws {
        let names = NodeSet(try Self.expanded(text)).sorted
        #expect(NodeSetFolding.text(names, order: .sorted) == folded)
        #expect(names.joined(separator: " ") == expanded)
    }

    @Test(
        "Names are folded in the order in which they stand",
        arguments: [
            (["n3", "n1", "n2"], "n[3,1-2]"), (["n1", "m1", "n2"], "n1,m1,n2"), (["n2", "n1"], "n[2,1]"),
            (["r1-n1", "r1-n2", "r2-n1", "r2-n2"], "r[1-2]-n[1-2]"),
            (["r1-n1", "r2-n1", "r1-n2", "r2-n2"], "r[1-2]-n1,r[1-2]-n2"),
            (["ssh:w01+sudo", "ssh:w02+sudo", "ssh:w03"], "ssh:w[01-02]+sudo,ssh:w03"),
            (["ssh:u1@w1:22", "ssh:u1@w2:22", "ssh:u2@w2:22"], "ssh:u1@w[1-2]:22,ssh:u2@w2:22"),
            (["ssh:[fe80::1]", "ssh:[fe80::2]"], "ssh:[fe80::1],ssh:[fe80::2]"),
            (
                ["local:a1+local:b1", "local:a1+local:b2", "local:a2+local:b1"],
                "local:a1+local:b[1-2],local:a2+local:b1"
            ),
            (
                ["x1000000000000000000000", "x1000000000000000000001"],
                "x1000000000000000000000,x1000000000000000000001"
            ),
            ([], ""),
        ] as [([String], String)]
    )
    func written(names: [String], folded: String) {
        #expect(NodeSetFolding.text(names, order: .written) == folded)
    }

    @Test(
        "Steps are folded from a number on",
        arguments: [(3, "n[1-7/2,8-9]"), (4, "n[1-7/2,8-9]"), (5, "n[1,3,5,7-9]")]
    )
    func steps(autostep: Int, folded: String) {
        let names = [1, 3, 5, 7, 8, 9].map { "n\($0)" }
        #expect(NodeSetFolding.text(names, order: .sorted, autostep: autostep) == folded)
    }

    @Test("What is no expression is explained")
    func errors() {
        let cases: [(String, String)] = [
            ("a,,b", "'a,,b' has nothing as target 2; targets are separated by a single ','"),
            ("a!", "'a!' has nothing as target 2; targets are separated by a single '!'"),
            ("&a", "'&a' has nothing as target 1; targets are separated by a single '&'"),
            ("", "a name of a node may not be empty"),
            ("n[3-1]", "'n[3-1]' has a bad range '[3-1]': '3-1' begins with the larger number; expected is 1-3"),
            ("n[1-9999999]", "'n[1-9999999]': it stands for more than 1000000 names"),
        ]
        for (text, message) in cases {
            let error = #expect(throws: ArgumentError.self) { try Self.expanded(text) }
            #expect(error?.description == message)
        }
    }

    @Test("A set is split into parts that differ by one name at most")
    func splits() {
        let set = NodeSet((1...10).map { "n\($0)" })
        #expect(set.parts(3).map(\.count) == [4, 3, 3])
        #expect(set.parts(3).flatMap { $0 } == set.names)
        #expect(set.parts(20).count == 10)
        #expect(NodeSet().parts(2).isEmpty)
    }

    @Test("Ten thousand names need no patience", .timeLimit(.minutes(1)))
    func many() throws {
        let names = try Self.expanded("r[1-10]-n[0001-1000]")
        #expect(NodeSetFolding.text(names, order: .written) == "r[1-10]-n[0001-1000]")
        #expect(NodeSetFolding.text(names, order: .sorted) == "r[1-10]-n[0001-1000]")
    }
}
