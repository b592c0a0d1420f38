//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import Synchronization

/// The fixture as a master whose child sends it very many streams at once: tells how small calls on the same link are
/// served, how much memory both take, and how equal the streams' shares are.
enum BusyLink {
    static func run(streams: Int, seconds: Int, _ router: Router) async throws {
        let child = try await router.local()
        for number in 0..<200 { _ = try await child.call(Add(number, 1)) }
        let before = (own: Withstand.residentKilobytes, child: try await child.call(ResidentMemory()))
        let counts = (0..<streams).map { _ in Counter() }
        // Unstructured, because the streams have no end of their own.
        let followers = counts.map { counter in Task { await follow(child, counter) } }
        try await Task.sleep(for: .seconds(1))
        for counter in counts { counter.restart() }
        try await measure(child, seconds: seconds, before)
        tell(counts)
        for follower in followers { follower.cancel() }
        for follower in followers { await follower.value }
    }

    private static func tell(_ counts: [Counter]) {
        let shares = counts.map { $0.value }
        let total = shares.reduce(0, +)
        FixtureMaster.say("values \(total)")
        FixtureMaster.say("least-percent \((shares.min() ?? 0) * shares.count * 100 / max(1, total))")
        FixtureMaster.say("most-percent \((shares.max() ?? 0) * shares.count * 100 / max(1, total))")
    }

    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .relaxed) }
        func add() { count.wrappingAdd(1, ordering: .relaxed) }
        func restart() { count.store(0, ordering: .relaxed) }
    }

    private static func follow(_ child: Context, _ counter: Counter) async {
        var values = child.stream(Count(ballast: 4096)).makeAsyncIterator()
        while (try? await values.next()) != nil { counter.add() }
    }

    private static func measure(_ child: Context, seconds: Int, _ before: (own: Int, child: Int)) async throws {
        var times: [Duration] = []
        var (own, other) = (0, 0)
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let start = ContinuousClock.now
            _ = try await child.call(Add(1, 2))
            times.append(ContinuousClock.now - start)
            own = max(own, Withstand.residentKilobytes)
            other = max(other, try await child.call(ResidentMemory()))
            try await Task.sleep(for: .milliseconds(5))
        }
        times.sort()
        FixtureMaster.say("calls \(times.count)")
        FixtureMaster.say("median-us \(Int(times[times.count / 2] / .microseconds(1)))")
        FixtureMaster.say("p99-us \(Int(times[times.count * 99 / 100] / .microseconds(1)))")
        FixtureMaster.say("grown-kb \(own - before.own)")
        FixtureMaster.say("child-grown-kb \(other - before.child)")
    }
}

/// What the context takes of its machine's memory, in kilobytes.
public struct ResidentMemory: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int { Withstand.residentKilobytes }
}
