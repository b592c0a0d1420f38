//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol

/// A request that has come to a handle which is served.
package struct ServedRequest: Sendable {
    package let message: Message
    package let router: Router
    /// Names it, if an answer is wanted.
    let id: CallID?
    private let arrival = ContinuousClock.now

    init(_ message: Message, in router: Router) {
        self.message = message
        self.router = router
        id = message.wantsReply ? CallID(source: message.srcID, replyTo: message.replyTo) : nil
    }

    /// What the request runs in. Without a deadline it is also for what outlives the request.
    package func context(until deadline: ContinuousClock.Instant? = nil) -> ExternalContext {
        ExternalContext(router: router, caller: router.context(message.srcID), deadline: deadline)
    }

    /// Runs `body` for as long as the request says that it may take: ``ExternalContext/deadline`` says so, and the
    /// task is cancelled then.
    ///
    /// - Throws: What `body` throws; `.timeoutError` if the time is over already.
    package func withTimeout(
        _ options: CallOptions,
        _ name: @autoclosure () -> String,
        _ body: @escaping @Sendable () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        guard let timeout = options.timeout else { return try await body() }
        let deadline = arrival.advanced(by: .seconds(timeout))
        return try await router.dispatcher.bounding(until: deadline, of: id, in: router, name()) {
            try await ExternalContext.$current.withValue(context(until: deadline)) { try await body() }
        }
    }

    /// Runs what answers the request.
    func run(
        describedAs name: () -> String,
        _ body: () async throws -> [UInt8]
    ) async -> Result<[UInt8], any Error> {
        do {
            #if Metrics || Tracing
                let trace = ReceivedTrace(behind: message.data)
                let data = try await router.observing(name(), isKnown: false, from: message.srcID, trace: trace) {
                    try await ExternalContext.$current.withValue(context()) { try await body() }
                }
            #else
                let data = try await ExternalContext.$current.withValue(context()) { try await body() }
            #endif
            return .success(data)
        } catch {
            return .failure(error)
        }
    }
}
