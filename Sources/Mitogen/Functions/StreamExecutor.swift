//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Where functions run that send many values: on the threads of ``FunctionExecutor``, in a queue of their own.
///
/// A thousand streams that get credit at once are a thousand jobs, which a small call does not wait for: it takes turns with
/// them. And no stream's job runs on the thread of the Broker: the one whose credit came first went on at once there, while
/// the others waited, and sent up to eighty times as much as they did (measured).
package final class StreamExecutor: TaskExecutor {
    /// The executor of this process's streams.
    package static let shared = StreamExecutor()

    package func enqueue(_ job: consuming ExecutorJob) {
        FunctionExecutor.shared.add(UnownedJob(job), to: .streams)
    }
}

/// What waits for a thread: calls and streams, which take turns.
struct JobQueue<Job: Sendable>: Sendable {
    enum Lane: CaseIterable {
        case calls, streams
    }

    private var calls = Queue<Job>()
    private var streams = Queue<Job>()
    private var next = Lane.calls

    var count: Int { calls.count + streams.count }
    var isEmpty: Bool { calls.isEmpty && streams.isEmpty }

    mutating func append(_ job: Job, to lane: Lane) {
        switch lane {
        case .calls: calls.append(job)
        case .streams: streams.append(job)
        }
    }

    /// Takes the job that has waited longest in the lane whose turn it is, or in the other one if that is empty.
    mutating func popFirst() -> (job: Job, lane: Lane)? {
        if next == .calls, let job = calls.popFirst() {
            next = .streams
            return (job, .calls)
        }
        next = .calls
        if let job = streams.popFirst() { return (job, .streams) }
        return calls.popFirst().map { ($0, .calls) }
    }
}
