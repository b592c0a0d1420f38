//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
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
            return core.allocator.allocateBlock(for: message.srcID)
        }
        guard let block else {
            return reply(to: message, with: .dead("no context ids are left"))
        }
        let value = PickleValue.tuple([.int(Int(block.lowerBound)), .int(Int(block.upperBound))])
        if let answer = try? Message.pickled(value) { reply(to: message, with: answer) }
    }

    /// A new context id, which is never used again.
    ///
    /// A context asks the master for a block of 1,000 when it has none left (Mitogen wire protocol, section 3).
    ///
    /// - Throws: ``MitogenError`` when the master cannot be reached, or `.cancelled` when the calling task is.
    public func allocateID() async throws(MitogenError) -> ContextID {
        while true {
            if let id = core.withLock({ $0.allocator.allocate() }) { return id }
            if isMaster { throw MitogenError(.misuse, "no context ids are left") }
            let answer = try await context(0).sendAwait(Message(handle: StandardHandle.allocateID))
            let bounds = try answer.decode(as: [ContextID].self)
            guard bounds.count == 2, bounds[0] < bounds[1] else {
                throw MitogenError(.streamError, "the master's answer to ALLOCATE_ID is malformed")
            }
            core.withLock { $0.allocator.add(bounds[0]..<bounds[1]) }
        }
    }

    /// A line of a context's log (Mitogen semantics, section 8.7).
    private func log(_ message: Message) {
        // Its source counts what is under way. Whatever becomes of it here, it has arrived.
        defer { reply(to: message, with: Message(handle: 0)) }
        guard let record = ForwardedLog(message) else { return }
        guard let context = contextByID(message.srcID, creates: false) else {
            return logger.error("ignored a log record of the unknown context \(message.srcID)")
        }
        ForwardedLogs.emit(record, from: context)
    }
}
