//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenProtocol

@Suite("A table by numbers")
struct NumberTableTests {
    @Test("does what a dictionary does, whatever the numbers")
    func likeADictionary() {
        var random = Numbers(state: 0x5eed)
        for spread in [UInt32(1), 8, 64, 4096] {
            var table = NumberTable<UInt32, Int>()
            var expected: [UInt32: Int] = [:]
            for step in 0..<4000 {
                // Multiples of the capacity have the same lower bits.
                let key = UInt32.random(in: 0..<400, using: &random) &* spread
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1: (table[key], expected[key]) = (step, step)
                case 2: #expect(table.removeValue(forKey: key) == expected.removeValue(forKey: key))
                case 3:
                    table.update(key) { $0 += 1 }
                    expected[key]? += 1
                default: #expect(table[key] == expected[key] && table.contains(key) == (expected[key] != nil))
                }
                #expect(table.count == expected.count)
            }
            #expect(
                table.pairs.sorted { $0.key < $1.key }.map(\.value) == expected.sorted { $0.key < $1.key }.map(\.value)
            )
            for key in table.keys { table[key] = nil }
            #expect(table.isEmpty)
        }
    }

    @Test("gives numbers in order slots of their own, and memory back")
    func inOrder() {
        var table = NumberTable<UInt32, Int>()
        for key in 0..<UInt32(10_000) { table[key] = Int(key) }
        #expect(table.others.isEmpty && table.used == 10_000)
        for key in 0..<UInt32(9_990) { table[key] = nil }
        // Ten are more than an eighth of 64.
        #expect(table.slots.count == 64)
        #expect(table.keys.sorted() == Array(9_990..<10_000))
        for key in table.keys { #expect(table[key] == Int(key)) }
    }
}

/// The same numbers in each run (SplitMix64), so that a failure can be repeated.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

@Suite("Handles that wait for contexts")
struct WaitingHandleTests {
    private final class Handler: Sendable {}

    @Test("are removed with their context, however they were added, removed and replaced")
    func likeSets() {
        var random = Numbers(state: 7)
        var table = HandleTable()
        var expected: [ContextID: Set<Handle>] = [:]
        func forget(_ handle: Handle) { for id in expected.keys { expected[id]?.remove(handle) } }
        for _ in 0..<5000 {
            let id = ContextID.random(in: 1...4, using: &random)
            let known = expected.values.flatMap { $0 }.sorted()
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                if let handle = table.add(Handler(), respondent: id) { expected[id, default: []].insert(handle) }
            case 4 where !known.isEmpty:
                let handle = known.randomElement(using: &random)!
                _ = table.add(Handler(), at: handle, respondent: id, overwrites: true)
                forget(handle)
                expected[id, default: []].insert(handle)
            case 9 where Int.random(in: 0..<20, using: &random) == 0:
                #expect(
                    table.removeHandlers(waitingFor: id).map(\.0) == (expected.removeValue(forKey: id) ?? []).sorted()
                )
            case 5..<9 where !known.isEmpty:
                let handle = known.randomElement(using: &random)!
                table.remove(handle)
                forget(handle)
            default: break
            }
            #expect(table.respondents == Set(expected.filter { !$0.value.isEmpty }.keys))
        }
        for id in ContextID(1)...4 {
            #expect(table.removeHandlers(waitingFor: id).map(\.0) == (expected[id] ?? []).sorted())
        }
        #expect(table.count == 0)
    }

    @Test("get numbers whose slots are free, and others if there are none near")
    func numbers() {
        var table = HandleTable()
        // 1,024 has the slot of 0, 1,124 that of 100, a standard handle.
        _ = table.add(Handler(), at: 100)
        var handles: [Handle] = []
        while handles.count < 126 { handles.append(table.add(Handler())!) }
        #expect(handles.first == 1000 && !handles.contains(1124) && Set(handles).count == handles.count)
        #expect(table.add(Handler(), at: 0) == nil)
        #expect(table.entries.others.isEmpty)
    }
}
