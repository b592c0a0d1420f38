//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Context {
    /// Runs a function in this context and returns its result.
    ///
    /// Calls run concurrently; for calls in order see ``CallChain``. Large arguments wait here while the way to the context is full.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long to wait at most; for ever by default. When it is over the function is cancelled.
    /// - Returns: The function's result.
    /// - Throws: ``MitogenError``: `.callError` with what the function threw; `.cancelled` if the calling task is
    ///   cancelled, which cancels the function, or if the function itself was; `.timeoutError`; `.channelError` if the
    ///   context cannot be reached or goes, or if the arguments or the result are too large; `.unencodable`;
    ///   `.unknownFunction`.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> F.Output where F.Output: Codable {
        try await caller.reply(to: function, timeout: timeout).output()
    }

    /// Runs a function that has no result in this context; see ``call(_:timeout:)->_``.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) where F.Output == Void {
        try await caller.reply(to: function, timeout: timeout).success()
    }

    /// Starts a function in this context; its result is waited for later.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long the call may take, from now on; for ever by default. When it is over, the function is
    ///     cancelled and every wait for it throws `.timeoutError`.
    /// - Throws: ``MitogenError`` if the call cannot be sent: `.unencodable`, `.misuse`, `.channelError` if it is too
    ///   large.
    public func startCall<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<F.Output> where F.Output: Codable {
        PendingCall(call: try caller.start(function, timeout: timeout)) { (reply) throws(MitogenError) in
            try reply.output()
        }
    }

    /// Starts a function that has no result in this context; its end is waited for later. See the other `startCall`.
    public func startCall<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Void> where F.Output == Void {
        PendingCall(call: try caller.start(function, timeout: timeout)) { (reply) throws(MitogenError) in
            try reply.success()
        }
    }

    /// Starts a function in this context and forgets it: neither its result nor its failure comes back. The context
    /// logs a failure.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long the function may take from its arrival on; for ever by default, whatever time the function
    ///     has that calls this. When it is over, its context cancels it. Python contexts are not told.
    /// - Throws: ``MitogenError`` if the call cannot be sent: `.unencodable`, `.misuse`, `.channelError` if it is too
    ///   large.
    public func callNoReply(_ function: some RemoteFunction, timeout: Duration? = nil) throws(MitogenError) {
        try caller.startNoReply(function, timeout: timeout)
    }
}
