//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct ForwardedLogTests {
    private let metadata: PickleDictionary = [
        "b": .list(["x", "y"]), "a": "1", "c": .dictionary(["z": "deep", "k": "first"]),
    ]

    @Test("Everyone gets the metadata behind the text, by its keys")
    func readable() {
        let record = ForwardedLog(name: "shop", level: 20, text: "order", metadata: metadata)
        let text = String(decoding: record.message.data, as: UTF8.self)
        #expect(text == "shop\0\(20)\0order a=1 b=[x, y] c=[k: first, z: deep]")
        #expect(record.message.encoding == .legacy)
        #expect(ForwardedLog(record.message)?.text == "order a=1 b=[x, y] c=[k: first, z: deep]")
        #expect(ForwardedLog(record.message)?.metadata.isEmpty == true)
    }

    @Test("A master of this implementation gets metadata as what it is")
    func structured() throws {
        let record = ForwardedLog(name: "shop", level: 40, text: "a\0b", metadata: metadata)
        let message = record.structuredMessage
        #expect(message.handle == StandardHandle.forwardLog)
        #expect(ForwardedLog(message) == record)
        #expect(ForwardedLog(message)?.metadata == metadata)
    }

    @Test("Without metadata both have the common form")
    func none() {
        let record = ForwardedLog(name: "shop", level: 20, text: "order")
        #expect(record.structuredMessage == record.message)
        #expect(String(decoding: record.message.data, as: UTF8.self) == "shop\0\(20)\0order")
    }

    @Test(
        "What has another form is no record",
        arguments: [
            .none, .tuple([]), .tuple(["a", 20, "text"]), .tuple(["a", "20", "text", .dictionary([:])]),
            .tuple(["a", 20, "text", .list([])]), .list(["a", 20, "text", .dictionary([:])]),
        ] as [PickleValue]
    )
    func garbage(value: PickleValue) throws {
        #expect(try ForwardedLog(Message.pickled(value, handle: StandardHandle.forwardLog)) == nil)
    }

    @Test("Text and names that are too long are cut between characters", arguments: 0..<5)
    func longText(offset: Int) {
        let text = String(repeating: "x", count: offset) + String(repeating: "é", count: 40_000)
        let record = ForwardedLog(name: String(repeating: "n", count: 1000), level: 20, text: text)
        #expect(record.text.utf8.count <= ForwardedLog.textLimit + 3)
        #expect(record.text.utf8.count > ForwardedLog.textLimit - 2)
        #expect(record.text.hasSuffix("é…"))
        #expect(record.name.utf8.count < 210)
    }

    @Test("Metadata is bounded in depth, entries and bytes, also when it comes from outside")
    func bounds() throws {
        var deep = PickleValue.string("end")
        for _ in 0..<50 { deep = .list([deep]) }
        let pairs = (0..<500).map { (PickleValue.string("key\($0)"), PickleValue.string("value")) }
        let hostile: [PickleDictionary] = [
            ["deep": deep],
            PickleDictionary(pairs.map { (key: $0.0, value: $0.1) }),
            ["long": .string(String(repeating: "y", count: 1 << 20)), "more": "text"],
            ["list": .list(Array(repeating: "item", count: 100_000))],
            [1: "a key that is no text", "number": 7],
        ]
        for metadata in hostile {
            let value = PickleValue.tuple(["a", 20, "text", .dictionary(metadata)])
            let record = try #require(ForwardedLog(Message.pickled(value, handle: StandardHandle.forwardLog)))
            #expect(LogMetadata.text(record.metadata).utf8.count < 2 * LogMetadata.byteLimit)
            #expect(record.metadata.count <= 65)
            #expect(depth(of: .dictionary(record.metadata)) <= 6)
        }
        let numbers = LogMetadata.bounded(hostile[4])
        #expect(numbers == ["number": "7"])
        #expect(LogMetadata.text(LogMetadata.bounded(hostile[2])).contains("…"))
    }

    private func depth(of value: PickleValue) -> Int {
        switch value {
        case .list(let items): 1 + (items.map(depth).max() ?? 0)
        case .dictionary(let items): 1 + (items.values.map(depth).max() ?? 0)
        default: 0
        }
    }
}
