//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

/// The answer to a message, which is still to come.
public final class PendingMessage: Sendable {
    private let pending: PendingReply
    private let handle: Handle
    private let context: Context
    private let router: Router

    init(pending: PendingReply, handle: Handle, context: Context, router: Router) {
        self.pending = pending
        self.handle = handle
        self.context = context
        self.router = router
    }

    /// Waits for the answer. It can be asked for any number of times.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default. The answer can still come after that.
    ///   - throwsDead: Whether a dead message is thrown, as `.channelError`, or returned; thrown by default.
    /// - Throws: ``MitogenError``: `.channelError`, `.timeoutError`, and `.cancelled` if the calling task is.
    public func get(timeout: Duration? = nil, throwsDead: Bool = true) async throws(MitogenError) -> Message {
        let what = "no answer from \(context.name)"
        let message = try await pending.value(within: timeout, on: router.broker, what)
        if throwsDead, message.isDead {
            throw MitogenError(dead: message, localID: router.contextID, context: context.name)
        }
        return message
    }

    /// What it has come to, a dead message as an error; nil if that is not known yet.
    var outcome: Result<Message, MitogenError>? {
        pending.outcome.map { outcome in
            outcome.flatMap { message in
                guard message.isDead else { return .success(message) }
                return .failure(MitogenError(dead: message, localID: router.contextID, context: context.name))
            }
        }
    }

    func whenResolved(_ body: @escaping @Sendable () -> Void) {
        pending.whenResolved { _ in body() }
    }

    /// Gives the answer up: every wait for it ends with `.cancelled`, and the other side is told.
    public func cancel() {
        router.abandon(handle, of: context.id)
        pending.resolve(.failure(MitogenError(.cancelled, "the request was cancelled")))
    }
}
