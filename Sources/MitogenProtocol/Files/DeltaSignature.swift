//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The signature of an old file, as the side with the new file searches it.
package struct DeltaSignature: Sendable {
    package let blocks: DeltaBlocks
    /// The rolling and the strong hashes, by block.
    private var weak: [UInt64] = []
    private var strong: [UInt64] = []
    /// The blocks of full size, ordered by hashes and then by number, and their rolling hashes in this order.
    private var order: [UInt32] = []
    private var orderedWeak: [UInt64] = []
    /// A bit for each beginning of a rolling hash: most offsets of a file need no search.
    private var filter: [UInt64] = []
    private let filterShift: UInt64

    /// - Parameter records: What ``SignatureBuilder`` made on the other side, which is not trusted: whatever the hashes
    ///   are, the search takes a bounded time, and the file's own hash is compared in the end.
    /// - Throws: ``DeltaError/signatureLength(expected:found:)``.
    package init(blocks: DeltaBlocks, records: [UInt8]) throws(DeltaError) {
        guard records.count == blocks.count * blocks.recordSize else {
            throw .signatureLength(expected: blocks.count * blocks.recordSize, found: records.count)
        }
        self.blocks = blocks
        let bits = min(max(Int.bitWidth - blocks.count.leadingZeroBitCount + 6, 6), 26)
        filterShift = UInt64(64 - bits)
        filter = [UInt64](repeating: 0, count: 1 << (bits - 6))
        weak.reserveCapacity(blocks.count)
        strong.reserveCapacity(blocks.count)
        records.withUnsafeBufferPointer { records in
            var at = 0
            for _ in 0..<blocks.count {
                weak.append(Self.number(records, &at, blocks.weakSize))
                strong.append(Self.number(records, &at, blocks.strongSize))
            }
        }
        sort()
    }

    /// The signature of a file that is not there.
    package static let none = Self()

    private init() {
        blocks = .none
        filterShift = 58
        filter = [0]
    }

    /// Whether a block of full size may have this rolling hash. True now and then for others.
    @inline(__always)
    func mayContain(_ hash: UInt64) -> Bool {
        let bit = hash >> filterShift
        return filter.withUnsafeBufferPointer { $0[Int(bit >> 6)] >> (bit & 63) & 1 == 1 }
    }

    /// Whether a block of full size has this rolling hash.
    func contains(weak: UInt64) -> Bool {
        let place = lowerBound { orderedWeak[$0] < weak }
        return place < order.count && orderedWeak[place] == weak
    }

    /// The first block of full size with these hashes.
    func block(weak: UInt64, strong: UInt64) -> Int? {
        let place = lowerBound {
            orderedWeak[$0] < weak || orderedWeak[$0] == weak && self.strong[Int(order[$0])] < strong
        }
        guard place < order.count, orderedWeak[place] == weak else { return nil }
        let block = Int(order[place])
        return self.strong[block] == strong ? block : nil
    }

    func hasWeak(_ weak: UInt64, at block: Int) -> Bool { self.weak[block] == weak }
    func hasStrong(_ strong: UInt64, at block: Int) -> Bool { self.strong[block] == strong }

    private mutating func sort() {
        order = (0..<UInt32(blocks.fullCount)).map { $0 }
        let (rolling, strong) = (weak, strong)
        order.sort { one, other in
            let hashes = (rolling[Int(one)], rolling[Int(other)], strong[Int(one)], strong[Int(other)])
            if hashes.0 != hashes.1 { return hashes.0 < hashes.1 }
            return hashes.2 != hashes.3 ? hashes.2 < hashes.3 : one < other
        }
        orderedWeak = order.map { weak[Int($0)] }
        let unused = UInt64(64 - 8 * blocks.weakSize)
        for hash in orderedWeak {
            // The filter never looks at more bits than a signature has.
            let bit = (hash << unused) >> filterShift
            filter[Int(bit >> 6)] |= 1 << (bit & 63)
        }
    }

    private func lowerBound(_ isBelow: (Int) -> Bool) -> Int {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if isBelow(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func number(_ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int, _ size: Int) -> UInt64 {
        var value: UInt64 = 0
        for _ in 0..<size {
            value = value << 8 | UInt64(bytes[at])
            at += 1
        }
        return value
    }
}
