//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Finds the blocks of an old file in a new one, and writes the operations that make the new file from the old.
///
/// It keeps two blocks, a literal and what it was fed last, however large the files are. The bytes that it hashes are at most
/// a few times those of the file, whatever is in the files and in the signature: where rolling hashes match and strong ones
/// do not, it looks less often.
package struct DeltaMatcher: Sendable {
    private static let shortestLiteral = 32_768
    /// The bytes that are hashed in vain for each byte that is searched, at most.
    private static let vainHashing = 4

    private let signature: DeltaSignature
    private let hash: DeltaBlockHash
    private let blockSize: Int
    private var writer = DeltaWriter()
    private var rolling: RollingHash
    /// Whether ``rolling`` is the hash of the window, and the window was compared.
    private var isRolling = false
    private var buffer: [UInt8] = []
    /// Where in the buffer the bytes begin that no operation has yet.
    private var literalStart = 0
    private var windowStart = 0
    /// How many bytes may still be hashed in vain.
    private var allowance: Int
    /// How many bytes of the new file were found in the old one.
    package private(set) var matchedBytes = 0

    /// - Parameters:
    ///   - signature: Of the old file; with ``DeltaSignature/none`` everything is sent.
    ///   - hash: The same as in ``SignatureBuilder``.
    package init(signature: DeltaSignature, hash: @escaping DeltaBlockHash) {
        self.signature = signature
        self.hash = hash
        blockSize = signature.blocks.blockSize
        rolling = RollingHash(length: blockSize)
        allowance = 64 * blockSize
    }

    /// Takes the next bytes of the new file.
    package mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard signature.blocks.count > 0 else { return writer.literal(bytes) }
        if literalStart > 0, literalStart >= buffer.count / 2 { compact() }
        buffer.append(contentsOf: bytes)
        let buffer = buffer
        buffer.withUnsafeBufferPointer { search($0) }
    }

    /// The new file has ended.
    package mutating func finish() {
        let buffer = buffer
        buffer.withUnsafeBufferPointer { bytes in
            matchTail(bytes)
            writeLiteral(of: bytes, upTo: bytes.count)
        }
        writer.endRun()
        self.buffer = []
        literalStart = 0
        windowStart = 0
        isRolling = false
    }

    /// The operations that were written since this was asked for last, for ``PatchApplier``.
    package mutating func takeOperations() -> [UInt8] { writer.take() }

    /// The same; nil if they have fewer bytes.
    package mutating func takeOperations(atLeast count: Int) -> [UInt8]? {
        writer.bytes.count < count ? nil : writer.take()
    }

    private mutating func search(_ bytes: UnsafeBufferPointer<UInt8>) {
        while isRolling ? roll(bytes) : start(bytes) {
            guard let block = match(UnsafeBufferPointer(rebasing: bytes[windowStart..<windowStart + blockSize])) else {
                continue
            }
            copy(block, length: blockSize, at: windowStart, of: bytes)
        }
        if windowStart - literalStart >= Self.shortestLiteral { writeLiteral(of: bytes, upTo: windowStart) }
    }

    /// Hashes the window where there is none before it. False if more bytes are needed.
    private mutating func start(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count - windowStart >= blockSize else { return false }
        rolling.start(UnsafeBufferPointer(rebasing: bytes[windowStart..<windowStart + blockSize]))
        isRolling = true
        return true
    }

    /// Moves the window to the next place where a block may be. False if more bytes are needed.
    private mutating func roll(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let last = bytes.count - blockSize
        var rolling = rolling
        var at = windowStart
        var isCandidate = false
        while at < last, !isCandidate {
            rolling.roll(out: bytes[at], next: bytes[at + blockSize])
            at += 1
            isCandidate = signature.mayContain(rolling.value)
        }
        allowance += Self.vainHashing * (at - windowStart)
        windowStart = at
        self.rolling = rolling
        return isCandidate
    }

    private mutating func match(_ window: UnsafeBufferPointer<UInt8>) -> Int? {
        guard allowance >= blockSize, signature.mayContain(rolling.value) else { return nil }
        let weak = signature.blocks.weak(rolling.value)
        let next = writer.expectedBlock
        // The block behind the last one is preferred to an equal one elsewhere: then a run is one operation.
        let mayContinue = next < signature.blocks.fullCount && signature.hasWeak(weak, at: next)
        guard mayContinue || signature.contains(weak: weak) else { return nil }
        let strong = signature.blocks.strong(hash(UnsafeRawBufferPointer(window)))
        if mayContinue, signature.hasStrong(strong, at: next) { return next }
        if let block = signature.block(weak: weak, strong: strong) { return block }
        allowance -= blockSize
        return nil
    }

    /// Compares the end of the new file with the old one's last block, which is shorter than the others.
    private mutating func matchTail(_ bytes: UnsafeBufferPointer<UInt8>) {
        let length = signature.blocks.tailLength
        let start = bytes.count - length
        guard length > 0, start >= literalStart else { return }
        let tail = UnsafeBufferPointer(rebasing: bytes[start...])
        let block = signature.blocks.fullCount
        guard signature.hasWeak(signature.blocks.weak(RollingHash.hash(tail)), at: block),
            signature.hasStrong(signature.blocks.strong(hash(UnsafeRawBufferPointer(tail))), at: block)
        else { return }
        copy(block, length: length, at: start, of: bytes)
    }

    private mutating func copy(_ block: Int, length: Int, at start: Int, of bytes: UnsafeBufferPointer<UInt8>) {
        writeLiteral(of: bytes, upTo: start)
        writer.copy(block: block)
        matchedBytes += length
        allowance += Self.vainHashing * length
        literalStart = start + length
        windowStart = literalStart
        isRolling = false
    }

    private mutating func writeLiteral(of bytes: UnsafeBufferPointer<UInt8>, upTo end: Int) {
        guard end > literalStart else { return }
        writer.literal(UnsafeBufferPointer(rebasing: bytes[literalStart..<end]))
        literalStart = end
    }

    private mutating func compact() {
        buffer.removeFirst(literalStart)
        windowStart -= literalStart
        literalStart = 0
    }
}
