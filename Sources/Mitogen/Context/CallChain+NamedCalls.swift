//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

extension CallChain {
    /// Calls a function by the name it is registered with, when its turn has come; see
    /// ``Context/call(named:_:keywordArguments:as:timeout:)``.
    public func call<Output: Decodable & Sendable>(
        named name: String,
        _ arguments: [PickleValue] = [],
        keywordArguments: PickleDictionary = [:],
        as type: Output.Type = Output.self,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Output {
        try await caller.call(NamedCall(name, arguments, keywordArguments), timeout: timeout)
    }

    /// Sends a call of a function by the name it is registered with; its result is waited for later.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - arguments: The positional arguments; none by default.
    ///   - keywordArguments: The named arguments; none by default.
    ///   - type: What the result is decoded as.
    ///   - timeout: How long the call may take, from now on; for ever by default. When it is over, the function is
    ///     cancelled and every wait for it throws `.timeoutError`.
    /// - Throws: As `startCall(_:timeout:)`.
    public func startCall<Output: Decodable & Sendable>(
        named name: String,
        _ arguments: [PickleValue] = [],
        keywordArguments: PickleDictionary = [:],
        as type: Output.Type = Output.self,
        timeout: Duration? = nil
    ) throws(MitogenError) -> PendingCall<Output> {
        try caller.startCall(NamedCall(name, arguments, keywordArguments), timeout: timeout)
    }

    /// Sends a call by name whose result is not wanted; see `callNoReply(_:timeout:)`.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - arguments: The positional arguments; none by default.
    ///   - keywordArguments: The named arguments; none by default.
    ///   - timeout: How long the function may take from its arrival on; for ever by default.
    /// - Throws: As `callNoReply(_:timeout:)`.
    public func callNoReply(
        named name: String,
        _ arguments: [PickleValue] = [],
        keywordArguments: PickleDictionary = [:],
        timeout: Duration? = nil
    ) throws(MitogenError) {
        try caller.startNoReply(NamedCall(name, arguments, keywordArguments), timeout: timeout)
    }
}
