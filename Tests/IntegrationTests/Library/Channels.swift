//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization
internal import Testing

extension LibraryTests {
    @Suite("Latches")
    struct Latches {}
}

extension LibraryTests.Latches {
    @Test("Values come out in the order they went in")
    func order() async throws {
        let latch = Latch<Int>()
        for number in 0..<10 { try latch.put(number) }
        #expect(try latch.count == 10)
        for number in 0..<10 { #expect(try await latch.get() == number) }
        #expect(try latch.isEmpty)
    }

    @Test("A wait of no time only looks")
    func zeroTimeout() async throws {
        let latch = Latch<Int>()
        #expect(try await failure { _ = try await latch.get(timeout: .zero) }.code == .timeoutError)
        try latch.put(1)
        #expect(try await latch.get(timeout: .zero) == 1)
    }

    @Test("A wait ends when its time is over, and loses no value")
    func timeout() async throws {
        let latch = Latch<Int>()
        var error: MitogenError?
        let elapsed = try await duration {
            error = try await failure { _ = try await latch.get(timeout: .milliseconds(100)) }
        }
        #expect(error?.code == .timeoutError)
        #expect(elapsed > .milliseconds(95) && elapsed < .seconds(1))
        try latch.put(1)
        #expect(try latch.count == 1)
        #expect(try await latch.get(timeout: .seconds(1)) == 1)
    }

    @Test("A cancelled wait loses no value")
    func cancelled() async throws {
        let latch = Latch<Int>()
        let waiter = Task { try await failure { _ = try await latch.get() } }
        try await Task.sleep(for: .milliseconds(20))
        waiter.cancel()
        #expect(try await waiter.value.code == .cancelled)
        try latch.put(7)
        #expect(try latch.count == 1)
    }

    @Test("A task that is cancelled gets nothing, whatever there is, and loses nothing")
    func cancelledBefore() async throws {
        try await withFixtureRouter { router in
            let (latch, receiver) = (Latch<Int>(), try Receiver<Int>(router: router))
            let (source, select) = (Latch<Int>(), Select<Int>())
            try latch.put(7)
            try source.put(8)
            try select.add(source)
            try await receiver.makeSender().send(9)
            #expect(try await eventually { receiver.count == 1 })
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return [
                    try await failure { try await latch.get() },
                    try await failure { try await select.get() },
                    try await failure { try await receiver.get() },
                    try await failure { for try await _ in receiver {} },
                ]
            }
            #expect(try await task.value.map(\.code) == [.cancelled, .cancelled, .cancelled, .cancelled])
            #expect(try await latch.get(timeout: .zero) == 7)
            #expect(try await select.get(timeout: .zero) == 8)
            #expect(try await receiver.get(timeout: .zero) == 9)
        }
    }

    @Test("A closed latch refuses everything, even with values in it")
    func closed() async throws {
        let latch = Latch<Int>()
        try latch.put(1)
        latch.close()
        latch.close()
        #expect(try await failure { _ = try await latch.get() }.code == .latchError)
        #expect(try await failure { _ = try await latch.get(timeout: .zero) }.code == .latchError)
        #expect(try await failure { try latch.put(2) }.code == .latchError)
        #expect(try await failure { _ = try latch.count }.code == .latchError)
        #expect(try await failure { _ = try latch.isEmpty }.code == .latchError)
    }

    @Test("Five waiters get one value each, in the order they came")
    func fiveWaiters() async throws {
        let latch = Latch<Int>()
        var waiters: [Task<Int, any Error>] = []
        for _ in 0..<5 {
            waiters.append(Task { try await latch.get(timeout: .seconds(10)) })
            try await Task.sleep(for: .milliseconds(10))
        }
        for number in 0..<5 { try latch.put(number) }
        for (number, waiter) in waiters.enumerated() { #expect(try await waiter.value == number) }
        #expect(try latch.isEmpty)
    }

    @Test("Closing wakes five waiters")
    func fiveWaitersClosed() async throws {
        let latch = Latch<Int>()
        let waiters = (0..<5).map { _ in Task { try await failure { _ = try await latch.get() } } }
        try await Task.sleep(for: .milliseconds(30))
        latch.close()
        for waiter in waiters { #expect(try await waiter.value.code == .latchError) }
    }

    @Test("Who is to be notified hears of values that nobody waits for")
    func notify() async throws {
        let latch = Latch<Int>()
        let calls = Atomic<Int>(0)
        latch.notify = { _ in calls.wrappingAdd(1, ordering: .relaxed) }
        try latch.put(1)
        #expect(calls.load(ordering: .relaxed) == 1)
        #expect(try await latch.get() == 1)
        let waiter = Task { try await latch.get() }
        try await Task.sleep(for: .milliseconds(30))
        try latch.put(2)
        #expect(try await waiter.value == 2)
        #expect(calls.load(ordering: .relaxed) == 1)
    }

    @Test("Many put and many take, and nothing is lost or doubled")
    func stress() async throws {
        let latch = Latch<Int>()
        let taken = try await withThrowingTaskGroup(of: [Int].self) { group in
            for start in 0..<4 {
                group.addTask {
                    for number in 0..<500 { try latch.put(start * 500 + number) }
                    return []
                }
                group.addTask {
                    var taken: [Int] = []
                    while let value = try? await latch.get(timeout: .milliseconds(300)) { taken.append(value) }
                    return taken
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(taken.sorted() == Array(0..<2000))
    }
}
