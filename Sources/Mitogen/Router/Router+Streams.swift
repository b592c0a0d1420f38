//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

extension Router {
    /// Makes a stream for connected descriptors.
    ///
    /// - Parameter isChild: Whether it leads to a context that was started here.
    func makeStream(
        descriptors: StreamDescriptors,
        remoteID: ContextID,
        name: String,
        isChild: Bool = false,
        isLegacy: Bool = false
    ) -> Stream {
        let stream = Stream(
            id: nextLinkID(),
            remoteID: remoteID,
            name: name,
            descriptors: descriptors,
            decoder: FrameDecoder(maximumLength: maxMessageSize),
            broker: broker,
            // Whoever starts a context believes it less than a child its parent.
            limitsAnswers: isChild,
            mostQueued: configuration.mostQueued,
            isLegacy: isLegacy,
            deliver: { [tether = Tether(self)] message, stream in tether.object?.receive(message, from: stream) },
            ended: { [tether = Tether(self)] stream, reason in tether.object?.streamDidEnd(stream, reason: reason) }
        )
        core.withLock { $0.streams[stream.id] = stream }
        return stream
    }

    /// The stream to the parent is there: this router is part of a tree.
    func connectParent(_ stream: Stream) {
        core.withLock { $0.state.table.connectParent(stream.id) }
        stream.start(keepsAlive: false)
    }

    /// A child has greeted: from now on it can be reached. On the Broker's thread.
    ///
    /// - Parameters:
    ///   - info: What it understands, as it says.
    ///   - process: What leads to it, or is it; nil for another router of this process.
    ///   - bytes: What was read behind its greeting.
    func connectChild(
        _ link: StreamDescriptors,
        id: ContextID,
        name: String,
        info: PeerInfo?,
        process: ChildProcess?,
        received bytes: [UInt8]
    ) -> Context {
        let stream = makeStream(descriptors: link, remoteID: id, name: name, isChild: true, isLegacy: info == nil)
        let context = core.withLock { core in
            core.children[stream.id] = process
            core.state.table.peers[id] = info
            let state = core.contextState(id, name: name)
            state.rename(name)
            core.contexts[id] = state
            return Context(router: self, id: id, state: state)
        }
        apply { $0.state.table.connectChild(stream.id, id: id, name: name) }
        #if Metrics
            metrics.contextConnected()
        #endif
        logger.debug("context \(id) is connected as \(name)")
        eventHub.send(.connected(context))
        stream.start(keepsAlive: true, received: bytes)
        return context
    }

    /// A stream is over. What ended it is known a moment later, when the process behind it has been reaped.
    private func streamDidEnd(_ stream: Stream, reason: String) {
        let (process, isParent) = core.withLock { core in
            (core.children.removeValue(forKey: stream.id), core.state.table.parentLink == stream.id)
        }
        #if Metrics
            if !isParent { metrics.contextDisconnected() }
        #endif
        guard let process else { return forget(stream, reason: reason, isParent: isParent) }
        process.reportEnd(within: .milliseconds(250)) { [tether = Tether(self)] detail in
            // What the child did wrong says more than how it ended after that.
            let cause = reason == Stream.endOfFile ? nil : reason
            let known = [cause, detail].compactMap { $0 }
            tether.object?.forget(
                stream,
                reason: known.isEmpty ? reason : known.joined(separator: "; "),
                isParent: isParent
            )
        }
    }

    private func forget(_ stream: Stream, reason: String, isParent: Bool) {
        profile.add(stream)
        modules.forget(stream.remoteID)
        var reason = reason
        if isParent, isAttached, reason == Stream.endOfFile {
            reason = "the process to which this one was attached has closed the connection or has ended"
        }
        apply { core in
            core.streams[stream.id] = nil
            core.blockCounts[stream.id] = nil
            core.losses[stream.id] = nil
            core.complaints[stream.id] = nil
            return core.state.table.disconnect(stream.id, reason: reason)
        }
        guard isParent, !core.withLock({ $0.isDetached }) else { return }
        if isAttached { return loseUnreachable(reason: reason) }
        eventHub.send(.shutdown)
        parentWasLost()
    }

    /// Without its parent a context ends (Mitogen semantics, section 5.8).
    private func parentWasLost() {
        guard isInProcess else { return ChildRuntime.parentWasLost(self) }
        dispatcher.cancelAll()
        closeChildren()
        shutdown()
    }

    // MARK: Shutting down (section 8.9)

    /// Tells the children to end; their streams stay open until they do.
    func beginShutdown() {
        eventHub.send(.shutdown)
        let children = core.withLock { core in
            core.isLeaving = true
            core.stallTimer?.cancel()
            core.keepAliveTimer?.cancel()
            return core.children.keys.compactMap { core.streams[$0] }
        }
        for attempt in attempts.withLock({ Array($0.values) }) { attempt.fail(.brokerIsLeaving) }
        forkServers.close()
        dispatcher.cancelAll()
        processes.terminateAll(after: .milliseconds(500))
        for child in children {
            route(Message(dstID: child.remoteID, handle: StandardHandle.shutdown))
        }
        flushParent(until: monotonicNanoseconds() + 1_000_000_000)
    }

    /// Keeps the Broker while values and log records wait to be written to the parent, which let the order to end pass.
    private func flushParent(until deadline: Int64) {
        let stream = core.withLock { core in core.state.table.parentLink.flatMap { core.streams[$0] } }
        guard let stream, stream.pendingBytes > 0, monotonicNanoseconds() < deadline else { return }
        broker.schedule(after: .milliseconds(10)) { [tether = Tether(self)] in
            tether.object?.flushParent(until: deadline)
        }
    }

    /// The Broker has ended: everyone who still waits is told, every descriptor is closed.
    func finishShutdown() {
        let (handlers, streams, processes) = core.withLock { core in
            core.isShutDown = true
            defer { core.streams = NumberedObjects() }
            return (core.state.handles.removeAll(), core.streams.values, core.children.values.map { $0 })
        }
        LogQueue.shared.flush(within: .seconds(1))
        // First, because a child's process ends when its stream to the parent is closed.
        finishDiagnosis(of: streams)
        for stream in streams { stream.close(reason: DeadReason.brokerExited) }
        deliverDead(DeadReason.brokerExited, to: handlers)
        self.processes.killAll()
        for process in processes { process.killAndReap() }
        forkServers.killAndReap()
        eventHub.finish()
    }
}
