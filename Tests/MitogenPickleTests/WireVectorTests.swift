//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Wire vectors")
struct WireVectorTests {
    /// Vectors that depend on which Python objects are identical, which values do not know.
    static let dependingOnIdentity: [String: String] = [
        "memo_shared_list": "the same list object is used twice; equal lists are otherwise written twice (many_memo)"
    ]

    @Test("All vectors are there, with an expectation for every pickle")
    func completeness() {
        #expect(WireVector.all.count == 124)
        #expect(Set(WireVector.decodable.map(\.name)) == Set(ExpectedValues.byName.keys))
    }

    @Test("A payload decodes to its value", arguments: WireVector.decodable)
    func decoding(_ vector: WireVector) throws {
        let expected = try #require(ExpectedValues.byName[vector.name])
        let values = try readAll(vector.payload)
        #expect(values == expected)
    }

    @Test("A value encodes to its payload as CPython writes it", arguments: WireVector.canonical)
    func canonicalEncoding(_ vector: WireVector) throws {
        let values = try #require(ExpectedValues.byName[vector.name])
        var writer = PickleWriter(options: .init(memoizes: true))
        for value in values {
            try writer.writeStream(value)
        }
        if let reason = Self.dependingOnIdentity[vector.name] {
            #expect(writer.bytes != vector.payload, "\(vector.name) no longer depends on identity: \(reason)")
            #expect(try readAll(writer.bytes) == values)
        } else {
            #expect(writer.bytes.hex == vector.payload.hex)
        }
    }

    /// Names of contexts are written shorter than they are read.
    @Test(
        "A value survives in every form",
        arguments: WireVector.decodable.filter { !$0.name.hasPrefix("context_name") }
    )
    func plainEncoding(_ vector: WireVector) throws {
        let values = try #require(ExpectedValues.byName[vector.name])
        for style in [PickleWriter.BytesStyle.python, .binary] {
            var writer = PickleWriter(options: .init(bytesStyle: style))
            for value in values {
                try writer.writeStream(value)
            }
            #expect(try readAll(writer.bytes).map(\.description) == values.map(\.description))
        }
    }

    @Test("What Mitogen refuses is refused, with the place", arguments: WireVector.rejected)
    func rejection(_ vector: WireVector) throws {
        let error = try #require(readError(vector.payload))
        #expect(error.offset != nil)
        #expect(error.opcode != nil)
        let text = try #require(vector.pythonError)
        if text.hasPrefix("StreamError: ") {
            #expect(error.message == text.dropFirst("StreamError: ".count))
        }
        if text.contains("cannot unpickle '") {
            #expect(error.code == .forbiddenGlobal)
        }
    }
}
