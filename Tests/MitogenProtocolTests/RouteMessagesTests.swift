//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct RouteMessagesTests {
    @Test(
        "An announcement is an id, and perhaps a name",
        arguments: [
            ("2:c2", 2, "c2"), ("2", 2, ""), ("2:", 2, ""), ("4294967295:x", .max, "x"), ("007:x", 7, "x"),
            ("3:ssh.web1:22", 3, "ssh.web1:22"), ("3::", 3, ":"), ("3:\u{301}e", 3, "\u{301}e"), ("3:\0\n", 3, "\0\n"),
        ] as [(String, ContextID, String)]
    )
    func announcement(text: String, id: ContextID, name: String) throws {
        let route = try #require(RouteAnnouncement(parsing: Array(text.utf8)))
        #expect(route.id == id)
        #expect(route.name == name)
    }

    @Test(
        "Anything else is none",
        arguments: [
            "", ":", ":x", "x", "-1", "+1", "1 ", " 1", "1.0", "4294967296", "99999999999999999999999", "0x10", "1_0",
            "２", "1\0", "2\u{301}:x",
        ]
    )
    func garbage(text: String) {
        #expect(RouteAnnouncement(parsing: Array(text.utf8)) == nil)
    }

    @Test("A name with invalid UTF-8 is repaired; random bytes do no harm")
    func bytes() {
        #expect(RouteAnnouncement(parsing: [0x32, 0x3A, 0xFF])?.name == "\u{FFFD}")
        var random = RandomSource(seed: 1)
        for _ in 0..<10_000 {
            let data = (0..<random.below(8)).map { _ in UInt8(random.below(256)) }
            let route = RouteAnnouncement(parsing: data)
            let digits = data.prefix { $0 != 0x3A }
            #expect((route != nil) == (!digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }))
            _ = ForwardedLog(parsing: data)
        }
    }

    @Test("Python's frames are written and read")
    func vectors() throws {
        let add = try WireVector.named("add_route").message()
        #expect(RouteAnnouncement(parsing: add.data) == RouteAnnouncement(id: 2, name: "c2"))
        #expect(RouteAnnouncement(id: 2, name: "c2").added.data == add.data)
        #expect(RouteAnnouncement(id: 2, name: "c2").added.handle == add.handle)
        let delete = try WireVector.named("del_route").message()
        #expect(RouteAnnouncement(parsing: delete.data) == RouteAnnouncement(id: 2))
        #expect(RouteAnnouncement(id: 2, name: "c2").deleted.data == delete.data)
        #expect(RouteAnnouncement(id: 2).deleted.handle == delete.handle)
        let log = try WireVector.named("forward_log").message()
        let record = ForwardedLog(name: "stdout", level: 20, text: "héllo")
        #expect(ForwardedLog(parsing: log.data) == record)
        #expect(record.message.data == log.data)
        #expect(record.message.handle == log.handle)
        #expect(record.message.encoding == .legacy)
    }

    @Test("Only the first two NULs of a log record separate")
    func log() throws {
        let record = ForwardedLog(name: "", level: 50, text: "a\0b\0\nc\u{301}")
        #expect(ForwardedLog(parsing: record.message.data) == record)
        #expect(ForwardedLog(parsing: [0x61, 0, 0x39, 0])?.text.isEmpty == true)
        let broken = try #require(ForwardedLog(parsing: [0xFF, 0, 0x31, 0, 0xFE, 0x61]))
        #expect(broken == ForwardedLog(name: "\u{FFFD}", level: 1, text: "\u{FFFD}a"))
    }

    @Test(
        "Anything else is no log record",
        arguments: ["", "a", "a\0" + "20", "a\0\0b", "a\0x\0b", "\0\0", "a\0" + "99999999999999999999\0b"]
    )
    func badLog(text: String) {
        #expect(ForwardedLog(parsing: Array(text.utf8)) == nil)
    }

    @Test("What contexts understand, and why they are gone, travel as pickles")
    func pickled() throws {
        let info = RouteInfo(id: .max, info: PeerInfo(revision: 3, capabilities: .max))
        #expect(try Message.pickled(info).decode(as: RouteInfo.self) == info)
        #expect(info.info == PeerInfo(revision: 3, capabilities: .max))
        let loss = RouteLoss(id: 7, reason: "EOF: héllo")
        #expect(try Message.pickled(loss).decode(as: RouteLoss.self) == loss)
        #expect(code { _ = try Message.pickled(loss).decode(as: RouteInfo.self) } == .streamError)
        #expect(code { _ = try Message.pickled(["id": -1]).decode(as: RouteLoss.self) } == .streamError)
    }
}
