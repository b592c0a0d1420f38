//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Makes the signature of an old file: a record of two hashes for each block, which the side with the new file needs to
/// find blocks in it.
///
/// A record is the rolling hash and the strong hash, both big endian and cut to the sizes in ``DeltaBlocks``.
package struct SignatureBuilder: Sendable {
    package let blocks: DeltaBlocks
    private let hash: DeltaBlockHash
    /// The beginning of a block whose end has not come.
    private var partial: [UInt8] = []
    private var consumed = 0
    private var records: [UInt8] = []

    package init(blocks: DeltaBlocks, hash: @escaping DeltaBlockHash) {
        self.blocks = blocks
        self.hash = hash
    }

    /// Takes the next bytes of the file. What is beyond its size is left alone: it has grown meanwhile.
    package mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>) {
        var rest = UnsafeBufferPointer(rebasing: bytes.prefix(blocks.fileSize - consumed))
        consumed += rest.count
        while !rest.isEmpty {
            let count = min(blocks.blockSize - partial.count, rest.count)
            let piece = UnsafeBufferPointer(rebasing: rest[..<count])
            rest = UnsafeBufferPointer(rebasing: rest[count...])
            if count == blocks.blockSize {
                append(piece)
                continue
            }
            partial.append(contentsOf: piece)
            guard partial.count == blocks.blockSize || isComplete && rest.isEmpty else { continue }
            let block = partial
            partial.removeAll(keepingCapacity: true)
            block.withUnsafeBufferPointer { append($0) }
        }
    }

    /// Whether the whole file was fed.
    package var isComplete: Bool { consumed == blocks.fileSize }

    /// The records that were made since this was asked for last.
    package mutating func takeRecords() -> [UInt8] {
        defer { records = [] }
        return records
    }

    package var recordBytes: Int { records.count }

    private mutating func append(_ block: UnsafeBufferPointer<UInt8>) {
        Self.append(blocks.weak(RollingHash.hash(block)), size: blocks.weakSize, to: &records)
        Self.append(blocks.strong(hash(UnsafeRawBufferPointer(block))), size: blocks.strongSize, to: &records)
    }

    private static func append(_ value: UInt64, size: Int, to records: inout [UInt8]) {
        for byte in stride(from: size - 1, through: 0, by: -1) {
            records.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)))
        }
    }
}
