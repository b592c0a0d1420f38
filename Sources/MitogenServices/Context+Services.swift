//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle

extension Context {
    /// Calls a method of a service in this context.
    ///
    /// - Parameters:
    ///   - method: The method with its arguments.
    ///   - timeout: How long to wait at most; for ever by default. When it is over the method is cancelled.
    /// - Returns: The method's result.
    /// - Throws: ``MitogenError``: `.callError` with what the method threw, or why it was refused; `.channelError` if
    ///   the context has no pool, cannot be reached or goes; `.timeoutError`; `.cancelled` if the calling task is, which
    ///   cancels the method; `.unencodable`.
    public func callService<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Method.Output where Method.Output: Codable {
        let value = try await request(method, timeout)
        do throws(PickleError) {
            return try (router?.decoder ?? PickleDecoder()).decode(Method.Output.self, from: value)
        } catch {
            throw MitogenError(.streamError, "the result of \(Method.name) is not a \(Method.Output.self): \(error)")
        }
    }

    /// Calls a method without result of a service in this context; see the other `callService`.
    public func callService<Method: ServiceMethod>(
        _ method: Method,
        timeout: Duration? = nil
    ) async throws(MitogenError) where Method.Output == Void {
        _ = try await request(method, timeout)
    }

    /// Sends a request to a service of this context; its result is waited for later. Requests arrive in the order in
    /// which they are sent.
    ///
    /// - Throws: ``MitogenError`` if it cannot be sent: `.unencodable`, `.misuse`.
    public func startService<Method: ServiceMethod>(
        _ method: Method
    ) throws(MitogenError) -> PendingCall<Method.Output> where Method.Output: Codable {
        let name = "\(Method.Host.name).\(Method.name)"
        let data = try ServiceCall.encode(method, service: Method.Host.name)
        return try startRequest(data, at: StandardHandle.callService, describedAs: name)
    }

    /// Calls a method of a service in this context and forgets it: neither its result nor its failure comes back.
    ///
    /// - Throws: ``MitogenError`` if it cannot be sent: `.unencodable`, `.misuse`.
    public func callServiceNoReply<Method: ServiceMethod>(_ method: Method) throws(MitogenError) {
        let data = try ServiceCall.encode(method, service: Method.Host.name)
        try send(Message(handle: StandardHandle.callService, encoding: .pickle, data: data))
    }

    /// Makes the pool of a context below this one, and an ``ActivatableService`` known there, so that siblings and
    /// parents can call it.
    public func prepareService<Host: ActivatableService>(_ type: Host.Type) async throws(MitogenError) {
        try await call(PrepareService<Host>())
    }

    private func request<Method: ServiceMethod>(
        _ method: Method,
        _ timeout: Duration?
    ) async throws(MitogenError) -> PickleValue {
        let name = "\(Method.Host.name).\(Method.name)"
        let data = try ServiceCall.encode(method, service: Method.Host.name)
        return try await request(data, at: StandardHandle.callService, describedAs: name, timeout: timeout)
    }
}
