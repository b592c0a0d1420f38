//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Hands out context ids (Mitogen wire protocol, section 3).
///
/// The master counts from 1. Every other context asks the master for a block and counts through that.
package struct IDAllocator: Sendable {
    /// How many ids a block has.
    package static let blockSize: ContextID = 1000

    /// The ids that can be handed out now.
    private var available: Range<ContextID>
    /// The blocks that were handed out, in order, and to whom.
    private var blocks: [(first: ContextID, owner: ContextID)] = []

    /// The master's allocator.
    package static var master: IDAllocator { IDAllocator(available: 1..<ContextID.max) }
    /// The allocator of any other context, which has nothing before its first block.
    package static var child: IDAllocator { IDAllocator(available: 0..<0) }

    private init(available: Range<ContextID>) {
        self.available = available
    }

    /// The next id; nil if there is none left.
    package mutating func allocate() -> ContextID? {
        guard let id = available.first else { return nil }
        available = available.dropFirst()
        return id
    }

    /// A block for another context to count through; nil if there is none left.
    ///
    /// - Parameter owner: The context that starts others with these ids.
    package mutating func allocateBlock(for owner: ContextID) -> Range<ContextID>? {
        guard available.count >= Int(Self.blockSize) else { return nil }
        let block = available.prefix(Int(Self.blockSize))
        available = available.dropFirst(Int(Self.blockSize))
        blocks.append((block.lowerBound, owner))
        return block
    }

    /// The master has handed a block to another context.
    package mutating func learn(owner: ContextID, ofBlock first: ContextID) {
        // In order, as the master hands them out and as they come.
        guard blocks.last.map({ $0.first < first }) ?? true else { return }
        blocks.append((first, owner))
    }

    /// The context that was handed the block which an id is in; nil for an id in none.
    package func owner(of id: ContextID) -> ContextID? {
        var range = blocks.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = blocks[middle].first <= id ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        // Of the blocks that begin at or below the id, the last.
        guard range.lowerBound > 0 else { return nil }
        let block = blocks[range.lowerBound - 1]
        return id - block.first < Self.blockSize ? block.owner : nil
    }

    /// A block that the master has sent. One that was asked for twice only adds a gap.
    package mutating func add(_ block: Range<ContextID>) {
        if available.isEmpty { available = block }
    }
}
