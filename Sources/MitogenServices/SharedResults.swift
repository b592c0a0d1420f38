//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import Synchronization

/// Answers requests that are equal by one run, and keeps what has come out (Mitogen semantics, section 8.1).
///
/// The run is nobody's in particular: it goes on as long as one of those who wait for it does. Its result is kept as long
/// as the service lives, unless there are too many; an error is not.
final class SharedResults: Sendable {
    /// What makes two requests equal. The order of the arguments, as of every dictionary in them, is of no account.
    struct Key: Hashable, Sendable {
        let method: String
        let arguments: PickleValue
    }

    /// A run that has not ended.
    private struct Run {
        let outcome = OneShot<Outcome>()
        var task: Task<Void, Never>?
        var waiters = 1
    }

    private struct Kept {
        let data: [UInt8]
        /// With the request.
        let byteCount: Int
    }

    private struct State {
        var runs: [Key: Run] = [:]
        var results: [Key: Kept] = [:]
        /// The keys of the results, the oldest first.
        var order: [Key] = []
        var byteCount = 0
    }

    private enum Step {
        case kept([UInt8])
        case join(OneShot<Outcome>)
        case begin(OneShot<Outcome>)
    }

    typealias Outcome = Result<[UInt8], any Error>

    /// So many results, and so many bytes of requests and results, are kept.
    private static let maximumCount = 1000
    private static let maximumBytes = 16 << 20

    private let state = Mutex(State())

    /// The result of `body`, or of an equal request.
    ///
    /// - Parameters:
    ///   - key: What the request is.
    ///   - byteCount: How large it is.
    ///   - body: Runs in a task of its own.
    /// - Throws: What `body` throws; `.cancelled` if the calling task is.
    func value(
        for key: Key,
        byteCount: Int,
        _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let outcome: OneShot<Outcome>
        switch state.withLock({ Self.step(&$0, key) }) {
        case .kept(let data): return data
        case .join(let other): outcome = other
        case .begin(let new):
            outcome = new
            begin(key, outcome, byteCount, body)
        }
        let result: Outcome
        do throws(MitogenError) {
            result = try await outcome.value()
        } catch {
            leave(key, outcome)
            throw error
        }
        return try result.get()
    }

    private static func step(_ state: inout State, _ key: Key) -> Step {
        if let kept = state.results[key] { return .kept(kept.data) }
        if let outcome = state.runs[key]?.outcome {
            state.runs[key]?.waiters += 1
            return .join(outcome)
        }
        let run = Run()
        state.runs[key] = run
        return .begin(run.outcome)
    }

    private func begin(
        _ key: Key,
        _ outcome: OneShot<Outcome>,
        _ byteCount: Int,
        _ body: @escaping @Sendable () async throws -> [UInt8]
    ) {
        // Unstructured, because it must outlive the request that has begun it, if others wait as well; the table holds
        // the task so that it can be cancelled.
        let task = Task(executorPreference: FunctionExecutor.shared) { [self] in
            do {
                end(key, outcome, .success(try await body()), byteCount)
            } catch {
                end(key, outcome, .failure(error), byteCount)
            }
        }
        let isWanted = state.withLock { state in
            guard state.runs[key]?.outcome === outcome else { return outcome.outcome != nil }
            state.runs[key]?.task = task
            return true
        }
        if !isWanted { task.cancel() }
    }

    private func end(_ key: Key, _ outcome: OneShot<Outcome>, _ result: Outcome, _ byteCount: Int) {
        state.withLock { state in
            // One that nobody has waited for any more may have been begun anew.
            guard state.runs[key]?.outcome === outcome else { return }
            state.runs[key] = nil
            if case .success(let data) = result { Self.keep(data, byteCount + data.count, for: key, in: &state) }
        }
        outcome.resolve(.success(result))
    }

    private static func keep(_ data: [UInt8], _ byteCount: Int, for key: Key, in state: inout State) {
        guard byteCount <= maximumBytes else { return }
        state.results[key] = Kept(data: data, byteCount: byteCount)
        state.order.append(key)
        state.byteCount += byteCount
        while state.results.count > maximumCount || state.byteCount > maximumBytes {
            state.byteCount -= state.results.removeValue(forKey: state.order.removeFirst())?.byteCount ?? 0
        }
    }

    /// One who has waited waits no more. After the last one the run is of no use.
    private func leave(_ key: Key, _ outcome: OneShot<Outcome>) {
        let task = state.withLock { state -> Task<Void, Never>? in
            guard state.runs[key]?.outcome === outcome else { return nil }
            state.runs[key]?.waiters -= 1
            guard state.runs[key]?.waiters == 0 else { return nil }
            return state.runs.removeValue(forKey: key)?.task
        }
        task?.cancel()
    }
}
