//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import Mitogen
import MitogenFixtures
import MitogenProtocol
import Testing

@Suite("The frames that wait for a link")
struct OutputQueueTests {
    private func value(of flow: Handle, bytes: Int = 4096, from source: ContextID = 5) -> OutgoingFrame {
        var message = Message(dstID: 1, handle: 1000 + flow, replyTo: 2000, data: [UInt8](repeating: 0, count: bytes))
        message.srcID = source
        return OutgoingFrame(message)
    }

    @Test("A small message lets no more than one part pass it")
    func lanes() {
        var queue = OutputQueue()
        let part = Message(handle: StandardHandle.messagePart, data: [UInt8](repeating: 0, count: MessagePart.size))
        for _ in 0..<10 { queue.append(OutgoingFrame(part)) }
        guard let started = queue.popFirst() else { return #expect(Bool(false), "nothing waits") }
        queue.prepend(started.frame, written: 100)
        queue.append(OutgoingFrame(Message(handle: 1)))
        queue.append(OutgoingFrame(Message(handle: 2)))
        #expect(started.frame.message.handle == StandardHandle.messagePart && queue.frameCount == 12)
        // What is half written comes first.
        #expect(queue.popFirst()?.written == 100)
        #expect(queue.popFirst()?.frame.message.handle == 1)
        #expect(queue.popFirst()?.frame.message.handle == 2)
        #expect(queue.popFirst()?.frame.message.handle == StandardHandle.messagePart)
        // However much else there is, parts get on as well.
        let other = Message(handle: 3, data: [UInt8](repeating: 0, count: 50_000))
        for _ in 0..<100 { queue.append(OutgoingFrame(other)) }
        let next = (0..<20).compactMap { _ in queue.popFirst()?.frame.message.handle }
        #expect(next.count { $0 == StandardHandle.messagePart } == 5)
    }

    @Test("Calls, answers and control pass values, and stay in order among themselves")
    func urgent() {
        var queue = OutputQueue()
        for _ in 0..<20 { queue.append(value(of: 1)) }
        let answer = Message(dstID: 1, handle: 1234)
        let call = Message(dstID: 1, handle: StandardHandle.callFunction, replyTo: 1001)
        let credit = Message(dstID: 1, handle: 1300, data: [1])
        for message in [answer, call, credit] { queue.append(OutgoingFrame(message)) }
        #expect((0..<3).compactMap { _ in queue.popFirst()?.frame.message.handle } == [1234, 101, 1300])
        #expect(queue.popFirst()?.frame.message.handle == 1001)
        #expect(queue.frameCount == 19)
    }

    @Test("A command's input waits for its turn, and lets credit for output pass")
    func commandInput() {
        var queue = OutputQueue()
        func control(_ number: UInt8, input replyTo: Handle) -> OutgoingFrame {
            OutgoingFrame(Message(handle: StandardHandle.processInput, replyTo: replyTo, data: [number]))
        }
        let credit = Message(handle: StandardHandle.outputCredit, replyTo: 1999, data: [30])
        for number in 0..<10 as Range<UInt8> { queue.append(control(number, input: 2000)) }
        queue.append(control(20, input: 2001))
        queue.append(OutgoingFrame(credit))
        let order = (0..<12).compactMap { _ in queue.popFirst()?.frame.message.data[0] }
        #expect(order.first == 30 && order.filter { $0 < 10 } == Array(0..<10))
    }

    @Test("Tiny frames, each of a flow of its own, count with what they take")
    func tinyFlows() {
        var queue = OutputQueue()
        for flow: Handle in 0..<1000 { queue.append(value(of: flow, bytes: 1)) }
        #expect(queue.memory > 300_000)
        while queue.popFirst() != nil {}
        #expect(queue.memory == 0)
    }

    @Test("Flows of which something always waits keep no room for what is gone")
    func busyFlows() throws {
        var queue = OutputQueue()
        let frame = value(of: 0)
        func append(_ flow: Int) {
            var message = frame.message
            message.handle = 1000 + Handle(flow)
            queue.append(OutgoingFrame(message))
        }
        for flow in 0..<3000 { append(flow % 1000) }
        let before = cmitogen_allocated_memory()
        try #require(before >= 0, "this C library does not tell how much is allocated")
        for flow in 0..<300_000 {
            append(flow % 1000)
            _ = queue.popFirst()
        }
        #expect(queue.frameCount == 3000 && cmitogen_allocated_memory() - before < 8 << 20)
    }

    @Test("Flows get equal shares in bytes, whatever the sizes of their values")
    func fair() {
        var queue = OutputQueue()
        let sizes = [100, 4096, 60_000, 1_000_000]
        // Enough of each that none runs out.
        for (flow, size) in sizes.enumerated() {
            for _ in 0..<(20_000_000 / size) { queue.append(value(of: Handle(flow), bytes: size)) }
        }
        var sent = [Int](repeating: 0, count: sizes.count)
        while sent.reduce(0, +) < 40_000_000, let (frame, _) = queue.popFirst() {
            sent[Int(frame.message.handle) - 1000] += frame.size
        }
        for bytes in sent { #expect(abs(bytes - 10_000_000) <= 1_000_000 + 64_000) }
    }

    @Test("Turns are the shorter the more flows there are", arguments: [(20, 16), (200, 8), (1000, 2), (2000, 2)])
    func turns(flows: Int, values: Int) throws {
        var queue = OutputQueue()
        for _ in 0..<40 { for flow in 0..<flows { queue.append(value(of: Handle(flow), bytes: 4096)) } }
        var runs: [Int] = []
        var last: Handle?
        while runs.count < flows + 2, let (frame, _) = queue.popFirst() {
            if frame.message.handle == last { runs[runs.count - 1] += 1 } else { runs.append(1) }
            last = frame.message.handle
        }
        // The second turn of the first: when it came, there were no others.
        #expect(runs[flows] == values)
    }

    @Test("The end of a flow stays behind its values, and flows of others are others")
    func order() {
        var queue = OutputQueue()
        for number in 0..<10 { queue.append(value(of: 1, bytes: number * 5000)) }
        queue.append(value(of: 1, bytes: 1, from: 6))
        var end = Message.dead("closed", dstID: 1, handle: 1001)
        end.srcID = 5
        queue.append(OutgoingFrame(end))
        var sizes: [Int] = []
        var ofOther = 0
        while let (frame, _) = queue.popFirst() {
            if frame.message.srcID == 6 { ofOther = sizes.count } else { sizes.append(frame.message.data.count) }
        }
        #expect(sizes == (0..<10).map { $0 * 5000 } + [6])
        #expect(ofOther < 8)
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test("The end of a sender that knows no flows stays behind its values, however many there are")
    func foreignEnd() {
        var queue = OutputQueue()
        queue.append(value(of: 7))
        let plain = Message(dstID: 1, handle: 3000, data: [UInt8](repeating: 0, count: 4096))
        for _ in 0..<100 { queue.append(OutgoingFrame(plain)) }
        queue.append(OutgoingFrame(.dead("closed", dstID: 1, handle: 3000)))
        var taken: [Message] = []
        while let (frame, _) = queue.popFirst() { taken.append(frame.message) }
        #expect(taken.count == 102 && taken.filter { $0.handle == 3000 }.last?.isDead == true)
        #expect(taken.filter { $0.handle == 3000 }.dropLast().allSatisfy { !$0.isDead })
    }

    @Test("The loss of a route stays behind what has come from there", arguments: [StandardHandle.deleteRoute, 203])
    func loss(handle: Handle) {
        var queue = OutputQueue()
        for flow: Handle in 0..<10 { for _ in 0..<20 { queue.append(value(of: flow)) } }
        queue.append(OutgoingFrame(Message(dstID: 1, handle: handle, data: Array("5".utf8))))
        for _ in 0..<200 { #expect(queue.popFirst()?.frame.message.handle != handle) }
        #expect(queue.popFirst()?.frame.message.handle == handle)
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test("What a flow gets after the loss of a context does not pass what it had before")
    func lossAndMore() {
        var queue = OutputQueue()
        for _ in 0..<100 { queue.append(value(of: 1, bytes: 4096)) }
        queue.append(OutgoingFrame(Message(dstID: 1, handle: StandardHandle.deleteRoute, data: Array("5".utf8))))
        for _ in 0..<100 { queue.append(value(of: 1, bytes: 8192)) }
        var sizes: [Int] = []
        while let (frame, _) = queue.popFirst() { sizes.append(frame.message.data.count) }
        #expect(sizes.filter { $0 > 1 } == Array(repeating: 4096, count: 100) + Array(repeating: 8192, count: 100))
    }

    @Test("The parts of a large value stay behind the smaller values before it")
    func largeValue() {
        var queue = OutputQueue()
        for _ in 0..<200 { queue.append(value(of: 1)) }
        var whole = Message(dstID: 1, handle: 1001, replyTo: 2000, data: [UInt8](repeating: 1, count: 1_200_000))
        whole.srcID = 5
        let part = MessagePart(whole, transfer: 9, offset: 0)
        var message = Message(
            dstID: 1,
            handle: StandardHandle.messagePart,
            replyTo: 2100,
            data: part.data(whole.data.prefix(1000))
        )
        message.srcID = 5
        queue.append(OutgoingFrame(message))
        for _ in 0..<50 { queue.append(value(of: 2)) }
        var ofFirst: [Handle] = []
        while let (frame, _) = queue.popFirst() {
            if frame.message.handle != 1002 { ofFirst.append(frame.message.handle) }
        }
        #expect(ofFirst.last == StandardHandle.messagePart)
        #expect(ofFirst.dropLast().allSatisfy { $0 == 1001 })
    }

    @Test("Whatever is added and taken in whatever order, nothing is lost and bytes are counted", arguments: 0..<10)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = OutputQueue()
        var (added, taken, bytes) = (0, 0, 0)
        var last: [Handle: Int] = [:]
        var waiting: Set<Int> = []
        for _ in 0..<5000 {
            if Int.random(in: 0..<9, using: &random) < 5 {
                let flow = Handle.random(in: 0..<8, using: &random)
                var frame = value(of: flow, bytes: Int.random(in: 8...30_000, using: &random))
                var message = frame.message
                // Number the frames, so that their order can be seen.
                message.data.replaceSubrange(0..<8, with: withUnsafeBytes(of: added.bigEndian, Array.init))
                if flow == 7 { message.header.replyTo = 0 }
                // Behind the loss of a context is all that was there, and before what comes later.
                if Int.random(in: 0..<40, using: &random) == 0 {
                    message.header.handle = StandardHandle.deleteRoute
                }
                frame = OutgoingFrame(message)
                queue.append(frame)
                waiting.insert(added)
                added += 1
                bytes += frame.size
            } else if let (frame, written) = queue.popFirst() {
                bytes -= frame.size - written
                if written == 0, Bool.random(using: &random) {
                    queue.prepend(frame, written: 5)
                    bytes += frame.size - 5
                } else {
                    taken += 1
                    let number = frame.message.data.prefix(8).reduce(0) { $0 << 8 | Int($1) }
                    #expect(last[frame.message.handle] ?? -1 < number)
                    last[frame.message.handle] = number
                    waiting.remove(number)
                    if frame.message.handle == StandardHandle.deleteRoute {
                        #expect(waiting.allSatisfy { $0 > number })
                    }
                }
            }
            #expect(queue.byteCount == bytes && queue.frameCount == added - taken)
        }
        while queue.popFirst() != nil { taken += 1 }
        #expect(taken == added)
    }
}
