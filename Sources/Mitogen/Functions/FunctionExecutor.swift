//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import DequeModule
internal import Synchronization

/// Where remote functions run: threads that are made when they are needed and go when they are not.
///
/// Swift's own pool has as many threads as processors, so that two functions that block would keep a third from
/// running (measured: 2.9 s). Here each function that blocks costs a thread, up to the limit.
public final class FunctionExecutor: TaskExecutor {
    private struct State {
        var jobs = Deque<UnownedJob>()
        /// Threads that sleep; the one that slept last is woken first, as it is warm and the others may go.
        var idle: [Parker] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let limit: Int
    private let idleTime: Duration

    /// The executor of this process's remote functions: 64 threads, gone after 10 s without work.
    public static let shared = FunctionExecutor(limit: 64, idleTime: .seconds(10))

    init(limit: Int, idleTime: Duration) {
        self.limit = limit
        self.idleTime = idleTime
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (sleeper, mustStart) = state.withLock { state -> (Parker?, Bool) in
            state.jobs.append(job)
            if let sleeper = state.idle.popLast() { return (sleeper, false) }
            guard state.threads < limit else { return (nil, false) }
            state.threads += 1
            return (nil, true)
        }
        sleeper?.unpark()
        if mustStart { startWorker() }
    }

    private func startWorker() {
        guard startThread(named: "mitogen.function", { [self] in work() }) != 0 else { return }
        let isStranded = state.withLock { state in
            state.threads -= 1
            return state.threads == 0
        }
        // No thread can be made and none is there that would take the job: a task that never runs is worse than one
        // that runs here.
        if isStranded { drain() }
    }

    private func work() {
        guard let parker = Parker() else { return }
        while true {
            drain()
            let isWanted = state.withLock { state in
                if state.jobs.isEmpty { state.idle.append(parker) }
                return !state.jobs.isEmpty
            }
            if isWanted || parker.park(nanoseconds: idleTime.nanoseconds) { continue }
            let mayGo = state.withLock { state in
                guard let index = state.idle.firstIndex(where: { $0 === parker }) else { return false }
                state.idle.remove(at: index)
                state.threads -= 1
                return true
            }
            if mayGo { return }
            parker.park()  // someone took this thread off the list and is about to wake it
        }
    }

    private func drain() {
        while let job = state.withLock({ $0.jobs.popFirst() }) {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
