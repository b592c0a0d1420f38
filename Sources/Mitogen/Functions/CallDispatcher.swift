//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs the functions that other contexts call here (Mitogen wire protocol, sections 1.7 and 6).
final class CallDispatcher: Sendable {
    private let calls = Mutex(CallTable())

    /// Data up to this size is decoded on the Broker's thread, where it arrives.
    private static let smallRequest = 4096

    func install(in router: Router) {
        router.addHandler(StandardHandle.callFunction, .parents) { [weak self] router, message, _ in
            self?.receive(message, in: router)
        }
        router.addHandler(StandardHandle.cancelCall, .anyone) { [weak self] _, message, _ in
            guard let self, let handle = Handle(String(decoding: message.data, as: UTF8.self)) else { return }
            let call = CallID(source: message.srcID, replyTo: handle)
            calls.withLock { $0.cancel(call) }?()
        }
    }

    /// Cancels what a context that is gone has called.
    func cancelAll(from source: ContextID) {
        for cancel in calls.withLock({ $0.cancelAll(from: source) }) { cancel() }
    }

    /// Cancels everything; no call begins any more.
    func cancelAll() {
        for cancel in calls.withLock({ $0.close() }) { cancel() }
    }

    private func receive(_ message: Message, in router: Router) {
        guard message.data.count <= Self.smallRequest else {
            return start(message, in: router, on: FunctionExecutor.shared) { () throws(MitogenError) in
                try DecodedCall(message)
            }
        }
        do throws(MitogenError) {
            let call = try DecodedCall(message)
            let executor: any TaskExecutor =
                call.type.runsOnBroker ? router.broker.taskExecutor : FunctionExecutor.shared
            start(message, in: router, on: executor) { call }
        } catch {
            answer(message, with: .failure(error), in: router)
        }
    }

    private func start(
        _ message: Message,
        in router: Router,
        on executor: any TaskExecutor,
        _ decode: @escaping @Sendable () throws(MitogenError) -> DecodedCall
    ) {
        let id = message.wantsReply ? CallID(source: message.srcID, replyTo: message.replyTo) : nil
        if let id, !calls.withLock({ $0.begin(id) }) { return }
        // Unstructured, because a call arrives as a message on the Broker's thread, which no task runs; the table
        // holds the task so that it can be cancelled.
        let task = Task(executorPreference: executor) { [self] in
            let outcome = await run(decode, for: message, in: router)
            if case .success(let data) = outcome, data.count > Stream.smallMessage {
                await router.waitForRoom(towards: message.srcID)
            }
            if let id, !calls.withLock({ $0.end(id) }) { return }
            answer(message, with: outcome, in: router)
        }
        guard let id else { return }
        if !calls.withLock({ $0.attach({ task.cancel() }, to: id) }) { task.cancel() }
    }

    private func run(
        _ decode: @Sendable () throws(MitogenError) -> DecodedCall,
        for message: Message,
        in router: Router
    ) async -> Result<[UInt8], any Error> {
        do {
            let call = try decode()
            let context = ExternalContext(router: router, caller: router.context(message.srcID))
            let isBinary = router.peerInfo(message.srcID)?.has(PeerInfo.binaryBytes) == true
            return .success(try await call.run(in: context, options: .init(bytesStyle: isBinary ? .binary : .python)))
        } catch {
            return .failure(error)
        }
    }

    private func answer(_ message: Message, with outcome: Result<[UInt8], any Error>, in router: Router) {
        switch outcome {
        case .success(let data):
            router.reply(to: message, with: Message(handle: 0, encoding: .pickle, data: data))
        case .failure(let error):
            let failure = RemoteFailure(of: error, in: router, data: message.data)
            guard message.wantsReply else {
                return router.logger.error("No-reply function call failed: \(failure.callErrorText)")
            }
            if let reply = try? Message.pickled(PickleValue.callError(failure.callErrorText)) {
                router.reply(to: message, with: reply)
            }
        }
    }
}

/// A request whose function is known.
private struct DecodedCall: Sendable {
    let type: any RemoteFunction.Type
    let request: CallRequest

    init(_ message: Message) throws(MitogenError) {
        request = try CallRequest(decoding: message.data)
        if request.isTyped {
            type = try FunctionTable.shared.type(named: request.function)
        } else if let registered = FunctionTable.shared.registered(request.registeredName) {
            type = registered
        } else {
            throw MitogenError(.unknownFunction, "no function is registered as \(request.registeredName)")
        }
    }

    func run(in context: ExternalContext, options: PickleWriter.Options) async throws -> [UInt8] {
        try await type.run(properties: request.properties(), in: context, options: options)
    }
}

extension RemoteFunction {
    /// Decodes the function, runs it, and encodes what it returns.
    fileprivate static func run(
        properties: PickleValue,
        in context: ExternalContext,
        options: PickleWriter.Options
    ) async throws -> [UInt8] {
        let output = try await ExternalContext.$current.withValue(context) {
            let function = try PickleDecoder().decode(Self.self, from: properties)
            return try await function.run(in: context)
        }
        return try encode(output, options)
    }

    private static func encode(_ output: Output, _ options: PickleWriter.Options) throws -> [UInt8] {
        var writer = PickleWriter(options: options, capacity: 64)
        try writer.beginStream()
        if output is Void {
            try writer.writeNone()
        } else if let output = output as? any Encodable {
            try PickleEncoder().encode(output, into: &writer)
        } else {
            throw MitogenError(.unencodable, "\(Output.self), a remote function's result, is not Codable")
        }
        try writer.endStream()
        return writer.bytes
    }
}

extension RemoteFailure {
    /// What is told about an error that a function here ended with.
    init(of error: any Error, in router: Router, data: [UInt8]) {
        let function = (try? CallRequest(decoding: data)).map { request in
            request.isTyped
                ? (try? FunctionTable.shared.type(named: request.function)).map { String(reflecting: $0) }
                    ?? request.function
                : request.registeredName
        }
        let place = "  in \(function ?? "a malformed call"), context \(router.contextID), pid \(getpid())"
        if error is CancellationError || (error as? MitogenError)?.code == .cancelled {
            self.init(typeName: Self.cancellationTypeName, message: "the function was cancelled", traceback: place)
        } else if let error = error as? MitogenError {
            let inner = error.remote?.traceback.map { "\n\($0)" } ?? ""
            self.init(
                typeName: "Mitogen.MitogenError.\(error.code)",
                message: error.remote.map { "\($0.typeName): \($0.message)" } ?? error.message,
                traceback: place + inner
            )
        } else {
            self.init(typeName: String(reflecting: type(of: error)), message: "\(error)", traceback: place)
        }
    }
}
