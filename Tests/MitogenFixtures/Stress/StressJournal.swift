//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

/// What the workers of a stress test do and have done.
final class StressJournal: Sendable {
    private struct State {
        var current: [Int: (what: String, start: ContinuousClock.Instant)] = [:]
        var successes: [String: Int] = [:]
        var failures: [String: Int] = [:]
        var complaints: [String] = []
    }

    private let state = Mutex(State())

    /// A worker has begun something.
    func begin(_ what: String, by worker: Int) {
        state.withLock { $0.current[worker] = (what, .now) }
    }

    /// What a worker does has gone on: on a busy machine a stream may take long, but each of its values does not.
    func goOn(_ worker: Int) {
        state.withLock { $0.current[worker]?.start = .now }
    }

    func end(_ kind: String, by worker: Int, error: MitogenError.Code? = nil) {
        state.withLock { state in
            state.current[worker] = nil
            if let error {
                state.failures["\(kind) \(error)", default: 0] += 1
            } else {
                state.successes[kind, default: 0] += 1
            }
        }
    }

    /// Something was wrong.
    func complain(_ text: String) {
        state.withLock { state in
            if state.complaints.count < 20 { state.complaints.append(text) }
        }
    }

    var complaints: [String] { state.withLock { $0.complaints } }
    /// How often each kind of work was done with its right result.
    var successes: [String: Int] { state.withLock { $0.successes } }

    /// What has not gone on for longer than `limit`.
    func stuck(after limit: Duration) -> [String] {
        let now = ContinuousClock.now
        return state.withLock { state in
            state.current.values.filter { $0.start + limit < now }
                .map { "\($0.what) has not gone on for \(now - $0.start)" }
        }
    }

    var summary: String {
        state.withLock { state in
            func text(_ counts: [String: Int]) -> String {
                counts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
            }
            return "done: \(text(state.successes))\nfailed as they should: \(text(state.failures))"
        }
    }
}

/// Something that must not happen.
struct StressComplaint: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
