//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Targets that take little or nothing", .timeLimit(.minutes(3)))
    struct SlowTargets {}
}

/// Sends the items of a transfer to a receiver that says nothing about them.
private struct SenderSink: FileSink {
    let sender: Sender<FileItem>

    var hasReaders: Bool { true }
    func wantsData(of entry: Int) -> Bool { true }
    func offset(of entry: Int) async throws(MitogenError) -> Int? { 0 }
    func send(_ item: FileItem) async throws(MitogenError) { try await sender.send(item) }
}

/// What some processes take of the machine's memory, before and after.
private struct MemoryWatch {
    private let pids: [Int32]
    private let before: [Int]

    init(_ pids: [Int32]) {
        self.pids = pids
        before = pids.map(Self.resident)
    }

    /// By how many bytes each has grown.
    var growth: [Int] { zip(pids, before).map { Self.resident($0) - $1 } }

    private static func resident(_ pid: Int32) -> Int {
        let words = (Files.text("/proc/\(pid)/statm") ?? "").split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
    }
}

extension LibraryTests.SlowTargets {
    @Test("While a target stands still, neither side's memory grows, and calls to others take no longer")
    func memory() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 300 << 20)
            try await withFixtureRouter { router in
                let hop = try await router.local()
                let (slow, other) = (try await router.local(via: hop), try await router.local(via: hop))
                let (hopID, pid) = (try await hop.call(ProcessID()), try await slow.call(ProcessID()))
                let progress = TransferProgress()
                var push = FilePush("\(folder)/a", to: "\(folder)/b")
                push.progress = progress
                async let reports = push.run(on: [slow])
                #expect(try await eventually { progress.state.bytes > 8 << 20 })
                let watch = MemoryWatch([getpid(), hopID])
                try await Processes.stop(pid)
                try await Task.sleep(for: .seconds(1))
                var slowest = Duration.zero
                for _ in 0..<20 {
                    slowest = max(slowest, try await duration { _ = try await other.call(Add(1, 2)) })
                }
                let growth = watch.growth
                kill(pid, SIGCONT)
                let report = try #require(try await reports.first)
                #expect(report.isComplete && report.failures.isEmpty)
                #expect(growth.allSatisfy { $0 < 32 << 20 }, "\(growth)")
                #expect(slowest < .milliseconds(200))
            }
        }
    }

    @Test(
        "Readers of 1 KiB/s, in both directions of two links: no process grows, and small calls on them take no longer"
    )
    func slowReaders() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: LongTests.pick(64 << 20, long: 2 << 30))
            try await withFixtureRouter { router in
                let hop = try await router.local()
                let far = try await router.local(via: hop)
                for number in 0..<200 { _ = try await far.call(Add(number, 1)) }
                let watch = MemoryWatch([getpid(), try await hop.call(ProcessID()), try await far.call(ProcessID())])

                var progress = far.stream(TakeSlowly(bytesPerSecond: 1024)).makeAsyncIterator()
                let handle = Handle(try #require(try await progress.next()))
                let sink = SenderSink(sender: Sender(to: far, handle: handle))
                let pushing = Task {
                    try await FileSource(roots: [Array("\(folder)/a".utf8)], options: FileTransferOptions())
                        .send(to: sink)
                }
                let reading = Task {
                    _ = try await far.run(["cat", "\(folder)/a"]) { piece in
                        do {
                            try await Task.sleep(for: .seconds(1) * piece.bytes.count / 1024)
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                // Both have sent what they may.
                try await Task.sleep(for: .seconds(1))
                var times: [Duration] = []
                var growth = watch.growth
                let end = ContinuousClock.now + LongTests.pick(.seconds(3), long: .seconds(40))
                while ContinuousClock.now < end {
                    times.append(try await duration { _ = try await far.call(Add(1, 2)) })
                    growth = zip(growth, watch.growth).map { max($0, $1) }
                    try await Task.sleep(for: .milliseconds(5))
                }
                pushing.cancel()
                reading.cancel()
                _ = await (pushing.result, reading.result)
                times.sort()
                let late = times[times.count * 99 / 100]
                print("readers of 1 KiB/s: \(times.count) calls, p99 \(late), grown by \(growth.map { $0 >> 10 }) KiB")
                #expect(growth.allSatisfy { $0 < 32 << 20 }, "\(growth)")
                // A debug build on processors that are shared with whatever else runs has more time.
                #expect(late < LongTests.pick(.milliseconds(250), long: .milliseconds(50)), "\(late)")
            }
        }
    }
}
