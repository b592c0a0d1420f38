//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Timers, the next one first: a binary heap.
struct TimerHeap {
    private var timers: [Timer] = []
    /// At this size, timers that were cancelled are thrown out: most are, long before their time.
    private var pruningSize = 256

    var first: Timer? { timers.first }
    var hasActive: Bool { timers.contains { $0.isActive } }

    mutating func insert(_ timer: Timer) {
        if timers.count >= pruningSize { prune() }
        timers.append(timer)
        var index = timers.count - 1
        while index > 0, timers[index].deadline < timers[(index - 1) / 2].deadline {
            timers.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func prune() {
        timers.removeAll { !$0.isActive }
        timers.sort { $0.deadline < $1.deadline }  // which is a heap, too
        pruningSize = max(256, 2 * timers.count)
    }

    mutating func removeFirst() {
        guard let last = timers.popLast(), !timers.isEmpty else { return }
        timers[0] = last
        var index = 0
        while true {
            let (left, right) = (2 * index + 1, 2 * index + 2)
            var least = index
            if left < timers.count, timers[left].deadline < timers[least].deadline { least = left }
            if right < timers.count, timers[right].deadline < timers[least].deadline { least = right }
            if least == index { return }
            timers.swapAt(index, least)
            index = least
        }
    }
}
