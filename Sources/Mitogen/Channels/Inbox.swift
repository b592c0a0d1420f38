//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

/// What is behind a receiver's handle: the messages that have arrived and were not taken, and what their senders may
/// still send.
final class Inbox: Sendable {
    /// A message, and what is given back when it is taken.
    struct Arrival: Sendable {
        enum Charge: Sendable {
            /// It counts as a part of the window that its sender has, since it has opened the channel for the time of this
            /// number.
            case window(Int)
            /// It counts as a part of what this inbox keeps of senders that know no window.
            case limit
            /// It is the end, and stays.
            case nothing
        }

        let message: Message
        let charge: Charge
        /// Whether it comes again and again, as nothing else will.
        var isEnd: Bool {
            if case .nothing = charge { return true }
            return false
        }
    }

    /// A context that waits for credit.
    private struct Source {
        let number: Int
        let returnHandle: Handle
        var share: LinkBudget.Share?
        var account = Account(ChannelOpening.window, first: Credit.first)
        /// Whether the last thing that came from there was that this is all.
        var hasEnded = false
        /// The context is gone; what it has sent is still here.
        var isLost = false

        /// Who has ended and whose values were taken leaves the link's budget to others.
        mutating func leaveShareIfDone() {
            if hasEnded, account.waiting.items == 0 { share = nil }
        }
    }

    private struct State {
        var sources: [ContextID: Source] = [:]
        /// How often a channel was opened.
        var openings = 0
        /// The contexts that have sent something without having opened the channel, as Python programs do.
        var others: Set<ContextID> = []
        /// Bytes of messages that are in no window.
        var unboundedBytes = 0
    }

    let mailbox = Mailbox<Arrival>()
    private let persists: Bool
    private let bufferLimit: Int
    /// The largest value that is taken in parts.
    let valueLimit: Int
    private let state = Mutex(State())

    /// What a message takes in memory besides its data, about.
    private static let overhead = 128
    /// How many contexts are remembered that know no flow control.
    private static let mostOthers = 4096

    init(persists: Bool, bufferLimit: Int, valueLimit: Int) {
        self.persists = persists
        self.bufferLimit = bufferLimit
        self.valueLimit = min(valueLimit, Int(UInt32.max))
    }

    // MARK: Arriving

    /// A message has come. On the Broker's thread.
    func receive(_ message: Message, in router: Router) {
        if message.isDead, !mayEnd(message, in: router) {
            let text = "ignored that a channel ends"
            return router.peerLogger.debug("\(text): context \(message.srcID) has not opened it")
        }
        guard let charge = admit(message) else { return overflow(message, in: router) }
        mailbox.put(Arrival(message: message, charge: charge))
        if !persists { finish(with: .dead(DeadReason.receiverIsDone, dstID: router.contextID, handle: message.handle)) }
    }

    /// Nothing more will come.
    func finish(with dead: Message) {
        mailbox.finish(with: Arrival(message: dead, charge: .nothing))
    }

    /// Whether a dead message counts: only who sends here, and the ancestors of this context, say that nothing more
    /// comes. A receiver with a respondent is asked about by the router before.
    private func mayEnd(_ message: Message, in router: Router) -> Bool {
        let source = message.srcID
        let (isOpen, isOther) = state.withLock { ($0.sources[source] != nil, $0.others.contains(source)) }
        if isOpen { return true }
        let (hasRespondent, isParent, opens) = router.core.withLock { core in
            let table = core.state.table
            return (
                core.state.handles.respondent(at: message.handle) != nil, table.isParentAuthority(source),
                table.peers[source]?.has(PeerInfo.flowControl) == true
            )
        }
        // What a peer that knows of channels has lost without having opened one was a request, and others go on.
        let isLost = DeadReason.Kind(String(decoding: message.data, as: UTF8.self)) == .wayIsFull
        if isOther, !(isLost && opens) { return true }
        if hasRespondent || isParent { return true }
        // A peer with flow control opens the channel even if it sends nothing. A peer without it may send only the end,
        // which is believed while no other context has sent anything.
        return !opens && state.withLock { $0.sources.isEmpty && $0.others.isEmpty }
    }

    private func admit(_ message: Message) -> Arrival.Charge? {
        state.withLock { state in
            if !message.isDead, state.sources[message.srcID] == nil {
                if state.others.count >= Self.mostOthers { state.others.removeFirst() }
                state.others.insert(message.srcID)
            }
            state.sources[message.srcID]?.hasEnded = message.isDead
            if message.isDead { state.sources[message.srcID]?.leaveShareIfDone() }
            if !message.isDead, let source = state.sources[message.srcID], source.returnHandle == message.replyTo,
                state.sources[message.srcID]?.account.receive(message.data.count) == true
            {
                return .window(source.number)
            }
            return keep(Credit(items: 1, bytes: message.data.count), &state) ? .limit : nil
        }
    }

    /// Counts messages that are in no window; false if there is no room for them.
    private func keep(_ messages: Credit, _ state: inout State) -> Bool {
        let size = messages.bytes + messages.items * Self.overhead
        // One message is always taken, however large: the router's own limit has let it pass.
        guard state.unboundedBytes == 0 || state.unboundedBytes + size <= bufferLimit else { return false }
        state.unboundedBytes += size
        return true
    }

    /// Rather than leave a message out of the middle, this is the end.
    private func overflow(_ message: Message, in router: Router) {
        guard router.remove(self, at: message.handle) else { return }
        var dead = Message.dead(overflowReason, dstID: router.contextID, handle: message.handle)
        dead.srcID = message.srcID
        finish(with: dead)
        tellSenders(overflowReason, through: router)
    }

    /// Why nothing more is kept.
    var overflowReason: String {
        "more than \(bufferLimit) bytes wait in the Receiver, from senders that do not wait for it"
    }

    // MARK: Taking

    /// An arrival was taken: its sender may send more.
    func release(_ arrival: Arrival, through router: Router) {
        let message = arrival.message
        let credit = state.withLock { state -> Credit? in
            switch arrival.charge {
            case .nothing: return nil
            case .window(let number):
                guard var source = state.sources[message.srcID], source.number == number else { fallthrough }
                let credit = source.account.consume(message.data.count) { source.share?.adjust($0) ?? $0.lowerBound }
                source.leaveShareIfDone()
                state.sources[message.srcID] = source.isLost && source.account.waiting.items == 0 ? nil : source
                return source.isLost ? nil : credit
            case .limit:
                state.unboundedBytes -= message.data.count + Self.overhead
                return nil
            }
        }
        guard let credit else { return }
        router.route(Message(dstID: message.srcID, handle: message.replyTo, data: credit.data))
    }

    // MARK: Senders

    /// Whether everything was taken, and everyone who has opened the channel has ended.
    var isOver: Bool { mailbox.isDrained && state.withLock { !$0.sources.values.contains { !$0.hasEnded } } }

    /// The contexts that get credit.
    var sources: [ContextID] { state.withLock { Array($0.sources.keys) } }

    /// A context is about to send: it gets credit at its handle from now on. What it has sent before is in no window any
    /// more.
    ///
    /// - Parameter link: The budget of the link that its values come on; nil for this context itself.
    /// - Returns: The first credit; nil if there is no room for what it has sent before.
    func open(for source: ContextID, returnHandle: Handle, on link: LinkBudget?) -> Credit? {
        state.withLock { state in
            let waiting = state.sources[source]?.account.waiting ?? Credit()
            guard waiting.items == 0 || keep(waiting, &state) else { return nil }
            state.openings += 1
            let share = LinkBudget.Share(of: link)
            var opened = Source(number: state.openings, returnHandle: returnHandle, share: share)
            let credit = opened.account.begin(share: share.adjust)
            state.sources[source] = opened
            return credit
        }
    }

    /// A context that was about to send is gone. Unless it has said that it had sent everything, whoever takes from here
    /// is told, as something may be missing.
    func lose(_ source: ContextID, with dead: Message, in router: Router) {
        // It counts, as there may be any number of contexts.
        let hasRoom = state.withLock { state -> Bool? in
            guard let lost = state.sources[source], !lost.isLost else { return nil }
            if lost.account.waiting.items == 0 {
                state.sources[source] = nil
            } else {
                state.sources[source]?.isLost = true
                state.sources[source]?.hasEnded = true
            }
            return lost.hasEnded ? nil : keep(Credit(items: 1, bytes: dead.data.count), &state)
        }
        guard let hasRoom else { return }
        guard hasRoom else { return overflow(dead, in: router) }
        mailbox.put(Arrival(message: dead, charge: .limit))
    }

    /// Ends every wait for a message, and tells the senders that nobody will take any.
    func close(through router: Router) {
        mailbox.close(with: MitogenError(dead: .dead(DeadReason.receiverClosed)))
        tellSenders(DeadReason.receiverClosed, through: router)
    }

    private func tellSenders(_ reason: String, through router: Router) {
        let sources = state.withLock { state in
            defer { state.sources = [:] }
            return state.sources
        }
        for (id, source) in sources {
            router.route(.dead(reason, dstID: id, handle: source.returnHandle))
        }
    }
}
