//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
package import MitogenProtocol
internal import Synchronization

/// What a router does about programs that attach themselves to it, or as the router of one.
extension Router {
    /// A program has attached itself: its messages act with this context's authority from now on.
    func connectClient(_ descriptor: Int32, id: ContextID, processID: Int32) {
        let name = "unix_client.\(processID)"
        let stream = makeStream(
            descriptors: StreamDescriptors(socket: descriptor),
            remoteID: id,
            name: name,
            isLegacy: true
        )
        let context = core.withLock { core in
            let state = ContextState(name: name)
            core.contexts[id] = state
            return Context(router: self, id: id, state: state)
        }
        apply { core in
            core.state.table.connectChild(stream.id, id: id, name: name, stampedAuthID: core.state.table.contextID)
        }
        #if Metrics
            metrics.contextConnected()
        #endif
        logger.debug("process \(processID) is attached as context \(id)")
        eventHub.send(.connected(context))
        stream.start(keepsAlive: false)
    }

    /// Takes the capabilities of an attached program, and answers with the contexts of this tree and theirs.
    func introduceTree(_ message: Message, to stream: Stream?) {
        guard !message.isDead, let stream, let info = try? message.decode(as: RouteInfo.self) else { return }
        let contexts = core.withLock { core -> [AttachedContext] in
            guard core.state.table.isAttached(stream.id), info.id == stream.remoteID else { return [] }
            core.state.table.peers[info.id] = info.info
            stream.knowsEncodings()
            let own = AttachedContext(id: core.state.table.contextID, name: nil, info: .current)
            let table = core.state.table
            let others = core.contexts.pairs.compactMap { id, state -> AttachedContext? in
                // Attached programs are not part of the tree, and an attached program cannot reach contexts above the listener.
                guard table.hasRoute(to: id), let link = table.link(for: id), link != table.parentLink,
                    !table.isAttached(link)
                else {
                    return nil
                }
                let via = state.via == table.contextID ? nil : state.via
                return AttachedContext(id: id, name: state.name, info: table.peers[id], via: via)
            }
            return [own] + others
        }
        reply(to: message, with: (try? .pickled(contexts)) ?? .dead("the contexts cannot be named"))
    }

    /// What a context of this tree is for those that attach themselves.
    package func description(of context: Context) -> AttachedContext {
        let via = context.via.flatMap { $0.id == contextID ? nil : $0.id }
        return AttachedContext(id: context.id, name: context.state.name, info: peerInfo(context.id), via: via)
    }

    /// The context that the listener has described.
    package func learn(_ description: AttachedContext) -> Context {
        core.withLock { core in
            if let info = description.info { core.state.table.peers[description.id] = info }
            core.state.table.learnRoute(to: description.id)
            let state = core.contextState(description.id, name: description.name)
            if let name = description.name { state.rename(name, via: description.via) }
            return Context(router: self, id: description.id, state: state)
        }
    }

    /// Sends this program's capabilities to a context before the first request to it. The listener does not announce them.
    func introduceSelf(to id: ContextID) {
        let own = core.withLock { core -> ContextID? in
            let table = core.state.table
            guard id != table.parentID, table.peers[id] != nil, table.link(for: id) == table.parentLink,
                core.introductions.insert(id).inserted
            else { return nil }
            return table.contextID
        }
        let handle = StandardHandle.routeInfo
        guard let own, var message = try? Message.pickled(RouteInfo(id: own, info: .current), handle: handle) else {
            return
        }
        message.dstID = id
        route(message)
    }
}
