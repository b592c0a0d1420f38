//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How much a peer may ask the reader to build.
///
/// Pickle is a program for a stack machine, so a few bytes can describe an exponentially large value. Every limit is
/// checked before memory is taken for what is counted.
public struct PickleLimits: Sendable, Hashable {
    /// How deep lists, tuples and dictionaries may be nested; keyword arguments count as two levels. Also bounds the
    /// use of the call stack when a value is written, decoded or freed.
    public var depth: Int

    /// How many values one message may hold. What is fetched from the memo counts with all that it contains, each time.
    public var itemCount: Int

    /// How many bytes a message may have, and how many bytes of text and data its values may have, where what is
    /// fetched from the memo again counts again.
    public var totalBytes: Int

    /// How many bytes one integer may have.
    public var integerBytes: Int

    /// How many bytes of memory the values of one message may take, besides their text and data. Estimated: a value
    /// counts 48 bytes, twice what it takes in an array, because arrays grow by doubling.
    public var memoryBytes: Int

    /// Limits; what is not given has the default.
    ///
    /// - Parameters:
    ///   - depth: Levels of nesting, 100 by default.
    ///   - itemCount: Values in one message, 10 million by default.
    ///   - totalBytes: Bytes of one message, 128 MiB by default, the largest message of Python Mitogen.
    ///   - integerBytes: Bytes of one integer, 8 KiB by default.
    ///   - memoryBytes: Bytes of memory for the values, 64 MiB by default, which is about 1.4 million numbers.
    public init(
        depth: Int = 100,
        itemCount: Int = 10_000_000,
        totalBytes: Int = 128 * 1024 * 1024,
        integerBytes: Int = 8 * 1024,
        memoryBytes: Int = 64 * 1024 * 1024
    ) {
        self.depth = depth
        self.itemCount = itemCount
        self.totalBytes = totalBytes
        self.integerBytes = integerBytes
        self.memoryBytes = memoryBytes
    }

    /// The limits used when none are given.
    public static let `default` = PickleLimits()

    /// The default ones, but for a message that is larger than those allow, as whoever received it has allowed it.
    package static func fitting(_ data: [UInt8]) -> PickleLimits {
        var limits = PickleLimits.default
        limits.totalBytes = max(limits.totalBytes, data.count)
        return limits
    }
}
