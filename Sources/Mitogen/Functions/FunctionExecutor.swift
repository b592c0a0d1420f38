//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

/// Where remote functions run: as many threads as there are processors, and one more for each function that blocks.
///
/// Swift's own pool has as many threads as processors and no more, so that two functions that block keep a third from
/// running (measured: 2.9 s). Here a monitor looks every millisecond, while there is work, whether a thread is still
/// in the same job and sleeps, and lets another one go on in its place, up to the limit. A thread that computes, or waits for
/// a processor or a lock, keeps its place for longer: more threads would only wait with it (measured with a thousand busy
/// streams on two processors: 64 threads, most of them at one lock, and 60 ms for a small call).
package final class FunctionExecutor: TaskExecutor {
    /// One thread of the pool.
    private final class Worker: Sendable {
        let parker: Parker
        let threadID = cmitogen_kernel_thread_id()
        /// Odd while it runs a job.
        let sequence = Atomic<UInt64>(0)
        /// Whether the monitor has given its place to another one.
        let isStalled = Atomic<Bool>(false)

        /// On the thread itself.
        init?() {
            guard let parker = Parker() else { return nil }
            self.parker = parker
        }
    }

    private struct State {
        var jobs = JobQueue<UnownedJob>()
        var workers: [Worker] = []
        /// Threads that sleep; the one that slept last is woken first, as it is warm and the others may go.
        var idle: [Worker] = []
        /// Threads that are being started.
        var starting = 0
        /// Threads that are awake, without those that have stalled.
        var active = 0
        /// How many more than there are processors may be awake, because functions have been found to block.
        var extra = 0
        var brokers: [Broker] = []
        var hasMonitor = false
        var threads: Int { workers.count + starting }
    }

    private let state = Mutex(State())
    private let limit: Int
    private let idleTime: Duration
    private let parallelism = max(1, Int(cmitogen_processor_count()))
    private let monitorSleeps = Atomic<Bool>(true)
    private let monitorParker = Parker()

    /// The executor of this process's remote functions: up to 64 threads, gone after 10 s without work, or when the
    /// last Broker has ended.
    package static let shared = FunctionExecutor(limit: 64, idleTime: .seconds(10))

    init(limit: Int, idleTime: Duration) {
        self.limit = limit
        self.idleTime = idleTime
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if let broker = Broker.onThisThread, broker.keepForLater(job) { return }
        add(job, to: .calls)
    }

    func add(_ job: UnownedJob, to lane: JobQueue<UnownedJob>.Lane) {
        state.withLock { $0.jobs.append(job, to: lane) }
        employ()
        wakeMonitor()
    }

    private func run(_ job: UnownedJob, of lane: JobQueue<UnownedJob>.Lane) {
        switch lane {
        case .calls: job.runSynchronously(on: asUnownedTaskExecutor())
        case .streams: job.runSynchronously(on: StreamExecutor.shared.asUnownedTaskExecutor())
        }
    }

    // MARK: Threads

    private enum Step {
        case wake(Worker)
        case start
        case nothing
    }

    /// Gives waiting jobs threads, as far as there are processors.
    private func employ() {
        let step = state.withLock { state -> Step in
            guard !state.jobs.isEmpty, state.active < parallelism + state.extra else { return .nothing }
            if let sleeper = state.idle.popLast() {
                state.active += 1
                return .wake(sleeper)
            }
            guard state.threads < limit else { return .nothing }
            state.active += 1
            state.starting += 1
            return .start
        }
        switch step {
        case .wake(let worker): worker.parker.unpark()
        case .start: startWorker()
        case .nothing: break
        }
    }

    private func startWorker() {
        guard startThread(named: "mitogen.function", { [self] in work() }) != 0 else { return }
        workerIsMissing()
    }

    /// A thread that was counted as starting and active is none.
    private func workerIsMissing() {
        let isStranded = state.withLock { state in
            state.starting -= 1
            state.active -= 1
            return state.threads == 0
        }
        // No thread can be made and none is there that would take the job: a task that never runs is worse than one
        // that runs here.
        if isStranded {
            while let (job, lane) = state.withLock({ $0.jobs.popFirst() }) { run(job, of: lane) }
        }
    }

    /// What a thread of the pool does. It was counted as starting and active before.
    private func work() {
        guard let worker = Worker() else { return workerIsMissing() }
        state.withLock { state in
            state.starting -= 1
            state.workers.append(worker)
        }
        repeat { drain(worker) } while rest(worker)
    }

    private func drain(_ worker: Worker) {
        while let (job, lane) = state.withLock({ $0.jobs.popFirst() }) {
            worker.sequence.wrappingAdd(1, ordering: .relaxed)
            run(job, of: lane)
            worker.sequence.wrappingAdd(1, ordering: .relaxed)
            if worker.isStalled.load(ordering: .relaxed) { recover(worker) }
        }
    }

    private func recover(_ worker: Worker) {
        state.withLock { state in
            worker.isStalled.store(false, ordering: .relaxed)
            state.active += 1
        }
    }

    /// Sleeps until there is work; false if the thread is to end.
    private func rest(_ worker: Worker) -> Bool {
        let mustSleep = state.withLock { state in
            guard state.jobs.isEmpty else { return false }
            state.active -= 1
            guard !state.brokers.isEmpty else {
                state.workers.removeAll { $0 === worker }
                return true
            }
            state.idle.append(worker)
            return true
        }
        guard mustSleep else { return true }
        guard state.withLock({ state in state.workers.contains { $0 === worker } }) else { return false }
        if worker.parker.park(nanoseconds: idleTime.nanoseconds) { return !hasLeft(worker) }
        let mayGo = state.withLock { state in
            guard let index = state.idle.firstIndex(where: { $0 === worker }) else { return false }
            state.idle.remove(at: index)
            state.workers.removeAll { $0 === worker }
            return true
        }
        if mayGo { return false }
        worker.parker.park()  // someone took this thread off the list and is about to wake it
        return !hasLeft(worker)
    }

    private func hasLeft(_ worker: Worker) -> Bool {
        state.withLock { state in !state.workers.contains { $0 === worker } }
    }

    // MARK: Brokers

    func add(_ broker: Broker) {
        state.withLock { $0.brokers.append(broker) }
    }

    /// A Broker has ended. After the last one no thread stays.
    func remove(_ broker: Broker) {
        let sleepers = state.withLock { state in
            state.brokers.removeAll { $0 === broker }
            guard state.brokers.isEmpty else { return [Worker]() }
            let sleepers = state.idle
            state.idle = []
            state.workers.removeAll { worker in sleepers.contains { $0 === worker } }
            return sleepers
        }
        for worker in sleepers { worker.parker.unpark() }
        monitorParker?.unpark()
    }

    /// Starts a thread that drives a Broker's loop, and joins the pool when another one has taken that over.
    func startDriver(of broker: Broker, takingOver: Bool = false) -> Int32 {
        startThread(named: "mitogen.broker") { [self] in
            broker.drive(takingOver: takingOver)
            let joins = state.withLock { state in
                guard state.threads < limit, !state.brokers.isEmpty else { return false }
                state.starting += 1
                state.active += 1
                return true
            }
            if joins { work() }
        }
    }

    // MARK: The monitor

    /// Makes sure that somebody watches the job that is about to run.
    func wakeMonitor() {
        guard monitorSleeps.load(ordering: .relaxed) else { return }
        guard monitorSleeps.exchange(false, ordering: .acquiringAndReleasing) else { return }
        let mustStart = state.withLock { state in
            defer { state.hasMonitor = true }
            return !state.hasMonitor
        }
        if !mustStart {
            monitorParker?.unpark()
        } else if startThread(named: "mitogen.monitor", stackSize: 256 << 10, { [self] in monitor() }) != 0 {
            state.withLock { $0.hasMonitor = false }
            monitorSleeps.store(true, ordering: .relaxed)
        }
    }

    /// What was in work at the last look, and how many looks ago it began.
    private struct Sight {
        var sequence: UInt64
        var ticks = 0

        /// Whether it is the same job as last time.
        mutating func isSame(as sequence: UInt64) -> Bool {
            ticks = self.sequence == sequence ? ticks + 1 : 0
            self.sequence = sequence
            return ticks > 0
        }
    }

    /// For so many looks a thread may compute, or wait for a lock, before another one gets its place.
    private static let mostTicks = 20

    private func monitor() {
        let tick: Int64 = 1_000_000
        var seen: [ObjectIdentifier: Sight] = [:]
        var quietTicks = 0
        while true {
            monitorParker?.park(nanoseconds: tick)
            let isBusy = check(&seen)
            quietTicks = isBusy ? 0 : quietTicks + 1
            // It goes on for a while, because waking it costs as much as the hop that it is there to save.
            guard quietTicks >= 50 else { continue }
            monitorSleeps.store(true, ordering: .sequentiallyConsistent)
            guard !check(&seen) else {
                monitorSleeps.store(false, ordering: .relaxed)
                continue
            }
            let ends = state.withLock { state in
                if state.brokers.isEmpty { state.hasMonitor = false }
                return state.brokers.isEmpty
            }
            if ends { return }
            monitorParker?.park()
            quietTicks = 0
        }
    }

    /// Looks once at every thread; false if nothing goes on.
    private func check(_ seen: inout [ObjectIdentifier: Sight]) -> Bool {
        let (workers, brokers, waiting) = state.withLock { ($0.workers, $0.brokers, $0.jobs.count) }
        var isBusy = waiting > 0
        var asleep = 0
        for worker in workers {
            let sequence = worker.sequence.load(ordering: .relaxed)
            let isSame = seen[ObjectIdentifier(worker), default: Sight(sequence: 0)].isSame(as: sequence)
            guard sequence & 1 == 1 else { continue }
            isBusy = true
            guard isSame, !worker.isStalled.load(ordering: .relaxed) else { continue }
            let wait = cmitogen_thread_waits(worker.threadID)
            let isLong = seen[ObjectIdentifier(worker)].map { $0.ticks >= Self.mostTicks } ?? false
            guard wait == CMITOGEN_THREAD_SLEEPS || isLong, stall(worker, at: sequence) else { continue }
            if wait != CMITOGEN_THREAD_RUNS { asleep += 1 }
        }
        for broker in brokers {
            let sequence = broker.inlineState
            let isSame = seen[ObjectIdentifier(broker), default: Sight(sequence: 0)].isSame(as: sequence)
            guard sequence & 1 == 1 else { continue }
            isBusy = true
            if isSame, !broker.isDrivenNow { _ = startDriver(of: broker, takingOver: true) }
        }
        if seen.count > 2 * (workers.count + brokers.count) + 16 { seen.removeAll() }
        // Where one function blocks, the next ones probably do too: finding out one by one would take too long.
        state.withLock { state in
            if waiting == 0 { state.extra = 0 } else if asleep > 0 { state.extra = min(limit, 2 * state.extra + 1) }
        }
        for _ in 0..<waiting { employ() }
        return isBusy
    }

    /// Gives the place of a thread to another one; false if it has none any more, or is in another job by now.
    private func stall(_ worker: Worker, at sequence: UInt64) -> Bool {
        state.withLock { state in
            guard !worker.isStalled.load(ordering: .relaxed), worker.sequence.load(ordering: .relaxed) == sequence
            else {
                return false
            }
            worker.isStalled.store(true, ordering: .relaxed)
            state.active -= 1
            return true
        }
    }
}
