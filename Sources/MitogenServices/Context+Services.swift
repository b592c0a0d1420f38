//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

extension Context {
    /// Calls a method of a service in this context.
    ///
    /// An ``ActivatableService`` need not be there: it is made known, and then made, if this context is one below.
    ///
    /// - Parameters:
    ///   - method: The method with its arguments.
    ///   - timeout: How long to wait at most; for ever by default, or as long as the function may take that calls this.
    ///     When it is over the method is cancelled.
    /// - Returns: The method's result.
    /// - Throws: ``MitogenError``: `.callError` with what the method threw, or why it was refused; `.channelError` if
    ///   the context has no pool, cannot be reached or goes; `.timeoutError`; `.cancelled` if the calling task is, which
    ///   cancels the method; `.unencodable`.
    public func callService<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Method.Output where Method.Output: Codable {
        try await activating(Method.self, timeout) { (timeout) async throws(MitogenError) in
            try await ask(method, timeout).output()
        }
    }

    /// Calls a method without result of a service in this context; see the other `callService`.
    public func callService<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) async throws(MitogenError) where Method.Output == Void {
        try await activating(Method.self, timeout) { (timeout) async throws(MitogenError) in
            try await ask(method, timeout).success()
        }
    }

    /// Sends a request to a service of this context; its result is waited for later. Requests arrive in the order in
    /// which they are sent.
    ///
    /// The context must have a pool, and know the service; see ``prepareService(_:timeout:)``.
    ///
    /// - Parameters:
    ///   - method: The method with its arguments.
    ///   - timeout: How long the call may take, from now on; for ever by default. When it is over, the method is
    ///     cancelled and every wait for it throws `.timeoutError`.
    /// - Throws: ``MitogenError`` if it cannot be sent: `.unencodable`, `.misuse`, `.channelError` if it is too large.
    public func startServiceCall<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Method.Output> where Method.Output: Codable {
        PendingCall(call: try start(method, timeout)) { (reply) throws(MitogenError) in try reply.output() }
    }

    /// Sends a request without result to a service of this context; its end is waited for later. See the other
    /// `startServiceCall`.
    public func startServiceCall<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Void> where Method.Output == Void {
        PendingCall(call: try start(method, timeout)) { (reply) throws(MitogenError) in try reply.success() }
    }

    /// Calls a method of a service in this context and forgets it: neither its result nor its failure comes back.
    ///
    /// The context must have a pool, and know the service; see ``prepareService(_:timeout:)``.
    ///
    /// - Parameters:
    ///   - method: The method with its arguments.
    ///   - timeout: How long the method may take from its arrival on; for ever by default. When it is over, its context
    ///     cancels it. Contexts that are not known to understand that, such as those in Python, are not told.
    /// - Throws: ``MitogenError`` if it cannot be sent: `.unencodable`, `.misuse`, `.channelError` if it is too large.
    public func callServiceNoReply<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) throws(MitogenError) {
        try sendRequest(at: StandardHandle.callService, describedAs: Method.fullName, timeout: timeout) {
            (options) throws(MitogenError) in
            try ServiceCall.encode(method, options)
        }
    }

    /// Makes an ``ActivatableService`` in this context or one below it, with the pool if need be, so that all who may
    /// call it can at once, siblings among them. Does nothing if it is there.
    ///
    /// - Parameters:
    ///   - type: The service.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError`` as ``call(_:timeout:)->_``, with what the service's initializer threw; `.misuse` if the
    ///   router is shut down.
    public func prepareService<Host: ActivatableService>(
        _ type: Host.Type,
        timeout: Duration? = nil
    ) async throws(MitogenError) {
        try await call(PrepareService<Host>(), timeout: timeout)
    }

    // MARK: Parts

    private func ask<Method: ServiceMethod>(
        _ method: Method,
        _ timeout: Duration?
    ) async throws(MitogenError) -> CallReply {
        try await request(at: StandardHandle.callService, describedAs: Method.fullName, timeout: timeout) {
            (options) throws(MitogenError) in
            try ServiceCall.encode(method, options)
        }
    }

    private func start<Method: ServiceMethod>(
        _ method: Method,
        _ timeout: Duration?
    ) throws(MitogenError) -> RunningCall {
        try startRequest(at: StandardHandle.callService, describedAs: Method.fullName, timeout: timeout) {
            (options) throws(MitogenError) in
            try ServiceCall.encode(method, options)
        }
    }

    /// Asks, and if the service is not known there makes it known and asks once more.
    private func activating<Method: ServiceMethod, Output>(
        _ method: Method.Type,
        _ timeout: Duration?,
        _ ask: (Duration?) async throws(MitogenError) -> Output
    ) async throws(MitogenError) -> Output {
        let start = ContinuousClock.now
        let unknown: MitogenError
        do throws(MitogenError) {
            return try await ask(timeout)
        } catch {
            unknown = error
        }
        guard let host = Method.Host.self as? any ActivatableService.Type, Self.saysUnknown(unknown, method) else {
            throw unknown
        }
        func timeLeft() -> Duration? { timeout.map { $0 - (ContinuousClock.now - start) } }
        do throws(MitogenError) {
            try await prepareService(host, timeout: timeLeft())
        } catch {
            // Those that may not call functions there cannot do that, and other programs do not know the service.
            throw [.channelError, .unknownFunction].contains(error.code) ? unknown : error
        }
        return try await ask(timeLeft())
    }

    /// Whether a request was not even given to a service, because the context has none of this name.
    private static func saysUnknown<Method: ServiceMethod>(_ error: MitogenError, _ method: Method.Type) -> Bool {
        switch error.code {
        case .channelError: error.dead == .invalidHandle
        case .callError: error.remote?.message == ServicePool.isUnknown(Method.Host.name)
        default: false
        }
    }
}

extension ServiceMethod {
    /// What it is called in messages.
    fileprivate static var fullName: String { "\(Host.name).\(name)" }
}
