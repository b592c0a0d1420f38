//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests.Brokers {
    @Test("Stopping what was not started, or again, changes nothing", arguments: [PollerKind.best, .poll])
    func redundantStops(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, true) == 0)
        let notes = Notes()
        let side = Broker.Side(descriptor: ends[0], keepsAlive: false) { [broker] _ in
            notes.append("ready")
            // For good: nobody reads what is there.
            for side in notes.sides { broker.stopReceiving(side) }
        }
        notes.keep(side)
        for _ in 0..<2 {
            broker.stopReceiving(side)
            broker.stopTransmitting(side)
        }
        _ = write(ends[1], "x", 1)
        for _ in 0..<2 { broker.startReceiving(side) }
        #expect(try await eventually { notes.all == ["ready"] })
        for _ in 0..<2 {
            broker.stopReceiving(side)
            broker.stopTransmitting(side)
        }
        // Turns in which it would be told again.
        for _ in 0..<3 { try await broker.submit {} }
        #expect(notes.all == ["ready"])
        notes.letGo()
        broker.close(side)
        broker.shutdown()
        await broker.join()
        close(ends[1])
    }

    /// What a handler does to another side that is ready in the same turn.
    enum Interference: CaseIterable {
        case stops, closes, stopsAndStarts
    }

    @Test(
        "What a handler stops or closes is told nothing more in the same turn",
        arguments: [PollerKind.best, .poll],
        Interference.allCases
    )
    func interference(poller: PollerKind, what: Interference) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var pipes: [[Int32]] = []
        let notes = Notes()
        for name in ["first", "second"] {
            var ends: [Int32] = [0, 0]
            try #require(cmitogen_pipe(&ends, true) == 0)
            pipes.append(ends)
            _ = write(ends[1], "x", 1)
            let input = ends[0]
            let side = Broker.Side(descriptor: input, keepsAlive: false) { [broker] _ in
                var byte: UInt8 = 0
                _ = read(input, &byte, 1)
                notes.append(name)
                // Whichever comes first.
                guard notes.all.count == 1, let other = notes.sides.first(where: { $0.descriptor != input }) else {
                    return
                }
                if what == .closes { broker.close(other) } else { broker.stopReceiving(other) }
                if what == .stopsAndStarts { broker.startReceiving(other) }
                broker.scheduleLater { notes.append("the next turn") }
            }
            notes.keep(side)
        }
        // Both are found ready in one turn.
        try await broker.submit { for side in notes.sides { broker.startReceiving(side) } }
        let count = what == .stopsAndStarts ? 3 : 2
        #expect(try await eventually { notes.all.count >= count })
        for _ in 0..<3 { try await broker.submit {} }
        #expect(notes.all.count == count && notes.all.dropFirst().first == "the next turn", "\(notes.all)")
        if what == .stops {
            // What was not told is not lost.
            for side in notes.sides { broker.startReceiving(side) }
            #expect(try await eventually { notes.all.count == 3 })
        }
        let isClosed = what == .closes ? notes.all.first.map { $0 == "first" ? 1 : 0 } : nil
        for (index, side) in notes.sides.enumerated() where index != isClosed { broker.close(side) }
        notes.letGo()
        broker.shutdown()
        await broker.join()
        for ends in pipes { close(ends[1]) }
    }

    @Test("One side hears of both directions at once", arguments: [PollerKind.best, .poll])
    func bothDirections(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_socketpair(&ends) == 0)
        let notes = Notes()
        let side = Broker.Side(descriptor: ends[0], keepsAlive: false) { [broker] readiness in
            notes.append("\(readiness.contains(.readable)) \(readiness.contains(.writable))")
            guard let side = notes.sides.first else { return }
            readiness.contains(.readable) ? broker.stopReceiving(side) : broker.stopTransmitting(side)
        }
        notes.keep(side)
        _ = write(ends[1], "x", 1)
        try await broker.submit {
            broker.startReceiving(side)
            broker.startTransmitting(side)
        }
        #expect(try await eventually { notes.all.count == 2 })
        // First both, then what was not stopped.
        #expect(notes.all == ["true true", "false true"])
        notes.letGo()
        broker.close(side)
        broker.shutdown()
        await broker.join()
        close(ends[1])
    }

    @Test("The end of a terminal's user is a hang-up", arguments: [PollerKind.best, .poll])
    func terminal(poller: PollerKind) async throws {
        let broker = try Broker(shutdownTimeout: .seconds(5), poller: poller)
        var name = [CChar](repeating: 0, count: 100)
        let master = cmitogen_open_terminal(&name, name.count)
        try #require(master >= 3)
        let user = open(&name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(user >= 0)
        let notes = Notes()
        let side = Broker.Side(descriptor: master, keepsAlive: false) { [broker] readiness in
            guard let side = notes.sides.first else { return }
            var byte: UInt8 = 0
            notes.append("\(readiness.contains(.hangup)) \(cmitogen_read(master, &byte, 1))")
            if readiness.contains(.hangup) { broker.close(side) }
        }
        notes.keep(side)
        broker.startReceiving(side)
        _ = write(user, "x", 1)
        #expect(try await eventually { notes.all == ["false 1"] })
        close(user)
        #expect(try await eventually { notes.all.count > 1 })
        #expect(notes.all.last == "true \(-EIO)")
        notes.letGo()
        broker.shutdown()
        await broker.join()
    }

    @Test("A read that a signal interrupts goes on")
    func interrupted() throws {
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, false) == 0)
        let (input, output) = (ends[0], ends[1])
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        var before = sigaction()
        // Without SA_RESTART, so that it is the read's own affair.
        sigaction(SIGUSR1, &action, &before)
        defer { sigaction(SIGUSR1, &before, nil) }
        final class Result: Sendable {
            let count = Atomic<Int>(Int.min)
            let input: Int32
            init(_ input: Int32) { self.input = input }
        }
        let result = Result(input)
        var thread = pthread_t()
        let started = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let result = Unmanaged<Result>.fromOpaque(argument).takeRetainedValue()
                var signals = sigset_t()
                sigemptyset(&signals)
                sigaddset(&signals, SIGUSR1)
                pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                var byte: UInt8 = 0
                result.count.store(cmitogen_read(result.input, &byte, 1), ordering: .releasing)
                return nil
            },
            Unmanaged.passRetained(result).toOpaque()
        )
        try #require(started == 0)
        for _ in 0..<50 {
            usleep(1000)
            pthread_kill(thread, SIGUSR1)
        }
        #expect(result.count.load(ordering: .acquiring) == Int.min)
        _ = write(output, "x", 1)
        pthread_join(thread, nil)
        #expect(result.count.load(ordering: .acquiring) == 1)
        close(input)
        close(output)
    }
}
