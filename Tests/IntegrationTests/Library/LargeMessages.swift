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
    @Suite("Large messages")
    struct LargeMessages {}
}

extension LibraryTests.LargeMessages {
    @Test("Arguments and results of any size get there whole, through several contexts")
    func calls() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for count in [MessagePart.threshold - 100, MessagePart.threshold + 1, 9_876_543] {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                #expect(try await nested.call(Echo(bytes)) == bytes)
            }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let bytes = [UInt8](repeating: UInt8(number), count: 1_500_000 + number)
                        return try await nested.call(Echo(bytes)) == bytes
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test("A channel takes values that are larger than a message, also between siblings")
    func channels() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 1 << 20
        } _: { router in
            let (left, right) = (try await router.local(), try await router.local())
            let nested = try await router.local(via: left)
            for context in [left, nested] {
                let blocks = try Receiver<[UInt8]>(router: router)
                try context.callNoReply(SendBlocks(3, of: 5_000_000, to: blocks.makeSender()))
                var count = 0
                for try await block in blocks {
                    #expect(block == [UInt8](repeating: UInt8(count), count: 5_000_000))
                    count += 1
                }
                #expect(count == 3)
            }
            let introduction = try Receiver<Sender<[UInt8]>>(router: router)
            let sum = try right.startCall(ReceiveBlocks(introduction: introduction.makeSender()))
            try await nested.call(SendBlocks(2, of: 3_000_000, to: try await introduction.get()))
            #expect(try await sum.get() == 6_000_000)
            // What a call takes has the limit of a message.
            let tooLarge = try await failure { try await left.call(Echo([UInt8](repeating: 1, count: 2 << 20))) }
            #expect(tooLarge.code == .channelError && tooLarge.message.contains("message too large"))
            let result = try await failure { try await left.call(MakeBytes(2 << 20)) }
            #expect(result.code == .channelError && result.message.contains("message too large"))
        }
    }

    @Test("A receiver refuses values that are too large for it")
    func valueLimit() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let blocks = try Receiver<[UInt8]>(router: router, valueLimit: 2_000_000)
            let error = try await failure {
                try await child.call(SendBlocks(1, of: 3_000_000, to: blocks.makeSender()))
            }
            #expect(error.message.contains("too large"), "\(error)")
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("Time and cancellation count while a large message is on its way, or waits for room")
    func limits() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            try await Processes.stop(pid)
            defer { kill(pid, SIGCONT) }
            for count in [200_000, 30_000_000] {
                // Beyond this nothing more is queued for it.
                for _ in 0..<50 { try child.callNoReply(Echo([UInt8](repeating: 1, count: 100_000))) }
                let bytes = [UInt8](repeating: 2, count: count)
                let time = try await duration {
                    let late = try await failure { try await child.call(Echo(bytes), timeout: .milliseconds(300)) }
                    #expect(late.code == .timeoutError)
                    let task = Task { try await child.call(Echo(bytes)) }
                    try await Task.sleep(for: .milliseconds(100))
                    task.cancel()
                    let cancelled = try await failure { try await task.value }
                    #expect(cancelled.code == .cancelled)
                }
                #expect(time < .seconds(10))
            }
            kill(pid, SIGCONT)
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("Cancelling a send ends it, also while the other side does nothing, and what was not sent does not arrive")
    func cancelledSend() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let introduction = try Receiver<Sender<[UInt8]>>(router: router)
            let sum = try child.startCall(ReceiveBlocks(introduction: introduction.makeSender()))
            let sender = try await introduction.get(timeout: .seconds(10))
            // So that the receiver is known. More than this cannot be under way at once.
            let small = [UInt8](repeating: 1, count: MessagePart.threshold + 1)
            try await sender.send(small)
            let pid = try await child.call(ProcessID())
            try await Processes.stop(pid)
            defer { kill(pid, SIGCONT) }
            for count in [MessagePart.threshold + 1, 20_000_000] {
                let task = Task { try await failure { try await sender.send([UInt8](repeating: 2, count: count)) } }
                try await Task.sleep(for: .milliseconds(200))
                task.cancel()
                #expect(try await within(.seconds(5)) { try await task.value }.code == .cancelled)
            }
            kill(pid, SIGCONT)
            try await sender.send([1, 2, 3])
            sender.close()
            #expect(try await sum.get(timeout: .seconds(20)) == small.count + 3)
        }
    }

    @Test(
        "A value whose send was cancelled when all of it was under way arrives before what comes after it",
        arguments: [true, false]
    )
    func cancelledDrain(closesAtOnce: Bool) async throws {
        let executable = [try Fixture.path, "raw-child", "keeps-credit"]
        try await withFixtureRouter {
            $0.maxMessageSize = 500_000
        } _: { router in
            let texts = Mutex<[String]>([])
            try router.addHandler(at: 2000) { message in
                texts.withLock { $0.append(String(decoding: message.data, as: UTF8.self)) }
            }
            let child = try await router.local { $0.executable = executable }
            let sender = Sender<[UInt8]>(to: child, handle: 3000)
            let task = Task { try await sender.send([UInt8](repeating: 1, count: 900_000)) }
            #expect(try await eventually { texts.withLock { $0.last?.hasPrefix("large") == true } })
            // It has all of it, and has not said so.
            task.cancel()
            try await within(.seconds(5)) { try await task.value }
            let next = Task { if !closesAtOnce { try await sender.send([1, 2, 3]) } }
            if closesAtOnce { sender.close() }
            try await Task.sleep(for: .milliseconds(200))
            #expect(texts.withLock { $0.count } == 1)
            try child.send(Message(handle: 3001))
            try await within(.seconds(10)) { try await next.value }
            let expected = closesAtOnce ? "closed" : "small"
            #expect(try await eventually { texts.withLock { $0.dropFirst() } == [expected] })
        }
    }

    /// A context that has begun a large message and does not go on with it, and one whose message then waits for that.
    private func withHalfMessage(
        _ configure: (inout RouterConfiguration) -> Void,
        _ body: (_ half: Context, _ waiting: PendingCall<[UInt8]>) async throws -> Void
    ) async throws {
        let executable = [try Fixture.path, "raw-child", "half-a-message"]
        try await withFixtureRouter {
            $0.maxMessageSize = 4 << 20
            $0.shutdownTimeout = .seconds(1)
            configure(&$0)
        } _: { router in
            try router.addHandler(at: 2000) { _ in }
            let between = try await router.local()
            let half = try await router.local(via: between) { $0.executable = executable }
            let other = try await router.local(via: between)
            try half.send(Message(handle: 1))
            // Both come by one stream, so the part is there before this answer.
            #expect(try await other.call(Add(1, 2)) == 3)
            let waiting = try other.startCall(MakeBytes(3_000_000))
            let error = try await failure { try await waiting.get(timeout: .milliseconds(200)) }
            #expect(error.code == .timeoutError, "it does not wait")
            try await body(half, waiting)
        }
    }

    @Test("A large message that waits for another goes on when the sender of that is gone")
    func nextAfterLoss() async throws {
        try await withHalfMessage { _ in
        } _: { half, waiting in
            try half.send(Message(handle: 2))
            let bytes = try await waiting.get(timeout: .seconds(10))
            #expect(bytes.count == 3_000_000)
        }
    }

    @Test("A large message that waits for another goes on when that does not")
    func nextAfterStall() async throws {
        try await withHalfMessage {
            $0.stallLimit = .seconds(1)
        } _: { _, waiting in
            let bytes = try await waiting.get(timeout: .seconds(10))
            #expect(bytes.count == 3_000_000)
        }
    }

    @Test("Whoever waits for an answer that finds the way full is told")
    func fullWay() async throws {
        try await withFixtureRouter {
            $0.mostQueued = 1 << 20
        } _: { router in
            let (caller, callee) = (try await router.local(), try await router.local())
            try await callee.call(AnswerAtLength(at: 3000, 300_000))
            let isAsked = OneShot<Void>()
            try router.addHandler(at: 2000) { _ in isAsked.resolve(.success(())) }
            let pids = [try await caller.call(ProcessID()), try await callee.call(ProcessID())]
            try await Processes.stop(pids[1])
            defer { for pid in pids { kill(pid, SIGCONT) } }
            let answers = try caller.startCall(AskMany(20, of: callee.id, at: 3000, tells: 2000))
            try await within(.seconds(10)) { try await isAsked.value() }
            try await Processes.stop(pids[0])
            kill(pids[1], SIGCONT)
            // It has answered all before this.
            #expect(try await callee.call(Add(1, 2)) == 3)
            kill(pids[0], SIGCONT)
            let reasons = try await answers.get(timeout: .seconds(10))
            #expect((10...18).contains(reasons.count), "\(reasons.count)")
            #expect(Set(reasons) == ["too much waits to be written on the way to context \(caller.id)"])
        }
    }

    @Test("A context that is killed while large messages are on their way ends them, on both sides")
    func killed() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let pid = try await nested.call(ProcessID())
            try await Processes.stop(pid)
            let call = Task { try await nested.call(Echo([UInt8](repeating: 1, count: 30_000_000))) }
            try await Task.sleep(for: .milliseconds(200))
            kill(pid, SIGKILL)
            let error = try await within(.seconds(20)) { try await failure { try await call.value } }
            #expect(error.code == .channelError)
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }
}
