//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
package import MitogenProtocol

/// A file that is to be replaced, open from its signature to the last operation on it: one that takes its name meanwhile is
/// another one.
final class OldFile {
    let path: [UInt8]
    let blocks: DeltaBlocks
    private let descriptor: Descriptor
    private var builder: SignatureBuilder
    private var offset = 0

    private static let piece = 1 << 20

    init(_ name: [UInt8], in folder: Descriptor, path: [UInt8]) throws(FileFailure) {
        let reader = try FileReader(name, in: folder, path: path)
        guard let blocks = DeltaBlocks(fileSize: reader.status.size) else {
            throw FileFailure(.other, path, "is too large for a signature")
        }
        self.path = path
        self.blocks = blocks
        descriptor = reader.descriptor
        builder = SignatureBuilder(blocks: blocks, hash: DeltaBlockHashes.sha256)
    }

    var isSigned: Bool { builder.isComplete }

    /// The next part of the signature; nil if the file has become shorter.
    func nextRecords() throws(FileFailure) -> [UInt8]? {
        while !builder.isComplete, builder.recordBytes < 128 << 10 {
            guard let bytes = read(min(Self.piece, blocks.fileSize - offset), at: offset) else { return nil }
            bytes.withUnsafeBufferPointer { builder.feed($0) }
            offset += bytes.count
        }
        return builder.takeRecords()
    }

    /// Some bytes; nil if they cannot be read, or are not there any more.
    func read(_ count: Int, at offset: Int) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, cmitogen_file_read(descriptor.number, buffer.baseAddress, count, Int64(offset)))
        }
        return bytes.count == count ? bytes : nil
    }
}

/// The hash of blocks that both sides use.
package enum DeltaBlockHashes {
    package static let sha256: DeltaBlockHash = { bytes in
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &digest) {
            cmitogen_sha256(bytes.baseAddress, bytes.count, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        return UInt64(bigEndian: digest.0)
    }
}
