//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Synchronization
import Testing

@testable import MitogenCLI

@Suite("Input for several targets")
struct InputBroadcastTests {
    /// A source of numbered pieces that counts how often it is read.
    final class Source: Sendable {
        private let next = Mutex(0)
        private let limit: Int

        init(_ limit: Int) {
            self.limit = limit
        }

        var reads: Int { self.next.withLock { $0 } }

        func read() -> [UInt8]? {
            self.next.withLock { next in
                next += 1
                return next <= self.limit ? [UInt8(next)] : nil
            }
        }
    }

    @Test("Every target gets everything")
    func all() async {
        let source = Source(200)
        let broadcast = InputBroadcast(targets: 3) { source.read() }
        await withTaskGroup(of: [UInt8].self) { group in
            for target in 0..<3 {
                group.addTask { await broadcast.stream(for: target).reduce(into: []) { $0 += $1 } }
            }
            for await bytes in group { #expect(bytes == Array(1...200)) }
        }
        #expect(source.reads == 201)
    }

    @Test("Nothing is read that not every target can take, and nothing at all before it is asked for")
    func pressure() async throws {
        let source = Source(200)
        let broadcast = InputBroadcast(targets: 2) { source.read() }
        try await Task.sleep(for: .milliseconds(20))
        #expect(source.reads == 0)
        var first = broadcast.stream(for: 0).makeAsyncIterator()
        var second = broadcast.stream(for: 1).makeAsyncIterator()
        #expect(await first.next() == [1])
        #expect(source.reads == 1)
        let waiting = Task { await broadcast.stream(for: 0).first { _ in true } }
        try await Task.sleep(for: .milliseconds(20))
        #expect(source.reads == 1)
        #expect(await second.next() == [1])
        async let more = second.next()
        #expect(await waiting.value == [2])
        #expect(await more == [2])
    }

    @Test("A target that leaves holds up nobody, and gets no more")
    func leaving() async {
        let source = Source(3)
        let broadcast = InputBroadcast(targets: 2) { source.read() }
        let waiting = Task { await broadcast.stream(for: 0).reduce(into: []) { $0 += $1 } }
        broadcast.leave(1)
        #expect(await waiting.value == [1, 2, 3])
        var gone = broadcast.stream(for: 1).makeAsyncIterator()
        #expect(await gone.next() == nil)
    }

    @Test("A wait for input that does not come can be cancelled")
    func cancelling() async {
        let broadcast = InputBroadcast(targets: 2) { [1] }
        let waiting = Task { await broadcast.stream(for: 0).reduce(into: []) { $0 += $1 } }
        waiting.cancel()
        #expect(await waiting.value.count <= 1)
    }
}
