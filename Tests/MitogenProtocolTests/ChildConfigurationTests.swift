//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct ChildConfigurationTests {
    private let configuration = ChildConfiguration(
        parentIDs: [7, 3, 0],
        contextID: .max,
        debug: true,
        profiling: false,
        unidirectional: true,
        maxMessageSize: 134_217_728,
        logLevel: 20,
        version: "1.0",
        remoteName: "root@web1:123 é",
        image: "0123abcd",
        ancestors: [RouteInfo(id: 0, info: .current), RouteInfo(id: 3, info: PeerInfo(revision: 2, capabilities: 0))]
    )

    @Test("A configuration arrives as it was sent")
    func roundTrip() throws {
        let message = try Message.pickled(configuration, handle: StandardHandle.configure)
        #expect(try message.decode(as: ChildConfiguration.self) == configuration)
    }

    @Test("It has the names of Python's dictionary")
    func names() throws {
        guard case .dictionary(let items) = try Message.pickled(configuration).unpickle() else {
            return #expect(Bool(false))
        }
        let names = [
            "parent_ids", "context_id", "debug", "profiling", "unidirectional", "max_message_size", "log_level",
            "version", "remote_name", "image", "ancestors",
        ]
        #expect(Set(items.keys) == Set(names.map { .string($0) }))
        #expect(items["parent_ids"] == [7, 3, 0])
        #expect(items["unidirectional"] == true)
    }

    @Test("What a later version adds is passed over; what is missing or wrong is an error")
    func otherVersions() throws {
        guard case .dictionary(var items) = try Message.pickled(configuration).unpickle() else {
            return #expect(Bool(false))
        }
        items.updateValue(["new": 1], forKey: "later")
        #expect(try Message.pickled(PickleValue.dictionary(items)).decode() == configuration)
        items.updateValue(-1, forKey: "context_id")
        #expect(code { try decode(items) } == .streamError)
        items.removeValue(forKey: "context_id")
        #expect(code { try decode(items) } == .streamError)
    }

    private func decode(_ items: PickleDictionary) throws -> ChildConfiguration {
        try Message.pickled(PickleValue.dictionary(items)).decode()
    }

    @Test("A greeting arrives as it was sent")
    func greeting() throws {
        let greeting = ChildGreeting(image: "0123", version: "1.0", pid: .max, info: .current)
        let message = try Message.pickled(greeting, handle: StandardHandle.ready)
        #expect(try message.decode(as: ChildGreeting.self) == greeting)
        #expect(greeting.info == .current)
        #expect(code { _ = try Message.pickled(configuration).decode(as: ChildGreeting.self) } == .streamError)
    }
}
