//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct FlowTests {
    private let size = ChannelOpening.window

    // MARK: Window

    @Test("A sender begins with a window, and gets on when there is credit")
    func send() {
        var window = Window(size)
        for _ in 0..<size.items {
            #expect(window.hasRoom)
            window.take(1)
        }
        #expect(!window.hasRoom)
        window.add(Credit(items: 2, bytes: 2))
        #expect(window.room == Credit(items: 2, bytes: size.bytes - size.items + 2))
        window.take(0)
        window.take(0)
        #expect(!window.hasRoom)
    }

    @Test("Only the first bytes may be sent unasked")
    func first() {
        var window = Window(size, first: 100)
        window.take(99)
        #expect(window.hasRoom)
        window.take(1)
        #expect(!window.hasRoom)
        window.add(Credit(bytes: size.bytes))
        #expect(window.room.bytes == size.bytes)
        #expect(!Window(size, first: 0).hasRoom)
    }

    @Test("A value larger than the window goes when nothing else fills it, and fills it")
    func large() {
        var window = Window(size)
        window.take(size.bytes - 1)
        #expect(window.hasRoom)
        window.take(10 * size.bytes)
        #expect(!window.hasRoom)
        window.add(Credit(items: 1, bytes: size.bytes - 1))
        #expect(!window.hasRoom)
        window.add(Credit(items: 1, bytes: 10 * size.bytes))
        #expect(window.hasRoom)
    }

    @Test(
        "Credit for more than was sent, or less than nothing, opens no larger window",
        arguments: [Int.max, .min, -1, 51]
    )
    func nonsense(credit: Int) {
        var window = Window(Credit(items: 10, bytes: 100))
        window.take(50)
        window.add(Credit(items: credit, bytes: credit))
        #expect(window.room == (credit > 0 ? Credit(items: 10, bytes: 100) : Credit(items: 9, bytes: 50)))
        #expect(Window(Credit(items: credit, bytes: credit)).hasRoom)
    }

    @Test("A window as large as a number can be does not overflow")
    func largest() {
        var window = Window(Credit(items: .max, bytes: .max), first: 100)
        window.take(1_000_000)
        window.add(Credit(items: .max, bytes: .max))
        #expect(window.hasRoom)
        var account = Account(Credit(items: .max, bytes: .max), first: 100)
        #expect(account.receive(1_000_000) == true)
        #expect(account.consume(1_000_000) != nil)
        #expect(account.receive(1) == true)
    }

    @Test("Nobody waits for a receiver that gives no credit")
    func unbounded() {
        var window = Window(size)
        for _ in 0..<size.items { window.take(size.bytes) }
        #expect(!window.hasRoom)
        window.removeBound()
        #expect(window.hasRoom && !window.isBounded)
    }

    // MARK: Account

    @Test("Credit goes back when half of a window was taken, by values or by bytes")
    func receive() {
        var account = Account(size)
        let half = size.items / 2
        for _ in 0..<half { #expect(account.receive(1) == true) }
        for _ in 1..<half { #expect(account.consume(1) == nil) }
        #expect(account.consume(1) == Credit(items: half, bytes: half))
        #expect(account.receive(size.bytes / 2) == true)
        #expect(account.consume(size.bytes / 2) == Credit(items: 1, bytes: size.bytes / 2))
        #expect(account.waiting == Credit() && account.due == Credit())
    }

    @Test("A sender that does not keep to its window is found out")
    func excess() {
        var byItems = Account(size)
        for _ in 0..<size.items { #expect(byItems.receive(0) == true) }
        #expect(byItems.receive(0) == false)
        var byBytes = Account(size)
        #expect(byBytes.receive(3 * size.bytes) == true)
        #expect(byBytes.receive(0) == false)
        #expect(byBytes.waiting == Credit(items: 1, bytes: 3 * size.bytes))
        var unasked = Account(size, first: 100)
        #expect(unasked.receive(100) == true)
        #expect(unasked.receive(1) == false)
        #expect(unasked.consume(100) == Credit(items: 1, bytes: size.bytes))
        #expect(unasked.receive(size.bytes) == true)
    }

    /// Sends, delivers, takes and credits in random order, with values of all sizes and a share that changes.
    @Test("Both ends agree whatever happens when, and never get stuck", arguments: 0..<40)
    func together(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let size = Credit(
            items: Int.random(in: 1...300, using: &random),
            bytes: Int.random(in: 1...20_000, using: &random)
        )
        let first = Int.random(in: 1...size.bytes, using: &random)
        var (window, account) = (Window(size, first: first), Account(size, first: first))
        var (onTheWay, waiting): ([Int], [Int]) = ([], [])
        var credits: [Credit] = []
        var taken = 0
        func consume() {
            taken += 1
            let share = Int.random(in: 0...2 * size.bytes, using: &random)
            if let credit = account.consume(waiting.removeFirst(), share: { _ in share }) { credits.append(credit) }
            #expect(account.limit >= first && account.limit <= size.bytes)
        }
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where window.hasRoom:
                let largest = [10, size.bytes / 3 + 1, 3 * size.bytes].randomElement(using: &random) ?? 0
                let bytes = Int.random(in: 0...largest, using: &random)
                window.take(bytes)
                onTheWay.append(bytes)
            case 1 where !onTheWay.isEmpty:
                let bytes = onTheWay.removeFirst()
                #expect(account.receive(bytes) == true)
                waiting.append(bytes)
                #expect(waiting.count <= size.items)
                #expect(waiting.dropLast().reduce(0, +) < size.bytes)
            case 2 where !waiting.isEmpty: consume()
            case 3 where !credits.isEmpty: window.add(credits.removeFirst())
            default:
                let isIdle = onTheWay.isEmpty && waiting.isEmpty && credits.isEmpty
                #expect(!isIdle || window.hasRoom)
            }
        }
        while !onTheWay.isEmpty {
            let bytes = onTheWay.removeFirst()
            #expect(account.receive(bytes) == true)
            waiting.append(bytes)
        }
        while !waiting.isEmpty { consume() }
        for credit in credits { window.add(credit) }
        #expect(window.hasRoom)
        #expect(taken > 100)
        // What the sender may still send is what the receiver expects of it.
        #expect(window.room.bytes == account.limit - account.due.bytes)
    }

    // MARK: Budget

    @Test("A few flows get all that they can use, many an equal share, and an ended one gives its own back")
    func budget() {
        var budget = FlowBudget(size: 9000)
        var flows = (0..<5).map { _ in budget.begin(upTo: 100) }
        #expect(flows == [100, 100, 100, 100, 100])
        for _ in 5..<1000 { flows.append(budget.begin(upTo: 1000)) }
        // Half is kept for shares.
        #expect(flows.reduce(0, +) <= 4500)
        for _ in 0..<3 { for index in flows.indices { flows[index] = budget.adjust(flows[index], upTo: 1000) } }
        #expect(flows.allSatisfy { $0 == 9 })
        // All but a few rest, and have none of it.
        for flow in flows.dropFirst(10) { _ = budget.adjust(flow, upTo: 0) }
        for _ in 0..<3 { for index in 0..<10 { flows[index] = budget.adjust(flows[index], upTo: 100) } }
        #expect(flows.prefix(10).allSatisfy { $0 == 100 })
        for _ in 0..<10 { budget.end(returning: 100) }
        #expect(budget.adjust(0, upTo: 300) == 300)
    }

    @Test("However flows come, go and are taken from, they never have more together than the budget", arguments: 0..<10)
    func budgetHolds(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var budget = FlowBudget(size: 10_000)
        var flows: [Int] = []
        for _ in 0..<10_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0: flows.append(budget.begin(upTo: 1000))
            case 1 where !flows.isEmpty:
                budget.end(returning: flows.remove(at: Int.random(in: 0..<flows.count, using: &random)))
            case 2... where !flows.isEmpty:
                let index = Int.random(in: 0..<flows.count, using: &random)
                flows[index] = budget.adjust(flows[index], upTo: 1000)
            default: break
            }
            #expect(flows.reduce(0, +) <= 10_000 && flows.allSatisfy { 0...1000 ~= $0 })
        }
    }

    @Test("An answer that overtakes items is the end when the last of them is here")
    func tally() {
        var tally = Tally()
        tally.receive()
        tally.expect(2)
        tally.answer()
        #expect(!tally.isComplete)
        tally.receive()
        #expect(tally.isComplete)
        var short = Tally()
        #expect(!short.isComplete)
        // Who says nothing about items has sent none, such as one that does not know the function.
        short.answer()
        #expect(short.isComplete)
    }

    // MARK: Messages

    @Test("Credit and openings survive the wire")
    func roundTrip() {
        let credit = Credit(items: 128, bytes: 1_048_577)
        #expect(credit.data == Array("128 1048577".utf8))
        #expect(Credit(parsing: credit.data) == credit)
        let opening = ChannelOpening(handle: 1000, returnHandle: .max)
        #expect(opening.data == Array("1000 4294967295".utf8))
        #expect(ChannelOpening(parsing: opening.data) == opening)
    }

    @Test(
        "Nothing else is credit",
        arguments: ["", " ", "1", "1 ", " 1", "1  2", "1 2 3", "-1 2", "1 -2", "a b", "99999999999999999999 1"]
    )
    func malformed(text: String) {
        #expect(Credit(parsing: Array(text.utf8)) == nil)
        #expect(ChannelOpening(parsing: Array(text.utf8)) == nil)
    }

    @Test("Credit does not go to reserved handles")
    func reserved() {
        #expect(ChannelOpening(parsing: Array("1000 999".utf8)) == nil)
        #expect(ChannelOpening(parsing: Array("1000 4294967296".utf8)) == nil)
        #expect(ChannelOpening(parsing: Array("1000 1000".utf8)) != nil)
    }
}
