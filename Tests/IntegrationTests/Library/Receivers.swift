//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Synchronization
internal import Testing

extension LibraryTests {
    @Suite("Receivers")
    struct Receivers {}
}

extension LibraryTests.Receivers {
    @Test("Values come in order, until the sender is closed")
    func upwards() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                let receiver = try Receiver<Int>(router: router)
                #expect(receiver.handle >= 1000)
                let call = try context.startCall(SendNumbers(1000, to: receiver.makeSender()))
                var numbers: [Int] = []
                for try await number in receiver { numbers.append(number) }
                #expect(numbers == Array(0..<1000))
                try await call.get()
                #expect(receiver.isEmpty)
            }
        }
    }

    @Test("A child receives what the master sends")
    func downwards() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let introductions = try Receiver<Sender<Int>>(router: router)
            let call = try child.startCall(ReceiveNumbers(introduction: introductions.makeSender()))
            let sender = try await introductions.get()
            #expect(sender.context == child)
            for number in 0..<1000 { try await sender.send(number) }
            sender.close()
            #expect(try await call.get() == Array(0..<1000))
        }
    }

    @Test("Two children talk to each other")
    func siblings() async throws {
        try await withFixtureRouter { router in
            let introductions = try Receiver<PlayPingPong.Player>(router: router)
            var calls: [PendingCall<Int>] = []
            for serves in [true, false] {
                let player = PlayPingPong(introduction: introductions.makeSender(), rounds: 500, serves: serves)
                calls.append(try await router.local().startCall(player))
            }
            let (first, second) = (try await introductions.get(), try await introductions.get())
            try await first.partner.send(second.ball)
            try await second.partner.send(first.ball)
            let results = try await [calls[0].get(timeout: .seconds(20)), calls[1].get(timeout: .seconds(20))]
            #expect(results.sorted() == [999, 1000])
        }
    }

    @Test("A dead message is thrown with its reason, and what comes after it is still received")
    func deadMessages() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "raw" }
            let receiver = try Receiver<Int>(router: router)
            let kinds: [SendRaw.Kind] = [.number(1), .dead("out of paper"), .number(2), .dead(""), .number(3)]
            try await child.call(SendRaw(kinds, receiver.handle))
            #expect(try await receiver.get() == 1)
            let dead = try await failure { _ = try await receiver.get() }
            #expect(dead.code == .channelError)
            #expect(dead.message == "out of paper")
            #expect(dead.context == "raw")
            #expect(try await receiver.get() == 2)
            let iterated = try await failure { for try await _ in receiver {} }
            #expect(iterated.message == "Channel closed by remote end.")
            var iterator = receiver.makeAsyncIterator()
            #expect(try await iterator.next() == 3)
            receiver.makeSender().close()
            #expect(try await iterator.next() == nil)
            #expect(try await iterator.next() == nil)
            receiver.makeSender().close()
            let end = try await failure { _ = try await receiver.get() }
            #expect(end.message == "Sender was explicitly closed" && end.isEndOfChannel)
            #expect(!dead.isEndOfChannel && !iterated.isEndOfChannel)
            let raw = receiver.messages
            try router.myself().send(.dead("x", handle: raw.handle))
            #expect(try await raw.get(throwsDead: false).isDead)
        }
    }

    @Test("A value that cannot be decoded, or is an error, fails alone")
    func undecodable() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "raw" }
            let receiver = try Receiver<Int>(router: router)
            let kinds: [SendRaw.Kind] = [
                .text("no number"), .bytes([0xff, 0x00]), .failure("shop.OutOfStock: no tea"), .number(4),
            ]
            try await child.call(SendRaw(kinds, receiver.handle))
            let codes: [MitogenError.Code] = [.streamError, .streamError, .callError]
            for code in codes {
                let error = try await failure { _ = try await receiver.get() }
                #expect(error.code == code)
                #expect(error.context == "raw")
            }
            #expect(try await receiver.get() == 4)
        }
    }

    @Test("Messages of any kind can be taken as they are")
    func messages() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try MessageReceiver(router: router)
            try await child.call(
                SendRaw([.bytes([1, 2]), .number(7), .dead(DeadReason.senderClosed)], receiver.handle)
            )
            var messages: [Message] = []
            for try await message in receiver { messages.append(message) }
            #expect(messages.map(\.srcID) == [child.id, child.id])
            #expect(messages[0].data == [1, 2])
            #expect(try messages[1].decode(as: Int.self) == 7)
        }
    }

    @Test("Waits end in time, and when cancelled, and lose nothing")
    func timeouts() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            #expect(try await failure { _ = try await receiver.get(timeout: .zero) }.code == .timeoutError)
            #expect(try await failure { _ = try await receiver.get(timeout: .milliseconds(30)) }.code == .timeoutError)
            let waiter = Task { try await failure { _ = try await receiver.get() } }
            let iterating = Task { try await failure { for try await _ in receiver {} } }
            try await Task.sleep(for: .milliseconds(20))
            waiter.cancel()
            iterating.cancel()
            #expect(try await waiter.value.code == .cancelled)
            #expect(try await iterating.value.code == .cancelled)
            let sender = receiver.makeSender()
            for number in 0..<3 { try await sender.send(number) }
            for number in 0..<3 { #expect(try await receiver.get(timeout: .seconds(5)) == number) }
        }
    }

    @Test("Closing wakes five waiters, and can be repeated")
    func closed() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let waiters = (0..<5).map { _ in Task { try await failure { _ = try await receiver.get() } } }
            let iterating = Task { () async throws in for try await _ in receiver {} }
            try await Task.sleep(for: .milliseconds(20))
            receiver.close()
            receiver.close()
            for waiter in waiters {
                let error = try await waiter.value
                #expect(error.code == .channelError)
                #expect(error.message == "the Receiver has been closed" && error.isEndOfChannel)
            }
            try await iterating.value
            #expect(try await failure { _ = try await receiver.get(timeout: .zero) }.code == .channelError)
            #expect(receiver.count == 0 && receiver.isEmpty)
            #expect(
                try await failure { _ = try await router.myself().request(Message(handle: receiver.handle)) }
                    .message == "invalid handle"
            )
        }
    }

    @Test("A handle is taken once, and free again when its receiver is closed or forgotten")
    func handles() async throws {
        try await withFixtureRouter { router in
            let first = try Receiver<Int>(router: router, at: 5000)
            #expect(try await failure { _ = try Receiver<Int>(router: router, at: 5000) }.code == .misuse)
            first.close()
            let second = try Receiver<Int>(router: router, at: 5000)
            // Which has nothing to do with the second one's handle any more.
            first.close()
            try await second.makeSender().send(1)
            #expect(try await second.get(timeout: .seconds(5)) == 1)
            _ = try Receiver<Int>(router: router, at: 5001)
            _ = try MessageReceiver(router: router, at: 5001)
        }
    }

    @Test("A receiver can be for one value, for some senders, and tell when it has something")
    func options() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let once = try Receiver<Int>(router: router, persists: false)
            try await child.call(SendRaw([.number(1), .number(2)], once.handle))
            #expect(try await once.get() == 1)
            let second = try await failure { _ = try await once.get(timeout: .seconds(5)) }
            #expect(second.code == .channelError && second.isEndOfChannel)
            once.close()
            let own = try Receiver<Int>(router: router, policy: .parents)
            let refused = try await child.call(SendUntilFailure(to: own.makeSender()))
            #expect(refused.message == "refused by policy")
            #expect(own.isEmpty)
            let calls = Atomic<Int>(0)
            let receiver = try Receiver<Int>(router: router)
            receiver.notify = { calls.wrappingAdd(1, ordering: .relaxed) }
            try await child.call(SendRaw([.number(1), .number(2)], receiver.handle))
            #expect(try await eventually { calls.load(ordering: .relaxed) == 2 })
            #expect(receiver.count == 2 && !receiver.isEmpty)
            #expect(receiver.notify != nil)
            receiver.notify = nil
            #expect(receiver.notify == nil)
        }
    }

    @Test("When the respondent is gone every wait fails, after what it has sent")
    func respondent() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "mortal" }
            let other = try await router.local()
            let receiver = try Receiver<Int>(router: router, respondent: child)
            let stranger = try await other.call(SendUntilFailure(to: receiver.makeSender()))
            #expect(stranger.message == "reply from unexpected context")
            let call = try child.startCall(SendAndDie(100, to: receiver.makeSender()))
            var numbers: [Int] = []
            let error = try await failure { for try await number in receiver { numbers.append(number) } }
            #expect(numbers == Array(0..<100))
            for _ in 0..<3 {
                let again = try await failure { _ = try await receiver.get() }
                #expect(again.code == .channelError && error.code == .channelError)
                #expect(again.message.hasPrefix("the respondent Context has disconnected"))
                #expect(again.context == "mortal" && !again.isEndOfChannel)
                #expect(receiver.count == 1 && !receiver.isEmpty)
            }
            #expect(try await failure { _ = try await call.get() }.code == .channelError)
        }
    }

    @Test("The router's end wakes waiters")
    func brokerExit() async throws {
        let waiter = try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let waiter = Task { try await failure { _ = try await receiver.get() } }
            try await Task.sleep(for: .milliseconds(20))
            return waiter
        }
        let error = try await waiter.value
        #expect(error.code == .channelError)
        #expect(error.message == "Broker has exitted")
    }

    @Test("Senders that do not wait end a receiver that does not keep up, after what it has kept")
    func overflow() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try MessageReceiver(router: router, bufferLimit: 10_000)
            let block = SendRaw.Kind.bytes([UInt8](repeating: 1, count: 1000))
            try await child.call(SendRaw([SendRaw.Kind](repeating: block, count: 20), receiver.handle))
            var count = 0
            let error = try await failure { for try await _ in receiver { count += 1 } }
            #expect(count == 8)
            #expect(error.code == .channelError)
            #expect(error.message.contains("10000 bytes"))
            #expect(try await failure { _ = try await receiver.get() }.message == error.message)
        }
    }

    @Test("One of many senders that is lost is told at once; one that had sent everything is not")
    func lostSender() async throws {
        try await withFixtureRouter { router in
            let (first, second) = (try await router.local(), try await router.local())
            let receiver = try Receiver<Int>(router: router)
            let sender = receiver.makeSender()
            try await first.call(SendNumbers(3, to: sender))
            var iterator = receiver.makeAsyncIterator()
            for number in 0..<3 { #expect(try await iterator.next() == number) }
            #expect(try await iterator.next() == nil)
            try await first.shutdown(waits: true)
            try second.callNoReply(SendAndDie(2, to: sender))
            #expect(try await receiver.get(timeout: .seconds(10)) == 0)
            #expect(try await receiver.get(timeout: .seconds(10)) == 1)
            let lost = try await failure { try await receiver.get(timeout: .seconds(10)) }
            #expect(lost.code == .channelError && lost.message.contains(DeadReason.respondentDisconnected))
        }
    }

    @Test("One who may not send opens nothing, and its loss is none")
    func strangerLost() async throws {
        try await withFixtureRouter { router in
            let (child, stranger) = (try await router.local(), try await router.local())
            let receivers = [
                try Receiver<Int>(router: router, respondent: child),
                try Receiver<Int>(router: router, policy: .custom { header, _ in header.srcID == child.id }),
            ]
            let reasons = [DeadReason.unexpectedContext, DeadReason.refusedByPolicy]
            for (receiver, reason) in zip(receivers, reasons) {
                let report = try await stranger.call(SendUntilFailure(to: receiver.makeSender()))
                #expect(report.message == reason)
            }
            try await stranger.shutdown(waits: true)
            for receiver in receivers {
                #expect(receiver.count == 0)
                try await child.call(SendNumbers(3, to: receiver.makeSender()))
                var numbers: [Int] = []
                for try await number in receiver { numbers.append(number) }
                #expect(numbers == [0, 1, 2])
            }
        }
    }

    @Test("Who opens a channel again, with what it has sent still there, has no room for more than a receiver keeps")
    func openedAgain() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try MessageReceiver(router: router, bufferLimit: 100_000)
            for _ in 0..<3 {
                // Once more than the first time, as one message, or one window, is always kept.
                #expect(try await child.call(OpenAgain(receiver.handle)) == 2)
                // The answer may pass them.
                #expect(try await eventually { receiver.count == 512 })
                for _ in 0..<512 { #expect(try await receiver.get(timeout: .seconds(5)).data.count == 1000) }
            }
            try await child.shutdown(waits: true)
            #expect(try await failure { try await receiver.get(timeout: .seconds(5)) }.code == .channelError)
        }
    }

    @Test("The losses of senders count as what is kept of those that do not wait")
    func countedLosses() async throws {
        try await withFixtureRouter { router in
            let receiver = try MessageReceiver(router: router, bufferLimit: 300)
            for _ in 0..<3 {
                let child = try await router.local()
                _ = try? await child.call(SendAndDie(0, to: Sender(to: router.myself(), handle: receiver.handle)))
            }
            #expect(receiver.count == 0)
            for _ in 0..<3 {
                let child = try await router.local()
                _ = try? await child.call(SendAndDie(1, to: Sender(to: router.myself(), handle: receiver.handle)))
            }
            var dead: [String] = []
            for _ in 0..<8 {
                let message = try await receiver.get(timeout: .seconds(10), throwsDead: false)
                if message.isDead { dead.append(message.deadReason(localID: 0)) }
            }
            #expect(dead.prefix(1).allSatisfy { $0.hasPrefix(DeadReason.respondentDisconnected) })
            #expect(dead.last?.contains("300 bytes") == true)
        }
    }

    @Test(
        "A receiver whose handle is taken over, or deleted, ends, and its senders are told",
        arguments: [true, false]
    )
    func overwritten(isDeleted: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let old = try Receiver<Int>(router: router)
            let report = try child.startCall(SendUntilFailure(to: old.makeSender()))
            #expect(try await old.get(timeout: .seconds(10)) == 0)
            let new = isDeleted ? nil : try Receiver<Int>(router: router, at: old.handle, overwrites: true)
            if isDeleted { try router.removeHandler(at: old.handle) }
            let error = try await failure { try await old.get(timeout: .seconds(10)) }
            #expect(error.code == .channelError)
            #expect(try await report.get(timeout: .seconds(10)).code == "channelError")
            if let new {
                try child.callNoReply(SendNumbers(1, to: new.makeSender()))
                #expect(try await eventually { new.count > 0 })
            }
        }
    }
}
