//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

/// The SHA-256 of a file while it is read or written.
///
/// Without holes it is that of the content. Holes are not hashed as the zeros that they stand for, which would take
/// longer than sending the rest: with any, it is the SHA-256 of two digests, that of the data and that of the holes'
/// offsets and lengths (little-endian, 8 bytes each).
package struct ContentDigest: Sendable {
    private var data = Hash()
    private var holes = Hash()
    private var hasHoles = false
    private let isPlain: Bool

    /// - Parameter isPlain: Whether holes are hashed as zeros after all, so that the digest is that of the content; false
    ///   by default.
    package init(isPlain: Bool = false) {
        self.isPlain = isPlain
    }

    package mutating func update(_ bytes: [UInt8]) {
        data.update(bytes)
    }

    package mutating func skip(from offset: Int, count: Int) {
        if isPlain { return zeros(count) }
        hasHoles = true
        for number in [offset, count] {
            holes.update((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
        }
    }

    package mutating func finish() -> [UInt8] {
        guard hasHoles else { return data.finish() }
        var both = Hash()
        both.update(data.finish() + holes.finish())
        return both.finish()
    }

    private mutating func zeros(_ count: Int) {
        let block = [UInt8](repeating: 0, count: min(count, 64 << 10))
        for start in stride(from: 0, to: count, by: block.count) {
            data.update(count - start < block.count ? Array(block[..<(count - start)]) : block)
        }
    }

    /// The digest as lower case hexadecimal digits.
    package static func text(_ digest: [UInt8]) -> String {
        digest.reduce(into: "") { $0 += String($1 >> 4, radix: 16) + String($1 & 15, radix: 16) }
    }
}

/// SHA-256 (FIPS 180-4) in pieces.
package struct Hash: Sendable {
    private var state = cmitogen_digest()

    package init() {
        cmitogen_digest_begin(&state)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { cmitogen_digest_update(&state, $0.baseAddress, $0.count) }
    }

    package mutating func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            cmitogen_digest_end(&state, buffer.baseAddress)
            count = 32
        }
    }
}
