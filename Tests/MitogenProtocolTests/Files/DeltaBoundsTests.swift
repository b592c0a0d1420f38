//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Synchronization
import Testing

/// What the other side sends is not trusted, and what a file contains is not either.
@Suite("Bounds of a delta transfer")
struct DeltaBoundsTests {
    @Test("A signature and one change cost less than 4 MiB for 1 GiB, and little for every size")
    func blockSizes() throws {
        let blocks = try #require(DeltaBlocks(fileSize: 1 << 30))
        #expect(blocks.count * blocks.recordSize + blocks.blockSize < 512 * 1024)
        #expect(DeltaBlocks(fileSize: -1) == nil)
        #expect(DeltaBlocks(fileSize: .max) == nil)
        for exponent in 0...44 {
            for size in [(1 << exponent) - 1, 1 << exponent] {
                let blocks = try #require(DeltaBlocks(fileSize: size))
                #expect(blocks.count <= 1 << 20)
                #expect(blocks.blockSize >= 2048 && blocks.blockSize <= 16 << 20)
                #expect(blocks.fullCount * blocks.blockSize + blocks.tailLength == size)
            }
        }
    }

    @Test("A signature of another length than the file's is refused")
    func signatureLength() throws {
        let (blocks, records) = try DeltaTransfer().signature(of: DeltaRandom.file(seed: 1, count: 9000))
        for damaged in [[], Array(records.dropLast()), records + [0]] {
            #expect(throws: DeltaError.signatureLength(expected: records.count, found: damaged.count)) {
                try DeltaSignature(blocks: blocks, records: damaged)
            }
        }
    }

    @Test("Damaged signatures make operations that are larger or wrong, but within the old file", arguments: 0..<50)
    func damagedSignature(seed: UInt64) throws {
        var random = DeltaRandom(seed)
        let old = random.bytes(30_000)
        let transfer = DeltaTransfer()
        var (blocks, records) = try transfer.signature(of: old)
        for _ in 0..<20 {
            records[Int.random(in: 0..<records.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        let operations = transfer.operations(for: old, try DeltaSignature(blocks: blocks, records: records))
        #expect(try transfer.apply(operations.bytes, to: old, blocks, size: old.count).count == old.count)
    }

    @Test("Operations that are not possible are refused by name")
    func impossibleOperations() throws {
        let old = [UInt8](repeating: 7, count: 5000)  // Two full blocks and a short one.
        let blocks = try #require(DeltaBlocks(fileSize: old.count))
        let endless = [UInt8](repeating: 0xff, count: 10)
        let cases: [([UInt8], DeltaError)] = [
            ([0], .emptyOperation), ([1], .emptyOperation), ([1, 0], .emptyOperation),
            (endless, .numberTooLarge), ([3] + endless, .numberTooLarge),
            ([3, 6], .noSuchBlock), ([3, 1], .noSuchBlock), ([9, 0], .noSuchBlock), ([7, 2], .noSuchBlock),
            // Counts and distances at the ends of their range.
            ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0], .noSuchBlock),
            ([3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], .noSuchBlock),
            ([3, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], .noSuchBlock),
            ([7, 0, 3, 3], .tooLong(fileSize: 5000)), ([7, 0, 2, 9], .tooLong(fileSize: 5000)),
            ([0x92, 0x4e], .tooLong(fileSize: 5000)),
            ([], .tooShort(fileSize: 5000, missing: 5000)), ([3, 0], .tooShort(fileSize: 5000, missing: 2952)),
            ([7], .endsInsideOperation), ([6, 1, 2], .endsInsideOperation), ([0x80], .endsInsideOperation),
        ]
        for (operations, error) in cases {
            #expect(throws: error, "\(operations)") {
                try DeltaTransfer(piece: 1).apply(operations, to: old, blocks, size: 5000)
            }
        }
        #expect(try DeltaTransfer().apply([7, 0], to: old, blocks, size: 5000) == old)
    }

    @Test("Random operations never lead out of the old file", arguments: 0..<200)
    func randomOperations(seed: UInt64) throws {
        var random = DeltaRandom(seed)
        let old = random.bytes(9000)
        let blocks = try #require(DeltaBlocks(fileSize: old.count))
        let operations = (0..<50).map { _ in UInt8.random(in: 0...20, using: &random) }
        do {
            #expect(try DeltaTransfer(piece: 3).apply(operations, to: old, blocks, size: 20_000).count == 20_000)
        } catch is DeltaError {}
    }

    @Test("A wrong strong hash makes a file that differs, which the hash of the whole file tells")
    func collisions() throws {
        let blind = DeltaTransfer(hash: { _ in 0 })
        // The rolling hash modulo a power of two is the same for these two, whatever its multiplier is: a Thue-Morse word
        // and its complement.
        let word = (0..<2048).map { UInt8(truncatingIfNeeded: $0.nonzeroBitCount & 1) }
        let other = word.map { 1 - $0 }
        let result = try blind.transfer(other, over: word)
        #expect(result.file == word)
        #expect(try DeltaTransfer().transfer(other, over: word).file == other)
    }

    @Test("Rolling hashes that collide at every offset do not make the search quadratic")
    func adversarialRollingHash() throws {
        // Blocks that differ and have one rolling hash, from a signature that lies about them.
        let hashed = Counter()
        let counting: DeltaBlockHash = { bytes in
            hashed.count.withLock { $0 += bytes.count }
            return DeltaTransfer.sha256(bytes)
        }
        let transfer = DeltaTransfer(hash: counting, piece: 65_536)
        let old = DeltaRandom.file(seed: 9, count: 1 << 20)
        let new = [UInt8](repeating: 0, count: 1 << 20)
        var (blocks, records) = try transfer.signature(of: old)
        for block in 0..<blocks.count {
            // The rolling hash of zeroes is zero.
            for byte in 0..<blocks.weakSize { records[block * blocks.recordSize + byte] = 0 }
        }
        hashed.count.withLock { $0 = 0 }
        let operations = transfer.operations(for: new, try DeltaSignature(blocks: blocks, records: records))
        #expect(operations.matched == 0)
        #expect(hashed.count.withLock { $0 } < 6 << 20)
        #expect(try transfer.apply(operations.bytes, to: old, blocks, size: new.count) == new)
    }

    private final class Counter: Sendable {
        let count = Mutex(0)
    }
}
