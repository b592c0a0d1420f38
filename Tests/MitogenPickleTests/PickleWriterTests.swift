//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Writer")
struct PickleWriterTests {
    private struct Request: Codable, Equatable {
        var path: String
        var data: [UInt8]
    }

    @Test("Structure written by hand and Codable values mix", arguments: [PickleWriter.BytesStyle.python, .binary])
    func mixed(_ style: PickleWriter.BytesStyle) throws {
        var writer = PickleWriter(options: .init(bytesStyle: style))
        try writer.beginStream()
        try writer.beginTuple(count: 6)
        try writer.writeNone()
        try writer.write("module")
        try writer.write(nil)
        try writer.write("function")
        try writer.beginTuple(count: 1)
        try PickleEncoder().encode(Request(path: "/", data: [1, 0xFF]), into: &writer)
        try writer.endContainer()
        try writer.beginKeywordArguments()
        try writer.write("key")
        try PickleEncoder().encode([1, 2], into: &writer)
        try writer.endContainer()
        try writer.endContainer()
        try writer.endStream()
        let request: PickleValue = ["path": "/", "data": .bytes([1, 0xFF])]
        let call: PickleValue = .tuple([
            nil, "module", nil, "function", .tuple([request]), .keywordArguments(["key": [1, 2]]),
        ])
        #expect(try readAll(writer.bytes) == [call])
    }

    @Test(
        "Long lists and dictionaries come in batches of a thousand",
        arguments: [0, 1, 2, 999, 1000, 1001, 2000, 2001]
    )
    func batches(_ count: Int) throws {
        let list = PickleValue.list((0..<count).map { .int($0) })
        let pairs = PickleValue.dictionary(PickleDictionary((0..<count).map { (key: .int($0), value: nil) }))
        for value in [list, pairs] {
            var writer = PickleWriter()
            try writer.writeStream(value)
            #expect(try readAll(writer.bytes) == [value])
        }
        let known = try PickleEncoder(options: .init(memoizes: true)).encode(list)
        let unknown = try PickleEncoder(options: .init(memoizes: true)).encode(Array(0..<count))
        #expect(known == unknown)
        var writer = PickleWriter(options: .init(memoizes: true))
        try writer.writeStream(list)
        #expect(writer.bytes == unknown)
        #expect(try PickleReader.decodeFirst(PickleEncoder().encode(Array(0..<count))) == list)
    }

    @Test("Bytes keep their form at the top of a stream, and for Swift peers everywhere")
    func bytesForms() throws {
        let data: [UInt8] = [0, 0x80]
        #expect(try PickleEncoder().encode(data).hex == "800254020000000080" + "2e")
        let binary = PickleEncoder(options: .init(bytesStyle: .binary))
        #expect(try binary.encode(data).hex == "8004430200802e")
        #expect(try binary.encode([data]).hex == "80045d2843020080652e")
        let long = [UInt8](repeating: 7, count: 256)
        #expect(try binary.encode(long) == [0x80, 4, 0x42, 0, 1, 0, 0] + long + [0x2E])
    }

    @Test("Every single byte survives as Latin-1 text")
    func latin1() throws {
        let data = (0...255).map { UInt8($0) }
        for memoizes in [false, true] {
            let encoder = PickleEncoder(options: .init(memoizes: memoizes))
            let value = data.map { [$0] } + [data, []]
            #expect(try PickleDecoder().decode([[UInt8]].self, from: encoder.encode(value)) == value)
        }
    }

    @Test("Pieces that do not form a value are errors")
    func misuse() {
        func error(_ body: (inout PickleWriter) throws(PickleError) -> Void) -> PickleError? {
            var writer = PickleWriter()
            let error = thrown { () throws(PickleError) in try writer.writeStream(body) }
            #expect(error == nil || writer.bytes.isEmpty)
            return error
        }
        #expect(error { _ in }?.code == .unencodable)
        #expect(
            error { (writer) throws(PickleError) in
                try writer.write(1)
                try writer.write(2)
            } != nil
        )
        #expect(error { (writer) throws(PickleError) in try writer.beginList() }?.code == .unencodable)
        #expect(error { (writer) throws(PickleError) in try writer.endContainer() }?.code == .unencodable)
        #expect(error { (writer) throws(PickleError) in try writer.beginStream() } != nil)
        #expect(error { (writer) throws(PickleError) in try Self.tuple(announced: 2, &writer) } != nil)
        #expect(error { (writer) throws(PickleError) in try Self.tuple(announced: 0, &writer) } != nil)
        #expect(error { (writer) throws(PickleError) in try Self.tuple(announced: 1, &writer) } == nil)
        #expect(error { (writer) throws(PickleError) in try Self.keyWithoutValue(&writer) } != nil)
        #expect(error { (writer) throws(PickleError) in try writer.writeSender(contextID: 1, handle: 0) } != nil)
        let long = String(repeating: "n", count: 10_000)
        // One that was read may have a longer name than can be written.
        #expect(
            error { (writer) throws(PickleError) in try writer.write(.context(id: 1, name: String(long.prefix(500)))) }
                == nil
        )
        #expect(error { (writer) throws(PickleError) in try writer.writeContext(id: 1, name: long) } != nil)
        #expect(error { (writer) throws(PickleError) in try writer.write(callError: long) } != nil)
        #expect(error { (writer) throws(PickleError) in try writer.write([[1]: 2] as PickleValue) } != nil)
        var writer = PickleWriter()
        #expect(throws: PickleError.self) { try writer.write(1) }
    }

    private static func tuple(announced count: Int, _ writer: inout PickleWriter) throws(PickleError) {
        try writer.beginTuple(count: count)
        try writer.write(1)
        try writer.endContainer()
    }

    private static func keyWithoutValue(_ writer: inout PickleWriter) throws(PickleError) {
        try writer.beginDictionary()
        try writer.write("key")
        try writer.endContainer()
    }

    @Test("Nesting is bounded as it is for the reader")
    func depth() throws {
        func nested(_ depth: Int) -> PickleValue {
            (1..<depth).reduce([]) { value, _ in [value] }
        }
        var writer = PickleWriter()
        try writer.writeStream(nested(100))
        #expect(readError(writer.bytes) == nil)
        #expect(thrown { () throws(PickleError) in try writer.writeStream(nested(101)) }?.code == .limitExceeded)
        let arguments = (0..<49).reduce(PickleValue.keywordArguments([:])) { value, _ in .keywordArguments(["a": value])
        }
        var second = PickleWriter()
        try second.writeStream(arguments)
        #expect(try readAll(second.bytes) == [arguments])
    }

    @Test("The memo goes on in the next stream of a message")
    func memoAcrossStreams() throws {
        var writer = PickleWriter(options: .init(memoizes: true))
        try writer.writeStream("text")
        try writer.writeStream("text")
        #expect(writer.bytes.hex == "80025804000000746578747100" + "2e" + "800268002e")
        #expect(try readAll(writer.bytes) == ["text", "text"])
    }

    @Test("Each byte of many large pieces is moved once or so", arguments: [PickleWriter.BytesStyle.python, .binary])
    func manyLargePieces(_ style: PickleWriter.BytesStyle) throws {
        let piece = [UInt8](repeating: 1, count: 5000)
        var writer = PickleWriter(options: .init(bytesStyle: style))
        try writer.beginStream()
        try writer.beginList()
        var (moves, capacity) = (0, 0)
        for _ in 0..<2000 {
            try writer.write(bytes: piece)
            if writer.bytes.capacity != capacity { moves += 1 }
            capacity = writer.bytes.capacity
        }
        // The room doubles: from 10 KB to 10 MB that is ten times.
        #expect(moves < 20)
    }
}
