//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Context {
    /// Runs a function in this context and returns its result.
    ///
    /// Calls run concurrently. Large arguments wait here while the way to the context is full.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - timeout: How long to wait at most; for ever by default. When it is over the function is cancelled.
    /// - Returns: The function's result.
    /// - Throws: ``MitogenError``: `.callError` with what the function threw; `.cancelled` if the calling task is
    ///   cancelled, which cancels the function, or if the function itself was; `.timeoutError`; `.channelError` if the
    ///   context cannot be reached or goes; `.unencodable`; `.unknownFunction`.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> F.Output where F.Output: Codable {
        try await startWithRoom(function).reply(timeout: timeout).output()
    }

    /// Runs a function that has no result in this context; see ``call(_:timeout:)->_``.
    public func call<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil
    ) async throws(MitogenError) where F.Output == Void {
        try await startWithRoom(function).reply(timeout: timeout).success()
    }

    /// Starts a function in this context; its result is waited for later.
    ///
    /// - Throws: ``MitogenError`` if the call cannot be sent: `.unencodable`, `.misuse`.
    public func startCall<F: RemoteFunction>(
        _ function: F
    ) throws(MitogenError) -> PendingCall<F.Output> where F.Output: Codable {
        PendingCall(call: try start(function)) { (reply) throws(MitogenError) in try reply.output() }
    }

    /// Starts a function that has no result in this context; its end is waited for later.
    public func startCall<F: RemoteFunction>(
        _ function: F
    ) throws(MitogenError) -> PendingCall<Void> where F.Output == Void {
        PendingCall(call: try start(function)) { (reply) throws(MitogenError) in try reply.success() }
    }

    /// Starts a function in this context and forgets it: neither its result nor its failure comes back. The context
    /// logs a failure.
    ///
    /// - Throws: ``MitogenError`` if the call cannot be sent: `.unencodable`, `.misuse`.
    public func callNoReply(_ function: some RemoteFunction) throws(MitogenError) {
        let data = try encode(function)
        try send(Message(handle: StandardHandle.callFunction, encoding: .pickle, data: data))
    }

    // MARK: By name

    /// Calls a function by the name it is registered with: in another program, or in a Python context by module and
    /// function.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - arguments: The positional arguments; none by default.
    ///   - keywordArguments: The named arguments; none by default.
    ///   - type: What the result is decoded as.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: As ``call(_:timeout:)->_``.
    public func call<Output: Decodable & Sendable>(
        named name: String,
        _ arguments: [PickleValue] = [],
        keywordArguments: PickleDictionary = [:],
        as type: Output.Type = Output.self,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> Output {
        let data: [UInt8]
        do throws(PickleError) {
            data = try CallRequest.encode(
                named: name,
                arguments: arguments,
                keywordArguments: keywordArguments,
                options: writerOptions
            )
        } catch {
            throw MitogenError(.unencodable, "cannot encode the call of \(name): \(error)")
        }
        return try await start(data, functionName: name).reply(timeout: timeout).output()
    }

    // MARK: Parts

    /// Waits, if the arguments are large, until the way to the context is not full.
    private func startWithRoom<F: RemoteFunction>(_ function: F) async throws(MitogenError) -> RunningCall {
        let data = try encode(function)
        if data.count > Stream.smallMessage { await router?.waitForRoom(towards: id) }
        return try start(data, functionName: _typeName(F.self))
    }

    func start<F: RemoteFunction>(_ function: F) throws(MitogenError) -> RunningCall {
        let data = try encode(function)
        return try start(data, functionName: _typeName(F.self))
    }

    private func start(_ data: [UInt8], functionName: String) throws(MitogenError) -> RunningCall {
        let router = try reachableRouter
        let message = Message(dstID: id, handle: StandardHandle.callFunction, encoding: .pickle, data: data)
        let pending = PendingReply()
        let handle = router.send(message, awaiting: pending)
        return RunningCall(
            pending: pending,
            handle: handle,
            context: self,
            router: router,
            functionName: functionName,
            size: data.count
        )
    }

    private func encode<F: RemoteFunction>(_ function: F) throws(MitogenError) -> [UInt8] {
        let name = try FunctionTable.shared.name(of: F.self)
        do throws(PickleError) {
            return try CallRequest.encode(function, named: name, options: writerOptions)
        } catch {
            throw MitogenError(.unencodable, "cannot encode the arguments of \(String(reflecting: F.self)): \(error)")
        }
    }

    /// Bytes go as they are to those who are known to read that.
    private var writerOptions: PickleWriter.Options {
        let isBinary = router?.peerInfo(id)?.has(PeerInfo.binaryBytes) == true
        return .init(bytesStyle: isBinary ? .binary : .python)
    }
}
