//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The end of a context that was asked to end.
///
/// The context ends whether somebody waits for that or not.
public final class PendingShutdown: Sendable {
    /// The context that ends.
    public let context: Context
    private let router: Router
    /// Nil where the router has ended, and with it all contexts.
    private let answer: (pending: PendingReply, handle: Handle)?

    init(of context: Context, through router: Router) {
        self.context = context
        self.router = router
        let request = Message(dstID: context.id, handle: StandardHandle.shutdown)
        if router.core.withLock({ $0.isShutDown }) {
            answer = nil
            router.route(request)
        } else {
            // Who does end sends no answer, but is then known to be gone.
            let pending = PendingReply()
            answer = (pending, router.send(request, awaiting: pending))
        }
    }

    deinit {
        if let answer { try? router.removeHandler(at: answer.handle) }
    }

    /// Waits until the context is gone. It can be waited for any number of times.
    ///
    /// - Parameter timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError``: `.channelError` if the context refuses, `.timeoutError`, and `.cancelled` if the calling
    ///   task is.
    public func wait(timeout: Duration? = nil) async throws(MitogenError) {
        guard let answer else { return }
        let name = context.name
        let message = try await answer.pending.value(within: timeout, on: router.broker, "\(name) has not ended")
        let error = MitogenError(dead: message, localID: router.contextID, context: name)
        if error.dead != .gone { throw error }
    }
}
