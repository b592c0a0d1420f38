//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs the functions that other contexts call here (Mitogen wire protocol, sections 1.7 and 6).
final class CallDispatcher: Sendable {
    let calls = Mutex(CallTable())
    private let chains = Mutex(ChainTable())
    /// What is in work for all who are reached by one stream; in a master, none is that of its own requests.
    private let loads = Mutex<[LinkID?: Load]>([:])

    private struct Load {
        var requests = 0
        var byteCount = 0
    }

    /// So many requests, or bytes of them, are in work for all who are reached by one stream; more are refused.
    private static let mostRequests = 10_000
    private static let mostRequestBytes = 256 << 20

    /// Data up to this size is decoded on the Broker's thread, where it arrives.
    private static let smallRequest = 4096

    /// Lets contexts above call functions here.
    ///
    /// - Parameter start: Calls wait until this is resolved, which is done on the Broker's thread so that they stay in order;
    ///   nil if they need not wait. Whoever waits can give its call up meanwhile.
    func install(in router: Router, waitingFor start: OneShot<Void>? = nil) {
        router.addHandler(StandardHandle.callFunction, .parents) { [tether = Tether(self)] router, message, _ in
            tether.object?.receive(message, in: router, waitingFor: start)
        }
    }

    /// Lets this context call functions in itself, and nobody else: others are told what they are told where there is
    /// nothing.
    func acceptOwnCalls(in router: Router) {
        router.addHandler(StandardHandle.callFunction, .anyone) { [tether = Tether(self)] router, message, stream in
            guard stream == nil else { return router.reply(to: message, with: .dead(DeadReason.invalidHandle)) }
            tether.object?.receive(message, in: router)
        }
    }

    /// Lets whoever has asked for something give it up, in a master too: services and actors live there as well.
    func acceptCancellations(in router: Router) {
        router.addHandler(StandardHandle.cancelCall, .anyone) { [tether = Tether(self)] router, message, _ in
            guard let cancellation = CallCancellation(parsing: message.data) else { return }
            router.dropParts(from: message.srcID, awaitedAt: cancellation.replyTo)
            tether.object?.cancel(cancellation, from: message.srcID)
        }
    }

    // MARK: Cancelling

    private func cancel(_ cancellation: CallCancellation, from source: ContextID) {
        let id = CallID(source: source, replyTo: cancellation.replyTo)
        let cancel = calls.withLock { calls in
            cancellation.isTimeout ? calls.timeOut(id, isAwaited: false) : calls.cancel(id)
        }
        cancel?()
    }

    /// Cancels what a context that is gone has called.
    func cancelAll(from source: ContextID) {
        chains.withLock { $0.removeAll(from: source) }
        for cancel in calls.withLock({ $0.cancelAll(from: source) }) { cancel() }
    }

    /// Cancels everything; no call begins any more.
    func cancelAll() {
        chains.withLock { $0.close() }
        for cancel in calls.withLock({ $0.close() }) { cancel() }
    }

    // MARK: Receiving

    private func receive(_ message: Message, in router: Router, waitingFor start: OneShot<Void>? = nil) {
        if message.data.count > Self.smallRequest {
            switch CallRequest.chainMark(in: message.data) {
            case .none: return begin(IncomingCall(message, in: router), after: start)
            case .chain(let id): return begin(IncomingCall(message, in: router, chainID: id), after: start)
            case .unclear: break
            }
        }
        do throws(MitogenError) {
            if let call = try DecodedCall(plain: message.data) {
                return begin(IncomingCall(message, in: router, decoded: call), after: start)
            }
            let request = try CallRequest(decoding: message.data)
            if let chain = request.forgottenChain {
                guard let start else { return forget(chain, for: message, in: router) }
                // After the calls that have come before.
                return start.whenResolved { [tether = Tether(self), router = Tether(router)] _ in
                    if let router = router.object { tether.object?.forget(chain, for: message, in: router) }
                }
            }
            guard let chain = request.chainID else {
                return begin(IncomingCall(message, in: router, decoded: try DecodedCall(request)), after: start)
            }
            // What cannot be found fails when its turn has come.
            begin(IncomingCall(message, in: router, chainID: chain, decoded: try? DecodedCall(request)), after: start)
        } catch {
            #if Metrics
                router.metrics.callRefused(error)
            #endif
            answer(message, with: RemoteFailure(of: error, in: router, data: message.data), in: router)
        }
    }

    private func begin(_ call: IncomingCall, after start: OneShot<Void>?) {
        if let id = call.id, !calls.withLock({ $0.begin(id) }) { return }
        guard let start else { return enter(call) }
        start.whenResolved { [tether = Tether(self)] outcome in
            guard let dispatcher = tether.object else { return }
            if case .failure(let error) = outcome {
                _ = dispatcher.settle(call, with: .failure(error))
            } else if call.chain != nil || call.id.map({ id in dispatcher.calls.withLock { $0.isWanted(id) } }) ?? true
            {
                dispatcher.enter(call)
            } else {
                _ = dispatcher.settle(call, with: .failure(CancellationError()))
            }
        }
    }

    private func enter(_ call: IncomingCall) {
        guard let chain = call.chain else { return launch(call) }
        chains.withLock { $0.add(ChainedCall(call), to: chain) }
        advance(chain)
    }

    private func forget(_ chain: String, for message: Message, in router: Router) {
        let key = ChainKey(source: message.srcID, id: chain)
        chains.withLock { $0.reset(key) }
        advance(key)
        if let reply = try? Message.pickled(PickleValue.none) { router.reply(to: message, with: reply) }
    }

    // MARK: Running

    /// Lets the calls of a chain have their turns, as far as none runs.
    private func advance(_ chain: ChainKey) {
        while let turn = chains.withLock({ $0.next(of: chain) }) {
            switch turn {
            case .run(let chained as ChainedCall):
                let call = chained.call
                guard let id = call.id, !calls.withLock({ $0.isWanted(id) }) else { return launch(call) }
                let failure = settle(call, with: .failure(CancellationError()))
                chains.withLock { $0.end(of: chain, failure: failure) }
            case .fail(let chained as ChainedCall, let failure):
                let call = chained.call
                let ending = call.id.map { id in calls.withLock { $0.end(id) } }
                if ending == .wanted { answer(call.message, with: failure, in: call.router) }
            case .run, .fail: break  // nothing else is ever added
            }
        }
    }

    private func launch(_ call: IncomingCall) {
        // Unstructured, because a call arrives as a message on the Broker's thread, which no task runs; the table
        // holds the task so that it can be cancelled.
        let task = Task(executorPreference: call.executor) { [self] in
            let outcome = await call.run(for: self)
            let (end, isSent) = await deliver(outcome, as: call.message, in: call.router)
            let failure = settle(call, with: end, isSent: isSent)
            guard let chain = call.chain else { return }
            chains.withLock { $0.end(of: chain, failure: failure) }
            advance(chain)
        }
        guard let id = call.id else { return }
        if !calls.withLock({ $0.attach({ task.cancel() }, to: id) }) { task.cancel() }
    }

    /// Sends a large result, while the call can still be cancelled. Returns what it ends with, and whether that is sent.
    private func deliver(
        _ outcome: Result<[UInt8], any Error>,
        as request: Message,
        in router: Router
    ) async -> (Result<[UInt8], any Error>, isSent: Bool) {
        guard case .success(let data) = outcome, data.count > Stream.smallMessage,
            let answer = request.replying(with: Message(handle: 0, encoding: .pickle, data: data))
        else { return (outcome, false) }
        do throws(MitogenError) {
            try await router.send(answer)
            return (outcome, true)
        } catch {
            return (.failure(error), false)
        }
    }

    /// Answers a call that has ended. Returns what the calls after it in its chain fail with.
    private func settle(
        _ call: IncomingCall,
        with outcome: Result<[UInt8], any Error>,
        isSent: Bool = false
    ) -> RemoteFailure? {
        var outcome = outcome
        var isAwaited = true
        switch call.id.map({ id in calls.withLock { $0.end(id) } }) ?? .wanted {
        case .wanted: break
        case .givenUp: return nil
        case .timedOut(let isAnswerAwaited):
            outcome = .failure(MitogenError(.timeoutError, "\(call.functionName) has not returned in time"))
            isAwaited = isAnswerAwaited
        }
        switch outcome {
        case .success(let data):
            if !isSent { call.router.reply(to: call.message, with: Message(handle: 0, encoding: .pickle, data: data)) }
            return nil
        case .failure(let error):
            let failure = RemoteFailure(of: error, in: call.router, data: call.message.data)
            let failsChain = call.failsChain
            // In a chain the calls after it tell a failure that is not awaited; else it is logged.
            if isAwaited, call.message.wantsReply || !failsChain {
                answer(call.message, with: failure, in: call.router)
            }
            return failsChain ? failure : nil
        }
    }

    // MARK: Other requests

    /// Answers a request to another handle with what `prepare`'s result returns, an encoded value. It ends like a call:
    /// when its caller gives it up or is gone, when its time is over, or this context ends.
    func serve(
        _ request: ServedRequest,
        describedAs name: @escaping @Sendable () -> String,
        _ prepare: () -> @Sendable () async throws -> [UInt8]
    ) {
        let (message, router) = (request.message, request.router)
        let link = router.core.withLock { $0.state.table.link(for: message.srcID) }
        guard loads.withLock({ Self.add(message, to: &$0[link, default: Load()]) }) else {
            guard message.wantsReply else { return }
            let error = MitogenError(.callError, "too many requests are in work for those who come the same way")
            return answer(message, with: RemoteFailure(of: error, in: router, function: "a request"), in: router)
        }
        let id = request.id
        if let id, !calls.withLock({ $0.begin(id) }) { return remove(message, from: link) }
        let body = prepare()
        // Unstructured, as for a call.
        let task = Task(executorPreference: FunctionExecutor.shared) { [self] in
            defer { remove(message, from: link) }
            let outcome = await request.run(describedAs: name, body)
            let (end, isSent) = await deliver(outcome, as: request.message, in: request.router)
            settle(request, with: end, isSent: isSent, name)
        }
        guard let id else { return }
        if !calls.withLock({ $0.attach({ task.cancel() }, to: id) }) { task.cancel() }
    }

    private static func add(_ request: Message, to load: inout Load) -> Bool {
        guard load.requests < mostRequests, load.byteCount < mostRequestBytes else { return false }
        load.requests += 1
        load.byteCount += request.data.count
        return true
    }

    private func remove(_ request: Message, from link: LinkID?) {
        loads.withLock { loads in
            guard var load = loads.removeValue(forKey: link) else { return }
            load.requests -= 1
            load.byteCount -= request.data.count
            if load.requests > 0 { loads[link] = load }
        }
    }

    private func settle(
        _ request: ServedRequest,
        with outcome: Result<[UInt8], any Error>,
        isSent: Bool,
        _ name: () -> String
    ) {
        var outcome = outcome
        switch request.id.map({ id in calls.withLock { $0.end(id) } }) ?? .wanted {
        case .wanted: break
        case .givenUp, .timedOut(isAwaited: false): return
        case .timedOut: outcome = .failure(MitogenError(.timeoutError, "\(name()) has not returned in time"))
        }
        let (message, router) = (request.message, request.router)
        switch outcome {
        case .success(let data):
            // No value has no bytes.
            if isSent || data.isEmpty { return }
            router.reply(to: message, with: Message(handle: 0, encoding: .pickle, data: data))
        case .failure(let error):
            answer(message, with: RemoteFailure(of: error, in: router, function: name()), in: router)
        }
    }

    private func answer(_ message: Message, with failure: RemoteFailure, in router: Router) {
        guard message.wantsReply else {
            return router.logger.error("No-reply function call failed: \(failure.callErrorText)")
        }
        guard let data = try? failure.answer(limit: router.maxMessageSize) else { return }
        router.reply(to: message, with: Message(handle: 0, encoding: .pickle, data: data))
    }
}
