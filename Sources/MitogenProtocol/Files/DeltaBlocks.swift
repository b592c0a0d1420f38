//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How a file is cut into blocks for a delta transfer. Both sides compute it from the file's size alone.
///
/// As in rsync, a block has about the square root of the file's size: then the signature and what one change costs are in
/// balance. Of 1 GiB the signature has 352 KiB, and a change costs 32 KiB.
package struct DeltaBlocks: Sendable, Hashable {
    /// Beyond this size there is no delta.
    package static let maximumFileSize = 1 << 44
    private static let maximumCount = 1 << 20

    package let fileSize: Int
    package let blockSize: Int

    /// - Parameter fileSize: In bytes; may come from the other side.
    /// - Returns: Nil for a size that no file has, or that is too large for a delta.
    package init?(fileSize: Int) {
        guard fileSize >= 0, fileSize <= Self.maximumFileSize else { return nil }
        self.fileSize = fileSize
        let balanced = Int(Double(fileSize).squareRoot())
        let size = max(min(max(balanced, 2048), 131_072), (fileSize + Self.maximumCount - 1) / Self.maximumCount)
        blockSize = (size + 1023) / 1024 * 1024
    }

    /// The blocks of a file that is not there: everything is sent.
    package static let none = Self()

    private init() {
        fileSize = 0
        blockSize = 2048
    }

    /// With the last one, which may be shorter.
    package var count: Int { (fileSize + blockSize - 1) / blockSize }

    /// How many have the full size.
    package var fullCount: Int { fileSize / blockSize }

    /// The length of the last block, if it is shorter than the others; otherwise 0.
    package var tailLength: Int { fileSize % blockSize }

    /// The bytes of the rolling hash in a signature.
    ///
    /// A hash that matches by chance costs a strong hash over one block. With so many bytes that are fewer bytes than are
    /// searched.
    package var weakSize: Int {
        fileSize <= 1 << 32 ? 4 : fileSize <= 1 << 40 ? 5 : 6
    }

    /// The bytes of the strong hash in a signature.
    ///
    /// Every offset of a file of this size is compared with every block; that two differ and have the same hash has a
    /// probability below 1 in 1,000, without counting the rolling hash.
    package var strongSize: Int {
        let bits = 10 + 2 * Self.log2(fileSize) - Self.log2(blockSize)
        return min(max((bits + 7) / 8, 4), 8)
    }

    package var recordSize: Int { weakSize + strongSize }

    /// The part of a block's rolling hash that is compared.
    package func weak(_ hash: UInt64) -> UInt64 { hash >> UInt64(64 - 8 * weakSize) }

    /// The part of a block's strong hash that is compared.
    package func strong(_ hash: UInt64) -> UInt64 { hash >> UInt64(64 - 8 * strongSize) }

    private static func log2(_ value: Int) -> Int {
        Int.bitWidth - max(value - 1, 1).leadingZeroBitCount
    }
}

/// The first 64 bits, big endian, of the SHA-256 of some bytes. The caller brings it: this module computes none.
package typealias DeltaBlockHash = @Sendable (UnsafeRawBufferPointer) -> UInt64
