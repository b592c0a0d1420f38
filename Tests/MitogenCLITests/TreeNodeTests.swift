//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("The tree of contexts")
struct TreeNodeTests {
    private static func target(_ second: Hop? = nil, host: String? = nil) -> TargetSpecification {
        let hops = [Hop(kind: "ssh", argument: "web1")] + [second].compactMap(\.self)
        let places = host.map { InventoryPlace(host: $0, text: $0, hops: 0..<1, of: hops, isReadable: true) }
        return TargetSpecification(hops: hops, places: [places].compactMap(\.self))
    }

    private var tree: TreeNode {
        var web = TreeNode(targets: [Self.target()])
        web.id = 1
        web.parentID = 0
        web.name = "ssh.web1\u{1b}[2J"
        web.roundTrip = 0.25
        var root = TreeNode(targets: [Self.target(Hop(kind: "sudo"))])
        root.parentID = 1
        root.failure = MitogenError(.passwordRequired, "a password\nis asked for", hint: "give one")
        var worker = TreeNode(targets: [Self.target(Hop(kind: "local"))])
        worker.id = 1001
        worker.parentID = 1
        web.branches = [root, worker]
        return web
    }

    @Test("For people: a table with the tree in front, then what has failed")
    func text() {
        #expect(
            tree.text == """
                CONTEXT     ID  PID  USER  HOST     CALL  MEMORY  VERSION  NAME
                ssh:web1     1    –  –     –     0.25 ms       –  –        ssh.web1^[[2J
                ├─ sudo      –    –  –     –           –       –  –        not reached: passwordRequired
                └─ local  1001    –  –     –           –       –  –        –
                ssh:web1+sudo: passwordRequired: a password\\nis asked for
                  hint: give one

                """
        )
        #expect(!tree.isComplete)
    }

    @Test("For programs: an object on a line for each context")
    func json() throws {
        let objects = try tree.json.split(separator: "\n").map { line in
            try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(objects.map { $0["target"] as? String } == ["ssh:web1", "ssh:web1+sudo", "ssh:web1+local"])
        #expect(objects.map { $0["parent"] as? Int } == [0, 1, 1])
        #expect(objects.map { $0["id"] as? Int } == [1, nil, 1001])
        #expect(objects.map { $0["ok"] as? Bool } == [true, false, true])
        #expect(objects.allSatisfy { $0["schema"] as? Int == HopFinding.schemaVersion })
        #expect(objects[0]["call_p50_ms"] as? Double == 0.25)
        #expect((objects[1]["error"] as? [String: Any])?["hint"] as? String == "give one")
    }

    @Test("A place has the names of all inventory's hosts there behind its hop, and in JSON the first one and the path")
    func names() throws {
        var node = TreeNode(targets: [Self.target(host: "one"), Self.target(), Self.target(host: "two")])
        node.failure = MitogenError(.connectionRefused, "no")
        #expect(node.text.contains("\nssh:web1 (one, two)  "))
        #expect(node.text.contains("\none: connectionRefused: no\n"))
        let object = try #require(JSONSerialization.jsonObject(with: Data(node.json.utf8)) as? [String: Any])
        #expect(object["target"] as? String == "one" && object["path"] as? [String] == ["ssh:web1"])
    }
}
