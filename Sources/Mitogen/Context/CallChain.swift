//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// Calls to one context that run one after the other, in the order in which they are sent (Mitogen semantics, section
/// 6.6).
///
/// Otherwise the calls of a context run concurrently. With a chain the next call can be sent before the one before has
/// returned, without a round trip between them:
///
/// ```swift
/// try await host.withCallChain(isPipelined: true) { chain in
///     try chain.callNoReply(MakeDirectory("/srv/new"))
///     try chain.callNoReply(WriteFile("/srv/new/config", text))
///     try await chain.call(Restart("server"))
/// }
/// ```
///
/// In a *pipelined* chain a call that fails keeps those sent after it from running: they fail with the same error until
/// ``reset()``. A call fails when its function throws or cannot be found, when its arguments or its result cannot be
/// decoded or encoded there, or when its `timeout` is over. One that the caller gives up, by cancelling the task that
/// waits for it or with ``PendingCall/cancel()``, does not: if its turn has not come it is left out, else its function
/// is cancelled, and the chain goes on when that has returned.
///
/// In a chain that is not pipelined failures have no effect on the other calls.
///
/// Calls that are sent from several tasks at the same time have no particular order. A chain can be used again after
/// the loss of its context, but not for another one.
public final class CallChain: Sendable {
    /// The context that the functions run in.
    public let context: Context
    /// Whether a failure keeps the later calls from running.
    public let isPipelined: Bool
    private let id: String
    /// Whether the other side may remember a failure.
    private let isInUse = Atomic<Bool>(false)

    private static let lastNumber = Atomic<UInt64>(0)

    /// Makes a chain; nothing is sent.
    ///
    /// - Parameters:
    ///   - context: The context that the functions run in.
    ///   - isPipelined: Whether a failure keeps the later calls from running; false by default.
    public init(context: Context, isPipelined: Bool = false) {
        let number = Self.lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        self.context = context
        self.isPipelined = isPipelined
        // A callee may not tell callers apart by their context, so the name does.
        id = "swift-\(context.router?.contextID ?? 0)-\(number)"
    }

    /// A chain that nobody has any more is forgotten on the other side, too.
    deinit {
        reset()
    }

    /// Runs a function when its turn has come, and returns its result.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long to wait at most, for the turn and the result; for ever by default. When it is over, the
    ///     call is cancelled and has failed.
    /// - Throws: As ``Context/call(_:timeout:)->_``; the error of an earlier call if the chain is pipelined and that
    ///   has failed.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> F.Output where F.Output: Codable {
        try await caller.reply(to: function, timeout: timeout).output()
    }

    /// Runs a function that has no result when its turn has come; see ``call(_:timeout:)->_``.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) where F.Output == Void {
        try await caller.reply(to: function, timeout: timeout).success()
    }

    /// Sends a call; its result is waited for later.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long the call may take, for its turn and its result; for ever by default. When it is over, the
    ///     call is cancelled and has failed.
    /// - Throws: ``MitogenError`` if the call cannot be sent: `.unencodable`, `.misuse`, `.channelError` if it is too
    ///   large. That is no failure of the chain.
    public func startCall<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<F.Output> where F.Output: Codable {
        PendingCall(call: try caller.start(function, timeout: timeout)) { (reply) throws(MitogenError) in
            try reply.output()
        }
    }

    /// Sends a call of a function that has no result; its end is waited for later.
    public func startCall<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Void> where F.Output == Void {
        PendingCall(call: try caller.start(function, timeout: timeout)) { (reply) throws(MitogenError) in
            try reply.success()
        }
    }

    /// Sends a call whose result is not wanted. In a pipelined chain its failure shows in the calls after it, else the
    /// context logs it.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long the function may take from its arrival on, the wait for its turn included; for ever by default, whatever time the function
    ///     has that calls this. When it is over, its context cancels it. Python contexts are not told.
    /// - Throws: As `startCall(_:timeout:)`.
    public func callNoReply(_ function: some RemoteFunction, timeout: Duration? = nil) throws(MitogenError) {
        try caller.startNoReply(function, timeout: timeout)
    }

    /// Forgets a failure: calls that are sent from now on run again, after those that were sent before. Nothing is
    /// waited for. Does nothing if the chain is not pipelined.
    public func reset() {
        guard isPipelined, isInUse.exchange(false, ordering: .relaxed) else { return }
        guard let data = try? CallRequest.encodeForgetting(chainID: id) else { return }
        try? context.send(Message(handle: StandardHandle.callFunction, encoding: .pickle, data: data))
    }

    /// What sends the calls, after the first of which there may be a failure to be forgotten.
    var caller: Caller {
        isInUse.store(true, ordering: .relaxed)
        return Caller(context: context, chain: Caller.Chain(id: id, isPipelined: isPipelined))
    }
}

extension Context {
    /// Runs `body` with a new chain of calls to this context, which is reset when the body is done.
    ///
    /// - Parameters:
    ///   - isPipelined: Whether a failure keeps the later calls of the chain from running; false by default.
    ///   - body: What to do with the chain.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws, and nothing else: with `{ (chain) throws(MitogenError) in … }` that is a
    ///   ``MitogenError``.
    public func withCallChain<Result, Failure: Error>(
        isPipelined: Bool = false,
        _ body: (CallChain) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let chain = CallChain(context: self, isPipelined: isPipelined)
        defer { chain.reset() }
        return try await body(chain)
    }
}
