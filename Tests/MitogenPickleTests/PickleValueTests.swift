//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Values")
struct PickleValueTests {
    @Test("Secrets do not show in any description")
    func secrets() {
        let values: [PickleValue] = [
            .secret("hunter2"), ["a": .secret("hunter2")], .tuple([.secret("hunter2")]),
            .keywordArguments(["password": .secret("hunter2")]),
        ]
        for value in values {
            var dumped = ""
            dump(value, to: &dumped)
            for text in ["\(value)", String(reflecting: value), dumped] {
                #expect(!text.contains("hunter2"))
                #expect(text.contains("[secret]"))
            }
            #expect(!"\(Mirror(reflecting: value).children.map(\.value))".contains("hunter2"))
        }
    }

    @Test("Descriptions are in Python's notation")
    func descriptions() {
        let value: PickleValue = [
            "a": [1, 1.5, nil, true], "b": .tuple([.bytes([0x41, 0xFF, 0x27])]), "it's": .blob([1, 2, 3]),
            .int(3): .context(id: 1, name: "k"), "s": .sender(contextID: 1, handle: 2), "e": .callError("x\ny"),
        ]
        #expect(
            value.description
                == #"{'a': [1, 1.5, None, True], 'b': (b"A\xff'",), "it's": [blob: 3 bytes], 3: Context(1, 'k'), "#
                + #"'s': Sender(Context(1), 2), 'e': CallError('x\ny')}"#
        )
        #expect(PickleValue.keywordArguments(["a": 1]).description == "Kwargs({'a': 1})")
    }

    @Test("Dictionaries keep their order and are equal without it", arguments: [3, 16, 17, 500])
    func dictionaries(_ count: Int) {
        let pairs = (0..<count).map { (key: PickleValue.string("k\($0)"), value: PickleValue.int($0)) }
        let dictionary = PickleDictionary(pairs)
        let reversed = PickleDictionary(pairs.reversed())
        #expect(dictionary.keys == pairs.map(\.key))
        #expect(dictionary == reversed)
        #expect(dictionary.hashValue == reversed.hashValue)
        #expect(dictionary["k\(count - 1)"] == .int(count - 1))
        #expect(dictionary["missing"] == nil)
        var changed = dictionary
        changed["k1"] = "new"
        changed["k0"] = nil
        changed["later"] = 1
        #expect(changed != dictionary)
        #expect(changed.count == count)
        #expect(changed["k1"] == "new")
        #expect(changed["k2"] == 2)
        #expect(changed["k0"] == nil)
        #expect(changed.keys.last == "later")
    }

    @Test("Texts that are only canonically equivalent are different keys")
    func canonicalEquivalence() throws {
        let value: PickleValue = ["\u{E9}": 1, "e\u{301}": 2]
        guard case .dictionary(let pairs) = value else {
            Issue.record("a dictionary literal is no dictionary")
            return
        }
        #expect(pairs.count == 2)
        #expect(pairs["e\u{301}"] == 2)
        for memoizes in [false, true] {
            var writer = PickleWriter(options: .init(memoizes: memoizes))
            try writer.writeStream(value)
            #expect(try readAll(writer.bytes) == [value])
        }
    }

    @Test(
        "Integers of any size",
        arguments: [
            (0, "0"), (1, "1"), (-1, "-1"), (127, "127"), (128, "128"), (-128, "-128"), (-129, "-129"), (255, "255"),
            (256, "256"), (Int128(Int.max) + 1, "9223372036854775808"), (Int128(Int.min) - 1, "-9223372036854775809"),
            (Int128.max, "170141183460469231731687303715884105727"),
            (Int128.min, "-170141183460469231731687303715884105728"),
            (1_000_000_000_000_000_000_000_000_000, "1000000000000000000000000000"),
        ] as [(Int128, String)]
    )
    func bigIntegers(_ value: Int128, _ text: String) throws {
        let integer = PickleBigInteger(value)
        #expect(integer.description == text)
        #expect(integer.exactly(Int128.self) == value)
        #expect(integer.exactly(UInt128.self) == UInt128(exactly: value))
        #expect(integer.exactly(Int8.self) == Int8(exactly: value))
        #expect(integer.exactly(UInt8.self) == UInt8(exactly: value))
        #expect(integer.exactly(UInt64.self) == UInt64(exactly: value))
        #expect(PickleBigInteger(littleEndianTwosComplement: integer.littleEndianBytes) == integer)
        #expect(
            PickleBigInteger(littleEndianTwosComplement: integer.littleEndianBytes + [value < 0 ? 0xFF : 0]) == integer
        )
        var writer = PickleWriter()
        try writer.writeStream(.integer(value))
        #expect(try readAll(writer.bytes) == [.integer(value)])
    }

    @Test("Integers have their shortest form", arguments: Array(0...62))
    func shortestForm(_ exponent: Int) throws {
        for value in [1 << exponent, (1 << exponent) - 1, -(1 << exponent), -(1 << exponent) - 1] {
            var writer = PickleWriter()
            try writer.writeStream(.int(value))
            #expect(try readAll(writer.bytes) == [.int(value)])
            if Int32(exactly: value) == nil {
                let minimal = PickleBigInteger(value).littleEndianBytes
                #expect(writer.bytes == [0x80, 2, 0x8A, UInt8(minimal.count)] + minimal + [0x2E])
            }
        }
    }
}
