//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Codable errors")
struct CodableErrorTests {
    private func decodeError<T: Decodable>(_ type: T.Type, _ value: PickleValue) -> PickleError? {
        thrown { () throws(PickleError) in try value.cast(to: type) }
    }

    private func encodeError(_ value: some Encodable) -> PickleError? {
        thrown { () throws(PickleError) in try PickleEncoder().encode(value) }
    }

    @Test("A mismatch names the path and the types")
    func mismatch() throws {
        let value: PickleValue = [
            "name": "n", "points": [["x": 1, "y": 1], ["x": "secret", "y": 1]], "inner": [:],
        ]
        let error = try #require(decodeError(Nested.self, value))
        #expect(error.code == .typeMismatch)
        #expect(error.codingPath == "points[1].x")
        #expect(error.message == "expected int but found text")
        #expect(!error.description.contains("secret"))
    }

    @Test("A missing key is named")
    func missingKey() throws {
        let error = try #require(decodeError([Point].self, [["x": 1]]))
        #expect(error.code == .missingKey)
        #expect(error.codingPath == "[0].y")
        #expect(error.message.contains("'y'"))
    }

    @Test("Types that do not match are refused")
    func types() {
        #expect(decodeError(String.self, .bytes([0x41]))?.code == .typeMismatch)
        #expect(decodeError([String].self, [.bytes([0x41])])?.codingPath == "[0]")
        #expect(decodeError([UInt8].self, [1, 2])?.code == .typeMismatch)
        #expect(decodeError([UInt8].self, "text")?.code == .typeMismatch)
        #expect(decodeError([Int].self, .bytes([1]))?.code == .typeMismatch)
        #expect(decodeError(Int.self, true)?.code == .typeMismatch)
        #expect(decodeError(Bool.self, 1)?.code == .typeMismatch)
        #expect(decodeError(Int.self, 1.0)?.code == .typeMismatch)
        #expect(decodeError(Int.self, nil)?.code == .typeMismatch)
        #expect(decodeError(Point.self, [1, 2])?.code == .typeMismatch)
        #expect(decodeError([Reference].self, [1])?.codingPath == "[0]")
        #expect(decodeError(Blob.self, "x")?.code == .typeMismatch)
    }

    @Test("Types that match are taken")
    func conversions() throws {
        #expect(try PickleValue.blob([1]).cast(to: [UInt8].self) == [1])
        #expect(try PickleValue.bytes([1]).cast(to: Blob.self) == Blob([1]))
        #expect(try PickleValue.tuple([1, 2]).cast(to: [Int].self) == [1, 2])
        #expect(try PickleValue.keywordArguments(["x": 1, "y": 2]).cast(to: Point.self) == Point(x: 1, y: 2))
        #expect(try PickleValue.int(3).cast(to: Double.self) == 3)
        #expect(try PickleValue.secret("s").cast(to: String.self) == "s")
        #expect(try (["1": "a"] as PickleValue).cast(to: [Int: String].self) == [1: "a"])
        #expect(try ([1: "a"] as PickleValue).cast(to: [Int: String].self) == [1: "a"])
        #expect(try (["x": 1, "y": 1, "z": [1]] as PickleValue).cast(to: Point.self) == Point(x: 1, y: 1))
    }

    @Test("Numbers that do not fit are refused with their path")
    func ranges() {
        struct Small: Codable {
            var value: UInt8
        }
        #expect(decodeError(Small.self, ["value": 256])?.codingPath == "value")
        #expect(decodeError(Small.self, ["value": -1])?.code == .invalidValue)
        #expect(decodeError([Int8].self, [1, 200])?.codingPath == "[1]")
        #expect(decodeError(Int.self, .integer(UInt64.max))?.code == .invalidValue)
        #expect(decodeError(UInt64.self, .integer(Int128.max))?.code == .invalidValue)
        #expect(decodeError(Double.self, .int(.max))?.code == .invalidValue)
        #expect(decodeError(Float.self, 1e300)?.code == .invalidValue)
    }

    @Test("What cannot be encoded is named by its path")
    func unencodable() {
        struct Broken: Encodable {
            struct Problem: Error {}

            func encode(to encoder: any Encoder) throws {
                throw Problem()
            }
        }
        struct Holder: Encodable {
            var list: [String: [Broken]] = ["a": [Broken()]]
        }
        let error = encodeError(Holder())
        #expect(error?.code == .unencodable)
        #expect(error?.codingPath == "list.a[0]")
        #expect(encodeError(["k": PickleValue.sender(contextID: 1, handle: 0)])?.codingPath == "k")
    }

    @Test("A type that encodes itself twice is refused")
    func twice() {
        struct Twice: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(1)
                try container.encode(2)
            }
        }
        struct Both: Encodable {
            func encode(to encoder: any Encoder) throws {
                var list = encoder.unkeyedContainer()
                try list.encode(1)
                _ = encoder.container(keyedBy: Point.Keys.self)
            }
        }
        #expect(encodeError(Twice())?.code == .unencodable)
        #expect(encodeError([Both()])?.code == .unencodable)
    }

    @Test("A failure that a type catches leaves nothing behind")
    func recovered() throws {
        struct Fallback: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Point.Keys.self)
                let broken: [String: PickleValue] = ["a": [1, 2], "b": .sender(contextID: 1, handle: 0)]
                if (try? container.encode(broken, forKey: .x)) == nil {
                    try container.encode("instead", forKey: .x)
                }
                try container.encode("instead", forKey: .y)
            }
        }
        for memoizes in [false, true] {
            let bytes = try PickleEncoder(options: .init(memoizes: memoizes)).encode(Fallback())
            #expect(try PickleReader.decodeFirst(bytes) == ["x": "instead", "y": "instead"])
        }
    }

    @Test("Types without end are stopped")
    func depth() {
        final class Loop: Encodable {
            var isBare = false

            func encode(to encoder: any Encoder) throws {
                if isBare {
                    var container = encoder.singleValueContainer()
                    try container.encode(self)
                } else {
                    var container = encoder.unkeyedContainer()
                    try container.encode(self)
                }
            }
        }
        let loop = Loop()
        #expect(encodeError(loop)?.code == .limitExceeded)
        loop.isBare = true
        #expect(encodeError(loop)?.code == .limitExceeded)
        struct Endless: Decodable {
            init(from decoder: any Decoder) throws {
                self = try decoder.singleValueContainer().decode(Endless.self)
            }
        }
        #expect(decodeError(Endless.self, 1)?.code == .limitExceeded)
    }

    @Test("The output is left as it was when encoding fails")
    func atomic() throws {
        var writer = PickleWriter()
        try writer.beginStream()
        try writer.beginList()
        let before = writer.bytes
        let broken: [PickleValue] = [1, .sender(contextID: 1, handle: 0)]
        #expect(thrown { () throws(PickleError) in try PickleEncoder().encode(broken, into: &writer) } != nil)
        #expect(writer.bytes == before)
        try PickleEncoder().encode("x", into: &writer)
        try writer.endContainer()
        try writer.endStream()
        #expect(try readAll(writer.bytes) == [["x"]])
    }
}

extension Point {
    enum Keys: CodingKey {
        case x, y
    }
}
