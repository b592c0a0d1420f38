//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// Large messages travel in parts, which let others pass, and of which only so many are under way (architecture
/// decision D9).
extension Router {
    // MARK: Sending

    /// Sends a message. A large one is put together at the other end when this returns, if that end can; else it waits
    /// until the way is not full. So what is sent after that does not overtake it.
    ///
    /// - Parameters:
    ///   - takesParts: Whether the destination puts parts together; by default what is known about it.
    ///   - pending: The answer that is waited for: when that is resolved nothing more is sent.
    /// - Returns: What is resolved when it is put together, or lost, if the calling task was cancelled when all was
    ///   sent. What is sent before that may overtake it.
    /// - Throws: ``MitogenError``: `.channelError` if the destination does not take it or is gone, `.cancelled` if the
    ///   calling task is, and what `pending` has failed with.
    @discardableResult
    func send(
        _ message: Message,
        takesParts: Bool? = nil,
        unless pending: PendingReply? = nil
    ) async throws(MitogenError) -> OneShot<Void>? {
        let isLarge = message.data.count > Stream.smallMessage
        guard isLarge, takesParts ?? sendsParts(byteCount: message.data.count, to: message.dstID) else {
            await routeInTurn(message, unless: pending)
            return nil
        }
        let transfer = PartTransfer()
        let destination = context(message.dstID)
        let creditHandle = try addHandler(respondent: destination) { transfer.receive($0) }
        var rest: OneShot<Void>?
        defer { if rest == nil { try? removeHandler(at: creditHandle) } }
        pending?.whenResolved { _ in transfer.end(with: .cancelledCaller) }
        do throws(MitogenError) {
            rest = try await sendParts(of: message, transfer, creditHandle, unless: pending)
        } catch {
            throw error.inContext(destination.name)
        }
        rest?.whenResolved { [tether = Tether(self)] _ in try? tether.object?.removeHandler(at: creditHandle) }
        return rest
    }

    /// Whether a message of so many bytes goes in parts.
    func sendsParts(byteCount: Int, to id: ContextID) -> Bool {
        // What is too large for a message is refused as a whole.
        byteCount > MessagePart.threshold && byteCount <= maxMessageSize && id != contextID
            && peerInfo(id)?.has(PeerInfo.messageParts) == true
    }

    private func sendParts(
        of message: Message,
        _ progress: PartTransfer,
        _ creditHandle: Handle,
        unless pending: PendingReply?
    ) async throws(MitogenError) -> OneShot<Void>? {
        let transfer = transferCount.wrappingAdd(1, ordering: .relaxed).newValue
        var offset = 0
        func part(_ range: Range<Int>, credit: Handle = creditHandle) -> Message {
            let part = MessagePart(message, transfer: transfer, offset: offset)
            return Message(
                dstID: message.dstID,
                handle: StandardHandle.messagePart,
                replyTo: credit,
                encoding: .binary,
                data: part.data(message.data[range])
            )
        }
        do throws(MitogenError) {
            while offset < message.data.count {
                let size = offset == 0 ? MessagePart.firstWindow : MessagePart.size
                let end = min(offset + size, message.data.count)
                try await progress.gate.enter(end - offset)
                await routeInTurn(part(offset..<end), unless: pending)
                offset = end
            }
            return try await progress.waitUntilArrived()
        } catch {
            withdraw(creditHandle, of: message.dstID)
            // An empty part: the rest will not come. If all has been sent, some of it may have found the way full.
            // It expects no credit, so that it is not withdrawn with the others.
            route(part(offset..<offset, credit: 0))
            throw error
        }
    }

    // MARK: Receiving

    func addPartHandler() {
        addHandler(StandardHandle.messagePart, .anyone) { router, message, stream in
            router.receivePart(message, from: stream)
        }
    }

    private func receivePart(_ message: Message, from stream: Stream?) {
        guard let part = MessagePart(parsing: message.data) else {
            return reply(to: message, with: .dead("malformed part of a message"))
        }
        var header = message.header
        header.handle = part.handle
        header.replyTo = part.replyTo
        let (step, grants, action) = core.withLock { core in
            var problem: String?
            if part.offset == 0 {
                let inbox = core.state.handles.handler(at: part.handle) as? Inbox
                let limit = inbox?.valueLimit ?? maxMessageSize
                problem = core.state.problem(with: header, size: part.total, limit: limit, from: stream?.id)
            }
            let now = monotonicNanoseconds()
            let step = core.assembly.receive(message, part, from: stream?.id, unless: problem, at: now)
            var action: RouterState.Action?
            if case .complete(let whole, _) = step { action = core.state.deliver(whole, from: stream?.id) }
            return (step, core.assembly.takeGrants(), action)
        }
        give(grants)
        switch step {
        case .ignore, .keep: break
        case .complete(let whole, let grant):
            // First what was sent, then that it has arrived.
            if let action { perform(action, whole, egress: nil, from: stream) }
            route(Message(dstID: grant.destination, handle: grant.handle))
        case .refuse(let reason):
            tell(message.srcID, [message.replyTo, part.replyTo], reason)
        }
        watchForStalls()
    }

    /// Tells a source, and whoever waits there for the answer, that its message is not taken.
    private func tell(_ source: ContextID, _ handles: [Handle], _ reason: String) {
        for handle in handles {
            var request = Message(handle: 0, replyTo: handle)
            request.srcID = source
            reply(to: request, with: .dead(reason))
        }
    }

    /// A request is not wanted any more, of which parts may still be on their way.
    func dropParts(from source: ContextID, awaitedAt replyTo: Handle) {
        let grants = core.withLock { core in
            core.assembly.remove(from: source, awaitedAt: replyTo, at: monotonicNanoseconds())
            return core.assembly.takeGrants()
        }
        give(grants)
    }

    func give(_ grants: [MessageAssembly.Grant]) {
        for grant in grants {
            let data = Array("\(grant.byteCount)".utf8)
            route(Message(dstID: grant.destination, handle: grant.handle, data: data))
        }
    }

    // MARK: Stalls

    /// While messages are incomplete, looks now and then whether they get on.
    private func watchForStalls() {
        let mustWait = core.withLock { core in
            guard !core.assembly.isEmpty, core.stallTimer == nil, !core.isLeaving else { return false }
            return true
        }
        guard mustWait else { return }
        // On the Broker's thread, as whatever else sets it.
        let timer = broker.schedule(after: configuration.stallLimit / 4) { [tether = Tether(self)] in
            tether.object?.endStalls()
        }
        core.withLock { $0.stallTimer = timer }
    }

    private func endStalls() {
        let (stalled, grants) = core.withLock { core in
            core.stallTimer = nil
            return (core.assembly.removeStalled(at: monotonicNanoseconds()), core.assembly.takeGrants())
        }
        for transfer in stalled {
            tell(transfer.source, [transfer.creditHandle, transfer.replyTo], "the rest of a message has not come")
        }
        give(grants)
        watchForStalls()
    }
}
