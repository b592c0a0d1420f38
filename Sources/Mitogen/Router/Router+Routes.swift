//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// What a router does when streams come and go (Mitogen wire protocol, section 4.7).
extension Router {
    func addRouteHandlers() {
        addHandler(StandardHandle.addRoute, .immediatePeer) { router, message, stream in
            router.addRoute(message, from: stream)
        }
        addHandler(StandardHandle.deleteRoute, .immediatePeer) { router, message, stream in
            router.deleteRoute(message, from: stream)
        }
        addHandler(StandardHandle.routeInfo, .anyone) { router, message, stream in
            router.learnPeer(message, from: stream)
        }
        addHandler(StandardHandle.routeLost, .immediatePeer) { router, message, stream in
            router.learnLoss(message, from: stream)
        }
        addHandler(StandardHandle.blockOwner, .immediatePeer) { router, message, stream in
            router.learnOwner(message, from: stream)
        }
        addHandler(StandardHandle.detaching, .anyone) { router, message, stream in
            router.detachChild(message, from: stream)
        }
    }

    /// Registers one of the router's own handles. Dead messages to them mean nothing and are ignored.
    func addHandler(
        _ handle: Handle,
        _ policy: HandlePolicy,
        _ function: @escaping @Sendable (Router, Message, Stream?) -> Void
    ) {
        let handler = FunctionHandler { [tether = Tether(self)] message, stream in
            guard let self = tether.object, !message.isDead else { return }
            function(self, message, stream)
        }
        core.withLock { core in
            _ = core.state.handles.add(handler, at: handle, policy: policy, overwrites: true)
        }
    }

    func nextLinkID() -> LinkID {
        core.withLock { core in
            defer { core.nextLink += 1 }
            return LinkID(rawValue: core.nextLink)
        }
    }

    private func addRoute(_ message: Message, from stream: Stream?) {
        guard let stream, let route = RouteAnnouncement(parsing: message.data) else {
            return complain("ignored a malformed ADD_ROUTE from context \(message.srcID)", about: stream)
        }
        var isNew = false
        // In bytes: a single character can have any number of them.
        let name = ForwardedLog.cut(route.name, to: 200)
        apply(because: stream) { core in
            guard core.state.mayLead(stream.id, to: route.id) else {
                return [.log("refused a route to context \(route.id), which nobody behind that stream can start")]
            }
            isNew = !core.state.table.hasRoute(to: route.id)
            return core.state.table.addRoute(to: route.id, name: name, through: stream.id)
        }
        if isNew, core.withLock({ $0.state.table.hasRoute(to: route.id) }) {
            eventHub.send(.connected(context(route.id)))
        }
    }

    private func deleteRoute(_ message: Message, from stream: Stream?) {
        guard let stream, let route = RouteAnnouncement(parsing: message.data) else {
            return complain("ignored a malformed DEL_ROUTE from context \(message.srcID)", about: stream)
        }
        apply(because: stream) { core in
            // Why comes right before.
            let loss = core.losses.removeValue(forKey: stream.id)
            return core.state.table.deleteRoute(
                to: route.id,
                source: message.srcID,
                from: stream.id,
                reason: loss?.id == route.id ? loss?.reason ?? "" : ""
            )
        }
    }

    private func learnPeer(_ message: Message, from stream: Stream?) {
        guard let stream, let info = try? message.decode(as: RouteInfo.self) else { return }
        let isNews = core.withLock { core in
            let table = core.state.table
            let isPeer = message.srcID == stream.remoteID
            // One that is attached to an ancestor speaks for itself, with that one's authority.
            guard isPeer || message.srcID == info.id && table.isParentAuthority(message.authID) else { return false }
            // Only about contexts that are reached through the one that speaks.
            guard table.link(for: info.id) == stream.id else { return false }
            core.state.table.peers[info.id] = info.info
            return isPeer
        }
        if isNews { announceInfo(info) }
    }

    private func announceInfo(_ info: RouteInfo) {
        let parent = core.withLock { core in
            core.state.table.parentID.flatMap { core.state.table.peers[$0] != nil ? $0 : nil }
        }
        if let parent { send(info, to: StandardHandle.routeInfo, in: parent) }
    }

    private func learnLoss(_ message: Message, from stream: Stream?) {
        guard let stream, let loss = try? message.decode(as: RouteLoss.self) else { return }
        let short = RouteLoss(id: loss.id, reason: ForwardedLog.cut(loss.reason, to: 4000))
        core.withLock { $0.losses[stream.id] = short }
    }

    /// Changes the routes and does what follows from it.
    ///
    /// - Parameter stream: Where the wish for it has come from, if it has.
    func apply(because stream: Stream? = nil, _ change: (inout Core) -> [RouteEffect]) {
        let effects = core.withLock { change(&$0) }
        for effect in effects { perform(effect, because: stream) }
    }

    /// Logs what a peer has done wrong: the first times, and then at each doubling, as it may do so without end.
    private func complain(_ text: @autoclosure () -> String, about stream: Stream?) {
        let count = core.withLock { core -> Int in
            guard let stream else { return 1 }
            core.complaints[stream.id, default: 0] += 1
            return core.complaints[stream.id] ?? 1
        }
        guard count <= 32 || count.nonzeroBitCount == 1 else { return }
        let text = text()
        peerLogger.error(count <= 32 ? "\(text)" : "\(text) (complaint \(count) about this connection)")
    }

    private func perform(_ effect: RouteEffect, because stream: Stream?) {
        switch effect {
        case .announce(let id, let name, let link):
            guard let (peer, isSwift) = peer(of: link) else { return }
            var message = RouteAnnouncement(id: id, name: name).added
            message.dstID = peer
            route(message)
            if isSwift, let info = peerInfo(id) {
                send(RouteInfo(id: id, info: info), to: StandardHandle.routeInfo, in: peer)
            }
        case .withdraw(let id, let reason, let link):
            guard let (peer, isSwift) = peer(of: link) else { return }
            if isSwift { send(RouteLoss(id: id, reason: reason), to: StandardHandle.routeLost, in: peer) }
            var message = RouteAnnouncement(id: id).deleted
            message.dstID = peer
            route(message)
        case .lost(let id, let reason): lose(id, reason: reason)
        case .named(let id, let name): context(id).state.rename(name)
        case .log(let text): complain(text, about: stream)
        }
    }

    private func peer(of link: LinkID) -> (ContextID, isSwift: Bool)? {
        core.withLock { core in
            core.state.table.remoteID(of: link).map { ($0, core.state.table.peers[$0] != nil) }
        }
    }

    private func send(_ value: some Encodable, to handle: Handle, in id: ContextID) {
        guard var message = try? Message.pickled(value, handle: handle) else { return }
        message.dstID = id
        route(message)
    }

    /// A context is gone: whoever waits for it is told (section 4.8), and what runs here for it is stopped.
    ///
    /// - Parameter stopsWork: Not when this context has let go of its parent: what that has called is the work to be done.
    func lose(_ id: ContextID, reason: String, stopsWork: Bool = true) {
        let (handlers, state, receivers, grants) = core.withLock { core in
            core.state.table.peers[id] = nil
            core.introductions.remove(id)
            core.assembly.remove(from: id, at: monotonicNanoseconds())
            return (
                core.state.handles.removeHandlers(waitingFor: id), core.contexts.removeValue(forKey: id),
                core.openChannels.removeValue(forKey: id) ?? [], core.assembly.takeGrants()
            )
        }
        // Others waited until its messages were whole.
        give(grants)
        let text =
            reason.isEmpty
            ? DeadReason.respondentDisconnected
            : "\(DeadReason.respondentDisconnected): \(reason)"
        deliverDead(text, to: handlers)
        loseSender(id, handles: receivers, text)
        if stopsWork {
            dispatcher.cancelAll(from: id)
            endContexts(madeFor: id)
        }
        guard let state else { return }
        logger.debug("context \(id) is gone: \(reason)")
        state.didDisconnect(reason: reason)
        eventHub.send(.disconnected(Context(router: self, id: id, state: state), reason: reason))
    }

    // MARK: Contexts that were made for others

    /// Who has asked for a child.
    struct Requester {
        let attempt: ProxiedAttempt
        /// One that is none, as a program that is attached to one, can go without taking this context along; the child is
        /// to go then.
        let isAncestor: Bool
    }

    /// A child was made for a context.
    func note(_ child: ContextID, madeBy attempt: ProxiedAttempt) {
        core.withLock { core in
            let isAncestor = core.state.table.isParentAuthority(attempt.caller)
            core.requesters[child] = Requester(attempt: attempt, isAncestor: isAncestor)
        }
    }

    /// A context is gone: ends the children that were made for it.
    private func endContexts(madeFor id: ContextID) {
        core.withLock { $0.requesters[id] = nil }
        endContexts { $0.attempt.caller == id && !$0.isAncestor }
    }

    /// Nobody takes what an attempt has made: ends it.
    func endContext(madeBy attempt: ProxiedAttempt) { endContexts { $0.attempt == attempt } }

    private func endContexts(where isFor: (Requester) -> Bool) {
        let children = core.withLock { core -> [ContextID] in
            let children = core.requesters.filter { isFor($0.value) }.map(\.key)
            for child in children { core.requesters[child] = nil }
            return children
        }
        for child in children { route(Message(dstID: child, handle: StandardHandle.shutdown)) }
    }

    // MARK: Detaching

    /// A direct child asks to be let go (section 5.8).
    private func detachChild(_ message: Message, from stream: Stream?) {
        guard let stream, stream.remoteID == message.srcID else {
            return peerLogger.warning("ignored DETACHING from context \(message.srcID), which is not a direct child")
        }
        guard let process = core.withLock({ $0.children[stream.id] }), process.detach() else {
            return logger.warning("context \(message.srcID) is detached already")
        }
        reply(to: message, with: (try? .pickled(PickleValue.none)) ?? .dead())
    }
}
