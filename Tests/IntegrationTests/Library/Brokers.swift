//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
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
    @Suite("Brokers")
    struct Brokers {}
}

final class Notes: Sendable {
    private let texts = Mutex<[String]>([])
    private let kept = Mutex<[Broker.Side]>([])
    var all: [String] { texts.withLock { $0 } }
    /// What handlers can get at: sides that are made later than they.
    var sides: [Broker.Side] { kept.withLock { $0 } }

    func keep(_ side: Broker.Side) {
        kept.withLock { $0.append(side) }
    }

    /// Ends the cycle of references between sides and their handlers.
    func letGo() {
        kept.withLock { $0 = [] }
    }

    func append(_ text: String) {
        texts.withLock { $0.append(text) }
    }
}

extension LibraryTests.Brokers {
    @Test("Work runs on the Broker's thread, in the order it was handed in", arguments: [PollerKind.best, .poll])
    func schedule(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        let notes = Notes()
        #expect(!broker.isCurrent)
        for number in 0..<100 { #expect(broker.schedule { notes.append("\(number) \(broker.isCurrent)") }) }
        #expect(try await broker.submit { notes.all.count } == 100)
        #expect(notes.all == (0..<100).map { "\($0) true" })
        let error = await #expect(throws: TestFailure.self) { try await broker.submit { throw TestFailure("mine") } }
        #expect(error?.description == "mine")
        broker.shutdown()
        await broker.join()
    }

    @Test("What happens to a Broker is told in order, also to one who comes late")
    func events() async throws {
        let broker = try Broker()
        let events = broker.events
        // It ends with the Broker, which waits for it.
        let router = try Router(broker: broker)
        broker.shutdown()
        #expect(await events.reduce(into: []) { $0.append($1) } == [.beforeShutdown, .shutdown, .exit])
        await router.join()
        #expect(await broker.events.reduce(into: []) { $0.append($1) } == [.beforeShutdown, .shutdown, .exit])
        await broker.join()
    }

    @Test("Whoever asks for a Broker's events while it ends is told all of them, and its end after everything else")
    func lateEvents() async throws {
        let broker = try Broker()
        let notes = Notes()
        let streams = Mutex<[AsyncStream<Broker.Event>]>([])
        let early = broker.events
        let ask: @Sendable (String) -> Void = { name in
            notes.append(name)
            streams.withLock { $0.append(broker.events) }
        }
        broker.onShutdown { ask("shutdown") }
        broker.onExit {
            // Time for the end to be told too early.
            usleep(50_000)
            ask("exit")
            broker.onExit { ask("registered at the exit") }
        }
        let told = Task {
            for await event in early where event == .exit { notes.append("told") }
        }
        broker.shutdown()
        await broker.join()
        await told.value
        #expect(notes.all == ["shutdown", "exit", "registered at the exit", "told"])
        let late = streams.withLock { $0 }
        #expect(late.count == 3)
        for events in late {
            let all = try await within(.seconds(5)) { await events.reduce(into: []) { $0.append($1) } }
            #expect(all == [.beforeShutdown, .shutdown, .exit])
        }
    }

    @Test("After its end a Broker takes no work")
    func ended() async throws {
        let broker = try Broker()
        broker.shutdown()
        broker.shutdown()
        await broker.join()
        await broker.join()
        #expect(!broker.schedule {})
        #expect(try await failure { try await broker.submit {} }.code == .misuse)
        let router = try Router(broker: broker)
        let error = try await failure { _ = try await router.myself().request(Message(handle: 5)) }
        #expect(error.code == .misuse)
    }

    @Test("Timers run in the order of their times, unless they are cancelled", arguments: [PollerKind.best, .poll])
    func timers(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        let notes = Notes()
        let timers = [60, 20, 40, 10, 30].map { delay in
            broker.schedule(after: .milliseconds(delay)) { notes.append("\(delay)") }
        }
        #expect(timers.allSatisfy { $0.isActive })
        timers[2].cancel()
        timers[2].cancel()
        #expect(!timers[2].isActive)
        #expect(try await eventually { notes.all.count == 4 })
        #expect(notes.all == ["10", "20", "30", "60"])
        #expect(!timers.contains { $0.isActive })
        let start = ContinuousClock.now
        let quarter = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Duration, any Error>) in
            broker.schedule(after: .milliseconds(250)) { continuation.resume(returning: ContinuousClock.now - start) }
        }
        #expect(quarter >= .milliseconds(250) && quarter < .milliseconds(500))
        broker.shutdown()
        await broker.join()
        #expect(notes.all.count == 4)
    }

    @Test("Timers that were cancelled are let go long before their time, and the others keep their order")
    func cancelledTimers() async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5))
        let notes = Notes()
        weak var first: Timer?
        do {
            let timer = broker.schedule(after: .seconds(3600)) {}
            timer.cancel()
            first = timer
        }
        var times: [Int: ContinuousClock.Instant] = [:]
        for number in 0..<5000 {
            let delay = Duration.milliseconds(20 + number * 7919 % 200)
            let isKept = number.isMultiple(of: 50)
            if isKept { times[number] = .now + delay }
            let timer = broker.schedule(after: delay) { notes.append("\(number)") }
            if !isKept { timer.cancel() }
        }
        #expect(try await eventually { notes.all.count == 100 })
        let order = notes.all.compactMap { Int($0).flatMap { times[$0] } }
        #expect(order.count == 100)
        // The times are taken a moment before the timers are made.
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 + .milliseconds(50) })
        #expect(first == nil)
        broker.shutdown()
        await broker.join()
    }

    @Test("A shutdown waits for timers, but not for ever")
    func shutdownLimit() async throws {
        let broker = try Broker(shutdownTimeout: .milliseconds(400))
        let notes = Notes()
        broker.schedule(after: .milliseconds(100)) { notes.append("soon") }
        broker.schedule(after: .seconds(100)) { notes.append("never") }
        let elapsed = await duration {
            broker.shutdown()
            await broker.join()
        }
        #expect(elapsed > .milliseconds(390) && elapsed < .seconds(2))
        #expect(notes.all == ["soon"])
        let second = try Broker()
        second.schedule(after: .milliseconds(100)) { notes.append("last") }
        second.shutdown()
        #expect(try await eventually(within: .milliseconds(90)) { second.keepsAlive })
        let rest = await duration { await second.join() }
        #expect(rest < .seconds(1))
        #expect(notes.all == ["soon", "last"])
        #expect(!second.keepsAlive)
    }

    @Test("A shutdown ends as soon as nothing keeps the Broker, also if another thread has seen to that")
    func promptEnd() async throws {
        let elapsed = try await duration {
            for _ in 0..<300 {
                let broker = try Broker(shutdownTimeout: .seconds(5))
                broker.onShutdown {
                    let timer = broker.schedule(after: .seconds(100)) {}
                    Task {
                        timer.cancel()
                        broker.scheduleLater {}
                    }
                }
                broker.shutdown()
                await broker.join()
            }
        }
        #expect(elapsed < .seconds(4))
    }

    @Test("Descriptors are watched", arguments: [PollerKind.best, .poll])
    func descriptors(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, true) == 0)
        let (input, output) = (ends[0], ends[1])
        let notes = Notes()
        let side = Broker.Side(descriptor: input, keepsAlive: false) { readiness in
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = read(input, &buffer, buffer.count)
            if count > 0 { return notes.append(String(decoding: buffer.prefix(count), as: UTF8.self)) }
            notes.append(count == 0 ? "end" : "nothing \(readiness.rawValue)")
        }
        broker.startReceiving(side)
        _ = write(output, "one", 3)
        #expect(try await eventually { notes.all == ["one"] })
        broker.stopReceiving(side)
        try await broker.submit {}
        _ = write(output, "two", 3)
        try await Task.sleep(for: .milliseconds(50))
        #expect(notes.all == ["one"])
        broker.startReceiving(side)
        #expect(try await eventually { notes.all == ["one", "two"] })
        close(output)
        #expect(try await eventually { notes.all.count > 2 })
        #expect(notes.all[2] == "end")
        broker.close(side)
        broker.shutdown()
        await broker.join()
    }

    @Test("A side that is let go of is closed", arguments: [PollerKind.best, .poll])
    func closing(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, true) == 0)
        let (input, output) = (ends[0], ends[1])
        let side = Broker.Side(descriptor: input, keepsAlive: false) { _ in }
        broker.startReceiving(side)
        broker.close(side)
        // A pipe that nobody can read any more is in error at its other end; the number may be another file's by now.
        let isClosed = try await eventually {
            var watched = pollfd(fd: output, events: 0, revents: 0)
            return poll(&watched, 1, 0) == 1 && watched.revents & Int16(POLLERR) != 0
        }
        #expect(isClosed)
        close(output)
        broker.shutdown()
        await broker.join()
    }

    @Test("Writability is watched too", arguments: [PollerKind.best, .poll])
    func writable(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, false) == 0)
        let notes = Notes()
        let side = Broker.Side(descriptor: ends[1], keepsAlive: false) { readiness in
            notes.append(readiness.contains(.writable) ? "writable" : "other")
        }
        broker.startTransmitting(side)
        #expect(try await eventually { notes.all.first == "writable" })
        broker.stopTransmitting(side)
        broker.close(side)
        broker.shutdown()
        await broker.join()
        close(ends[0])
    }

    @Test("The Broker of every context has timers")
    func remoteTimers() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                let seconds = try await context.call(AwaitTimer(milliseconds: 250))
                #expect(seconds >= 0.25 && seconds < 1, "\(seconds)")
            }
        }
    }

    @Test("A side that keeps the Broker alive is waited for")
    func keepsAlive() async throws {
        let broker = try Broker()
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, true) == 0)
        let (input, output) = (ends[0], ends[1])
        let box = Mutex<Broker.Side?>(nil)
        let side = Broker.Side(descriptor: input) { _ in
            if let side = box.withLock({ $0.take() }) { broker.close(side) }
        }
        box.withLock { $0 = side }
        broker.startReceiving(side)
        broker.shutdown()
        let elapsed = try await duration {
            try await Task.sleep(for: .milliseconds(200))
            _ = write(output, "x", 1)
            await broker.join()
        }
        #expect(elapsed > .milliseconds(190) && elapsed < .seconds(2))
        close(output)
    }

    @Test("Actors and tasks can run on the Broker's thread")
    func executor() async throws {
        let broker = try Broker()
        actor OnBroker {
            nonisolated let broker: Broker
            nonisolated var unownedExecutor: UnownedSerialExecutor { broker.asUnownedSerialExecutor() }

            init(_ broker: Broker) {
                self.broker = broker
            }

            var isThere: Bool { broker.isCurrent }
        }
        let isThere = await OnBroker(broker).isThere
        #expect(isThere)
        let task = Task(executorPreference: broker.taskExecutor) { broker.isCurrent }
        #expect(await task.value)
        broker.shutdown()
        await broker.join()
    }

    @Test("One Broker serves several routers")
    func shared() async throws {
        let broker = try Broker()
        let first = try Router(broker: broker, configuration: Fixture.configuration())
        let second = try Router(broker: broker, configuration: Fixture.configuration())
        let left = try await first.local()
        let right = try await second.local()
        #expect(left.id == 1 && right.id == 1)
        let areDifferent = left != right
        #expect(areDifferent)
        #expect(try await left.call(Add(1, 2)) == 3)
        #expect(try await right.call(Add(3, 4)) == 7)
        let pids = [try await left.call(ProcessID()), try await right.call(ProcessID())]
        broker.shutdown()
        await broker.join()
        #expect(try await Processes.stillRunning(pids, after: .zero).isEmpty)
    }
}
