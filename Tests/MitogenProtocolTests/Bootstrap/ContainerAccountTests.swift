//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenProtocol

@Suite("A container's accounts")
struct ContainerAccountTests {
    private static let passwd = """
        root:x:0:0:root:/root:/bin/ash
        # a comment
        +::::::
        web:x:33:34:The web:/srv/web:/usr/sbin/nologin
        1000:x:7:7::/odd:
        joe:x:1000:1000:Joe
        short:x:5
        bad:x:many:1:::
        home:x:8:8::
        """
    private static let groups = """
        root:x:0:
        www:x:34:web
        logs:x:4:joe,web,root
        again:x:4:web
        websites:x:99:webmaster
        bad:x:no:web
        empty:x:12
        """

    private func account(_ user: String, group: String? = nil) throws -> ContainerAccount {
        try ContainerAccount(
            user: user,
            group: group,
            passwd: Array(Self.passwd.utf8),
            groupFile: Array(Self.groups.utf8)
        )
    }

    @Test("A name gives numbers, groups, a home and a shell")
    func name() throws {
        let web = try account("web")
        #expect(web.user == 33)
        #expect(web.group == 34)
        #expect(web.groups == [34, 4])
        #expect(web.home == "/srv/web")
        #expect(web.shell == "/usr/sbin/nologin")
        #expect(
            web.environment.dropFirst() == [
                "HOME=/srv/web", "SHELL=/usr/sbin/nologin", "LOGNAME=web", "USER=web",
            ]
        )
        let home = try account("home")
        #expect(home.home == "/")
        #expect(home.shell == "/bin/sh")
    }

    @Test("A number is looked up, and may be unknown; names come first")
    func numbers() throws {
        #expect(try account("33") == account("web"))
        #expect(try account("1000").user == 7)
        let unknown = try account("4242")
        #expect(unknown.user == 4242)
        #expect(unknown.group == 0)
        #expect(unknown.groups == [0])
        #expect(unknown.home == "/")
        for text in ["4294967295", "4294967296", "-1", "+5", "", "٣"] {
            #expect(throws: ContainerAccount.Problem.unknownUser) { try account(text) }
        }
    }

    @Test("A group can be named, and takes the place of the user's own")
    func group() throws {
        #expect(try account("web", group: "empty").group == 12)
        #expect(try account("web", group: "12").groups == [12, 34, 4])
        #expect(try account("web", group: "7777").group == 7777)
        for text in ["nope", "bad", ""] {
            #expect(throws: ContainerAccount.Problem.unknownGroup) { try account("web", group: text) }
        }
    }

    @Test("Lines that are none are passed over", arguments: ["short", "joe", "bad", "+", "# a comment", "nobody"])
    func unknown(name: String) {
        #expect(throws: ContainerAccount.Problem.unknownUser) { try account(name) }
    }

    @Test("Root needs no files")
    func empty() throws {
        let root = try ContainerAccount(user: "root", group: nil, passwd: [], groupFile: [0xFF, 0x0A, 0x3A])
        #expect(root.user == 0)
        #expect(root.group == 0)
        #expect(root.home == "/")
        #expect(throws: ContainerAccount.Problem.unknownUser) {
            try ContainerAccount(user: "web", group: nil, passwd: [], groupFile: [])
        }
    }
}
