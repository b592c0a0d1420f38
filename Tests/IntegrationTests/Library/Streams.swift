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

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Remote streams")
    struct Streams {}
}

private struct HiddenStream: RemoteStream {
    func run(in context: ExternalContext, yield: StreamWriter<Int>) async throws {}
}

extension LibraryTests.Streams {
    private func collect<Element>(_ values: RemoteValues<Element>) async throws -> [Element] {
        var all: [Element] = []
        for try await value in values { all.append(value) }
        return all
    }

    @Test("Every value arrives, in order, also through contexts between, and with a window of one byte")
    func order() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                for (count, window) in [(0, 1), (1, 1), (300, 1), (5000, 1 << 20), (5000, 5000)] {
                    let values = try await collect(context.stream(Count(to: count), window: window))
                    #expect(values.map(\.value) == Array(0..<count))
                }
            }
            let large = try await collect(child.stream(Count(to: 20, ballast: 1_000_000), window: 10_000))
            #expect(large.map(\.value) == Array(0..<20))
            #expect(large.allSatisfy { $0.ballast == [UInt8](repeating: 7, count: 1_000_000) })
        }
    }

    @Test("Several tasks send, several streams run, each iteration runs the function anew")
    func concurrent() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let together = child.stream(CountTogether(tasks: 8, each: 100), window: 2000)
            try await withThrowingTaskGroup(of: [[Int]].self) { group in
                for _ in 0..<4 { group.addTask { try await collect(together) } }
                for try await values in group {
                    #expect(values.count == 800)
                    for task in 0..<8 {
                        #expect(values.filter { $0[0] == task }.map { $0[1] } == Array(0..<100))
                    }
                }
            }
        }
    }

    @Test("A function is suspended while nobody takes what it sends")
    func suspended() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            var values = child.stream(Count(ballast: 1000), window: 100_000).makeAsyncIterator()
            #expect(try await values.next()?.value == 0)
            // A value takes 1,000 bytes and some more of the window.
            var before = -1
            let isStill = try await eventually {
                let now = try await child.call(ReadSent())
                defer { before = now }
                return now == before
            }
            #expect(isStill)
            try await Task.sleep(for: .milliseconds(100))
            let sent = try await child.call(ReadSent())
            #expect(50...101 ~= sent)
            for value in 1..<500 { #expect(try await values.next()?.value == value) }
            #expect(try await child.call(ReadSent()) < 500 + 101)
        }
    }

    @Test("Leaving the loop, letting go of the iterator and cancelling the task stop the function", arguments: 0..<4)
    func stopped(way: Int) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                // Some wait for room, some for the next second.
                let values = child.stream(Count(milliseconds: way == 3 ? 1000 : 0, path: path), window: 1000)
                switch way {
                case 0: for try await value in values where value.value == 100 { break }
                case 1:
                    var iterator: RemoteValues<Count.Number>.Iterator? = values.makeAsyncIterator()
                    _ = try await iterator?.next()
                    iterator = nil
                default:
                    let task = Task {
                        try await failure {
                            for try await _ in values where way == 2 { try? await Task.sleep(for: .milliseconds(1)) }
                        }
                    }
                    try await Task.sleep(for: .milliseconds(100))
                    task.cancel()
                    if way == 3 {
                        #expect(try await within(.milliseconds(500)) { try await task.value }.code == .cancelled)
                    }
                }
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
                #expect(try await child.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("A large value that is given up on its way leaves its room to others")
    func givenUpValue() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let stream = child.stream(GiveUpValues(of: 20_000_000, in: directory))
                let values = try await within(.seconds(30)) {
                    var values: [[UInt8]] = []
                    for try await value in stream {
                        values.append(value)
                        guard value.isEmpty else { continue }
                        // Now this side takes nothing, as its Broker does nothing.
                        router.broker.schedule {
                            try? Files.write([], to: "\(directory)/blocked")
                            for _ in 0..<2000 where Files.text("\(directory)/go") == nil { usleep(5000) }
                        }
                    }
                    return values
                }
                #expect(values == [[], [1]])
            }
        }
    }

    @Test("A value that is not delivered fails the function with the reason, one that is not wanted cancels it")
    func undelivered() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(RegisterCount())
            for (reason, code) in [
                ("out of paper", MitogenError.Code.channelError), (DeadReason.invalidHandle, .cancelled),
            ] {
                // As the stream's values, and its credit, come and go.
                let receiver = try MessageReceiver(router: router)
                let keywords: PickleDictionary = [
                    "stream": ["limit": 100_000, "ballast": 0, "milliseconds": 0, "fails": false],
                    "handle": .int(Int(receiver.handle)), "window": 10_000,
                ]
                let call = Task {
                    try await failure {
                        try await child.call(named: "fixture.count", keywordArguments: keywords, as: Bool.self)
                    }
                }
                let value = try await receiver.get(timeout: .seconds(10))
                try child.send(.dead(reason, handle: value.replyTo))
                let error = try await within(.seconds(10)) { try await call.value }
                #expect(error.code == code)
                #expect(code == .cancelled || error.message.contains(reason))
            }
        }
    }

    @Test("What the function throws comes after all values; then there is nothing more")
    func failing() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "counter" }
            var iterator = child.stream(Count(to: 1000, fails: true), window: 2000).makeAsyncIterator()
            for value in 0..<1000 { #expect(try await iterator.next()?.value == value) }
            let error = try await failure { _ = try await iterator.next() }
            #expect(error.code == .callError)
            #expect(error.message.contains("no numbers left"))
            #expect(error.context == "counter")
            #expect(error.remote?.traceback?.contains("Count") == true)
            #expect(try await iterator.next() == nil)
        }
    }

    @Test("The loss of the context ends the iteration at once, whatever has come before")
    func contextLost() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "doomed" }
            var waiting = child.stream(Count(to: 1, milliseconds: 100_000)).makeAsyncIterator()
            var full = child.stream(Count(), window: 10_000).makeAsyncIterator()
            #expect(try await full.next()?.value == 0)
            _ = try child.startCall(Crash(.kill))
            let error = try await failure { _ = try await waiting.next() }
            #expect(error.code == .channelError)
            #expect(error.context == "doomed")
            #expect(try await failure { while try await full.next() != nil {} }.code == .channelError)
            #expect(try await failure { _ = try await collect(child.stream(Count())) }.code == .channelError)
        }
    }

    @Test("A stream that a function takes ends with the function")
    func callerCancelled() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let call = try child.startCall(CollectFrom(nested, Count(milliseconds: 5, path: path)))
                #expect(try await eventually { try await nested.call(ReadSent()) > 3 })
                call.cancel()
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
            }
        }
    }

    @Test("What cannot be written, read or found is an error of the iteration only")
    func codingFailures() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 100_000
        } _: { router in
            let child = try await router.local { $0.name = "codec" }
            let unwritable = try await failure { _ = try await collect(child.stream(SendBroken(isUnwritable: true))) }
            #expect(unwritable.code == .unencodable)
            #expect(unwritable.message.contains("Value") && unwritable.message.contains("Refusal"))
            let unreadable = try await failure { _ = try await collect(child.stream(SendBroken(isUnwritable: false))) }
            #expect(unreadable.code == .streamError)
            #expect(unreadable.message.contains("SendBroken") && unreadable.message.contains("Value"))
            #expect(unreadable.context == "codec")
            let large = try await failure { _ = try await collect(child.stream(Count(to: 1, ballast: 100_000))) }
            #expect(large.code == .channelError)
            #expect(large.message.contains("max 100000 bytes") && large.message.contains("has 1000"))
            let argument = try await failure { _ = try await collect(child.stream(SendOne(Unwritable()))) }
            #expect(argument.code == .unencodable)
            #expect(argument.message.contains("SendOne") && !argument.message.contains("StreamCall"))
            let undecodable = try await failure { _ = try await collect(child.stream(SendOne(Unreadable()))) }
            #expect(undecodable.code == .callError)
            #expect(undecodable.message.contains("SendOne") && !undecodable.message.contains("StreamCall"))
            let hidden = try await failure { _ = try await collect(child.stream(HiddenStream())) }
            #expect(hidden.code == .misuse)
            #expect(hidden.message.contains("HiddenStream") && !hidden.message.contains("StreamCall"))
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("A peer that sends more than it may is not listened to")
    func overflow() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(RegisterFlood())
            var iterator = child.stream(named: "fixture.flood", as: Int.self, window: 1000).makeAsyncIterator()
            let error = try await failure { while try await iterator.next() != nil {} }
            #expect(error.code == .streamError)
            #expect(error.message.contains("more than it may"))
        }
    }

    @Test("Contexts in values can be used; a context streams from others and from itself")
    func contexts() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let contexts = try await collect(child.stream(AskAll([nested])))
            #expect(contexts == [nested])
            for context in contexts { #expect(try await context.call(Add(1, 2)) == 3) }
            #expect(try await child.call(SumOfOwnStream(limit: 1000)) == 499_500)
            #expect(try await child.call(CollectFrom(nested, Count(to: 10))) == Array(0..<10))
        }
    }

    @Test("A stream is called by the name it is registered with")
    func named() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let arguments: PickleDictionary = ["limit": 3, "ballast": 1, "milliseconds": 0, "fails": false]
            let stream = child.stream(named: "fixture.count", arguments: arguments, as: Count.Number.self)
            #expect(try await failure { _ = try await collect(stream) }.code == .unknownFunction)
            try await child.call(RegisterCount())
            #expect(try await collect(stream).map(\.value) == [0, 1, 2])
        }
    }

    @Test("A stream that takes too long is stopped")
    func timeout() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let values = child.stream(Count(milliseconds: 20, path: path), timeout: .milliseconds(300))
                var count = 0
                let error = try await failure { for try await _ in values { count += 1 } }
                #expect(error.code == .timeoutError)
                #expect(error.message.contains("Count"))
                #expect(1...16 ~= count)
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
            }
        }
    }
}
