//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@Suite("Damaged pickles")
struct CorruptionTests {
    @Test("Every truncation is an error", arguments: WireVector.decodable)
    func truncation(_ vector: WireVector) throws {
        let payload = vector.payload
        let streamEnds = try Self.streamEnds(payload)
        for count in 1..<payload.count where !streamEnds.contains(count) {
            let error = readError(Array(payload.prefix(count)))
            #expect(error?.code == .truncated, "\(count) of \(payload.count) bytes")
            #expect(error?.offset != nil)
        }
        #expect(throws: PickleError.self) { try PickleReader.decodeFirst([]) }
    }

    @Test("Every change of a byte is decoded or refused", arguments: WireVector.decodable)
    func corruption(_ vector: WireVector) {
        var payload = vector.payload
        let isShort = payload.count < 200
        for offset in stride(from: 0, to: payload.count, by: isShort ? 1 : 41) {
            let original = payload[offset]
            for byte in stride(from: 0, through: 255, by: isShort ? 1 : 5) {
                payload[offset] = UInt8(byte)
                check(payload)
            }
            payload[offset] = original
        }
    }

    @Test("Random opcodes are decoded or refused")
    func noise() {
        let opcodes = [UInt8]("().GIJKMNRTUX]aceehjqrstu}BC".utf8) + [0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8E]
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<50_000 {
            let count = Int.random(in: 1...60, using: &generator)
            let noise = (0..<count).map { _ in
                Int.random(in: 0..<3, using: &generator) > 0 ? opcodes.randomElement(using: &generator) ?? 0 : 0
            }
            check([0x80, 2] + noise + [0x2E])
        }
    }

    /// What can be read can be printed, hashed and written again.
    private func check(_ bytes: [UInt8]) {
        do throws(PickleError) {
            for value in try readAll(bytes) {
                var writer = PickleWriter()
                try writer.writeStream(value)
                #expect(value.hashValue == value.hashValue)
                #expect(!value.description.isEmpty)
            }
        } catch {
            #expect(error.offset != nil || error.code == .invalidValue, "\(error) for \(bytes.hex)")
            #expect(!error.description.isEmpty)
        }
    }

    private static func streamEnds(_ payload: [UInt8]) throws -> Set<Int> {
        var reader = PickleReader(payload)
        var ends: Set<Int> = []
        while try reader.next() != nil {
            ends.insert(reader.offset)
        }
        return ends
    }
}
