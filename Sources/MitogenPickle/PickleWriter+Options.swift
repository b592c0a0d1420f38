//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    /// How bytes are written.
    public enum BytesStyle: Sendable, Hashable {
        /// As Python 3 does in pickle protocol 2, which every Mitogen peer reads: as Latin-1 text that the reader
        /// converts, so each byte from 0x80 takes two; except as the whole value of a stream, where bytes stay as they
        /// are.
        case python
        /// As they are, with opcodes of pickle protocols 3 and 4: for peers written in Swift.
        case binary
    }

    /// How values are written.
    public struct Options: Sendable, Hashable {
        /// How bytes are written.
        public var bytesStyle: BytesStyle

        /// Whether texts and containers are stored, and texts fetched, so that the output is what CPython writes.
        ///
        /// Readers do not need it. CPython decides by identity what is fetched, a writer of values by equality: equal
        /// texts and equal bytes of length one or less are taken for one object, lists, tuples, dictionaries and longer
        /// bytes never are. So a Python list that is used twice, or two texts that are equal but distinct objects, give
        /// other bytes in CPython, with the same value.
        public var memoizes: Bool

        /// How deep containers may be nested; keyword arguments count as two levels.
        public var depthLimit: Int

        /// Options; what is not given has the default.
        ///
        /// - Parameters:
        ///   - bytesStyle: How bytes are written.
        ///   - memoizes: Whether the output is what CPython writes.
        ///   - depthLimit: How deep containers may be nested.
        public init(
            bytesStyle: BytesStyle = .python,
            memoizes: Bool = false,
            depthLimit: Int = PickleLimits.default.depth
        ) {
            self.bytesStyle = bytesStyle
            self.memoizes = memoizes
            self.depthLimit = depthLimit
        }
    }
}
