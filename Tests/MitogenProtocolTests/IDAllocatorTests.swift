//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct IDAllocatorTests {
    @Test("The master hands out 1, a block from 2 to 1001, then 1002")
    func sequence() {
        var master = IDAllocator.master
        #expect(master.allocate() == 1)
        #expect(master.allocateBlock(for: 7) == 2..<1002)
        #expect(master.allocate() == 1002)
        #expect(master.allocateBlock(for: 7) == 1003..<2003)
        #expect(master.allocate() == 2003)
    }

    @Test("It is known whom an id was handed to")
    func owners() {
        var master = IDAllocator.master
        #expect(master.owner(of: 1) == nil)
        _ = master.allocate()
        for owner: ContextID in [7, 8, 7] { _ = master.allocateBlock(for: owner) }
        _ = master.allocate()
        _ = master.allocateBlock(for: 9)
        let expected: [(ContextID, ContextID?)] = [
            (0, nil), (1, nil), (2, 7), (1001, 7), (1002, 8), (2001, 8), (2002, 7), (3001, 7), (3002, nil), (3003, 9),
            (4002, 9), (4003, nil), (.max, nil),
        ]
        for (id, owner) in expected { #expect(master.owner(of: id) == owner) }
    }

    @Test("A child learns whom blocks were handed to, and takes nothing of it for its own")
    func learnedOwners() {
        var child = IDAllocator.child
        child.add(2..<1002)
        child.learn(owner: 7, ofBlock: 1002)
        child.learn(owner: 8, ofBlock: 5000)
        // No block is handed out twice.
        child.learn(owner: 9, ofBlock: 1002)
        let owners = [2, 1001, 1002, 2001, 2002, 4999, 5000, 5999, 6000].map { child.owner(of: $0) }
        #expect(owners == [nil, nil, 7, 7, nil, nil, 8, 8, nil])
        #expect(child.allocate() == 2)
    }

    @Test("A child has nothing before its block, and nothing after it")
    func child() {
        var child = IDAllocator.child
        #expect(child.allocate() == nil)
        #expect(child.allocateBlock(for: 7) == nil)
        child.add(2..<1002)
        #expect((2..<1002).allSatisfy { child.allocate() == $0 })
        #expect(child.allocate() == nil)
        child.add(5000..<5002)
        #expect(child.allocate() == 5000)
    }

    @Test("A second block, asked for by mistake, is a gap")
    func secondBlock() {
        var child = IDAllocator.child
        child.add(2..<1002)
        child.add(1002..<2002)
        #expect(child.allocate() == 2)
        child.add(9..<9)
        #expect(child.allocate() == 3)
    }

    @Test("No id is handed out twice, and at the end there is none")
    func exhaustion() {
        var master = IDAllocator.master
        var last: ContextID = 0
        var count = 0
        while let block = master.allocateBlock(for: 7) {
            guard block.lowerBound > last, block.count == 1000 else { return #expect(Bool(false)) }
            last = block.upperBound - 1
            count += 1
        }
        #expect(count == 4_294_967)
        while let id = master.allocate() {
            guard id == last + 1 else { return #expect(Bool(false)) }
            last = id
        }
        #expect(last == ContextID.max - 1)
        #expect(master.allocateBlock(for: 7) == nil)
    }
}
