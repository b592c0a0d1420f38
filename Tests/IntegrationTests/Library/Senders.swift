//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

extension LibraryTests {
    @Suite("Senders")
    struct Senders {}
}

extension LibraryTests.Senders {
    @Test("A sender is held up by a receiver that does not take, after 256 values")
    func valueWindow() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try Receiver<Int>(router: router)
            let call = try child.startCall(SendNumbers(5000, to: receiver.makeSender()))
            #expect(try await eventually { receiver.count == 256 })
            // A call that comes after what was sent finds it still waiting.
            _ = try await child.call(Add(1, 2))
            #expect(receiver.count == 256)
            for number in 0..<2000 {
                #expect(try await receiver.get(timeout: .seconds(5)) == number)
                #expect(receiver.count <= 256)
            }
            var rest: [Int] = []
            for try await number in receiver { rest.append(number) }
            #expect(rest == Array(2000..<5000))
            try await call.get()
        }
    }

    @Test("A sender is held up by 1 MiB, and a larger value still passes")
    func byteWindow() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let blocks = try Receiver<[UInt8]>(router: router)
            let call = try child.startCall(SendBlocks(30, of: 100_000, to: blocks.makeSender()))
            #expect(try await eventually { blocks.count >= 11 })
            _ = try await child.call(Add(1, 2))
            #expect(blocks.count == 11)
            var count = 0
            for try await block in blocks {
                #expect(block == [UInt8](repeating: UInt8(count), count: 100_000))
                count += 1
            }
            #expect(count == 30)
            try await call.get()
            let large = try Receiver<[UInt8]>(router: router)
            try child.callNoReply(SendBlocks(3, of: 5_000_000, to: large.makeSender()))
            #expect(try await eventually { large.count == 1 })
            count = 0
            for try await block in large {
                #expect(block.count == 5_000_000)
                count += 1
            }
            #expect(count == 3)
        }
    }

    @Test("A value that does not fit into a message is refused before anything is sent")
    func tooLarge() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 100_000
        } _: { router in
            let receiver = try Receiver<[UInt8]>(router: router)
            let sender = receiver.makeSender()
            let error = try await failure { try await sender.send([UInt8](repeating: 1, count: 100_000)) }
            #expect(error.code == .channelError)
            #expect(error.message.hasPrefix("message too large (max 100000 bytes)"))
            try await sender.send([1])
            #expect(try await receiver.get() == [1])
        }
    }

    @Test("Sending fails when the receiver has been closed, also for one who waits")
    func receiverClosed() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try Receiver<Int>(router: router)
            let waiting = try child.startCall(SendNumbers(5000, to: receiver.makeSender()))
            #expect(try await eventually { receiver.count == 256 })
            receiver.close()
            let error = try await failure { try await waiting.get(timeout: .seconds(5)) }
            #expect(error.code == .channelError)
            #expect(error.message == "the Receiver has been closed")
            // Another one, to the same handle, from the start.
            let report = try await child.call(SendUntilFailure(to: receiver.makeSender()))
            #expect(report.code == "channelError")
            #expect(report.message == "invalid handle")
            #expect(report.sent < 1000)
        }
    }

    @Test("Sending fails when the receiver's context is gone, also for one who waits")
    func contextLost() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "mortal" }
            let introductions = try Receiver<Sender<Int>>(router: router)
            let function = ReceiveNumbers(introduction: introductions.makeSender(), limit: 0)
            // The receiver is closed when the function returns.
            #expect(try await child.call(function) == [])
            let closed = try await introductions.get()
            let error = try await failure {
                for number in 0..<100_000 { try await closed.send(number) }
            }
            #expect(error.message == "invalid handle")
            #expect(error.context == "mortal")
            let dying = try child.startCall(
                ReceiveNumbers(introduction: introductions.makeSender(), limit: 400, dies: true)
            )
            let sender = try await introductions.get()
            let lost = try await failure {
                for number in 0..<1_000_000 { try await sender.send(number) }
            }
            #expect(lost.code == .channelError)
            #expect(lost.message.hasPrefix("the respondent Context has disconnected"))
            #expect(try await failure { _ = try await dying.get() }.code == .channelError)
        }
    }

    @Test("The loss of a sibling wakes the one who waits to send to it")
    func siblingLost() async throws {
        try await withFixtureRouter { router in
            let (near, far) = (try await router.local(), try await router.local())
            let receiving = try await router.local(via: far)
            let introductions = try Receiver<Sender<Int>>(router: router)
            _ = try receiving.startCall(
                ReceiveNumbers(introduction: introductions.makeSender(), limit: 1000, dies: true)
            )
            let sender = try await introductions.get()
            let call = try near.startCall(SendNumbers(1_000_000, to: sender))
            let error = try await failure { try await call.get(timeout: .seconds(20)) }
            #expect(error.code == .channelError)
            #expect(error.message.hasPrefix("the respondent Context has disconnected"), "\(error)")
        }
    }

    @Test("Where siblings may not talk, sending says so")
    func unidirectional() async throws {
        try await withFixtureRouter {
            $0.isUnidirectional = true
        } _: { router in
            let (near, far) = (try await router.local(), try await router.local())
            let introductions = try Receiver<Sender<Int>>(router: router)
            let receiving = try far.startCall(ReceiveNumbers(introduction: introductions.makeSender(), limit: 1))
            let sender = try await introductions.get()
            let report = try await near.call(SendUntilFailure(to: sender))
            #expect(report.code == "channelError")
            let (first, second) = (near.id, far.id)
            #expect(
                report.message == "routing mode prevents forward of message from context \(first) to context "
                    + "\(second) via context 0"
            )
            try await sender.send(7)
            #expect(try await receiving.get() == [7])
        }
    }

    @Test("A send that is cancelled while it waits has sent nothing; closing lets the others go first")
    func cancelledAndClosed() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let sender = receiver.makeSender()
            for number in 0..<256 { try await sender.send(number) }
            let cancelled = Task { try await failure { try await sender.send(-1) } }
            try await Task.sleep(for: .milliseconds(20))
            cancelled.cancel()
            #expect(try await cancelled.value.code == .cancelled)
            let waiting = Task { try await sender.send(256) }
            try await Task.sleep(for: .milliseconds(20))
            sender.close()
            sender.close()
            #expect(receiver.count == 256)
            let late = try await failure { try await sender.send(257) }
            #expect(late.code == .channelError)
            #expect(late.message == "the Sender has been closed")
            var numbers: [Int] = []
            for try await number in receiver { numbers.append(number) }
            #expect(numbers == Array(0...256))
            try await waiting.value
            // Another sender is not closed with it.
            try await receiver.makeSender().send(300)
            #expect(try await receiver.get() == 300)
        }
    }

    @Test("Many tasks send to one receiver, from several contexts, and nothing is lost or doubled")
    func many() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let contexts = [try await router.local(), try await router.local()]
            let calls = try (0..<12).map { index in
                try contexts[index % 2].startCall(SendNumbers(500, to: receiver.makeSender(), closes: false))
            }
            var counts = [Int](repeating: 0, count: 500)
            for _ in 0..<6000 { counts[try await receiver.get(timeout: .seconds(10))] += 1 }
            #expect(counts == [Int](repeating: 12, count: 500))
            for call in calls { try await call.get() }
            #expect(receiver.isEmpty)
        }
    }

    @Test("A peer that gives no credit is not waited for")
    func python() async throws {
        let executable = [try Fixture.path, "raw-child", "python"]
        try await withFixtureRouter { router in
            let python = try await router.local { $0.executable = executable }
            let sibling = try await router.local()
            // From where it is known, and from where it has to be asked.
            try await SendNumbers(1000, to: Sender(to: python, handle: 3000), closes: false).send()
            try await sibling.call(SendNumbers(1000, to: Sender(to: python, handle: 3000), closes: false))
            // The question may pass the values.
            let haveAllCome = try await eventually {
                let answer = try await python.request(Message(handle: 3001), timeout: .seconds(5))
                return String(decoding: answer.data, as: UTF8.self) == "2000"
            }
            #expect(haveAllCome)
        }
    }

    @Test("A handler that is no receiver is not waited for")
    func plainHandler() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let handle = try await child.call(Listen(at: 5000))
            let sender = Sender<Int>(to: child, handle: handle)
            for number in 0..<2000 { try await sender.send(number) }
        }
    }

    @Test("Reading nothing, a peer holds its senders up, and nobody else; waiting can be cancelled")
    func mute() async throws {
        let executable = [try Fixture.path, "raw-child", "mute"]
        try await withFixtureRouter {
            $0.shutdownTimeout = .seconds(1)
        } _: { router in
            let mute = try await router.local { $0.executable = executable }
            let sender = Sender<Int>(to: mute, handle: 3000)
            for number in 0..<256 { try await sender.send(number) }
            let waiting = Task { try await failure { try await sender.send(256) } }
            try await Task.sleep(for: .milliseconds(30))
            waiting.cancel()
            #expect(try await waiting.value.code == .cancelled)
        }
    }

    @Test("On the wire a sender is Mitogen's own; where no router is known it cannot send")
    func wireForm() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let data = try PickleEncoder().encode(["it": receiver.makeSender()])
            let value = try PickleReader.decodeFirst(data)
            #expect(value == .dictionary(["it": .sender(contextID: 0, handle: receiver.handle)]))
            let decoded = try PickleDecoder().decode([String: Sender<Int>].self, from: data)
            let lost = try #require(decoded["it"])
            #expect(lost.handle == receiver.handle && lost.context.id == 0)
            #expect(try await failure { try await lost.send(1) }.code == .misuse)
            lost.close()
            #expect(try await failure { try await lost.send(1) }.code == .misuse)
        }
    }

    @Test("Both directions can be one channel")
    func channels() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let introductions = try Receiver<Sender<Int>>(router: router)
            let call = try child.startCall(ReceiveNumbers(introduction: introductions.makeSender()))
            let other = try await introductions.get()
            let channel = try Channel<Int, Int>(router: router, to: child, handle: other.handle)
            try await channel.send(5)
            try await child.call(SendNumbers(2, to: channel.receiver.makeSender(), closes: false))
            #expect(try await channel.get() == 0)
            var iterator = channel.makeAsyncIterator()
            #expect(try await iterator.next() == 1)
            channel.close()
            channel.close()
            #expect(try await call.get() == [5])
            #expect(try await failure { _ = try await channel.get() }.code == .channelError)
            #expect(try await failure { try await channel.send(6) }.code == .channelError)
        }
    }

    @Test("A stream of 20,000 values takes much less time than as many round trips")
    func throughput() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let roundTrips = try await bestDuration(of: 3) {
                for number in 0..<200 { _ = try await child.call(Add(number, 1)) }
            }
            let elapsed = try await bestDuration(of: 3) {
                let receiver = try Receiver<Int>(router: router)
                var sum = 0
                try child.callNoReply(SendNumbers(20_000, to: receiver.makeSender()))
                for try await number in receiver { sum += number }
                #expect(sum == 199_990_000)
            }
            // One that waited for a round trip for each value would take as long as the calls.
            #expect(elapsed < roundTrips * 100 / 2, "\(elapsed) for the values, \(roundTrips) for 200 calls")
        }
    }
}

extension SendNumbers {
    /// The same from here.
    fileprivate func send() async throws {
        for number in 0..<count { try await sender.send(number) }
    }
}
