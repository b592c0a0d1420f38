//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

@testable internal import Mitogen

@Suite("The jobs that wait for a thread")
struct JobQueueTests {
    @Test("Calls and streams take turns, each in order, and nothing waits while a lane is empty")
    func turns() {
        var queue = JobQueue<String>()
        #expect(queue.isEmpty && queue.popFirst() == nil)
        for number in 1...4 { queue.append("s\(number)", to: .streams) }
        for number in 1...2 { queue.append("c\(number)", to: .calls) }
        #expect(queue.count == 6)
        var taken: [String] = []
        while let next = queue.popFirst() { taken.append(next.job) }
        #expect(taken == ["c1", "s1", "c2", "s2", "s3", "s4"])
        #expect(queue.isEmpty && queue.count == 0)
    }

    @Test("A call that comes while streams wait is the next but one at the latest")
    func late() {
        var queue = JobQueue<Int>()
        for number in 0..<1000 { queue.append(number, to: .streams) }
        #expect(queue.popFirst()?.lane == .streams)
        queue.append(-1, to: .calls)
        let next = [queue.popFirst(), queue.popFirst()].compactMap(\.self)
        #expect(next.contains { $0.job == -1 && $0.lane == .calls })
    }
}
