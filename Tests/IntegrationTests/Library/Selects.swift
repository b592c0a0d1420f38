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

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Selects")
    struct Selects {}
}

extension LibraryTests.Selects {
    @Test("One of three children fails: the others' values come all the same, and it is known which one it was")
    func oneFails() async throws {
        try await withFixtureRouter { router in
            var receivers: [Receiver<Int>] = []
            let select = Select<Int>(isOneShot: false)
            for (index, name) in ["first", "second", "third"].enumerated() {
                let child = try await router.local { $0.name = name }
                let receiver = try Receiver<Int>(router: router, respondent: child)
                try select.add(receiver)
                receivers.append(receiver)
                if index == 1 {
                    try child.callNoReply(SendAndDie(10, to: receiver.makeSender()))
                } else {
                    try child.callNoReply(SendNumbers(1000, to: receiver.makeSender()))
                }
            }
            var numbers = [[Int]](repeating: [], count: 3)
            var ends = [String](repeating: "", count: 3)
            for try await event in select {
                let index = try #require(receivers.firstIndex { $0 === event.source })
                switch event.result {
                case .success(let number): numbers[index].append(number)
                case .failure(let error): ends[index] = "\(error.context ?? "") \(error.message)"
                }
                #expect(event.isLast == !ends[index].isEmpty)
            }
            #expect(numbers == [Array(0..<1000), Array(0..<10), Array(0..<1000)])
            #expect(ends[0] == "first Sender was explicitly closed" && ends[2] == "third Sender was explicitly closed")
            #expect(ends[1].hasPrefix("second the respondent Context has disconnected"))
            #expect(!select.hasSources)
        }
    }

    @Test("Results of calls come as they are ready, failures too")
    func calls() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let slow = try child.startCall(Doze(milliseconds: 200, result: 1))
            let fast = try child.startCall(Doze(milliseconds: 1, result: 2))
            let nobody = try #require(router.context(id: 1234))
            let failing = try nobody.startCall(Add(1, 2))
            let select = Select<Int>(isOneShot: false)
            for call in [slow, fast, failing] { try select.add(call) }
            var order: [ObjectIdentifier] = []
            var sum = 0
            for try await event in select {
                order.append(ObjectIdentifier(event.source))
                if case .success(let value) = event.result { sum += value }
                #expect(event.isLast)
            }
            #expect(order == [failing, fast, slow].map { ObjectIdentifier($0) })
            #expect(sum == 3)
            #expect(try await Select.all([slow, fast]).sorted() == [1, 2])
            #expect(try await failure { _ = try await Select.all([slow, failing]) }.code == .channelError)
        }
    }

    @Test("Values that were there before count one by one")
    func buffered() async throws {
        let latch = Latch<Int>()
        for number in 0..<3 { try latch.put(number) }
        let select = Select<Int>(isOneShot: false)
        try select.add(latch)
        #expect(select.count == 3 && !select.isEmpty && select.hasSources)
        for number in 0..<3 { #expect(try await select.get(timeout: .zero) == number) }
        #expect(try await failure { _ = try await select.get(timeout: .zero) }.code == .timeoutError)
        try latch.put(3)
        // Taken by someone else: the select has been told in vain.
        #expect(try await latch.get() == 3)
        #expect(try await failure { _ = try await select.get(timeout: .milliseconds(30)) }.code == .timeoutError)
        #expect(select.isEmpty)
    }

    @Test("With one shot each, a source is removed when it has had its event, and keeps the rest")
    func oneShot() async throws {
        let latches = (0..<3).map { _ in Latch<Int>() }
        let select = Select<Int>()
        for (index, latch) in latches.enumerated() {
            try select.add(latch)
            for number in 0..<2 { try latch.put(10 * index + number) }
        }
        var values: [Int] = []
        for try await event in select { values.append(try event.result.get()) }
        #expect(values == [0, 10, 20])
        for (index, latch) in latches.enumerated() { #expect(try await latch.get() == 10 * index + 1) }
        let empty = try await failure { _ = try await select.get() }
        #expect(empty.code == .misuse)
        #expect(empty.message == "Cannot get(), Select instance is empty")
    }

    @Test("With one shot each, two tasks that take at the same time get one event of a source")
    func oneShotForTwo() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            for number in 0..<2 { try await receiver.makeSender().send(number) }
            #expect(try await eventually { receiver.count == 2 })
            let select = Select<Int>()
            let started = Atomic(0)
            try select.add(receiver) { number in
                started.wrappingAdd(1, ordering: .relaxed)
                // Long enough for the other one to come this far as well, if it could.
                for _ in 0..<100 where started.load(ordering: .relaxed) < 2 { usleep(5000) }
                return number
            }
            async let first = try? select.get(timeout: .seconds(10))
            async let second = try? select.get(timeout: .seconds(10))
            #expect(await [first, second].compactMap { $0 } == [0])
            #expect(receiver.count == 1)
        }
    }

    @Test("A source is in one select, once, until it is removed")
    func ownership() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let latch = Latch<Int>()
            let (first, second) = (Select<Int>(), Select<Int>())
            try first.add(receiver)
            try first.add(latch)
            let owned = try await failure { try second.add(receiver) }
            #expect(owned.code == .misuse)
            #expect(owned.message == "Cannot add: Receiver is already owned by another Select")
            #expect(try await failure { try second.add(latch) }.message.contains("Latch is already owned"))
            #expect(try await failure { try first.add(receiver) }.message.contains("already a member"))
            #expect(!second.hasSources)
            try first.remove(receiver)
            let unknown = try await failure { try first.remove(receiver) }
            #expect(unknown.message == "Instance is not a member of this Select")
            try second.add(receiver)
            try await receiver.makeSender().send(7)
            #expect(try await second.get(timeout: .seconds(5)) == 7)
            // A select that is forgotten lets go.
            do {
                let third = Select<Int>()
                try third.add(receiver)
            }
            try second.add(receiver)
        }
    }

    @Test("Selects nest, but not in circles")
    func nesting() async throws {
        let latches = (0..<2).map { _ in Latch<Int>() }
        let (inner, middle, outer) = (Select<Int>(), Select<Int>(), Select<Int>(isOneShot: false))
        for latch in latches { try inner.add(latch) }
        try latches[0].put(1)
        try middle.add(inner)
        try outer.add(middle)
        for (above, below) in [(inner, inner), (inner, middle), (inner, outer), (middle, outer)] {
            let error = try await failure { try above.add(below) }
            #expect(error.code == .misuse)
            #expect(error.message == "Adding this Select instance would create a Select cycle")
        }
        let event = try await outer.nextEvent(timeout: .seconds(1))
        let isInnermost = event.source === latches[0]
        #expect(isInnermost)
        #expect(try event.result.get() == 1)
        // The middle one was for one event.
        #expect(!middle.hasSources && !outer.hasSources && inner.hasSources)
        try outer.add(inner)
        let waiter = Task { try await outer.get(timeout: .seconds(5)) }
        try await Task.sleep(for: .milliseconds(20))
        try latches[1].put(2)
        #expect(try await waiter.value == 2)
        #expect(!outer.hasSources)
    }

    @Test("Waits end when cancelled, when closed, and when there is nothing left to wait for")
    func ends() async throws {
        let latch = Latch<Int>()
        let select = Select<Int>()
        try select.add(latch)
        let cancelled = Task { try await failure { _ = try await select.get() } }
        try await Task.sleep(for: .milliseconds(20))
        cancelled.cancel()
        #expect(try await cancelled.value.code == .cancelled)
        try latch.put(1)
        #expect(try await select.get() == 1)
        try select.add(latch)
        let waiters = (0..<3).map { _ in Task { try await failure { _ = try await select.get() } } }
        let iterating = Task { () async throws in for try await _ in select {} }
        try await Task.sleep(for: .milliseconds(20))
        try select.remove(latch)
        for waiter in waiters { #expect(try await waiter.value.code == .misuse) }
        try await iterating.value
        try select.add(latch)
        let closed = Task { try await failure { _ = try await select.get() } }
        try await Task.sleep(for: .milliseconds(20))
        select.close()
        select.close()
        #expect(try await closed.value.code == .latchError)
        #expect(try await failure { _ = try await select.get() }.code == .latchError)
        #expect(try await failure { try select.add(latch) }.code == .latchError)
        try latch.put(2)
        #expect(try await latch.get() == 2)
    }

    @Test("Closing a source is its last event")
    func closedSource() async throws {
        try await withFixtureRouter { router in
            let receiver = try Receiver<Int>(router: router)
            let latch = Latch<Int>()
            let select = Select<Int>(isOneShot: false)
            try select.add(receiver)
            try select.add(latch)
            receiver.close()
            let first = try await select.nextEvent(timeout: .seconds(1))
            #expect(first.source === receiver && first.isLast)
            latch.close()
            let second = try await select.nextEvent(timeout: .seconds(1))
            #expect(second.source === latch && second.isLast)
            #expect(!select.hasSources)
        }
    }

    @Test("Sources of several types are one, when transformed; a value that cannot be decoded fails alone")
    func transformed() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let receiver = try Receiver<Int>(router: router)
            let select = Select<String>(isOneShot: false)
            try select.add(receiver) { "number \($0)" }
            let call = try child.startCall(SendRaw([.number(1), .text("x"), .number(2)], receiver.handle))
            try select.add(call) { "done" }
            var texts: [String] = []
            for _ in 0..<4 {
                let event = try await select.nextEvent(timeout: .seconds(5))
                if case .failure(let error) = event.result { #expect(error.code == .streamError && !event.isLast) }
                texts.append((try? event.result.get()) ?? "failed")
            }
            #expect(texts == ["number 1", "failed", "number 2", "done"])
            let messages = Select<Message>()
            let raw = try MessageReceiver(router: router)
            try messages.add(raw)
            try await child.call(SendRaw([.bytes([9])], raw.handle))
            #expect(try await messages.get(timeout: .seconds(5)).data == [9])
        }
    }

    @Test("The end, or the loss, of one of a receiver's senders is not the receiver's as long as others send")
    func severalSenders() async throws {
        try await withFixtureRouter { router in
            let contexts = [try await router.local(), try await router.local(), try await router.local()]
            let receiver = try Receiver<Int>(router: router)
            let select = Select<Int>(isOneShot: false)
            let long = try contexts[0].startCall(SendNumbers(2000, to: receiver.makeSender()))
            #expect(try await eventually { receiver.count == 256 })
            try contexts[1].callNoReply(SendNumbers(3, to: receiver.makeSender()))
            try contexts[2].callNoReply(SendAndDie(3, to: receiver.makeSender()))
            #expect(try await eventually { receiver.count == 264 })
            try select.add(receiver)
            var (sum, ends, last) = (0, 0, 0)
            while let event = try await within(.seconds(20), { try await select.next() }) {
                switch event.result {
                case .success(let number): sum += number
                case .failure: ends += 1
                }
                if event.isLast { last += 1 }
            }
            #expect(sum == 1_999_000 + 3 + 3 && ends == 3 && last == 1)
            #expect(!select.hasSources)
            try await long.get(timeout: .seconds(5))
        }
    }

    @Test("All of several receivers")
    func all() async throws {
        try await withFixtureRouter { router in
            let receivers = try (0..<3).map { _ in try Receiver<Int>(router: router) }
            for (index, receiver) in receivers.enumerated() { try await receiver.makeSender().send(index) }
            #expect(try await Select.all(receivers).sorted() == [0, 1, 2])
            try await receivers[0].makeSender().send(5)
            receivers[1].makeSender().close()
            #expect(try await failure { _ = try await Select.all(receivers) }.code == .channelError)
        }
    }

    @Test("A nested select without sources is no source, unless it gets one in time")
    func nestedEmpty() async throws {
        let (inner, outer) = (Select<Int>(), Select<Int>())
        try outer.add(inner)
        #expect(try await within(.seconds(5)) { try await outer.next() == nil })
        #expect(!outer.hasSources)
        let latch = Latch<Int>()
        try outer.add(inner)
        try inner.add(latch)
        try latch.put(1)
        #expect(try await outer.get(timeout: .seconds(5)) == 1)
        #expect(!outer.hasSources)
    }

    @Test("A nested select that is closed, or loses its last source, is no source any more", arguments: [true, false])
    func nestedEnds(isClosed: Bool) async throws {
        let (inner, outer) = (Select<Int>(isOneShot: false), Select<Int>(isOneShot: false))
        let latch = Latch<Int>()
        try inner.add(latch)
        try outer.add(inner)
        let count = Task {
            var count = 0
            for try await _ in outer { count += 1 }
            return count
        }
        try latch.put(1)
        #expect(try await eventually { latch.isEmptyOrClosed })
        if isClosed { inner.close() } else { try inner.remove(latch) }
        #expect(try await within(.seconds(5)) { try await count.value } == 1)
        #expect(!outer.hasSources)
    }
}

extension Select {
    fileprivate func next() async throws(MitogenError) -> Event? {
        var iterator = makeAsyncIterator()
        return try await iterator.next()
    }
}

extension Latch {
    fileprivate var isEmptyOrClosed: Bool { (try? isEmpty) ?? true }
}
