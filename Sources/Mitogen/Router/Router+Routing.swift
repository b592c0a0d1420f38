//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
public import MitogenProtocol
internal import Synchronization

extension Router {
    /// Sends a message on its way (Mitogen wire protocol, section 4.2).
    ///
    /// Call it from any thread. The router fills in source and authority. A message that cannot be delivered is
    /// answered with a dead message if it wants an answer.
    public func route(_ message: Message) {
        route(message, from: nil)
    }

    /// - Parameters:
    ///   - isAnswer: Whether it answers a request of the context that it goes to; false by default.
    ///   - waits: Whether the caller waits for what is returned; false by default.
    /// - Returns: If much waits on the way, what is resolved when the message is written, or lost.
    @discardableResult
    func route(
        _ message: consuming Message,
        from stream: Stream?,
        isAnswer: Bool = false,
        waits: Bool = false
    ) -> OneShot<Void>? {
        var message = message
        let ingress = stream?.id
        let (action, egress) = core.withLock { core in
            let action = core.state.process(&message, from: ingress)
            if case .forward(let link) = action { return (action, core.streams[link]) }
            return (action, nil)
        }
        return perform(action, message, egress: egress, from: stream, isAnswer: isAnswer, waits: waits)
    }

    /// Sends a message on its way.
    ///
    /// - Returns: If the way is full, what a sender of more awaits first: it is resolved when the message is written or lost.
    package func routeWithTurn(_ message: consuming Message) -> OneShot<Void>? {
        route(message, from: nil, waits: true)
    }

    /// Sends a message on its way, and waits until it is written if much waits already, so that whoever sends again and
    /// again has one message there at most.
    ///
    /// - Parameter pending: The wait also ends when this is resolved. It ends when the calling task is cancelled; the
    ///   message stays on its way.
    func routeInTurn(_ message: consuming Message, unless pending: PendingReply? = nil) async {
        guard let turn = routeWithTurn(message) else { return }
        pending?.whenResolved { _ in turn.resolve(.success(())) }
        try? await turn.value()
    }

    @discardableResult
    func perform(
        _ action: RouterState.Action,
        _ message: consuming Message,
        egress: Stream?,
        from stream: Stream?,
        isAnswer: Bool = false,
        waits: Bool = false
    ) -> OneShot<Void>? {
        if MessageLog.shared.isOn {
            MessageLog.shared.note(message.header, size: message.data.count, action, from: stream, to: egress)
        }
        #if Metrics
            switch action {
            case .forward: if egress != nil { metrics.frameSent(message) }
            case .drop: metrics.messageDropped()
            case .answer: metrics.messageRefused()
            case .invoke: break
            }
        #endif
        switch action {
        case .forward:
            if stream == nil {
                return egress?.send(message, isAnswer: isAnswer, waits: waits)
            } else if let egress, egress.forward(message) == .full {
                tellThatFull(egress, message)
            }
        case .invoke(let handler): invoke(handler, message, from: stream)
        case .drop(let reason):
            // A log record that cannot be sent must not make another one.
            if message.handle != StandardHandle.forwardLog {
                peerLogger.debug("dropped a message: \(reason)", metadata: Self.metadata(of: message))
            }
        case .answer(let answer, let reason):
            if message.handle != StandardHandle.forwardLog {
                peerLogger.debug("refused a message: \(reason)", metadata: Self.metadata(of: message))
            }
            route(answer, from: nil, isAnswer: true)
        }
        return nil
    }

    private static func metadata(of message: Message) -> Logger.Metadata {
        ["source": "\(message.srcID)", "destination": "\(message.dstID)", "handle": "\(message.handle)"]
    }

    /// A message cannot pass. Who waits for its answer is told, or else whoever waits for the message itself. Of a value of
    /// a flow both are: its sender may have sent all, and its receiver would take what comes next for the next value.
    private func tellThatFull(_ egress: Stream, _ message: Message) {
        guard !message.isDead else { return }
        let reason = DeadReason.wayIsFull(to: message.dstID)
        if let answer = message.replying(with: .dead(reason)) {
            send(answer, inTheNameOf: message.dstID, authority: nil, past: egress)
            // Elsewhere it may have been a request, whose receiver misses nothing.
            guard message.handle >= StandardHandle.firstFree, has(PeerInfo.flowControl, message.dstID) == true else {
                return
            }
        }
        let dead = Message.dead(reason, dstID: message.dstID, handle: message.handle)
        send(dead, inTheNameOf: message.srcID, authority: message.authID, past: egress)
    }

    private func send(
        _ dead: Message,
        inTheNameOf source: ContextID,
        authority: ContextID?,
        past egress: Stream
    ) {
        var dead = dead
        let (action, way) = core.withLock { core in
            let action = core.state.process(&dead, inTheNameOf: source, authority: authority)
            if case .forward(let link) = action { return (action, core.streams[link]) }
            return (action, nil)
        }
        // Towards the full stream it is small enough to have a place of its own there, which is bounded too.
        if way === egress {
            _ = egress.forward(dead)
        } else {
            perform(action, dead, egress: way, from: nil, isAnswer: true)
        }
    }

    private func invoke(_ handler: HandleTable.Handler, _ message: Message, from stream: Stream?) {
        switch handler {
        case let pending as PendingReply: pending.resolve(.success(message))
        case let handler as FunctionHandler:
            if stream != nil {
                handler.function(message, stream)
            } else {
                // Later even if this is the Broker's thread: the sender may hold what the function wants.
                broker.scheduleLater { handler.function(message, nil) }
            }
        case let inbox as Inbox:
            if stream != nil {
                inbox.receive(message, in: self)
            } else {
                broker.scheduleLater { inbox.receive(message, in: self) }
            }
        default: break  // nothing else is ever registered
        }
    }

    /// Tells those behind handles, which are registered no more, that nothing will come.
    func deliverDead(_ reason: String, to handlers: [(Handle, HandleTable.Handler)]) {
        for (handle, handler) in handlers {
            let dead = deadMessage(reason, to: handle)
            switch handler {
            case let pending as PendingReply: pending.resolve(.success(dead))
            case let handler as FunctionHandler:
                if !broker.schedule({ handler.function(dead, nil) }) { handler.function(dead, nil) }
            case let inbox as Inbox: inbox.finish(with: dead)
            default: break
            }
        }
    }

    private func deadMessage(_ reason: String, to handle: Handle) -> Message {
        var dead = Message.dead(reason, dstID: contextID, handle: handle)
        dead.srcID = contextID
        return dead
    }

    /// A message has arrived on a stream.
    func receive(_ message: consuming Message, from stream: Stream) {
        #if Metrics
            metrics.frameReceived(message)
        #endif
        route(message, from: stream)
    }

    /// Sends an answer to `request`, unless it wants none.
    func reply(to request: Message, with reply: Message) {
        guard let answer = request.replying(with: reply) else { return }
        route(answer, from: nil, isAnswer: true)
    }

    // MARK: Requests

    /// Sends a message and registers who waits for the answer, in one step.
    ///
    /// - Parameter function: The name of the function, if it is a call.
    /// - Returns: The handle that the answer comes to.
    func send(
        _ message: consuming Message,
        awaiting pending: PendingReply,
        callOf function: String? = nil
    ) -> Handle {
        var message = message
        let request = request(for: pending, function)
        let respondent = message.dstID
        if isAttached { introduceSelf(to: respondent) }
        let result: (Handle, RouterState.Action, Stream?)? = core.withLock { core in
            guard !core.isShutDown else { return nil }
            let handle = core.state.handles.add(pending, persists: false, respondent: respondent, request: request) ?? 0
            message.replyTo = handle
            let action = core.state.process(&message, from: nil)
            if case .forward(let link) = action { return (handle, action, core.streams[link]) }
            return (handle, action, nil)
        }
        guard let (handle, action, egress) = result else {
            pending.resolve(.failure(.routerIsShutDown))
            return 0
        }
        perform(action, message, egress: egress, from: nil)
        return handle
    }

    /// Registers who waits for the answer to a message that is sent in parts.
    func register(_ pending: PendingReply, respondent: ContextID, callOf function: String?) -> Handle {
        let request = request(for: pending, function)
        let handle = core.withLock { core in
            core.isShutDown
                ? nil : core.state.handles.add(pending, persists: false, respondent: respondent, request: request)
        }
        if handle == nil { pending.resolve(.failure(.routerIsShutDown)) }
        return handle ?? 0
    }

    private func request(for pending: PendingReply, _ function: String?) -> HandleTable.Request {
        let request = HandleTable.Request(function: function, start: monotonicNanoseconds())
        if profile.isOn, let function {
            pending.whenResolved { [profile] _ in profile.add(callOf: function, since: request.start) }
        }
        #if Metrics
            if let function { metrics.follow(pending, callOf: function, since: request.start) }
        #endif
        return request
    }

    /// Gives a request up: nobody waits for its answer any more, and the callee is told.
    ///
    /// - Parameter isTimeout: Whether that is because its time is over; false by default.
    func abandon(_ handle: Handle, of respondent: ContextID, isTimeout: Bool = false) {
        guard core.withLock({ $0.state.handles.remove(handle) != nil }) else { return }
        withdraw(handle, of: respondent)
        // Whoever does not know that drops it.
        guard has(PeerInfo.cancellation, respondent) != false else { return }
        let data = CallCancellation(replyTo: handle, isTimeout: isTimeout).data
        route(Message(dstID: respondent, handle: StandardHandle.cancelCall, data: data))
    }

    /// Drops what of an abandoned request still waits to be written on the way to a context.
    func withdraw(_ handle: Handle, of respondent: ContextID) {
        let (stream, own) = core.withLock { core in
            (core.state.table.link(for: respondent).flatMap { core.streams[$0] }, core.state.table.contextID)
        }
        stream?.withdraw(handle, of: own)
    }

    /// How many bytes wait to be written on the way to a context.
    func pendingBytes(towards id: ContextID) -> Int {
        let stream = core.withLock { core in
            core.state.table.link(for: id).flatMap { core.streams[$0] }
        }
        return stream?.pendingBytes ?? 0
    }

    /// Calls `body` when what a context has sent so far was delivered: what comes from this context itself takes the way
    /// over the Broker's queue, which answers do not.
    func afterArrivals(from id: ContextID, _ body: @escaping @Sendable () -> Void) {
        guard id == contextID, broker.scheduleLater(body) else { return body() }
    }

    /// What the flows that come from a context share; nil for this context, and one that cannot be reached.
    func budget(of id: ContextID) -> LinkBudget? {
        core.withLock { core in
            core.state.table.link(for: id).flatMap { core.streams[$0]?.budget }
        }
    }
}
