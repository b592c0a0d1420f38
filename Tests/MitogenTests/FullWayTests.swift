//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import MitogenTesting
internal import Synchronization
internal import Testing

/// What is on its way to a context that reads nothing, until too much of it waits before that context.
@Suite("What finds its way full", .timeLimit(.minutes(1)))
struct FullWayTests {
    private static let ballast = [UInt8](repeating: 1, count: 100_000)

    private var configuration: RouterConfiguration {
        var configuration = RouterConfiguration()
        configuration.mostQueued = 250_000
        return configuration
    }

    /// A router that does nothing until ``end()``.
    private final class Standstill: Sendable {
        private let isOver = Atomic<Bool>(false)

        init(of router: Router) {
            router.broker.schedule { while !self.isOver.load(ordering: .relaxed) { usleep(1000) } }
        }

        func end() { isOver.store(true, ordering: .relaxed) }
    }

    private func failure(of body: () async throws -> Void) async -> MitogenError? {
        await #expect(throws: MitogenError.self) { try await body() }
    }

    /// Waits until a file is there.
    private func wait(for path: String) async throws {
        for _ in 0..<10_000 where access(path, F_OK) != 0 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(unlink(path) == 0)
    }

    private func marker(_ name: String) -> String { "/tmp/mitogen-full-way-\(getpid())-\(name)" }

    @Test("The caller of a stream is told of a lost value, also if its function has returned")
    func stream() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let standstill = Standstill(of: tree.router)
            defer { standstill.end() }
            let path = marker("stream")
            let values = nested.context.stream(Count(to: 9, ballast: 100_000, path: path), timeout: .seconds(20))
            let task = Task { await failure { for try await _ in values {} } }
            try await wait(for: path)
            standstill.end()
            let error = try #require(await task.value)
            #expect(error.code == .channelError && error.message.contains("too much waits"), "\(error)")
        }
    }

    @Test("A receiver is told of a lost value before the end of the channel")
    func channel() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let taker = try await tree.start("taker")
            let receiver = try Receiver<[UInt8]>(router: taker.router)
            let standstill = Standstill(of: taker.router)
            defer { standstill.end() }
            for _ in 0..<5 { try taker.context.send(Message(handle: 4242, data: Self.ballast)) }
            try await tree.context.call(SendBlocks(1, of: 1000, to: receiver.makeSender()))
            standstill.end()
            let error = try #require(await failure { for try await _ in receiver {} })
            #expect(error.code == .channelError && error.message.contains("too much waits"), "\(error)")
        }
    }

    @Test("A run is told of lost output of its command, also if that has ended")
    func output() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let path = marker("output")
            let standstill = Standstill(of: tree.router)
            defer { standstill.end() }
            let task = Task {
                await failure {
                    let script = "head -c 900000 /dev/zero; touch \(path)"
                    _ = try await nested.context.run(["sh", "-c", script], timeout: .seconds(20))
                }
            }
            try await wait(for: path)
            standstill.end()
            let error = try #require(await task.value)
            #expect(error.code == .channelError && error.message.contains("too much waits"), "\(error)")
        }
    }

    @Test("A run is told of lost credit for its command's output, which waits for it")
    func credit() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let (isRead, isLost) = (OneShot<Void>(), OneShot<Void>())
            let task = Task {
                await failure {
                    // More than its window, and never much at once.
                    let script = "while :; do head -c 30000 /dev/zero; sleep 0.005; done"
                    try await nested.context.withOutput(of: ["sh", "-c", script], timeout: .seconds(20)) { output in
                        for try await _ in output {
                            guard isRead.resolve(.success(())) else { continue }
                            try await isLost.value()
                        }
                    }
                }
            }
            try await isRead.value()
            // Once the window is used up nothing comes without credit.
            var (before, now) = (-1, 0)
            while before != now {
                before = now
                try await Task.sleep(for: .milliseconds(300))
                now = link(of: tree, to: nested.context.id)?.bytesReceived ?? 0
            }
            #expect(now > 500_000)
            let standstill = Standstill(of: nested.router)
            defer { standstill.end() }
            // Small messages, such as credit, have more room than others.
            for _ in 0..<20 { try nested.context.send(Message(handle: 4242, data: Self.ballast)) }
            for _ in 0..<5000 {
                try nested.context.send(Message(handle: 4242, data: [UInt8](repeating: 1, count: 200)))
            }
            _ = try await tree.context.call(Add(1, 2))
            isLost.resolve(.success(()))
            let error = try #require(await task.value)
            #expect(error.code == .channelError && error.message.contains("too much waits"), "\(error)")
        }
    }

    /// Has so much wait between the router of the tree's node and a router below it that a value is lost there.
    private func fill(_ tree: TestTree, towards nested: TestNode) async throws {
        // More than fits: what comes when it is full is lost. Some may be read before the other end stands still.
        for _ in 0..<12 { try nested.context.send(Message(handle: 4242, data: Self.ballast)) }
        // The same way, so that it comes behind them.
        _ = try await tree.context.call(Add(1, 2))
    }

    /// Has input sent, and waits until the router of the tree's node has read it.
    private func lose(_ count: Int, by input: AsyncStream<[UInt8]>.Continuation, in tree: TestTree) async throws {
        var bytesReceived: Int { link(of: tree, to: 0)?.bytesReceived ?? 0 }
        let before = bytesReceived
        input.yield([UInt8](repeating: 2, count: count))
        while bytesReceived < before + count { try await Task.sleep(for: .milliseconds(1)) }
        try await Task.sleep(for: .milliseconds(20))
    }

    private func drain(_ tree: TestTree, towards nested: TestNode) async throws {
        while link(of: tree, to: nested.context.id)?.bytesQueued ?? 0 > 0 {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// The link between the tree's node and another context.
    private func link(of tree: TestTree, to id: ContextID) -> Router.Dump.StreamEntry? {
        tree.node.router.dump().streams.first { $0.contextID == id }
    }

    @Test("A command does not take input with a hole for the whole, whatever its caller learns of the hole")
    func hole() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
            let names = ["begun", "ended", "whole"].map { marker("hole-\($0)") }
            let task = Task {
                await failure {
                    let script =
                        "trap 'touch \(names[1]); exit' TERM; read line; touch \(names[0]); cat; touch \(names[2])"
                    _ = try await nested.context.run(
                        ["sh", "-c", script],
                        stdin: .stream(pieces),
                        timeout: .seconds(20)
                    )
                }
            }
            continuation.yield(Array("begin\n".utf8))
            try await wait(for: names[0])
            let standstill = Standstill(of: nested.router)
            defer { standstill.end() }
            try await fill(tree, towards: nested)
            // The news of the loss is not read before the rest is sent.
            let caller = Standstill(of: tree.router)
            defer { caller.end() }
            try await lose(1000, by: continuation, in: tree)
            standstill.end()
            try await drain(tree, towards: nested)
            continuation.yield([UInt8](repeating: 3, count: 1000))
            continuation.finish()
            try await wait(for: names[1])
            #expect(access(names[2], F_OK) != 0)
            caller.end()
            let error = try #require(await task.value)
            #expect(error.message.contains("too much waits"), "\(error)")
        }
    }

    @Test("A run goes well although input was lost that its command did not want any more")
    func unwantedInput() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
            let names = ["begun", "lost"].map { marker("unwanted-\($0)") }
            let script = "exec <&-; touch \(names[0]); while [ ! -e \(names[1]) ]; do sleep 0.01; done; echo well"
            async let result = nested.context.run(
                ["sh", "-c", script],
                stdin: .stream(pieces),
                timeout: .seconds(20)
            )
            try await wait(for: names[0])
            let standstill = Standstill(of: nested.router)
            defer { standstill.end() }
            try await fill(tree, towards: nested)
            try await lose(1000, by: continuation, in: tree)
            // It takes the same way, so the news of the loss is here when it has come back.
            _ = try await tree.context.call(Add(1, 2))
            standstill.end()
            try await drain(tree, towards: nested)
            _ = try await nested.context.call(Add(1, 2))
            try #require(mkfifo(names[1], 0o600) == 0)
            #expect(try await result.outputText == "well\n")
            unlink(names[1])
        }
    }

    @Test("A run is told of lost input of its command")
    func input() async throws {
        try await withTestTree(configuration: configuration) { tree in
            let nested = try await tree.start("nested", below: tree.node)
            let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
            let path = marker("input")
            let task = Task {
                await failure {
                    let script = "read line; touch \(path); cat"
                    _ = try await nested.context.run(
                        ["sh", "-c", script],
                        stdin: .stream(pieces),
                        timeout: .seconds(20)
                    )
                }
            }
            continuation.yield(Array("begin\n".utf8))
            try await wait(for: path)
            let standstill = Standstill(of: nested.router)
            defer { standstill.end() }
            try await fill(tree, towards: nested)
            try await lose(1000, by: continuation, in: tree)
            standstill.end()
            let error = try #require(await task.value)
            #expect(error.code == .channelError && error.message.contains("too much waits"), "\(error)")
        }
    }
}
