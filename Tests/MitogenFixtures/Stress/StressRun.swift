//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import Mitogen
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Many contexts that call, stream and send at the same time while some of them are killed; then nothing may be left.
enum StressRun {
    private static let size = 50
    private static let workerCount = 24
    /// Nothing that a worker does stands still for so long, unless it waits for ever.
    private static let patience = Duration.seconds(50)

    /// - Parameter arguments: For how many seconds, and the seed.
    static func run(_ arguments: [String]) -> Never {
        let seconds = arguments.first.flatMap { Int($0) } ?? 10
        let seed = arguments.dropFirst().first.flatMap { UInt64($0) } ?? .random(in: 0...999_999)
        FixtureMaster.say("seed \(seed)")
        // As in the leak check, the main thread only waits.
        var ends: [Int32] = [0, 0]
        _ = cmitogen_pipe(&ends, false)
        let finished = ends[1]
        Task {
            var status: UInt8 = await check(seconds: seconds, seed: seed) ? 0 : 1
            _ = write(finished, &status, 1)
        }
        var status: UInt8 = 1
        _ = read(ends[0], &status, 1)
        exit(Int32(status))
    }

    private static func check(seconds: Int, seed: UInt64) async -> Bool {
        try? Mitogen.bootstrapLogging(level: .critical)
        try? await Task.sleep(for: .milliseconds(1))
        let before = await LeakCheck.Inventory.settled()
        let journal = StressJournal()
        var pids: [Int32] = []
        do {
            pids = try await work(journal, until: .now + .seconds(seconds), seed: seed)
        } catch {
            journal.complain("the work failed: \(error)")
        }
        FixtureMaster.say(journal.summary)
        // Every kind has come to its end in a run of some seconds, or it tests nothing.
        if seconds >= 5, journal.successes.count < StressWorker.kindCount {
            journal.complain("some kinds of work were never done")
        }
        await checkRest(before, pids, journal)
        for complaint in journal.complaints { FixtureMaster.say("WRONG: \(complaint)") }
        if journal.complaints.isEmpty { FixtureMaster.say("clean") }
        return journal.complaints.isEmpty
    }

    private static func work(
        _ journal: StressJournal,
        until end: ContinuousClock.Instant,
        seed: UInt64
    ) async throws -> [Int32] {
        try await withRouter { router in
            let stock = TakeStock.Report(of: router)
            let forest = StressForest(router: router, size: size)
            // Unstructured, because it ends with the work, which does not wait for it.
            let watchdog = Task { await watch(journal, router) }
            defer { watchdog.cancel() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<workerCount {
                    group.addTask {
                        var worker = StressWorker(number: number, forest: forest, journal: journal, seed: seed)
                        await worker.run(until: end)
                    }
                }
                for number in 0..<3 {
                    group.addTask { try await plant(forest, until: end, seed: seed &+ UInt64(1000 + number)) }
                }
                group.addTask { try await cut(forest, until: end, seed: seed &+ 2000) }
                try await group.waitForAll()
            }
            FixtureMaster.say("\(forest.members.count) of \(forest.pids.count) contexts are left")
            try await comeToRest(forest, stock, journal)
            return forest.pids
        }
    }

    /// Keeps up the number of contexts.
    private static func plant(_ forest: StressForest, until end: ContinuousClock.Instant, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        while ContinuousClock.now < end {
            if try await !forest.plant(&random) { try await Task.sleep(for: .milliseconds(20)) }
        }
    }

    /// Kills contexts, and asks some to end.
    private static func cut(_ forest: StressForest, until end: ContinuousClock.Instant, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(random.below(600)))
            if random.once(in: 4) { try await forest.shutDown(&random) } else { forest.kill(&random) }
        }
    }

    /// Ends the process, with what there is to say about it, when something waits for ever.
    private static func watch(_ journal: StressJournal, _ router: Router) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            let stuck = journal.stuck(after: patience)
            guard !stuck.isEmpty else { continue }
            for text in stuck + journal.complaints { FixtureMaster.say("WRONG: \(text)") }
            FixtureMaster.say("\(router.dump())")
            exit(2)
        }
    }

    // MARK: The end

    /// When all work is done, no context holds anything of it.
    private static func comeToRest(
        _ forest: StressForest,
        _ stock: TakeStock.Report,
        _ journal: StressJournal
    ) async throws {
        // From below, so that those that stay have no children any more.
        while let member = forest.members.max(by: { $0.depth < $1.depth }), member.depth > 1 {
            try await forest.shutDown(member)
        }
        let fresh = try await forest.router.local()
        // From the first command on a context has a pipe to the guard of its commands.
        _ = try await fresh.run(["true"])
        let expected = try await fresh.call(TakeStock())
        for member in forest.members {
            _ = try await member.context.run(["true"])
            try await expect(expected, "context \(member.context.id)", journal) {
                try await member.context.call(TakeStock())
            }
        }
        for member in forest.members { try await forest.shutDown(member) }
        try await fresh.shutdown(waits: true, timeout: .seconds(20))
        try await expect(stock, "the master", journal) { TakeStock.Report(of: forest.router) }
    }

    private static func expect(
        _ expected: TakeStock.Report,
        _ name: String,
        _ journal: StressJournal,
        _ take: () async throws -> TakeStock.Report
    ) async throws {
        var report = try await take()
        for _ in 0..<100 where report != expected {
            try await Task.sleep(for: .milliseconds(50))
            report = try await take()
        }
        if report != expected { journal.complain("\(name) has \(report), not \(expected)") }
    }

    /// When the router has ended, the process holds what it held before, and no context is left.
    private static func checkRest(_ before: LeakCheck.Inventory, _ pids: [Int32], _ journal: StressJournal) async {
        var after = LeakCheck.Inventory()
        var running = pids
        for turn in 0..<240 {
            after = LeakCheck.Inventory()
            // Local contexts make no files; those of other programs come and go.
            after.temporaryFiles = before.temporaryFiles
            running = pids.filter { kill($0, 0) == 0 }
            if after == before, running.isEmpty { return }
            // Threads of functions stay for a while in case another one is called.
            if turn >= 100, !after.hasOnlyMoreFunctionThreads(than: before) || !running.isEmpty { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        if after != before { journal.complain("before: \(before)\nafter: \(after)") }
        if !running.isEmpty { journal.complain("the processes \(running) are left") }
    }
}
