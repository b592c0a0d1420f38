//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Testing

@testable import MitogenCLI

@Suite("The arguments of mitogen hosts")
struct HostsRequestTests {
    static func lines(_ arguments: [String], _ groups: NodeGroups = .none) throws -> [String] {
        let command = try #require(try MitogenCommand.parseAsRoot(["hosts"] + arguments) as? HostsCommand)
        return try HostsRequest(command).lines(command.sets, groups)
    }

    @Test(
        "Node sets are folded, expanded, counted, split and combined",
        arguments: [
            (["web[1-5]", "web7", "db"], ["db,web[1-5,7]"]), (["-f", "b2,b1"], ["b[1-2]"]),
            (["-e", "n[3,1-2]"], ["n1 n2 n3"]), (["-e", "-S", ",", "n[1-2]"], ["n1,n2"]),
            (["-e", "-S", "\\n", "n[1-2]"], ["n1", "n2"]), (["-c", "n[1-3]", "n2"], ["3"]), (["-c", "a!a"], ["0"]),
            (["a!a"], []), (["--split", "3", "n[1-10]"], ["n[1-4]", "n[5-7]", "n[8-10]"]),
            (["--split", "2", "-e", "n[1-3]"], ["n1 n2", "n3"]), (["--autostep", "3", "n[1-9/2]"], ["n[1-9/2]"]),
            (["n[1-9]", "-x", "n[2-3]", "-x", "n5"], ["n[1,4,6-9]"]),
            (["n[1-4]", "--intersection", "n[3-9]"], ["n[3-4]"]),
            (["n[1-4]", "-X", "n[3-6]"], ["n[1-2,5-6]"]), (["ssh:w2+sudo", "ssh:w1+sudo"], ["ssh:w[1-2]+sudo"]),
            (["--pick", "3", "-c", "n[1-10]"], ["3"]),
        ] as [([String], [String])]
    )
    func lines(arguments: [String], lines: [String]) throws {
        #expect(try Self.lines(arguments) == lines)
    }

    @Test("Groups are listed and expanded")
    func groups() throws {
        #expect(try Self.lines(["-l"], NodeGroupsTests.groups).prefix(3) == ["@db", "@far", "@front"])
        #expect(try Self.lines(["@web", "@db"], NodeGroupsTests.groups) == ["db[1-2],web[1-3]"])
        #expect(try Self.lines(["-e", "@front", "-x", "@rack1"], NodeGroupsTests.groups) == ["proxy web2 web3"])
    }

    @Test(
        "Slips are usage errors",
        arguments: [
            ["-e", "-c", "a"], ["--split", "0", "a"], ["--autostep", "2", "a"], ["-S", ",", "a"], ["--pick", "x", "a"],
        ]
    )
    func slips(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try MitogenCommand.parseAsRoot(["hosts"] + arguments) }
        #expect(error.map(MitogenTool.exitStatus) == 2)
    }
}
