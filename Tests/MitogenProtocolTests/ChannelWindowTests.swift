//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct ChannelWindowTests {
    private let window = ChannelCredit.window

    @Test("A sender begins with a window, and gets on when there is credit")
    func send() {
        var sending = SendWindow()
        for _ in 0..<window.values {
            #expect(sending.hasRoom)
            sending.take(byteCount: 1)
        }
        #expect(!sending.hasRoom)
        sending.add(ChannelCredit(values: 2, bytes: 2))
        #expect(sending.pending == ChannelCredit(values: window.values - 2, bytes: window.values - 2))
        sending.take(byteCount: 0)
        sending.take(byteCount: 0)
        #expect(!sending.hasRoom)
    }

    @Test("A value larger than the window goes when nothing else fills it, and fills it")
    func large() {
        var sending = SendWindow()
        sending.take(byteCount: window.bytes - 1)
        #expect(sending.hasRoom)
        sending.take(byteCount: 10 * window.bytes)
        #expect(!sending.hasRoom)
        sending.add(ChannelCredit(values: 1, bytes: window.bytes - 1))
        #expect(!sending.hasRoom)
        sending.add(ChannelCredit(values: 1, bytes: 10 * window.bytes))
        #expect(sending.hasRoom)
    }

    @Test("Credit for more than was sent, or less than nothing, opens no larger window")
    func wrongCredit() {
        var sending = SendWindow()
        sending.take(byteCount: 5)
        sending.add(ChannelCredit(values: .max, bytes: .max))
        #expect(sending.pending == ChannelCredit())
        sending.take(byteCount: 5)
        sending.add(ChannelCredit(values: -1, bytes: .min))
        #expect(sending.pending == ChannelCredit(values: 1, bytes: 5))
    }

    @Test("Nobody waits for a receiver that gives no credit")
    func unbounded() {
        var sending = SendWindow()
        for _ in 0..<window.values { sending.take(byteCount: window.bytes) }
        #expect(!sending.hasRoom)
        sending.removeBound()
        #expect(sending.hasRoom && !sending.isBounded)
    }

    @Test("Credit goes back when half of a window was taken, by values or by bytes")
    func receive() {
        var receiving = ReceiveWindow()
        let half = window.values / 2
        for _ in 0..<half { #expect(receiving.receive(byteCount: 1) == true) }
        for _ in 1..<half { #expect(receiving.consume(byteCount: 1) == nil) }
        #expect(receiving.consume(byteCount: 1) == ChannelCredit(values: half, bytes: half))
        #expect(receiving.receive(byteCount: window.bytes / 2) == true)
        #expect(receiving.consume(byteCount: window.bytes / 2) == ChannelCredit(values: 1, bytes: window.bytes / 2))
        #expect(receiving.waiting == ChannelCredit() && receiving.due == ChannelCredit())
    }

    @Test("A sender that does not keep to its window is found out")
    func excess() {
        var byValues = ReceiveWindow()
        for _ in 0..<window.values { #expect(byValues.receive(byteCount: 0) == true) }
        #expect(byValues.receive(byteCount: 0) == false)
        var byBytes = ReceiveWindow()
        #expect(byBytes.receive(byteCount: 3 * window.bytes) == true)
        #expect(byBytes.receive(byteCount: 0) == false)
        #expect(byBytes.waiting == ChannelCredit(values: 1, bytes: 3 * window.bytes))
    }

    /// Sends, delivers, takes and credits in random order, with values of all sizes.
    @Test("Both ends agree whatever happens when, and never get stuck", arguments: 0..<20)
    func together(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var (sending, receiving) = (SendWindow(), ReceiveWindow())
        var (onTheWay, waiting): ([Int], [Int]) = ([], [])
        var credits: [ChannelCredit] = []
        var taken = 0
        func step() {
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where sending.hasRoom:
                let largest = [10, 10_000, 3 * window.bytes].randomElement(using: &random) ?? 0
                let size = Int.random(in: 0...largest, using: &random)
                sending.take(byteCount: size)
                onTheWay.append(size)
            case 1 where !onTheWay.isEmpty:
                let size = onTheWay.removeFirst()
                #expect(receiving.receive(byteCount: size) == true)
                waiting.append(size)
                #expect(waiting.count <= window.values)
                #expect(waiting.dropLast().reduce(0, +) < window.bytes)
            case 2 where !waiting.isEmpty:
                taken += 1
                if let credit = receiving.consume(byteCount: waiting.removeFirst()) { credits.append(credit) }
            case 3 where !credits.isEmpty: sending.add(credits.removeFirst())
            default: break
            }
        }
        for _ in 0..<5000 { step() }
        // When everything that is under way has arrived, the sender can go on.
        while let size = onTheWay.first {
            onTheWay.removeFirst()
            #expect(receiving.receive(byteCount: size) == true)
            waiting.append(size)
        }
        for size in waiting { if let credit = receiving.consume(byteCount: size) { credits.append(credit) } }
        for credit in credits { sending.add(credit) }
        #expect(sending.hasRoom)
        #expect(taken > 100)
        #expect(sending.pending == receiving.due)
    }

    // MARK: Messages

    @Test("Credit and openings survive the wire")
    func roundTrip() {
        let credit = ChannelCredit(values: 128, bytes: 1_048_577)
        #expect(credit.data == Array("128 1048577".utf8))
        #expect(ChannelCredit(parsing: credit.data) == credit)
        let opening = ChannelOpening(handle: 1000, returnHandle: .max)
        #expect(opening.data == Array("1000 4294967295".utf8))
        #expect(ChannelOpening(parsing: opening.data) == opening)
    }

    @Test(
        "Nothing else is credit",
        arguments: ["", " ", "1", "1 ", " 1", "1  2", "1 2 3", "-1 2", "1 -2", "a b", "99999999999999999999 1"]
    )
    func malformed(text: String) {
        #expect(ChannelCredit(parsing: Array(text.utf8)) == nil)
        #expect(ChannelOpening(parsing: Array(text.utf8)) == nil)
    }

    @Test("Credit does not go to reserved handles")
    func reserved() {
        #expect(ChannelOpening(parsing: Array("1000 999".utf8)) == nil)
        #expect(ChannelOpening(parsing: Array("1000 4294967296".utf8)) == nil)
        #expect(ChannelOpening(parsing: Array("1000 1000".utf8)) != nil)
    }
}
