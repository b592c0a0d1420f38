//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol

/// A function by the name it is registered with, and its arguments.
struct NamedCall: Sendable {
    let name: String
    let arguments: [PickleValue]
    let keywordArguments: PickleDictionary

    init(_ name: String, _ arguments: [PickleValue], _ keywordArguments: PickleDictionary) {
        self.name = name
        self.arguments = arguments
        self.keywordArguments = keywordArguments
    }
}

/// What sends calls: to which context, and as part of which chain.
struct Caller: Sendable {
    /// The chain that calls belong to.
    struct Chain: Sendable {
        let id: String
        /// Whether a failure keeps the later calls from running.
        let isPipelined: Bool
    }

    let context: Context
    var chain: Chain?

    // MARK: Typed calls

    /// Runs a function and waits for its answer.
    func reply<F: RemoteFunction>(to function: F, timeout: Duration?) async throws(MitogenError) -> CallReply {
        let timeout = try CallDeadline.timeLeft(timeout)
        let trace = CallTrace(of: displayedName(of: F.self), to: context)
        let name = try FunctionTable.shared.name(of: F.self)
        let data = try encode(function, name, timeout: timeout, trace)
        return try await reply(to: data, name.displayed, trace, timeout: timeout)
    }

    /// Sends a function off. The call is given up when its time is over.
    ///
    /// - Parameter keepsDeadline: False if it may take longer than the task that makes it has; true by default.
    func start<F: RemoteFunction>(
        _ function: F,
        timeout: Duration? = nil,
        keepsDeadline: Bool = true
    ) throws(MitogenError) -> RunningCall {
        let timeout = keepsDeadline ? try CallDeadline.timeLeft(timeout) : timeout
        let trace = CallTrace(of: displayedName(of: F.self), to: context)
        let name = try FunctionTable.shared.name(of: F.self)
        let data = try encode(function, name, timeout: timeout, trace)
        return try start(data, functionName: name.displayed, trace).bounded(by: timeout)
    }

    /// Sends a function off whose answer nobody wants. It has no deadline but its own, as it outlives who sends it.
    func startNoReply<F: RemoteFunction>(_ function: F, timeout: Duration?) throws(MitogenError) {
        let trace = CallTrace(of: displayedName(of: F.self), to: context)
        let name = try FunctionTable.shared.name(of: F.self)
        let data = try encode(function, name, timeout: timeout, trace)
        try sendNoReply(data, functionName: name.displayed, to: StandardHandle.callFunction)
        trace.endUnanswered()
        #if Metrics
            context.router?.metrics.callSent(name.displayed)
        #endif
    }

    private func encode<F: RemoteFunction>(
        _ function: F,
        _ name: FunctionTable.Name,
        timeout: Duration?,
        _ trace: CallTrace
    ) throws(MitogenError) -> [UInt8] {
        let peer = context.peer
        let chainID = chainID(for: peer)
        let callOptions = callOptions(for: peer, timeout: timeout, trace)
        let options = writerOptions(for: peer)
        do throws(PickleError) {
            if chainID == nil, callOptions.isEmpty, let head = name.head(options.bytesStyle) {
                return try PlainCall.encode(function, head: head, options: options)
            }
            return try CallRequest.encode(
                function,
                named: name.text,
                chainID: chainID,
                callOptions: callOptions,
                options: options
            )
        } catch {
            throw MitogenError(.unencodable, "cannot encode the arguments of \(name.displayed): \(error)")
        }
    }

    // MARK: Calls by name

    func call<Output: Decodable>(_ named: NamedCall, timeout: Duration?) async throws(MitogenError) -> Output {
        let timeout = try CallDeadline.timeLeft(timeout)
        return try await start(named, timeout: timeout).reply(timeout: timeout).output()
    }

    func startCall<Output: Decodable>(
        _ named: NamedCall,
        timeout: Duration?
    ) throws(MitogenError) -> PendingCall<Output> {
        PendingCall(call: try start(named, timeout: timeout).bounded(by: timeout)) { (reply) throws(MitogenError) in
            try reply.output()
        }
    }

    func start(_ named: NamedCall, timeout: Duration?) throws(MitogenError) -> RunningCall {
        let timeout = try CallDeadline.timeLeft(timeout)
        let trace = CallTrace(of: named.name, to: context)
        let data = try encode(named, timeout: timeout, trace)
        // Now: when the context is lost, the router forgets what it knows of it.
        let mayBePython = context.peer == nil
        var call = try start(data, functionName: named.name, trace)
        call.mayBePython = mayBePython
        return call
    }

    /// Sends a function off by its name; see the other `startNoReply`.
    func startNoReply(_ named: NamedCall, timeout: Duration?) throws(MitogenError) {
        let trace = CallTrace(of: named.name, to: context)
        let data = try encode(named, timeout: timeout, trace)
        try sendNoReply(data, functionName: named.name, to: StandardHandle.callFunction)
        trace.endUnanswered()
        #if Metrics
            context.router?.metrics.callSent(named.name)
        #endif
    }

    private func encode(
        _ named: NamedCall,
        timeout: Duration?,
        _ trace: CallTrace
    ) throws(MitogenError) -> [UInt8] {
        let peer = context.peer
        do throws(PickleError) {
            return try CallRequest.encode(
                named: named.name,
                arguments: named.arguments,
                keywordArguments: named.keywordArguments,
                chainID: chainID(for: peer),
                callOptions: callOptions(for: peer, timeout: timeout, trace),
                options: writerOptions(for: peer)
            )
        } catch {
            throw MitogenError(.unencodable, "cannot encode the call of \(named.name): \(error)")
        }
    }

    // MARK: Other requests

    /// Sends a request to a handle and waits for its answer.
    ///
    /// - Parameter encode: Gets what is to be sent with the request besides itself; nothing for peers that would not
    ///   understand it.
    func reply(
        at handle: Handle,
        describedAs name: String,
        timeout: Duration?,
        _ encode: (CallOptions) throws(MitogenError) -> [UInt8]
    ) async throws(MitogenError) -> CallReply {
        let timeout = try CallDeadline.timeLeft(timeout)
        let trace = CallTrace(of: name, to: context)
        let data = try self.data(of: encode, timeout, trace)
        return try await reply(to: data, name, at: handle, trace, timeout: timeout)
    }

    /// Sends a request off to a handle.
    func start(
        at handle: Handle,
        describedAs name: String,
        timeout: Duration? = nil,
        _ encode: (CallOptions) throws(MitogenError) -> [UInt8]
    ) throws(MitogenError) -> RunningCall {
        let timeout = try CallDeadline.timeLeft(timeout)
        let trace = CallTrace(of: name, to: context)
        let data = try self.data(of: encode, timeout, trace)
        return try start(data, functionName: name, at: handle, trace).bounded(by: timeout)
    }

    private func data(
        of encode: (CallOptions) throws(MitogenError) -> [UInt8],
        _ timeout: Duration?,
        _ trace: CallTrace
    ) throws(MitogenError) -> [UInt8] {
        var options = CallOptions()
        if let timeout, context.peer?.has(PeerInfo.callOptions) == true { options.timeout = timeout / .seconds(1) }
        var data = try encode(options)
        trace.inject(into: &data)
        return data
    }

    /// Sends an encoded request whose answer nobody wants.
    func sendNoReply(_ data: [UInt8], functionName: String, to handle: Handle) throws(MitogenError) {
        try checkSize(data, functionName: functionName)
        try context.send(Message(handle: handle, encoding: .pickle, data: data))
    }

    // MARK: Parts

    /// Sends a request and waits for its answer. The time counts from now on, also while the way is full.
    private func reply(
        to data: [UInt8],
        _ functionName: String,
        at destination: Handle = StandardHandle.callFunction,
        _ trace: CallTrace,
        timeout: Duration?
    ) async throws(MitogenError) -> CallReply {
        guard data.count > Stream.smallMessage else {
            return try await start(data, functionName: functionName, at: destination, trace).reply(timeout: timeout)
        }
        let router = try context.callableRouter
        try checkSize(data, functionName: functionName)
        let pending = PendingReply()
        let handle = router.register(pending, respondent: context.id, callOf: functionName)
        trace.follow(pending)
        let call = RunningCall(
            pending: pending,
            handle: handle,
            context: context,
            router: router,
            functionName: functionName
        )
        let timer = timeout.map { call.giveUp(after: $0) }
        defer { timer?.cancel() }
        let message = Message(dstID: context.id, handle: destination, replyTo: handle, encoding: .pickle, data: data)
        do throws(MitogenError) {
            try await router.send(message, unless: pending)
        } catch {
            // If the answer has come meanwhile, or the time is over, that counts.
            call.cancel(because: error)
        }
        return try await call.reply(timeout: nil)
    }

    private func start(
        _ data: [UInt8],
        functionName: String,
        at destination: Handle = StandardHandle.callFunction,
        _ trace: CallTrace
    ) throws(MitogenError) -> RunningCall {
        let router = try context.callableRouter
        try checkSize(data, functionName: functionName)
        let message = Message(dstID: context.id, handle: destination, encoding: .pickle, data: data)
        let pending = PendingReply()
        let handle = router.send(message, awaiting: pending, callOf: functionName)
        trace.follow(pending)
        return RunningCall(
            pending: pending,
            handle: handle,
            context: context,
            router: router,
            functionName: functionName
        )
    }

    private func checkSize(_ data: [UInt8], functionName: String) throws(MitogenError) {
        let router = try context.callableRouter
        guard data.count > router.maxMessageSize else { return }
        let text = DeadReason.tooLarge(maximum: router.maxMessageSize)
        throw MitogenError(
            .channelError,
            "\(text): the call of \(functionName) with its arguments has \(data.count) bytes",
            context: context.name,
            hint: "send it in pieces\(.maxMessageSize)"
        )
    }

    /// Peers that read no options would take every chain for a pipelined one. The Python implementation runs all calls
    /// of a context in order anyway.
    private func chainID(for peer: PeerInfo?) -> String? {
        guard let chain, chain.isPipelined || peer?.has(PeerInfo.callOptions) == true else { return nil }
        return chain.id
    }

    private func callOptions(for peer: PeerInfo?, timeout: Duration?, _ trace: CallTrace) -> CallOptions {
        var options = CallOptions()
        guard peer?.has(PeerInfo.callOptions) == true else { return options }
        if let chain, !chain.isPipelined { options.isIndependent = true }
        if let timeout { options.timeout = timeout / .seconds(1) }
        trace.inject(into: &options)
        return options
    }

    /// Bytes go as they are to those who are known to read that.
    private func writerOptions(for peer: PeerInfo?) -> PickleWriter.Options {
        .init(bytesStyle: peer?.has(PeerInfo.binaryBytes) == true ? .binary : .python)
    }
}

extension Context {
    /// What the context understands beyond the common protocol; nil if nothing is known.
    var peer: PeerInfo? { router?.peerInfo(id) }

    /// What sends the calls that belong to no chain.
    var caller: Caller { Caller(context: self) }
}
