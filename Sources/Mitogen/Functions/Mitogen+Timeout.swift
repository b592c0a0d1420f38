//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Mitogen {
    /// Runs `body`, in which no call takes longer than until `timeout` has passed: for calls that have no parameter for
    /// that, such as those of a distributed actor's methods.
    ///
    ///     try await Mitogen.withTimeout(.seconds(5)) { try await account.deposit(20) }
    ///
    /// It bounds every ``Context/call(_:timeout:)->_``, stream, command, service call and actor call that `body` and its
    /// child tasks begin, each as its own `timeout` would: the wait ends here, and the function is cancelled. Whatever
    /// else `body` does is not interrupted. Inner limits only shorten it.
    ///
    /// - Parameters:
    ///   - timeout: How long, from now on.
    ///   - body: What to do.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; a call that took too long throws ``MitogenError`` with `.timeoutError`.
    public static func withTimeout<Result, Failure: Error>(
        _ timeout: Duration,
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let deadline = min(CallDeadline.current ?? .now + timeout, .now + timeout)
        // A task-local's `withValue` throws any error, so the typed one is carried out of it.
        let outcome = await CallDeadline.$current.withValue(deadline) { () async -> Swift.Result<Result, Failure> in
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

/// When the calls of the current task have to have ended, wherever it runs.
enum CallDeadline {
    @TaskLocal static var current: ContinuousClock.Instant?

    private static func earliest(
        _ first: ContinuousClock.Instant?,
        _ second: ContinuousClock.Instant?
    ) -> ContinuousClock.Instant? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    /// The time that a call may take: what was asked for, and no more than is left here.
    ///
    /// - Throws: `.timeoutError` if nothing is left.
    static func timeLeft(_ timeout: Duration?) throws(MitogenError) -> Duration? {
        guard let deadline = earliest(ExternalContext.current?.deadline, current) else { return timeout }
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else {
            throw MitogenError(.timeoutError, "there is no time left for this call: its deadline has passed")
        }
        return min(timeout ?? left, left)
    }
}
