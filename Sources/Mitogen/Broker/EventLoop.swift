//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What only the Broker's thread touches: the poller, what is watched, the timers, and a job for after the turn.
final class EventLoop<SomePoller: Poller & ~Copyable>: @unchecked Sendable {
    // Sendable because only the thread that has acquired the Broker's loop uses it; acquiring and releasing order the
    // accesses of different threads (see `Broker.acquire()`).
    // What a turn uses is `@exclusivity(unchecked)`: it is one thread's, and no access lasts while a handler runs. The
    // checks were 500 instructions of each call.

    private struct Watch {
        let side: Broker.Side
        var interest: Broker.Readiness
    }

    @exclusivity(unchecked) private var poller: SomePoller
    private let wakeDescriptor: Int32
    @exclusivity(unchecked) private var watches: [UInt64: Watch] = [:]
    private var tokens: [ObjectIdentifier: UInt64] = [:]
    private var nextToken: UInt64 = 1
    @exclusivity(unchecked) private var timers = TimerHeap()
    @exclusivity(unchecked) private var ready: [(UInt64, Broker.Readiness)] = []
    /// What a handler of this turn has asked not to be told of any more. Asking itself waits for its turn, behind what
    /// other threads have handed in.
    @exclusivity(unchecked) private var muted: [UInt64: Broker.Readiness] = [:]
    /// A job of a function that became ready during this turn and is to run on this thread after it.
    @exclusivity(unchecked) var inlineJob: UnownedJob?
    /// Whether the last events came soon after the wait for them had begun.
    @exclusivity(unchecked) private var expectsSoon = false
    private let hasSpareProcessor = cmitogen_processor_count() > 1
    /// Longer than it takes to wake a processor, or both sides of an exchange would always just have gone to sleep.
    private static var spinTime: Int64 { 200_000 }
    /// Giving the processor up takes longer than this only if somebody else ran.
    private static var longestYield: Int64 { 10_000 }
    /// How many jobs are not to be kept for this thread, because one of them has held up the loop.
    @exclusivity(unchecked) var inlinePenalty = 0
    /// What sides read into: upstream's CHUNK_SIZE.
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 64)

    init(poller: consuming SomePoller, wakeDescriptor: Int32) throws(MitogenError) {
        self.poller = poller
        self.wakeDescriptor = wakeDescriptor
        try self.poller.set(.readable, for: wakeDescriptor, token: 0)
    }

    deinit {
        scratch.deallocate()
    }

    /// Whether something is going on that a shutdown waits for.
    var keepsAlive: Bool {
        timers.hasActive
            || watches.values.contains {
                $0.side.keepsAlive && $0.interest.contains(.readable)
            }
    }

    func watch(_ side: Broker.Side, adding: Broker.Readiness, removing: Broker.Readiness) {
        if let token = tokens[ObjectIdentifier(side)] {
            guard var watch = watches[token] else { return }
            let interest = watch.interest.subtracting(removing).union(adding)
            guard interest != watch.interest else { return }
            watch.interest = interest
            watches[token] = watch
            apply(interest, to: side, token: token)
        } else if !adding.isEmpty, !side.isClosed.load(ordering: .relaxed) {
            let token = nextToken
            nextToken += 1
            tokens[ObjectIdentifier(side)] = token
            watches[token] = Watch(side: side, interest: adding)
            apply(adding, to: side, token: token)
        }
    }

    private func apply(_ interest: Broker.Readiness, to side: Broker.Side, token: UInt64) {
        do throws(MitogenError) {
            try poller.set(interest, for: side.descriptor, token: token)
        } catch {
            // A descriptor that cannot be watched (a file, a closed number) is as good as gone: its owner finds out
            // by reading it.
            ready.append((token, .hangup))
        }
    }

    /// Lets go of a side and closes its descriptor.
    func close(_ side: Broker.Side) {
        side.isClosed.store(true, ordering: .relaxed)
        if let token = tokens.removeValue(forKey: ObjectIdentifier(side)) { watches[token] = nil }
        poller.remove(side.descriptor)
        _ = systemClose(side.descriptor)
    }

    /// Tells a side no more of what was found ready in this turn.
    func mute(_ side: Broker.Side, _ readiness: Broker.Readiness) {
        if let token = tokens[ObjectIdentifier(side)] { muted[token, default: []].formUnion(readiness) }
    }

    func schedule(_ timer: Timer) {
        timers.insert(timer)
    }

    /// Waits for something to become ready, but at most `limit` nanoseconds (nil: for ever), and does it.
    ///
    /// - Parameter awake: Called when the wait is over, before anything is done.
    func turn(limit: Int64?, awake: () -> Void) {
        while let next = timers.first, !next.isActive { timers.removeFirst() }
        var timeout = limit
        if let next = timers.first, limit != 0 {
            let wait = max(0, next.deadline - monotonicNanoseconds())
            timeout = min(wait, limit ?? wait)
        }
        if !ready.isEmpty { timeout = 0 }
        var found = ready
        ready.removeAll(keepingCapacity: true)
        wait(nanoseconds: timeout, &found)
        awake()
        for (token, readiness) in found {
            if token == 0 {
                cmitogen_eventfd_clear(wakeDescriptor)
            } else {
                notify(token, readiness)
            }
        }
        if !muted.isEmpty { muted = [:] }
        found.removeAll(keepingCapacity: true)
        if ready.isEmpty { ready = found }
        expireTimers()
    }

    private func notify(_ token: UInt64, _ readiness: Broker.Readiness) {
        // Looked at each time: an earlier handler may have let go of this one.
        let rest = muted.isEmpty ? readiness : readiness.subtracting(muted[token] ?? [])
        if !rest.isEmpty { watches[token]?.side.whenReady(rest, scratch) }
    }

    /// Waits for events; for a moment without giving up the processor, if the last ones came that soon.
    ///
    /// On a machine that is otherwise idle, waking a processor costs more than the whole exchange.
    private func wait(nanoseconds timeout: Int64?, _ found: inout [(UInt64, Broker.Readiness)]) {
        guard hasSpareProcessor, timeout != 0, found.isEmpty else { return poll(timeout, &found) }
        let start = monotonicNanoseconds()
        if expectsSoon {
            var now = start
            while now - start < Self.spinTime {
                poll(0, &found)
                if !found.isEmpty { return }
                let before = monotonicNanoseconds()
                sched_yield()  // whoever has real work goes first
                now = monotonicNanoseconds()
                // Somebody had: among many contexts, who looks again and again only takes processors from the others.
                if now - before > Self.longestYield { break }
            }
        }
        poll(timeout, &found)
        expectsSoon = !found.isEmpty && monotonicNanoseconds() - start < 2 * Self.spinTime
    }

    private func poll(_ timeout: Int64?, _ found: inout [(UInt64, Broker.Readiness)]) {
        poller.wait(nanoseconds: timeout) { token, readiness in found.append((token, readiness)) }
    }

    private func expireTimers() {
        guard let first = timers.first else { return }
        let now = monotonicNanoseconds()
        guard first.deadline <= now else { return }
        while let next = timers.first, next.deadline <= now {
            timers.removeFirst()
            next.fire()
        }
    }
}
