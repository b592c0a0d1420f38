//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Hostile pickles")
struct HostileInputTests {
    private func pickle(_ body: [UInt8]...) -> [UInt8] {
        [0x80, 2] + body.joined() + [0x2E]
    }

    private func ascii(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }

    private func little(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    @Test(
        "Values take no more memory than is allowed, whatever they are",
        arguments: ["N", "]", ")", "}", "Nq\u{1}", "K\u{7}"]
    )
    func memory(unit: String) {
        let limit = PickleLimits(memoryBytes: 1 << 20)
        // A list that is filled in batches, as picklers do.
        let batch = ascii("(") + Array(repeating: Array(unit.utf8), count: 1000).joined() + ascii("e")
        func list(_ batches: Int) -> [UInt8] {
            pickle(ascii("]"), Array(Array(repeating: batch, count: batches).joined()))
        }
        #expect(readError(list(8), limits: limit) == nil)
        #expect(readError(list(30), limits: limit)?.code == .limitExceeded)
    }

    @Test("A tuple or a batch has only so many values")
    func longTuple() {
        let values = [UInt8](repeating: UInt8(ascii: "N"), count: 70_000)
        #expect(readError(pickle(ascii("("), values, ascii("t")))?.code == .limitExceeded)
        #expect(readError(pickle(ascii("("), Array(values.prefix(65_000)), ascii("t"))) == nil)
    }

    @Test("Nesting is bounded, at the limit exactly", arguments: ["]", "}", "("])
    func depthBomb(_ opener: String) throws {
        let close = ["]": "a", "}": "s", "(": "t"][opener] ?? ""
        let key: [UInt8] = opener == "}" ? [0x4B, 1] : []
        func nested(_ depth: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            for level in 0..<depth {
                bytes += ascii(opener)
                bytes += level < depth - 1 || opener == "(" ? key : []
            }
            bytes += opener == "(" ? [0x4E] : []
            let closings = opener == "(" ? depth : depth - 1
            for _ in 0..<closings {
                bytes += ascii(close)
            }
            return pickle(bytes)
        }
        #expect(readError(nested(100)) == nil)
        #expect(readError(nested(101))?.code == .limitExceeded)
        #expect(readError(nested(1_000_000))?.code == .limitExceeded)
    }

    @Test("Wrapping a stored value deeper and deeper is bounded")
    func depthByMemo() {
        let wraps = Array(repeating: [UInt8](arrayLiteral: 0x85), count: 5_000).joined()
        #expect(readError(pickle([0x4E], Array(wraps)))?.code == .limitExceeded)
    }

    @Test("Lists of lists that are fetched from the memo count with their content")
    func billionLaughs() throws {
        var body: [UInt8] = [0x5D, 0x71, 0] + ascii("(") + Array(repeating: 0x4E, count: 10) + ascii("e")
        for level in 1..<40 {
            let fetches = Array(repeating: [0x68, UInt8(level - 1)], count: 10).joined()
            body += [0x5D, 0x71, UInt8(level)] + ascii("(") + fetches + ascii("e")
        }
        // The lists are all on the stack; the last tuple takes them together.
        let error = try #require(readError(pickle(ascii("("), body, ascii("t"))))
        #expect(error.code == .limitExceeded)
        #expect(error.opcode == 0x68)
    }

    @Test("A text that is fetched again and again counts its bytes each time")
    func repeatedText() throws {
        let text = Array(repeating: UInt8(ascii: "x"), count: 1_000_000)
        let fetches = Array(repeating: [UInt8](arrayLiteral: 0x68, 0), count: 1_000).joined()
        let bytes = pickle(ascii("(X"), little(1_000_000), text, [0x71, 0], Array(fetches), ascii("t"))
        #expect(readError(bytes)?.code == .limitExceeded)
    }

    @Test("Converting a stored text to bytes again and again is bounded")
    func repeatedConversion() throws {
        let text = Array(repeating: UInt8(ascii: "x"), count: 1_000_000)
        let call: [UInt8] = ascii("c_codecs\nencode\n") + [0x68, 0, 0x68, 0, 0x86, 0x52]
        let calls = Array(repeating: call, count: 1_000).joined()
        let bytes = pickle(ascii("(X"), little(1_000_000), text, [0x71, 0], Array(calls), ascii("t"))
        #expect(readError(bytes)?.code == .limitExceeded)
    }

    @Test(
        "A length beyond the data is an error before memory is taken",
        arguments: [
            "58ffffffff", "54ffffff7f", "55ff", "42ffffffff", "43ff", "8bffffff7f", "8aff", "8effffffffffffffff",
            "54ffffffff", "8bffffffff", "8effffffffffffff7f",
        ]
    )
    func hugeLength(_ hex: String) throws {
        let error = try #require(readError([0x80, 2] + [UInt8](hex: hex) + [1, 2, 3, 0x2E]))
        #expect([.truncated, .malformed, .limitExceeded].contains(error.code))
        #expect(error.offset == 2)
    }

    @Test("The memo takes any index without making room for those below")
    func hugeMemoIndex() throws {
        let store = ascii("r") + little(.max)
        let fetch = ascii("j") + little(.max)
        #expect(try readAll(pickle(ascii("X"), little(1), ascii("x"), store, fetch, [0x86])) == [.tuple(["x", "x"])])
        #expect(readError(pickle(ascii("j"), little(7)))?.code == .malformed)
    }

    @Test(
        "A container within itself is an error",
        arguments: ["5d710068006 1", "7d71004b01680073", "5d71005d710168006161"]
    )
    func recursion(_ hex: String) throws {
        let error = try #require(readError(pickle([UInt8](hex: hex.filter { $0 != " " }))))
        #expect(error.code == .malformed)
        #expect(error.message.contains("contains itself"))
    }

    @Test(
        "What CPython writes for recursive values is refused",
        arguments: [
            "80025d710068006 12e", "80027d71004b01680 0732e", "80025d7100680085710130680 0612e",
        ]
    )
    func recursiveCPython(_ hex: String) {
        #expect(readError([UInt8](hex: hex.filter { $0 != " " })) != nil)
    }

    @Test("A list may be fetched while the list around it is filled")
    func sharedSibling() throws {
        let bytes = [UInt8](hex: "80025d7100285d71014b01616801652e")
        #expect(try readAll(bytes) == [[[1], [1]]])
    }

    @Test("The memo lasts from one pickle of a message to the next")
    func memoAcrossStreams() throws {
        let bytes = pickle([0x5D, 0x71, 0, 0x4B, 1, 0x61]) + pickle([0x68, 0])
        #expect(try readAll(bytes) == [[1], [1]])
        #expect(readError(pickle([0x68, 0]))?.code == .malformed)
    }

    @Test(
        "INT lines are decimal 64-bit integers",
        arguments: [
            ("0", 0), ("-1", -1), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
        ]
    )
    func intLine(_ text: String, _ value: Int) throws {
        #expect(try readAll(pickle(ascii("I\(text)\n"))) == [.int(value)])
    }

    @Test(
        "Other INT lines are refused",
        arguments: [
            "", "-", "1.5", "0x10", " 1", "1 ", "1L", "+1", "007", "9223372036854775808", "1_000", "é",
            String(repeating: "9", count: 100_000),
        ]
    )
    func intGarbage(_ text: String) throws {
        let error = try #require(readError(pickle(ascii("I\(text)\n"))))
        #expect([.malformed, .limitExceeded].contains(error.code))
        #expect(error.opcode == 0x49)
    }

    @Test("INT lines also mean booleans")
    func intBooleans() throws {
        #expect(try readAll(pickle(ascii("I01\n")) + pickle(ascii("I00\n"))) == [true, false])
    }

    @Test(
        "Opcodes that no peer writes are refused by name",
        arguments: [
            (UInt8(ascii: "0"), "POP"), (UInt8(ascii: "o"), "OBJ"), (0x8F, "EMPTY_SET"), (0x93, "STACK_GLOBAL"),
        ]
    )
    func unknownOpcode(_ opcode: UInt8, _ name: String) throws {
        let error = try #require(readError(pickle([0x4E], [opcode])))
        #expect(error.code == .unknownOpcode)
        #expect(error.offset == 3)
        #expect(error.opcode == opcode)
        #expect(error.description.contains(name))
        #expect(error.description.contains("0x\([opcode].hex)"))
    }

    @Test("Names are compared by bytes and quoted as Python does")
    func globals() throws {
        #expect(readError(pickle(ascii("cit's\n\"a\\\n)R")))?.message == #"cannot unpickle "it's"/'"a\\'"#)
        #expect(readError(pickle(ascii("cmitogen.core\n\u{212A}wargs\n)R")))?.code == .forbiddenGlobal)
        #expect(readError(pickle(ascii("c") + [0xFF] + ascii("\nx\n)R")))?.code == .malformed)
        #expect(readError(pickle(ascii("cmitogen.core\nBlob\n")))?.code == .malformed)
        #expect(readError(pickle(ascii("]cmitogen.core\nBlob\na")))?.code == .malformed)
        #expect(readError(pickle(ascii("N)R")))?.code == .malformed)
    }

    @Test("Keys cannot be made to collide", .timeLimit(.minutes(1)))
    func collidingKeys() throws {
        let count = 20_000
        let nan: [UInt8] = ascii("G") + [0x7F, 0xF8, 0, 0, 0, 0, 0, 0]
        let notANumber = pickle(ascii("}("), Array(Array(repeating: nan + [0x4E], count: count).joined()), ascii("u"))
        #expect(try readAll(notANumber) == [[.float(.nan): nil]])
        // Marks of the same character in any order are canonically equivalent, and equal for Swift.
        let marks = ["\u{301}", "\u{327}", "\u{323}", "\u{31B}", "\u{345}"]
        let texts = (0..<count).map { number in
            "e" + (0..<8).map { marks[(number >> ($0 * 2) + $0) % marks.count] }.joined()
        }
        let distinct = Set(texts.map { Array($0.utf8) }).count
        var writer = PickleWriter()
        try writer.writeStream(.dictionary(PickleDictionary(texts.map { (key: .string($0), value: nil) })))
        guard case .dictionary(let pairs) = try PickleReader.decodeFirst(writer.bytes) else {
            Issue.record("a dict is no dict")
            return
        }
        #expect(pairs.count == distinct)
    }

    @Test("Limits can be set")
    func limits() {
        let bytes = pickle(ascii("(NNNt"))
        #expect(readError(bytes, limits: PickleLimits(itemCount: 4)) == nil)
        #expect(readError(bytes, limits: PickleLimits(itemCount: 3))?.code == .limitExceeded)
        #expect(readError(bytes, limits: PickleLimits(totalBytes: bytes.count - 1))?.code == .limitExceeded)
        #expect(readError(pickle([0x8A, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1]), limits: PickleLimits(integerBytes: 8)) != nil)
    }

    @Test("After an error the reader stays at it")
    func failureLasts() {
        var reader = PickleReader(pickle([0x30]) + pickle([0x4E]))
        #expect(throws: PickleError.self) { try reader.next() }
        #expect(throws: PickleError.self) { try reader.next() }
    }

    @Test("Lists cannot be keys")
    func unhashableKey() {
        #expect(readError(pickle([0x7D, 0x5D, 0x4E, 0x73]))?.code == .invalidValue)
        #expect(readError(pickle([0x7D, 0x7D, 0x85, 0x4E, 0x73]))?.code == .invalidValue)
    }

    @Test("Surrogates and other invalid UTF-8 are refused", arguments: ["eda080", "ff", "c080"])
    func invalidText(_ hex: String) {
        let text = [UInt8](hex: hex)
        #expect(readError(pickle(ascii("X"), little(UInt32(text.count)), text))?.code == .invalidValue)
    }
}
