//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes the operations that make a new file from an old one.
///
/// An operation starts with a number in LEB128. If it is even, half of it is the count of literal bytes, which follow. If it
/// is odd, half of it is a count of blocks to copy from the old file; the first one's number follows, in LEB128 and zigzag,
/// as the distance from the block behind the last that was copied.
struct DeltaWriter: Sendable {
    private(set) var bytes: [UInt8] = []
    private var runStart = 0
    private var runCount = 0
    /// The block behind the last one that was copied.
    private(set) var nextBlock = 0

    mutating func copy(block: Int) {
        if runCount > 0, block == runStart + runCount {
            runCount += 1
        } else {
            endRun()
            runStart = block
            runCount = 1
        }
    }

    /// The block that would continue the run.
    var expectedBlock: Int { runCount > 0 ? runStart + runCount : nextBlock }

    mutating func literal(_ piece: UnsafeBufferPointer<UInt8>) {
        guard !piece.isEmpty else { return }
        endRun()
        LEB128.append(UInt64(piece.count) << 1, to: &bytes)
        bytes.append(contentsOf: piece)
    }

    mutating func endRun() {
        guard runCount > 0 else { return }
        LEB128.append(UInt64(runCount) << 1 | 1, to: &bytes)
        LEB128.append(LEB128.zigzag(runStart - nextBlock), to: &bytes)
        nextBlock = runStart + runCount
        runCount = 0
    }

    mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}
