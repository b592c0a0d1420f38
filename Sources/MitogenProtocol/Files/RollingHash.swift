//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A hash of a window of bytes that moves along by one byte in constant time (Rabin and Karp, modulo 2^64).
package struct RollingHash: Sendable {
    private static let multiplier: UInt64 = 0x9e37_79b9_7f4a_7c15
    private static let multiplier2 = multiplier &* multiplier
    private static let multiplier3 = multiplier2 &* multiplier
    private static let multiplier4 = multiplier3 &* multiplier

    /// The multiplier to the power of the window's length.
    private let leaving: UInt64
    package private(set) var value: UInt64 = 0

    /// - Parameter length: Of the window, in bytes.
    package init(length: Int) {
        var power: UInt64 = 1
        var base = Self.multiplier
        var rest = length
        while rest > 0 {
            if rest & 1 == 1 { power = power &* base }
            base = base &* base
            rest >>= 1
        }
        leaving = power
    }

    package mutating func start(_ window: UnsafeBufferPointer<UInt8>) {
        value = Self.hash(window)
    }

    /// - Parameters:
    ///   - out: The first byte of the window so far.
    ///   - next: The byte behind it.
    @inline(__always)
    package mutating func roll(out: UInt8, next: UInt8) {
        value = value &* Self.multiplier &+ UInt64(next) &- UInt64(out) &* leaving
    }

    package static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        guard var at = bytes.baseAddress else { return 0 }
        var hash: UInt64 = 0
        var left = bytes.count
        // Four at a time: the multiplications do not wait for each other.
        while left >= 4 {
            let high = UInt64(at[0]) &* multiplier3 &+ UInt64(at[1]) &* multiplier2
            hash = hash &* multiplier4 &+ high &+ UInt64(at[2]) &* multiplier &+ UInt64(at[3])
            at += 4
            left -= 4
        }
        while left > 0 {
            hash = hash &* multiplier &+ UInt64(at[0])
            at += 1
            left -= 1
        }
        return hash
    }
}
