//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import MitogenProtocol
import Testing

/// Transfers files by deltas in memory, in pieces of a given size.
struct DeltaTransfer {
    var hash: DeltaBlockHash = Self.sha256
    var piece = 1000

    struct Result {
        var file: [UInt8]
        var signatureBytes: Int
        var operationBytes: Int
        var matchedBytes: Int
    }

    static let sha256: DeltaBlockHash = { bytes in
        var digest = [UInt8](repeating: 0, count: 32)
        cmitogen_sha256(bytes.baseAddress, bytes.count, &digest)
        return digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    func signature(of old: [UInt8]) throws -> (DeltaBlocks, [UInt8]) {
        var builder = SignatureBuilder(blocks: try #require(DeltaBlocks(fileSize: old.count)), hash: hash)
        var records: [UInt8] = []
        for piece in pieces(of: old) {
            piece.withUnsafeBufferPointer { builder.feed($0) }
            records += builder.takeRecords()
        }
        try #require(builder.isComplete)
        return (builder.blocks, records)
    }

    func operations(for new: [UInt8], _ signature: DeltaSignature) -> (bytes: [UInt8], matched: Int) {
        var matcher = DeltaMatcher(signature: signature, hash: hash)
        var operations: [UInt8] = []
        for piece in pieces(of: new) {
            piece.withUnsafeBufferPointer { matcher.feed($0) }
            operations += matcher.takeOperations()
        }
        matcher.finish()
        return (operations + matcher.takeOperations(), matcher.matchedBytes)
    }

    func apply(_ operations: [UInt8], to old: [UInt8], _ blocks: DeltaBlocks, size: Int) throws -> [UInt8] {
        var applier = PatchApplier(blocks: blocks, fileSize: size)
        var new: [UInt8] = []
        for piece in pieces(of: operations) {
            applier.feed(Array(piece))
            while let step = try applier.next() {
                switch step {
                case .copy(let offset, let length):
                    try #require(offset >= 0 && length > 0 && offset + length <= old.count)
                    new += old[offset..<offset + length]
                case .write(let bytes): new += bytes
                }
                try #require(new.count <= size)
            }
        }
        try applier.finish()
        return new
    }

    func transfer(_ new: [UInt8], over old: [UInt8]) throws -> Result {
        let (blocks, records) = try signature(of: old)
        let operations = operations(for: new, try DeltaSignature(blocks: blocks, records: records))
        return Result(
            file: try apply(operations.bytes, to: old, blocks, size: new.count),
            signatureBytes: records.count,
            operationBytes: operations.bytes.count,
            matchedBytes: operations.matched
        )
    }

    private func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        stride(from: 0, to: bytes.count, by: piece).map { bytes[$0..<min($0 + piece, bytes.count)] }
    }
}

/// Reproducible bytes and numbers (SplitMix64).
struct DeltaRandom: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }
}
