//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

@Suite
struct FrameDecoderTests {
    private static let stream = WireVector.frames.flatMap(\.bytes)
    private static let maximum = 128 * 1024 * 1024

    private func feed(_ bytes: some Collection<UInt8>, to decoder: inout FrameDecoder) throws -> [Message] {
        var messages: [Message] = []
        try Array(bytes).withUnsafeBytes { try decoder.feed($0) { messages.append($0) } }
        return messages
    }

    private func expected() throws -> [Message] {
        try WireVector.frames.map { try $0.message() }
    }

    @Test("All frames at once")
    func whole() throws {
        var decoder = FrameDecoder(maximumLength: Self.maximum)
        #expect(try feed(Self.stream, to: &decoder) == expected())
        #expect(decoder.isAtFrameBoundary)
    }

    @Test("All frames byte by byte")
    func singleBytes() throws {
        var decoder = FrameDecoder(maximumLength: Self.maximum)
        var messages: [Message] = []
        for byte in Self.stream { messages += try feed(CollectionOfOne(byte), to: &decoder) }
        #expect(try messages == expected())
        #expect(decoder.isAtFrameBoundary)
    }

    @Test("Two frames split at every point, the second of any kind")
    func everySplit() throws {
        let frames = WireVector.frames
        for (first, second) in zip(frames, frames.dropFirst()) {
            let bytes = first.bytes + second.bytes
            let expected = try [first.message(), second.message()]
            let boundary = first.bytes.count
            for split in 0...bytes.count {
                var decoder = FrameDecoder(maximumLength: Self.maximum)
                var messages = try feed(bytes[..<split], to: &decoder)
                try #require(messages.count == (split < boundary ? 0 : split < bytes.count ? 1 : 2))
                try #require(decoder.isAtFrameBoundary == (split == 0 || split == boundary || split == bytes.count))
                messages += try feed(bytes[split...], to: &decoder)
                try #require(messages == expected, "\(first.name), \(second.name) at \(split)")
            }
        }
    }

    @Test("All frames in pieces of random sizes, read directly into place here and there", arguments: 0..<40)
    func randomPieces(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        var decoder = FrameDecoder(maximumLength: Self.maximum)
        var messages: [Message] = []
        var rest = Self.stream[...]
        let largest = [3, 30, 300, 3000].any(&random)
        while !rest.isEmpty {
            if decoder.missingBytes > 0, random.once(in: 2) {
                let limit = 1 + random.below(largest)
                let missing = decoder.missingBytes
                let offered = random.below(largest + 1)
                let count = decoder.fill(upTo: limit) { room in
                    #expect(room.count == min(limit, missing))
                    let piece = Array(rest.prefix(min(room.count, offered)))
                    room.copyBytes(from: piece)
                    return piece.count
                }
                rest = rest.dropFirst(count)
                #expect(decoder.missingBytes == missing - count)
                if random.once(in: 2), let message = decoder.takeCompleted() { messages.append(message) }
            } else {
                let piece = rest.prefix(1 + random.below(largest))
                messages += try feed(piece, to: &decoder)
                rest = rest.dropFirst(piece.count)
            }
        }
        if let message = decoder.takeCompleted() { messages.append(message) }
        #expect(try messages == expected())
        #expect(decoder.isAtFrameBoundary)
    }

    @Test("A read that fails or finds the end changes nothing", arguments: [-1, 0])
    func failedRead(result: Int) throws {
        let message = Message(handle: 1, data: [1, 2, 3])
        var decoder = FrameDecoder(maximumLength: 10)
        #expect(decoder.fill(upTo: 10) { _ in 5 } == 0)
        _ = try feed(frame(message).prefix(27), to: &decoder)
        #expect(decoder.fill(upTo: 10) { _ in result } == result)
        #expect(decoder.missingBytes == 2)
        #expect(decoder.takeCompleted() == nil)
        #expect(try feed([2, 3], to: &decoder) == [message])
    }

    @Test("Messages without data are delivered at once, also many in a row")
    func empty() throws {
        let message = Message(handle: 106)
        var decoder = FrameDecoder(maximumLength: 0)
        #expect(try feed(frame(message), to: &decoder) == [message])
        let many = (0..<1000).flatMap { _ in frame(message) }
        #expect(try feed(many, to: &decoder).count == 1000)
        #expect(try feed([], to: &decoder).isEmpty)
    }

    @Test("A wrong magic is refused as soon as its two bytes are there")
    func wrongMagic() throws {
        for bytes: [UInt8] in [[0x78, 0x78], [0x4D, 0x4C], [0x4D, 0x48], Array("SSH-2.0".utf8), [0, 0]] {
            var decoder = FrameDecoder(maximumLength: Self.maximum)
            #expect(throws: FramingError.self) { try feed(bytes, to: &decoder) }
            var slow = FrameDecoder(maximumLength: Self.maximum)
            #expect(try feed(bytes.prefix(1), to: &slow).isEmpty)
            #expect(throws: FramingError.self) { try feed(bytes.dropFirst().prefix(1), to: &slow) }
        }
    }

    @Test("The corrupt frame is an error, at every split; the messages before it arrive")
    func corrupt() throws {
        let good = Message(handle: 1, data: [1])
        let corrupt = try WireVector.named("corrupt_frame").bytes
        for split in 0...corrupt.count {
            var decoder = FrameDecoder(maximumLength: Self.maximum)
            var messages: [Message] = []
            let error = #expect(throws: FramingError.self) {
                for piece in [frame(good) + corrupt[..<split], Array(corrupt[split...])] {
                    try piece.withUnsafeBytes { try decoder.feed($0) { messages.append($0) } }
                }
            }
            #expect(error?.description.contains("bad magic") == true)
            #expect(messages == [good])
        }
    }

    @Test("What is logged of a wrong magic is short")
    func shortError() {
        var decoder = FrameDecoder(maximumLength: Self.maximum)
        let error = #expect(throws: FramingError.self) {
            try feed([UInt8](repeating: 0, count: 100_000), to: &decoder)
        }
        #expect((error?.description.utf8.count ?? .max) < 2048)
    }

    @Test("A length above the maximum is an error with the header, and no message")
    func tooLong() throws {
        for (length, maximum) in [(11, 10), (1, 0), (.max, Self.maximum)] as [(UInt32, Int)] {
            var header = MessageHeader(dstID: 1, srcID: 2, authID: 3, handle: 4)
            header.length = length
            var decoder = FrameDecoder(maximumLength: maximum)
            let bytes = frame(header)
            #expect(try feed(bytes.dropLast(), to: &decoder).isEmpty)
            let error = #expect(throws: FramingError.self) { try feed(bytes.suffix(1), to: &decoder) }
            #expect(error?.description == "Maximum message size exceeded (got \(length), max \(maximum))")
        }
    }

    @Test("A message of exactly the maximum arrives")
    func exact() throws {
        let message = Message(handle: 1, data: [UInt8](repeating: 7, count: 10))
        var decoder = FrameDecoder(maximumLength: 10)
        #expect(try feed(frame(message), to: &decoder) == [message])
    }

    @Test("A claimed length of 4 GB takes no memory before its bytes are there")
    func claimedLength() throws {
        var header = MessageHeader(dstID: 1, srcID: 2, authID: 3, handle: 4)
        header.length = .max
        let bytes = frame(header) + [1, 2, 3]
        var decoders: [FrameDecoder] = []
        let before = try addressSpace()
        for index in 0..<500 {
            var decoder = FrameDecoder(maximumLength: Int(UInt32.max))
            #expect(try feed(bytes, to: &decoder).isEmpty)
            if index.isMultiple(of: 2) {
                _ = decoder.fill(upTo: 100_000) { room in
                    room.initializeMemory(as: UInt8.self, repeating: 1)
                    return 1
                }
            }
            decoders.append(decoder)
        }
        // 500 times 4 GB would be 2 TB; the other tests of this process need some memory meanwhile.
        #expect(try addressSpace() - before < 200 << 30)
        #expect(decoders.allSatisfy { $0.missingBytes > 4_000_000_000 })
    }

    @Test("A large message grows as its bytes arrive")
    func growth() throws {
        let data = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let message = Message(handle: 1, data: data)
        var decoder = FrameDecoder(maximumLength: Self.maximum)
        var rest = frame(message)[...]
        #expect(try feed(rest.prefix(1000), to: &decoder).isEmpty)
        rest = rest.dropFirst(1000)
        while decoder.missingBytes > 0 {
            let count = decoder.fill(upTo: 256 * 1024) { room in
                let piece = rest.prefix(room.count)
                piece.withUnsafeBytes { room.copyMemory(from: $0) }
                return piece.count
            }
            rest = rest.dropFirst(count)
        }
        #expect(decoder.takeCompleted() == message)
        #expect(decoder.takeCompleted() == nil)
    }

    @Test("Random bytes never do harm", arguments: 0..<50)
    func garbage(seed: UInt64) {
        var random = RandomSource(seed: seed)
        for _ in 0..<200 {
            var decoder = FrameDecoder(maximumLength: 100)
            var bytes = Self.stream.prefix(1000).map { random.once(in: 40) ? UInt8(random.below(256)) : $0 }
            bytes.removeFirst(random.below(3))
            _ = try? feed(bytes, to: &decoder)
        }
    }

    private func addressSpace() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(text.split(separator: " ").first.flatMap { Int($0) }) * 4096
    }
}
