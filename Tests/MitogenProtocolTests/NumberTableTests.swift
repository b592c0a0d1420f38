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
        var random = SystemRandomNumberGenerator()
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
        for key in 0..<UInt32(10_000) {
            #expect(table.hasRoom(for: key) || table.count * 2 >= 8)
            table[key] = Int(key)
        }
        for key in 0..<UInt32(9_990) { table[key] = nil }
        #expect(table.keys.sorted() == Array(9_990..<10_000))
        for key in table.keys { #expect(table[key] == Int(key)) }
    }
}
