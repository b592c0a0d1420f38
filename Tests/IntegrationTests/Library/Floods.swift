//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Synchronization
internal import Testing

extension LibraryTests {
    @Suite("Floods")
    struct Floods {}
}

extension LibraryTests.Floods {
    @Test("Opposite floods over three levels both get on, and a call to a sibling takes less than 50 ms")
    func opposite() async throws {
        try await withFixtureRouter { router in
            let first = try await router.local()
            let second = try await router.local(via: first)
            let third = try await router.local(via: second)
            let sibling = try await router.local()

            // Up: values, in blocks small and large, and what is printed.
            let up = try Receiver<[UInt8]>(router: router)
            let upCount = Mutex(0)
            let taking = Task { for try await block in up { upCount.withLock { $0 += block.count } } }
            let floods = [
                try third.startCall(SendBlocksForever(of: 1000, to: up.makeSender())),
                try third.startCall(SendBlocksForever(of: 1_700_000, to: up.makeSender())),
                try third.startCall(PrintForever()),
            ]
            // Down: blocks that the lowest context takes.
            let introduction = try Receiver<Sender<[UInt8]>>(router: router)
            let sum = try third.startCall(ReceiveBlocks(introduction: introduction.makeSender()))
            let sender = try await introduction.get(timeout: .seconds(10))
            let downCount = Mutex(0)
            let giving = Task {
                let block = [UInt8](repeating: 2, count: 100_000)
                while !Task.isCancelled {
                    try await sender.send(block)
                    downCount.withLock { $0 += block.count }
                }
            }

            var lines = 0
            for _ in 0..<3 {
                let before = (upCount.withLock { $0 }, downCount.withLock { $0 })
                let linesBefore = lines
                var answers: [Duration] = []
                for _ in 0..<20 { answers.append(try await duration { _ = try await sibling.call(Add(1, 2)) }) }
                answers.sort()
                #expect(answers[10] < .milliseconds(50), "\(answers)")
                for context in [first, second, third] {
                    #expect(try await context.call(Add(2, 3), timeout: .seconds(5)) == 5)
                }
                // How much depends on the machine; that it goes on does not.
                let moved = try await eventually(within: .seconds(20)) {
                    lines = CapturedLog.count
                    let now = (upCount.withLock { $0 }, downCount.withLock { $0 })
                    return now.0 > before.0 + 100_000 && now.1 > before.1 + 100_000 && lines > linesBefore
                }
                #expect(moved, "\(upCount.withLock { $0 }) bytes up, \(downCount.withLock { $0 }) down, \(lines) lines")
            }
            giving.cancel()
            for flood in floods { flood.cancel() }
            _ = try? await giving.value
            sender.close()
            let arrived = try await sum.get(timeout: .seconds(20))
            #expect(arrived == downCount.withLock { $0 })
            taking.cancel()
            CapturedLog.forgetOutput()
        }
    }
}
