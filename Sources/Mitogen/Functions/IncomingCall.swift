//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol

/// A call that has come in, and has not ended.
struct IncomingCall: Sendable {
    let message: Message
    let router: Router
    /// Names it, if an answer is wanted.
    let id: CallID?
    /// The chain that it waits for its turn in.
    let chain: ChainKey?
    /// Nil if it is decoded in its own task, because it is large, or because that fails.
    private let decoded: DecodedCall?
    private let arrival: ContinuousClock.Instant?

    init(_ message: Message, in router: Router, chainID: String? = nil, decoded: DecodedCall? = nil) {
        self.message = message
        self.router = router
        self.decoded = decoded
        // Asked for only if it is needed: what is not decoded yet may need it.
        arrival = decoded == nil || decoded?.callOptions.timeout != nil ? .now : nil
        id = message.wantsReply ? CallID(source: message.srcID, replyTo: message.replyTo) : nil
        chain = chainID.map { ChainKey(source: message.srcID, id: $0) }
    }

    var executor: any TaskExecutor {
        decoded?.type.runsOnBroker == true ? router.broker.taskExecutor : FunctionExecutor.shared
    }

    /// Whether the calls after this one in its chain fail if it does.
    var failsChain: Bool {
        guard chain != nil else { return false }
        let options = decoded?.callOptions ?? (try? CallRequest(decoding: message.data))?.callOptions
        return options?.isIndependent != true
    }

    /// The function's type, as far as that can be told.
    var functionName: String {
        let type = decoded?.type ?? (try? DecodedCall(CallRequest(decoding: message.data)))?.type
        return type.map { displayedName(of: $0) } ?? "the function"
    }

    /// Runs the function; the result is encoded.
    ///
    /// - Parameter dispatcher: Is told when its time is over.
    func run(for dispatcher: CallDispatcher) async -> Result<[UInt8], any Error> {
        do {
            let call =
                try decoded ?? DecodedCall(plain: message.data) ?? DecodedCall(CallRequest(decoding: message.data))
            let deadline = call.callOptions.timeout.flatMap { arrival?.advanced(by: .seconds($0)) }
            let context = ExternalContext(router: router, caller: router.context(message.srcID), deadline: deadline)
            let isBinary = router.peerInfo(message.srcID)?.has(PeerInfo.binaryBytes) == true
            let options = PickleWriter.Options(bytesStyle: isBinary ? .binary : .python)
            let data: [UInt8]
            if let deadline {
                data = try await dispatcher.bounding(until: deadline, of: id, in: router, functionName) {
                    try await call.run(in: context, options: options)
                }
            } else {
                data = try await call.run(in: context, options: options)
            }
            try checkSize(of: data)
            return .success(data)
        } catch {
            return .failure(error)
        }
    }

    private func checkSize(of data: [UInt8]) throws(MitogenError) {
        guard data.count > router.maxMessageSize else { return }
        let text = DeadReason.tooLarge(maximum: router.maxMessageSize)
        throw MitogenError(.channelError, "\(text): the result of \(functionName) has \(data.count) bytes")
    }
}

/// A call as something that a ``ChainTable`` holds.
final class ChainedCall: Sendable {
    let call: IncomingCall

    init(_ call: IncomingCall) {
        self.call = call
    }
}

/// A request whose function is known.
struct DecodedCall: Sendable {
    let type: any RemoteFunction.Type
    let properties: CallRequest.Properties
    let callOptions: CallOptions

    /// Nil if the data is not that of a plain call.
    init?(plain data: [UInt8]) throws(MitogenError) {
        guard let parts = PlainCall.parts(of: data),
            let value = PlainCall.properties(in: data, at: parts.properties),
            let known = try FunctionTable.shared.type(named: data[parts.name])
        else { return nil }
        type = known
        properties = .value(value)
        callOptions = CallOptions()
    }

    init(_ request: CallRequest) throws(MitogenError) {
        properties = request.properties
        callOptions = request.callOptions
        if request.isTyped {
            type = try FunctionTable.shared.type(named: request.function)
        } else if let registered = FunctionTable.shared.registered(request.registeredName) {
            type = registered
        } else {
            throw MitogenError(.unknownFunction, "no function is registered as \(request.registeredName)")
        }
    }

    func run(in context: ExternalContext, options: PickleWriter.Options) async throws -> [UInt8] {
        let place = context.router.functions.begin(type, for: context.caller.id)
        defer { context.router.functionDidEnd(place) }
        #if Metrics || Tracing
            let trace = ReceivedTrace(callOptions)
            let name = displayedName(of: type)
            return try await context.router.observing(name, isKnown: true, from: context.caller.id, trace: trace) {
                try await type.run(properties: properties, in: context, options: options)
            }
        #else
            return try await type.run(properties: properties, in: context, options: options)
        #endif
    }
}

extension RemoteFunction {
    /// Decodes the function, runs it, and encodes what it returns.
    fileprivate static func run(
        properties: CallRequest.Properties,
        in context: ExternalContext,
        options: PickleWriter.Options
    ) async throws -> [UInt8] {
        let output = try await ExternalContext.$current.withValue(context) {
            try await decode(properties, context.router.decoder).run(in: context)
        }
        return try encode(output, options)
    }

    private static func decode(
        _ properties: CallRequest.Properties,
        _ decoder: PickleDecoder
    ) throws(MitogenError) -> Self {
        do throws(PickleError) {
            switch properties {
            case .value(let value): return try decoder.decode(Self.self, from: value)
            case .arguments(let positional, let named):
                return try decoder.decode(Self.self, positional: positional, named: named)
            }
        } catch {
            throw MitogenError(.callError, "cannot decode the arguments of \(displayedName(of: Self.self)): \(error)")
        }
    }

    private static func encode(_ output: Output, _ options: PickleWriter.Options) throws(MitogenError) -> [UInt8] {
        try encodeResult(of: displayedName(of: Self.self), options) { (writer) throws(PickleError) in
            try encode(output: output, into: &writer)
        }
    }
}

/// The data of an answer.
///
/// - Throws: ``MitogenError`` with `.unencodable`.
package func encodeResult(
    of name: @autoclosure () -> String,
    _ options: PickleWriter.Options,
    _ write: (inout PickleWriter) throws(PickleError) -> Void
) throws(MitogenError) -> [UInt8] {
    do throws(PickleError) {
        var writer = PickleWriter(options: options, capacity: 64)
        try writer.beginStream()
        try write(&writer)
        try writer.endStream()
        return writer.bytes
    } catch {
        throw MitogenError(.unencodable, "cannot encode the result of \(name()): \(error)")
    }
}
