//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    /// A container that is being written.
    struct Frame: Sendable {
        enum Kind: UInt8, Sendable {
            /// Between streams.
            case outside
            /// A stream: one value, and bytes have a form of their own.
            case stream
            /// One value that will be inserted into another writer's output.
            case fragment
            case tuple
            case list
            case dictionary
            case keywordArguments
        }

        let kind: Kind
        /// Tells containers apart.
        var serial = 0
        /// Values so far; a pair is two.
        var written = 0
        /// Values there will be, or -1.
        var expected = -1
        /// Values since the last mark.
        var inBatch = 0
        /// Where the last mark is, or -1 if the batch has none.
        var mark = -1

        init(kind: Kind, expected: Int = -1) {
            self.kind = kind
            self.expected = expected
        }

        /// How many values one item has.
        var unit: Int { kind == .list ? 1 : 2 }

        /// Whether items come in batches.
        var hasBatches: Bool { kind.rawValue >= Kind.list.rawValue }
    }

    /// Items that one opcode adds, as in CPython.
    static let batchSize = 1_000

    /// Has to be called before each value.
    mutating func willWrite() throws(PickleError) {
        switch frame.kind {
        case .outside:
            throw Self.misuse("a value is written outside of a stream")
        case .stream, .fragment:
            guard frame.written == 0 else {
                throw Self.misuse("a second value is written where one belongs")
            }
        case .tuple, .list, .dictionary, .keywordArguments:
            guard frame.expected < 0 || frame.written < frame.expected else {
                throw Self.misuse("more items are written than were announced")
            }
            if frame.hasBatches && frame.inBatch == 0 {
                openBatch()
            }
        }
    }

    /// Has to be called after each value.
    mutating func didWrite() {
        frame.written += 1
        guard frame.hasBatches else {
            return
        }
        frame.inBatch += 1
        if frame.inBatch == Self.batchSize * frame.unit {
            closeBatch()
        }
    }

    /// An only item needs no mark; but whether it is the only one is known only if the number was announced.
    private mutating func openBatch() {
        if frame.expected == frame.unit {
            frame.mark = -1
        } else {
            frame.mark = bytes.count
            append(.mark)
        }
    }

    /// Adds the items since the last mark to their container.
    mutating func closeBatch() {
        guard frame.inBatch > 0 else {
            return
        }
        if options.memoizes && frame.written == frame.unit && frame.mark >= 0 && !hasSplices {
            // CPython would not have written the mark. Moving the item is dear, so only where equal bytes are wanted.
            bytes.remove(at: frame.mark)
            frame.mark = -1
        }
        switch (frame.kind, frame.mark >= 0) {
        case (.list, false): append(.append)
        case (.list, true): append(.appends)
        case (_, false): append(.setItem)
        case (_, true): append(.setItems)
        }
        frame.inBatch = 0
    }

    /// What has to be kept to undo what is written from here on.
    struct Checkpoint {
        let bytes: Int
        let frames: Int
        let frame: Frame
        let depth: Int
        let memo: Int
    }

    func checkpoint() -> Checkpoint {
        Checkpoint(bytes: bytes.count, frames: frames.count, frame: frame, depth: depth, memo: memo.count)
    }

    mutating func rollBack(to checkpoint: Checkpoint) {
        bytes.removeLast(bytes.count - checkpoint.bytes)
        frames.removeLast(frames.count - checkpoint.frames)
        frame = checkpoint.frame
        depth = checkpoint.depth
        memo.forget(from: checkpoint.memo)
    }
}
