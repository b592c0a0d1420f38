//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

extension CallDispatcher {
    /// Runs the body of a call, which is cancelled when its time is over.
    ///
    /// - Throws: What `body` throws; `.timeoutError` if the time is over already, or runs out in a call that nobody waits
    ///   for. Whoever waits is told by what the call ends with.
    func bounding(
        until deadline: ContinuousClock.Instant,
        of id: CallID?,
        in router: Router,
        _ name: @autoclosure () -> String,
        _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else {
            timeOut(id)
            throw MitogenError(.timeoutError, "the time of \(name()) was over before it began")
        }
        guard id == nil else {
            let timer = router.broker.schedule(after: left) { [tether = Tether(self)] in tether.object?.timeOut(id) }
            defer { timer.cancel() }
            return try await body()
        }
        // A call without answer is in no table by which it could be cancelled: its body gets a task of its own.
        let task = Task(executorPreference: FunctionExecutor.shared) { try await body() }
        let isOver = OneShot<Void>()
        let timer = router.broker.schedule(after: left) {
            isOver.resolve(.success(()))
            task.cancel()
        }
        defer { timer.cancel() }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        if case .failure = result, isOver.outcome != nil {
            throw MitogenError(.timeoutError, "\(name()) has not returned in time")
        }
        return try result.get()
    }

    /// The deadline of a call has come before its caller has said so.
    private func timeOut(_ id: CallID?) {
        guard let id else { return }
        calls.withLock { $0.timeOut(id, isAwaited: true) }?()
    }
}
