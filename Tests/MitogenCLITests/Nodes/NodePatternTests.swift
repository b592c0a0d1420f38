//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Names of many hosts")
struct NodePatternTests {
    @Test(
        "A name is expanded in the order in which it is written",
        arguments: [
            ("web1", ["web1"]),
            ("web[1-3]", ["web1", "web2", "web3"]),
            ("web[08-11]", ["web08", "web09", "web10", "web11"]),
            ("web[0-1,7,03]x", ["web0x", "web1x", "web7x", "web03x"]),
            ("web[7]", ["web7"]),
            ("web[01-10/4]", ["web01", "web05", "web09"]),
            ("web[0-3/9]", ["web0"]),
            ("[3,1-2]", ["3", "1", "2"]),
            ("[db,web][1-2]", ["db1", "db2", "web1", "web2"]),
            ("r[1-2]-n[01-02].org", ["r1-n01.org", "r1-n02.org", "r2-n01.org", "r2-n02.org"]),
            ("a[größe,b.c,d_e]", ["agröße", "ab.c", "ad_e"]),
            ("web[1,1]", ["web1", "web1"]),
            ("[::1]", ["[::1]"]),
            ("[2001:db8:0:0:0:0:0:1]", ["[2001:db8:0:0:0:0:0:1]"]),
            ("[fe80::1%eth0]", ["[fe80::1%eth0]"]),
            ("", [""]),
        ] as [(String, [String])]
    )
    func expands(text: String, names: [String]) throws {
        let pattern = try NodePattern(parsing: text[...])
        #expect(pattern.names == names)
        #expect(pattern.count == names.count)
        #expect(pattern.firstName == names[0])
    }

    @Test("What is no range is explained, with its bracket")
    func errors() {
        let form = "expected is [1-20], [01-20], [0-20/2], [1-4,7] or [a,b]"
        let cases: [(String, String, String)] = [
            ("web[5-2]x", "[5-2]", "'5-2' begins with the larger number; expected is 2-5"),
            ("web[a-b]", "[a-b]", "'a-b' is not a range of two numbers; \(form)"),
            ("web[1-]", "[1-]", "'1-' is not a range of two numbers; \(form)"),
            ("web[-5]", "[-5]", "'-5' is not a range of two numbers; \(form)"),
            ("web[1-2-3]", "[1-2-3]", "'1-2-3' is not a range of two numbers; \(form)"),
            ("web[0-10/0]", "[0-10/0]", "the step of '0-10/0' is not a number from 1; \(form)"),
            ("web[0-10/]", "[0-10/]", "the step of '0-10/' is not a number from 1; \(form)"),
            ("web[0-10/x]", "[0-10/x]", "the step of '0-10/x' is not a number from 1; \(form)"),
            ("web[1-2][]", "[]", "it has an empty entry; \(form)"),
            ("web[1,]", "[1,]", "it has an empty entry; \(form)"),
            ("web[1, 2]", "[1, 2]", "it may not hold ' '; \(form)"),
            ("web[a:b,c]", "[a:b,c]", "it may not hold ':'; \(form)"),
            ("web[1-", "[1-", "there is no ']'; \(form)"),
            ("web[", "[", "there is no ']'; \(form)"),
            ("web]1", "web]", "there is no '[' before ']'"),
            ("web[1-2]]", "]", "there is no '[' before ']'"),
            ("web[1,[2,3]]", "[1,[2,3]]", "brackets cannot hold brackets"),
            ("[webservers]", "[webservers]", "a list has more than one word; \(form)"),
            ("web[::1]", "[::1]", "an IPv6 address in brackets is the whole host"),
        ]
        for (text, bracket, problem) in cases {
            let error = #expect(throws: NodePatternError.self) { try NodePattern(parsing: text[...]) }
            #expect(error == NodePatternError(bracket: bracket, problem: problem), "\(text)")
        }
    }

    @Test("Leading zeros need as many digits at the other end", arguments: ["01-5", "08-100", "1-010", "00-5"])
    func widths(range: String) {
        let error = #expect(throws: NodePatternError.self) { try NodePattern(parsing: "web[\(range)]") }
        #expect(error?.problem.contains("equally many digits") == true)
    }

    @Test("Names are counted without being made")
    func counts() throws {
        #expect(try NodePattern(parsing: "web[1-1000000000]").count == 1_000_000_000)
        #expect(try NodePattern(parsing: "[0-999999999999999999][0-999999999999999999]").count == .max)
        #expect(try NodePattern(parsing: "web[5-5]").count == 1)
        #expect(throws: NodePatternError.self) { try NodePattern(parsing: "web[1-9223372036854775807]") }
    }
}
