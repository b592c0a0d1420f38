//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Delta transfer")
struct DeltaTests {
    @Test(
        "A file of any size becomes any other",
        arguments: [0, 1, 2047, 2048, 2049, 4095, 4096, 10_000],
        [0, 1, 2047, 2048, 2049, 4096, 12_288]
    )
    func sizes(old: Int, new: Int) throws {
        var random = DeltaRandom(UInt64(old * 100_000 + new))
        let oldFile = random.bytes(old)
        #expect(try DeltaTransfer().transfer(random.bytes(new), over: oldFile).file.count == new)
        let same = Array((oldFile + random.bytes(new)).prefix(new))
        let result = try DeltaTransfer().transfer(same, over: oldFile)
        #expect(result.file == same)
        if old == new { #expect(result.operationBytes <= 8 && result.matchedBytes == new) }
    }

    @Test("Pieces of any size give the same", arguments: [1, 7, 2048, 2049, 100_000])
    func pieces(size: Int) throws {
        var random = DeltaRandom(1)
        let old = random.bytes(20_000)
        let new = Array(old[..<5000]) + random.bytes(11) + Array(old[5000...])
        let result = try DeltaTransfer(piece: size).transfer(new, over: old)
        #expect(result.file == new)
        #expect(result.operationBytes < 2048 * 2 + 100)
    }

    @Test("A byte inserted, removed or changed costs one block, wherever it is")
    func oneByteAtEveryBoundary() throws {
        let old = DeltaRandom.file(seed: 2, count: 2048 * 6 + 100)
        for boundary in stride(from: 0, through: 2048 * 6, by: 2048) {
            for offset in [boundary - 1, boundary, boundary + 1] where offset >= 0 && offset < old.count {
                let edits = [
                    Array(old[..<offset]) + [0xff] + Array(old[offset...]),
                    Array(old[..<offset]) + Array(old[(offset + 1)...]),
                    Array(old[..<offset]) + [~old[offset]] + Array(old[(offset + 1)...]),
                ]
                for new in edits {
                    let result = try DeltaTransfer().transfer(new, over: old)
                    #expect(result.file == new)
                    #expect(result.operationBytes < 2048 + 100, "offset \(offset)")
                }
            }
        }
    }

    @Test("Blocks that were moved, doubled and left out are found")
    func movedBlocks() throws {
        let old = DeltaRandom.file(seed: 3, count: 2048 * 8)
        let blocks = (0..<8).map { Array(old[($0 * 2048)..<($0 * 2048 + 2048)]) }
        var new: [UInt8] = []
        for block in [5, 5, 5, 1, 0, 7, 6, 2] { new += blocks[block] }
        new += [1, 2, 3] + blocks[3] + blocks[4]
        let result = try DeltaTransfer().transfer(new, over: old)
        #expect(result.file == new)
        #expect(result.operationBytes < 60)
    }

    @Test("Random edits of random files come out right", arguments: 0..<40)
    func randomEdits(seed: UInt64) throws {
        var random = DeltaRandom(seed &+ 1000)
        let old = random.bytes(Int.random(in: 0...60_000, using: &random))
        var new = old
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let at = Int.random(in: 0...new.count, using: &random)
            let end = min(new.count, at + Int.random(in: 0...300, using: &random))
            new.replaceSubrange(at..<end, with: random.bytes(Int.random(in: 0...300, using: &random)))
        }
        let result = try DeltaTransfer(piece: Int.random(in: 1...9000, using: &random)).transfer(new, over: old)
        #expect(result.file == new)
        #expect(result.operationBytes < 8 * 2 * 2400)
    }

    @Test("Random files of few symbols come out right", arguments: 0..<20)
    func fewSymbols(seed: UInt64) throws {
        var random = DeltaRandom(seed &+ 5000)
        let old = random.runs()
        let new = random.runs()
        #expect(try DeltaTransfer(piece: 3000).transfer(new, over: old).file == new)
    }

    @Test("A file of zeroes is one run of blocks")
    func zeroes() throws {
        let old = [UInt8](repeating: 0, count: 1 << 20)
        let grown = [UInt8](repeating: 0, count: 3 << 20)
        #expect(try DeltaTransfer(piece: 100_000).transfer(old, over: old).operationBytes < 8)
        let result = try DeltaTransfer(piece: 100_000).transfer(grown, over: old)
        #expect(result.file == grown)
        #expect(result.operationBytes < 3000)
    }
}

extension DeltaRandom {
    /// Runs of two symbols.
    mutating func runs() -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<12 {
            let symbol = UInt8.random(in: 0...1, using: &self)
            bytes += [UInt8](repeating: symbol, count: Int.random(in: 0...5000, using: &self))
        }
        return bytes
    }

    static func file(seed: UInt64, count: Int) -> [UInt8] {
        var random = Self(seed)
        return random.bytes(count)
    }
}
