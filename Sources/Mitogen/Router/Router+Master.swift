//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

extension Router {
    func addMasterHandlers() {
        addHandler(StandardHandle.allocateID, .anyone) { router, message, stream in
            router.allocateBlock(message, from: stream)
        }
        addHandler(StandardHandle.forwardLog, .anyone) { router, message, _ in router.log(message) }
    }

    /// How many blocks the contexts behind one stream may have: two percent of all there are.
    private static let blockLimit = 100_000

    private func allocateBlock(_ message: Message, from stream: Stream?) {
        let block = core.withLock { core -> Range<ContextID>? in
            if let stream {
                guard core.blockCounts[stream.id, default: 0] < Self.blockLimit else { return nil }
                core.blockCounts[stream.id, default: 0] += 1
            }
            return core.state.allocator.allocateBlock(for: message.srcID)
        }
        guard let block else {
            return reply(to: message, with: .dead("no context ids are left"))
        }
        tell(owner: message.srcID, ofBlock: block.lowerBound)
        let value = PickleValue.tuple([.int(Int(block.lowerBound)), .int(Int(block.upperBound))])
        if let answer = try? Message.pickled(value) { reply(to: message, with: answer) }
    }

    // MARK: Owners of blocks

    /// Tells the next router on the way to a context that it gets a block of ids, before the context has it: so every
    /// router knows who may start contexts with these, before anyone can.
    private func tell(owner: ContextID, ofBlock first: ContextID) {
        let next = core.withLock { core in
            core.state.table.link(for: owner).flatMap(core.state.table.remoteID(of:))
        }
        guard let next, next != owner, peerInfo(next)?.has(PeerInfo.blockOwners) == true else { return }
        var message = RouteAnnouncement(id: first, name: "\(owner)").added
        message.handle = StandardHandle.blockOwner
        message.dstID = next
        route(message)
    }

    /// A parent says whose a block is.
    func learnOwner(_ message: Message, from stream: Stream?) {
        guard let block = RouteAnnouncement(parsing: message.data), let owner = ContextID(block.name) else { return }
        let isParent = core.withLock { core in
            guard let stream, core.state.table.parentLink == stream.id else { return false }
            core.state.allocator.learn(owner: owner, ofBlock: block.id)
            return true
        }
        if isParent { tell(owner: owner, ofBlock: block.id) }
    }

    /// A new context id, which is never used again.
    ///
    /// A context asks the master for a block of 1,000 when it has none left (Mitogen wire protocol, section 3).
    ///
    /// - Parameter timeout: How long the master may take to answer; for ever by default.
    /// - Throws: ``MitogenError`` when the master cannot be reached; `.timeoutError`; `.cancelled` when the calling task
    ///   is.
    public func allocateID(timeout: Duration? = nil) async throws(MitogenError) -> ContextID {
        while true {
            if let id = core.withLock({ $0.state.allocator.allocate() }) { return id }
            if isMaster { throw MitogenError(.misuse, "no context ids are left") }
            let answer = try await context(0).request(Message(handle: StandardHandle.allocateID), timeout: timeout)
            let bounds = try answer.decode(as: [ContextID].self)
            guard bounds.count == 2, bounds[0] < bounds[1] else {
                throw MitogenError(.streamError, "the master's answer to ALLOCATE_ID is malformed")
            }
            core.withLock { $0.state.allocator.add(bounds[0]..<bounds[1]) }
        }
    }

    /// A line of a context's log (Mitogen semantics, section 8.7).
    private func log(_ message: Message) {
        guard let context = context(id: message.srcID, creates: false) else {
            return peerLogger.error("ignored a log record of the unknown context \(message.srcID)")
        }
        let isTaken = LogQueue.shared.add(.context, size: message.data.count) { [tether = Tether(self)] in
            if let record = ForwardedLog(message) { ForwardedLogs.emit(record, from: context) }
            // Its source counts what is under way, and waits while this is not written.
            tether.object?.reply(to: message, with: Message(handle: 0))
        }
        if !isTaken { reply(to: message, with: Message(handle: 0)) }
    }
}
