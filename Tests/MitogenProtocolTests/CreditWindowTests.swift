//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct CreditWindowTests {
    @Test("Something may be sent until the window is full, even if it is larger than the window")
    func window() {
        var window = CreditWindow(size: 100)
        #expect(!window.isFull)
        window.take(99)
        #expect(!window.isFull)
        window.take(1_000_000)
        #expect(window.isFull)
        window.giveBack(1_000_000)
        #expect(window.used == 99)
        #expect(!window.isFull)
    }

    @Test("What the other end says is not trusted", arguments: [Int.max, .min, -1, 51])
    func nonsense(credit: Int) {
        var window = CreditWindow(size: 100)
        window.take(50)
        window.giveBack(credit)
        #expect(window.used == (credit > 0 ? 0 : 50))
        #expect(CreditWindow(size: credit).size >= 1)
    }

    @Test("Small pieces are acknowledged together, and what is not allowed is found")
    func account() {
        var account = CreditAccount(size: 100)
        for _ in 0..<10 { #expect(account.receive(10) == true) }
        #expect(account.receive(1) == false)
        #expect(account.consume(10) == nil)
        #expect(account.consume(10) == nil)
        #expect(account.consume(10) == 30)
        #expect(account.receive(30) == true)
        #expect(account.receive(1) == false)
        #expect(account.consume(1_000) == 1_000)
    }

    @Test("Both ends together never stand still, and never exceed the window by more than one piece", arguments: 1...40)
    func together(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let size = Int.random(in: 1...2000, using: &random)
        var window = CreditWindow(size: size)
        var account = CreditAccount(size: size)
        var (waiting, onTheWay, credits): ([Int], [Int], [Int]) = ([], [], [])
        var sent = 0
        for _ in 0..<20_000 where sent < 1000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !window.isFull:
                let count = Int.random(in: 1...(size < 50 ? 200 : size / 3 + 1), using: &random)
                window.take(count)
                onTheWay.append(count)
                sent += 1
            case 1 where !onTheWay.isEmpty:
                let count = onTheWay.removeFirst()
                #expect(account.receive(count) == true)
                waiting.append(count)
                #expect(waiting.dropLast().reduce(0, +) < size)
            case 2 where !waiting.isEmpty:
                if let credit = account.consume(waiting.removeFirst()) { credits.append(credit) }
            case 3 where !credits.isEmpty:
                window.giveBack(credits.removeFirst())
            default:
                let isStuck = window.isFull && onTheWay.isEmpty && waiting.isEmpty && credits.isEmpty
                #expect(!isStuck)
            }
        }
        #expect(sent == 1000)
    }
}
