//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// What is behind a receiver's handle: the messages that have arrived and were not taken, and what their senders may
/// still send.
final class Inbox: Sendable {
    /// A message, and what is given back when it is taken.
    struct Arrival: Sendable {
        enum Charge: Sendable {
            /// It counts as a part of its sender's window.
            case window
            /// It counts as a part of what this inbox keeps of senders that know no window.
            case limit
            /// It is the end, and stays.
            case nothing
        }

        let message: Message
        let charge: Charge
    }

    /// A context that waits for credit.
    private struct Account {
        let returnHandle: Handle
        var window = ReceiveWindow()
        /// Whether the last thing that came from there was that this is all.
        var hasEnded = false
    }

    private struct State {
        var accounts: [ContextID: Account] = [:]
        /// Bytes of messages that are in no window.
        var unboundedBytes = 0
    }

    let latch = Latch<Arrival>()
    private let persists: Bool
    private let bufferLimit: Int
    /// The largest value that is taken in parts.
    let valueLimit: Int
    private let state = Mutex(State())

    /// What a message takes in memory besides its data, about.
    private static let overhead = 128

    init(persists: Bool, bufferLimit: Int, valueLimit: Int) {
        self.persists = persists
        self.bufferLimit = bufferLimit
        self.valueLimit = min(valueLimit, Int(UInt32.max))
    }

    // MARK: Arriving

    /// A message has come. On the Broker's thread.
    func receive(_ message: Message, in router: Router) {
        guard let charge = admit(message) else { return overflow(message, in: router) }
        try? latch.put(Arrival(message: message, charge: charge))
        if !persists { finish(with: .dead(DeadReason.receiverIsDone, dstID: router.contextID, handle: message.handle)) }
    }

    /// Nothing more will come.
    func finish(with dead: Message) {
        latch.finish(with: Arrival(message: dead, charge: .nothing))
    }

    private func admit(_ message: Message) -> Arrival.Charge? {
        state.withLock { state in
            state.accounts[message.srcID]?.hasEnded = message.isDead
            if !message.isDead, state.accounts[message.srcID]?.returnHandle == message.replyTo,
                state.accounts[message.srcID]?.window.receive(byteCount: message.data.count) == true
            {
                return .window
            }
            return keep(message, &state)
        }
    }

    /// Counts a message that is in no window; nil if there is no room for it.
    private func keep(_ message: Message, _ state: inout State) -> Arrival.Charge? {
        let size = message.data.count + Self.overhead
        // One message is always taken, however large: the router's own limit has let it pass.
        guard state.unboundedBytes == 0 || state.unboundedBytes + size <= bufferLimit else { return nil }
        state.unboundedBytes += size
        return .limit
    }

    /// Rather than leave a message out of the middle, this is the end.
    private func overflow(_ message: Message, in router: Router) {
        guard router.remove(self, at: message.handle) else { return }
        let reason = "more than \(bufferLimit) bytes wait in the Receiver, from senders that do not wait for it"
        var dead = Message.dead(reason, dstID: router.contextID, handle: message.handle)
        dead.srcID = message.srcID
        finish(with: dead)
        tellSenders(reason, through: router)
    }

    // MARK: Taking

    /// An arrival was taken: its sender may send more.
    func release(_ arrival: Arrival, through router: Router) {
        let message = arrival.message
        let credit = state.withLock { state -> ChannelCredit? in
            switch arrival.charge {
            case .nothing: return nil
            case .limit:
                state.unboundedBytes -= message.data.count + Self.overhead
                return nil
            case .window:
                guard state.accounts[message.srcID]?.returnHandle == message.replyTo else { return nil }
                return state.accounts[message.srcID]?.window.consume(byteCount: message.data.count)
            }
        }
        guard let credit else { return }
        router.route(Message(dstID: message.srcID, handle: message.replyTo, data: credit.data))
    }

    // MARK: Senders

    /// The contexts that get credit.
    var sources: [ContextID] { state.withLock { Array($0.accounts.keys) } }

    /// A context is about to send: it gets credit at its handle from now on.
    func open(for source: ContextID, returnHandle: Handle) {
        state.withLock { $0.accounts[source] = Account(returnHandle: returnHandle) }
    }

    /// A context that was about to send is gone. Unless it has said that it had sent everything, whoever takes from here
    /// is told, as something may be missing.
    func lose(_ source: ContextID, with dead: Message, in router: Router) {
        let account = state.withLock { $0.accounts.removeValue(forKey: source) }
        guard let account, !account.hasEnded else { return }
        // It counts, as there may be any number of contexts.
        guard let charge = state.withLock({ keep(dead, &$0) }) else { return overflow(dead, in: router) }
        try? latch.put(Arrival(message: dead, charge: charge))
    }

    /// Ends every wait for a message, and tells the senders that nobody will take any.
    func close(through router: Router) {
        latch.close()
        tellSenders(DeadReason.receiverClosed, through: router)
    }

    private func tellSenders(_ reason: String, through router: Router) {
        let accounts = state.withLock { state in
            defer { state.accounts = [:] }
            return state.accounts
        }
        for (source, account) in accounts {
            router.route(.dead(reason, dstID: source, handle: account.returnHandle))
        }
    }
}
