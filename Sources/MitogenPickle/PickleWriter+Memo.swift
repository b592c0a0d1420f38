//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a writer has stored, for output that equals that of CPython. Indices count up from zero.
struct WriterMemo: Sendable {
    enum Key: Sendable, Hashable {
        /// A value that is taken for the same object wherever it occurs.
        case value(PickleValue)
        case global(PickleGlobal)
        /// A value that is stored, since CPython does, but never fetched.
        case anonymous
    }

    private var indices: [Key: Int] = [:]

    /// How many stores there were.
    private(set) var count = 0

    subscript(key: Key) -> Int? {
        key == .anonymous ? nil : indices[key]
    }

    /// Takes the next index.
    mutating func store(_ key: Key) -> Int {
        if key != .anonymous {
            indices[key] = count
        }
        count += 1
        return count - 1
    }

    /// Forgets what was stored from an index on.
    mutating func forget(from index: Int) {
        guard count > index else {
            return
        }
        indices = indices.filter { $0.value < index }
        count = index
    }
}

extension PickleWriter {
    /// Stores what was written last, if values are stored at all.
    mutating func appendStore(_ key: WriterMemo.Key) {
        guard options.memoizes else {
            return
        }
        let index = memo.store(key)
        if let index = UInt8(exactly: index) {
            append(.binPut, index)
        } else {
            append(.longBinPut, UInt32(truncatingIfNeeded: index))
        }
    }

    /// Fetches what was stored.
    mutating func appendFetch(_ index: Int) {
        if let index = UInt8(exactly: index) {
            append(.binGet, index)
        } else {
            append(.longBinGet, UInt32(truncatingIfNeeded: index))
        }
    }

    /// Appends a class or function, or a reference to it if it is stored.
    mutating func appendGlobal(_ global: PickleGlobal) {
        if options.memoizes, let index = memo[.global(global)] {
            return appendFetch(index)
        }
        append(.global)
        bytes.append(contentsOf: global.lines.utf8)
        appendStore(.global(global))
    }
}
