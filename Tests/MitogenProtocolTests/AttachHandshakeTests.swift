//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("The handshake of an attaching program")
struct AttachHandshakeTests {
    @Test("The answer has the Python implementation's form: struct.pack('>LLL', ...)")
    func form() throws {
        let answer = AttachHandshake.Answer(contextID: 1001, listenerID: 0, processID: 0x0102_0304)
        #expect(answer.bytes == [0, 0, 3, 0xe9, 0, 0, 0, 0, 1, 2, 3, 4])
        #expect(AttachHandshake.Answer(bytes: answer.bytes) == answer)
        #expect(AttachHandshake.bytes(of: 4_294_967_040) == [255, 255, 255, 0])
    }

    @Test(
        "An answer that makes no sense is none",
        arguments: [
            [], [UInt8](repeating: 0, count: 12), [UInt8](repeating: 1, count: 12), [UInt8](repeating: 0, count: 11),
        ]
    )
    func nonsense(bytes: [UInt8]) {
        #expect(AttachHandshake.Answer(bytes: bytes) == nil)
    }

    @Test("Bytes are collected at every split, and no more are asked for than belong to the handshake")
    func splits() {
        let bytes: [UInt8] = [1, 2, 3, 4]
        for split in 0..<15 {
            var intake = AttachHandshake.Intake(size: 4)
            var pieces: [[UInt8]] = [[]]
            for (index, byte) in bytes.enumerated() {
                pieces[pieces.count - 1].append(byte)
                if index < 3, split >> index & 1 == 1 { pieces.append([]) }
            }
            var rest = 4
            for piece in pieces {
                #expect(intake.next == .read(rest))
                rest -= piece.count
                #expect(intake.receive(piece) == (rest == 0 ? .complete(bytes) : .read(rest)))
            }
        }
    }

    @Test("The end of the connection, and bytes that were not asked for, end the handshake")
    func failures() {
        var ended = AttachHandshake.Intake(size: 4)
        _ = ended.receive([1, 2])
        #expect(Self.hasFailed(ended.receive([UInt8]())))
        var flooded = AttachHandshake.Intake(size: 4)
        #expect(Self.hasFailed(flooded.receive([1, 2, 3, 4, 5])))
    }

    private static func hasFailed(_ step: AttachHandshake.Intake.Step) -> Bool {
        if case .failed = step { true } else { false }
    }

    @Test("A context is described with or without what it understands")
    func descriptions() {
        #expect(AttachedContext(id: 3, name: "three", info: .current).info == .current)
        #expect(AttachedContext(id: 3, name: nil, info: nil).info == nil)
    }
}
