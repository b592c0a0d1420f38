//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

/// One case of a parameterised round trip, whatever its type is.
struct RoundTrip: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let run: @Sendable (PickleEncoder) throws -> Bool

    init<T: Codable & Equatable & Sendable>(_ value: T) {
        self.testDescription = "\(T.self) \(value)"
        self.run = { encoder in
            let bytes = try encoder.encode(value)
            let value2 = try PickleReader.decodeFirst(bytes)
            return try PickleDecoder().decode(T.self, from: bytes) == value && value2.cast(to: T.self) == value
        }
    }
}

@Suite("Codable")
struct CodableTests {
    static let nested = Nested(
        name: "n\u{1F600}",
        points: [Point(x: 1, y: 2.5), Point(x: .min, y: .infinity)],
        inner: ["": [], "a": [Point(x: .max, y: -0.0)]],
        optional: Point(x: 0, y: 0),
        missing: nil
    )

    static let roundTrips: [RoundTrip] = [
        .init(nested), .init([nested, nested]), .init([String: Nested]()), .init(Numbers()),
        .init(Command.stop), .init(Command.run(path: "/", count: 3)), .init(Command.send([], nil)),
        .init(Command.both(.send([1, 255], Point(x: 1, y: 1)), .both(.stop, .run(path: "", count: 0)))),
        .init([Command.stop, .run(path: "x", count: 1)]),
        .init(Generic(value: 5, list: [1, nil, 3])), .init(Generic(value: "x", list: [nil])),
        .init(Generic(value: [UInt8](), list: [[1], nil])), .init(Generic(value: Level.low, list: [.five, nil])),
        .init(Payload(data: [], list: [[], [0xFF]], byName: ["a": [0]], optional: [9], none: nil)),
        .init([Int]()), .init([UInt8]()), .init([UInt8](0...255)), .init([[Int]]()), .init([String: Int]()),
        .init([1: "a", -5: "b"]), .init(["1": "a", "x": "b"]), .init([Number.one: 1, .two: 2]),
        .init([Level.five: 1, .low: 2]), .init([2.5: 1]), .init(IntegerKeys(first: "a", second: 2)),
        .init(UInt64.max), .init(Int.min), .init(Int.max), .init(UInt128.max), .init(Int128.min), .init(Float(0.1)),
        .init(Double.leastNonzeroMagnitude), .init(true), .init("text"), .init(""), .init(Int?.none),
        .init(Int?.some(1)),
        .init([Float(1.5), -0.1]), .init([Bool]()), .init([true, false]),
        .init([Int8(1), -1]), .init(Set([1, 2, 3])), .init(Array(0..<2_345)),
        .init(Array(repeating: "x", count: 1_001)),
        .init(Dictionary(uniqueKeysWithValues: (0..<1_500).map { ($0, "\($0)") })),
        .init(
            Special(
                any: ["a": .tuple([1, .secret("s")])],
                blob: Blob([1, 2]),
                reference: Reference(id: 7),
                optional: Reference(id: 8),
                list: [nil, Reference(id: 9)],
                byName: ["r": Reference(id: 1)]
            )
        ),
        .init(PickleValue.tuple([1, nil])), .init([PickleValue.none, 1]), .init(Blob([])), .init([Blob([1])]),
        .init(1..<5), .init(Level.five), .init(Number.two),
    ]

    @Test("A value comes back as it was", arguments: roundTrips)
    func roundTrip(_ value: RoundTrip) throws {
        for style in [PickleWriter.BytesStyle.python, .binary] {
            for memoizes in [false, true] {
                let encoder = PickleEncoder(options: .init(bytesStyle: style, memoizes: memoizes))
                #expect(try value.run(encoder))
            }
        }
    }

    private func encoded(_ value: some Encodable) throws -> PickleValue {
        try PickleReader.decodeFirst(PickleEncoder().encode(value))
    }

    @Test("Types have the form that Python expects")
    func forms() throws {
        #expect(try encoded(Point(x: 1, y: 2)) == ["x": 1, "y": 2.0])
        #expect(try encoded(Self.nested) != nil)
        #expect(try encoded([1: "a"]) == [1: "a"])
        #expect(try encoded(["1": "a"]) == ["1": "a"])
        #expect(try encoded([Number.two: "a"]) == [2: "a"])
        #expect(try encoded([Level.five: "a"]) == ["5": "a"])
        #expect(try encoded(IntegerKeys(first: "a", second: 2)) == ["first": "a", "second": 2])
        #expect(try encoded([UInt8]()) == .bytes([]))
        #expect(try encoded([Int]()) == [])
        #expect(try encoded([nil, 1] as [Int?]) == [nil, 1])
        #expect(try encoded(UInt64.max) == .integer(UInt64.max))
        #expect(try encoded(Command.stop) == ["stop": [:]])
        #expect(try encoded(Command.run(path: "/", count: 1)) == ["run": ["path": "/", "count": 1]])
        #expect(try encoded(Blob([1])) == .blob([1]))
        #expect(try encoded(Reference(id: 3)) == .context(id: 3, name: nil))
        struct Empty: Codable {}
        #expect(try encoded(Empty()) == [:])
        #expect(try encoded([Empty(), Empty()]) == [[:], [:]])
    }

    @Test("Superclasses, also when they write late")
    func superclass() throws {
        let value = Derived(base: 5, own: ["a"])
        let form: PickleValue = ["super": ["base": 5], "own": ["a"], "after": 1]
        #expect(try encoded(value) == form)
        #expect(try encoded([value, value]) == [form, form])
        #expect(try form.cast(to: Derived.self) == value)
    }

    @Test("Containers that are filled in turn", arguments: [0, 1, 5, 4_001])
    func interleaved(_ count: Int) throws {
        let even = stride(from: 0, to: count, by: 2).map { PickleValue.int($0) } + [-1]
        let odd = stride(from: 1, to: count, by: 2).map { PickleValue.bytes([UInt8(truncatingIfNeeded: $0)]) }
        let form: PickleValue = ["even": .list(even), "odd": .list(odd), "deep": ["even": "x", "odd": [nil]]]
        #expect(try encoded(Interleaved(count: count)) == form)
        for memoizes in [false, true] {
            var writer = PickleWriter(options: .init(memoizes: memoizes))
            try writer.beginStream()
            try writer.beginTuple(count: 3)
            try writer.write("before")
            try PickleEncoder().encode([Interleaved(count: count)], into: &writer)
            try writer.write("before")
            try writer.endContainer()
            try writer.endStream()
            #expect(try readAll(writer.bytes) == [.tuple(["before", [form], "before"])])
        }
    }

    @Test("Foreign coders have no form for pickle values")
    func foreignCoders() {
        #expect(throws: (any Error).self) { try PickleValue.none.encode(to: NoEncoder()) }
        #expect(throws: (any Error).self) { try Reference(id: 1).encode(to: NoEncoder()) }
    }

    @Test("Information reaches the values")
    func userInfo() throws {
        let note = try #require(CodingUserInfoKey(rawValue: "note"))
        struct Reader: Codable, Equatable {
            var text: String?

            init() {}

            init(from decoder: any Decoder) throws {
                text = decoder.userInfo.values.first as? String
            }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(encoder.userInfo.values.first as? String)
            }
        }
        let encoder = PickleEncoder(userInfo: [note: "e"])
        let bytes = try encoder.encode([Reader()])
        #expect(try PickleReader.decodeFirst(bytes) == ["e"])
        #expect(try PickleDecoder(userInfo: [note: "d"]).decode([Reader].self, from: bytes).first?.text == "d")
    }
}

/// An encoder that is not ours.
private struct NoEncoder: Encoder {
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        preconditionFailure("not needed")
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        preconditionFailure("not needed")
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        preconditionFailure("not needed")
    }
}
