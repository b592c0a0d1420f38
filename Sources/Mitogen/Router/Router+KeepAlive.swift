//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

extension Router {
    /// Answers the question whether this context is still there, and looks after the own children if that is wanted.
    func addKeepAlive() {
        addHandler(StandardHandle.keepAlive, .immediatePeer) { router, message, _ in
            router.reply(to: message, with: Message(handle: 0))
        }
        if configuration.keepAliveInterval != nil { watchLinks() }
    }

    private func watchLinks() {
        guard let interval = configuration.keepAliveInterval, !isLeaving else { return }
        let timer = broker.schedule(after: interval / KeepAlive.ticksPerInterval) { [tether = Tether(self)] in
            tether.object?.checkLinks()
            tether.object?.watchLinks()
        }
        core.withLock { $0.keepAliveTimer = timer }
    }

    /// Looks at the links to children that know the question. The parent is not asked, and no program that has attached
    /// itself: one that its user has stopped for a while keeps its contexts, as with ssh.
    private func checkLinks() {
        guard let interval = configuration.keepAliveInterval else { return }
        let timeout = configuration.keepAliveTimeout
        let steps = core.withLock { core -> [(Stream, KeepAlive.Step)] in
            let table = core.state.table
            let known = core.keepAlives
            core.keepAlives = [:]
            return core.streams.values.compactMap { stream in
                let id = stream.id
                guard id != table.parentLink, !table.isAttached(id),
                    table.peers[stream.remoteID]?.has(PeerInfo.keepAlive) == true
                else {
                    return nil
                }
                let new = KeepAlive(interval: interval / .seconds(1), timeout: timeout / .seconds(1))
                var keepAlive = known[id] ?? new
                let counters = stream.counters
                let step = keepAlive.tick(
                    received: counters.bytesReceived,
                    sent: counters.bytesSent,
                    isBlocked: counters.bytesQueued > 0
                )
                core.keepAlives[id] = keepAlive
                return step == .wait ? nil : (stream, step)
            }
        }
        for (stream, step) in steps {
            if step == .close { stream.close(reason: "it has not answered for \(timeout)") }
            if step == .ask {
                let handle = StandardHandle.keepAlive
                route(Message(dstID: stream.remoteID, handle: handle, replyTo: handle))
            }
        }
    }
}
