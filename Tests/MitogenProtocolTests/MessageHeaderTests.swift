//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct MessageHeaderTests {
    @Test("Every field has its place in the 26 bytes")
    func offsets() {
        let header = MessageHeader(
            encoding: .pickle,
            dstID: 0x0102_0304,
            srcID: 0x1112_1314,
            authID: 0x2122_2324,
            handle: 0x3132_3334,
            replyTo: 0x4142_4344,
            length: 0x5152_5354
        )
        let expected: [UInt8] = [
            0x4D, 0x4A, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42,
            0x43, 0x44, 0x51, 0x52, 0x53, 0x54,
        ]
        #expect(frame(header) == expected)
        #expect(MessageHeader.size == expected.count)
        #expect(expected.withUnsafeBytes(MessageHeader.init(parsing:)) == header)
    }

    @Test("The largest numbers survive", arguments: [MessageEncoding.legacy, .pickle, .binary])
    func extremes(encoding: MessageEncoding) {
        let header = MessageHeader(
            encoding: encoding,
            dstID: .max,
            srcID: .max,
            authID: .max,
            handle: .max,
            replyTo: .max,
            length: .max
        )
        let bytes = frame(header)
        #expect(bytes.withUnsafeBytes(MessageHeader.init(parsing:)) == header)
    }

    @Test("Exactly three magics are known")
    func magics() {
        var bytes = frame(MessageHeader(dstID: 1, srcID: 2, authID: 3, handle: 4))
        var known: [UInt16] = []
        for magic in UInt16.min...UInt16.max {
            bytes[0] = UInt8(magic >> 8)
            bytes[1] = UInt8(magic & 0xFF)
            if bytes.withUnsafeBytes(MessageHeader.init(parsing:)) != nil { known.append(magic) }
        }
        #expect(known == [0x4D49, 0x4D4A, 0x4D4B])
    }

    @Test("Headers are read and written at any alignment")
    func alignment() {
        let header = MessageHeader(dstID: 7, srcID: 8, authID: 9, handle: 10, replyTo: 11, length: 12)
        for shift in 0..<8 {
            var bytes = [UInt8](repeating: 0, count: shift + MessageHeader.size)
            bytes.withUnsafeMutableBytes { header.write(to: UnsafeMutableRawBufferPointer(rebasing: $0[shift...])) }
            let parsed = bytes.withUnsafeBytes {
                MessageHeader(parsing: UnsafeRawBufferPointer(rebasing: $0[shift...]))
            }
            #expect(parsed == header)
        }
    }

    @Test("Python's frames are written as Python wrote them", arguments: WireVector.frames)
    func vectors(vector: WireVector) throws {
        let message = try vector.message()
        #expect(Int(message.header.length) == vector.data.count)
        #expect(frame(message) == vector.bytes)
    }

    @Test("The examples are there")
    func examples() {
        #expect(WireVector.all.count == 124)
        #expect(WireVector.frames.count == 121)
    }
}
