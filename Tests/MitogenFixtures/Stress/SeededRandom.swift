//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Random numbers that are the same in every run with the same seed (SplitMix64).
package struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int {
        Int.random(in: 0..<limit, using: &self)
    }

    /// True once in `count` times.
    mutating func once(in count: Int) -> Bool {
        below(count) == 0
    }

    /// Small numbers are likely, large ones possible.
    mutating func mostlySmall(below limit: Int) -> Int {
        below(below(below(limit) + 1) + 1)
    }

    /// Bytes of which no two runs are the same.
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: UInt8.random(in: 0...255, using: &self), count: count)
        for _ in 0..<min(count, 10) { bytes[below(count)] = UInt8.random(in: 0...255, using: &self) }
        return bytes
    }
}
