//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

extension Router {
    func addChannelHandlers() {
        addHandler(StandardHandle.openChannel, .anyone) { router, message, stream in
            router.openChannel(message, from: stream)
        }
    }

    /// A sender is about to begin: it is told what there is at the handle.
    private func openChannel(_ message: Message, from stream: Stream?) {
        guard let opening = ChannelOpening(parsing: message.data) else {
            return reply(to: message, with: .dead("malformed"))
        }
        var header = message.header
        header.handle = opening.handle
        header.replyTo = opening.returnHandle
        let (handler, problem) = core.withLock { core in
            (
                core.state.handles.handler(at: opening.handle),
                core.state.problem(with: header, size: 0, limit: 0, from: stream?.id)
            )
        }
        // Whose values are refused cannot lose any.
        if let problem { return reply(to: message, with: .dead(problem)) }
        var capabilities = PeerInfo.current.capabilities
        var credit = Credit()
        switch handler {
        case let inbox as Inbox:
            guard let first = inbox.open(for: message.srcID, returnHandle: opening.returnHandle, on: stream?.budget)
            else {
                return reply(to: message, with: .dead(inbox.overflowReason))
            }
            credit = first
            // So that the router hears when the context is gone, and knows it until then.
            _ = context(message.srcID)
            core.withLock { _ = $0.openChannels[message.srcID, default: []].insert(opening.handle) }
        default: capabilities &= ~PeerInfo.flowControl
        }
        reply(to: message, with: Message(handle: 0, data: Array("\(capabilities)".utf8)))
        guard credit.bytes > 0 else { return }
        route(Message(dstID: message.srcID, handle: opening.returnHandle, data: credit.data))
    }

    /// Whether a context has an ability; nil if that is not known: descendants and ancestors have told what they are,
    /// others have not.
    package func has(_ ability: UInt32, _ id: ContextID) -> Bool? {
        core.withLock { core in
            let table = core.state.table
            if id == table.contextID { return true }
            if let info = table.peers[id] { return info.has(ability) }
            return table.hasRoute(to: id) || table.parentIDs.contains(id) ? false : nil
        }
    }

    /// A context is gone that has sent to receivers here.
    func loseSender(_ id: ContextID, handles: Set<Handle>, _ text: String) {
        for handle in handles {
            guard let inbox = core.withLock({ $0.state.handles.handler(at: handle) }) as? Inbox else { continue }
            var dead = Message.dead(text, dstID: contextID, handle: handle)
            dead.srcID = id
            inbox.lose(id, with: dead, in: self)
        }
    }

    /// Ends an inbox, whether or not the handle is still its own.
    func close(_ inbox: Inbox, at handle: Handle) {
        remove(inbox, at: handle)
        inbox.close(through: self)
    }

    /// Unregisters an inbox, if it is what the handle has, and forgets who sends to it in any case.
    @discardableResult
    func remove(_ inbox: Inbox, at handle: Handle) -> Bool {
        core.withLock { core in
            let handler = core.state.handles.handler(at: handle)
            let successors = handler === inbox ? nil : (handler as? Inbox)?.sources
            for source in inbox.sources where successors?.contains(source) != true {
                core.openChannels[source]?.remove(handle)
            }
            guard handler === inbox else { return false }
            core.state.handles.remove(handle)
            return true
        }
    }
}
