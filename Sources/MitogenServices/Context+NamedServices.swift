//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenPickle
internal import MitogenProtocol

/// Services of programs that do not share the method's type: other programs, or Python ones.
extension Context {
    /// Calls a method of a service in this context by name.
    ///
    /// - Parameters:
    ///   - service: The service's name: that of its type with the module, unless it has another ``Service/name``.
    ///   - method: The method's name.
    ///   - arguments: The method's properties by name; none by default.
    ///   - type: What the result is decoded as.
    ///   - timeout: How long to wait at most; for ever by default. When it is over the method is cancelled.
    /// - Throws: ``MitogenError`` as `callService(_:timeout:)`. The service is not made known there.
    public func callService<Output: Decodable & Sendable>(
        named service: String,
        method: String,
        _ arguments: PickleDictionary = [:],
        as type: Output.Type = Output.self,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Output {
        try await request(at: StandardHandle.callService, describedAs: "\(service).\(method)", timeout: timeout) {
            (options) throws(MitogenError) in
            try ServiceCall.encode(service: service, method: method, arguments, options)
        }.output()
    }

    /// Sends a request to a service of this context by name; its result is waited for later.
    ///
    /// - Parameters:
    ///   - service: The service's name.
    ///   - method: The method's name.
    ///   - arguments: The method's properties by name; none by default.
    ///   - type: What the result is decoded as.
    ///   - timeout: How long the call may take, from now on; for ever by default.
    /// - Throws: ``MitogenError`` as `startServiceCall(_:timeout:)`.
    public func startServiceCall<Output: Decodable & Sendable>(
        named service: String,
        method: String,
        _ arguments: PickleDictionary = [:],
        as type: Output.Type = Output.self,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Output> {
        let call = try startRequest(
            at: StandardHandle.callService,
            describedAs: "\(service).\(method)",
            timeout: timeout
        ) { (options) throws(MitogenError) in
            try ServiceCall.encode(service: service, method: method, arguments, options)
        }
        return PendingCall(call: call) { (reply) throws(MitogenError) in try reply.output() }
    }

    /// Calls a method of a service in this context by name, and forgets it.
    ///
    /// - Parameters:
    ///   - service: The service's name.
    ///   - method: The method's name.
    ///   - arguments: The method's properties by name; none by default.
    ///   - timeout: How long the method may take from its arrival on; for ever by default.
    /// - Throws: ``MitogenError`` as `callServiceNoReply(_:timeout:)`.
    public func callServiceNoReply(
        named service: String,
        method: String,
        _ arguments: PickleDictionary = [:],
        timeout: Duration? = nil
    ) throws(MitogenError) {
        try sendRequest(at: StandardHandle.callService, describedAs: "\(service).\(method)", timeout: timeout) {
            (options) throws(MitogenError) in
            try ServiceCall.encode(service: service, method: method, arguments, options)
        }
    }
}
