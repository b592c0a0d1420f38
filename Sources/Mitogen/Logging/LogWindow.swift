//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// How much of what this context has logged and printed the master has not dealt with (architecture decision D9).
///
/// Now and then a record asks for an answer, and when that comes, all records up to it have arrived. So a function that
/// prints for ever fills no queue on the way. What prints is held up; what logs cannot be, and is dropped instead when
/// far too much is under way. Masters of the Python implementation do not answer: there only the way out of this
/// context counts.
final class LogWindow: Sendable {
    private struct State {
        var handle: Handle?
        var used = 0
        /// Bytes since the last record that asked for an answer.
        var unmarked = 0
        /// The bytes that each of the answers stands for.
        var marks = Queue<Int>()
        var dropped = 0
        /// Whether the master cannot be reached, as after detaching: nothing is counted any more.
        var isOff = false
    }

    /// What may be under way before output is read no more: what else is sent waits behind it.
    private static let outputSize = 64 << 10
    /// What may be under way before records are dropped.
    private static let recordSize = 8 << 20
    private static let markDistance = 16 << 10

    private let state = Mutex(State())

    /// Whether output is to wait.
    func isFull(towards router: Router) -> Bool {
        router.pendingBytes(towards: 0) > Self.outputSize || state.withLock { $0.used > Self.outputSize }
    }

    /// Sends a record to the master.
    ///
    /// - Parameter mayWait: Whether its source is held up by ``isFull(towards:)``, so that it is never too much.
    func send(_ record: ForwardedLog, through router: Router, mayWait: Bool) {
        // A master that announced what it understands is one of this implementation.
        let info = router.peerInfo(0)
        var message = !record.metadata.isEmpty && info != nil ? record.structuredMessage : record.message
        message.dstID = 0
        guard info?.has(PeerInfo.logCredit) == true, !state.withLock({ $0.isOff }), let handle = handle(router) else {
            return router.route(message)
        }
        let size = message.data.count + MessageHeader.size
        let isSent = state.withLock { state in
            guard mayWait || state.used < Self.recordSize else {
                state.dropped += 1
                return false
            }
            state.used += size
            state.unmarked += size
            if state.unmarked >= Self.markDistance {
                state.marks.append(state.unmarked)
                state.unmarked = 0
                message.replyTo = handle
            }
            return true
        }
        if isSent { router.route(message) }
    }

    /// The handle for answers, which is made for the first record.
    private func handle(_ router: Router) -> Handle? {
        if let known = state.withLock({ $0.handle }) { return known }
        let made = try? router.addHandler(respondent: router.context(0)) {
            [weak self, router = Tether(router)] answer in
            if answer.isDead { self?.stop() } else { self?.answerDidArrive(router.object) }
        }
        let (handle, isUsed) = state.withLock { state in
            let isUsed = state.handle == nil
            state.handle = state.handle ?? made
            return (state.handle, isUsed)
        }
        if let made, !isUsed { try? router.removeHandler(at: made) }
        return handle
    }

    /// No answer will come.
    private func stop() {
        state.withLock { state in
            state.isOff = true
            state.used = 0
            state.marks.removeAll()
        }
    }

    /// The records up to the oldest mark have arrived.
    private func answerDidArrive(_ router: Router?) {
        let dropped = state.withLock { state -> Int in
            state.used -= min(state.used, state.marks.popFirst() ?? 0)
            guard state.used < Self.recordSize / 2 else { return 0 }
            defer { state.dropped = 0 }
            return state.dropped
        }
        guard dropped > 0, let router else { return }
        let text = "\(dropped) log records of this context were dropped: they came faster than the master takes them"
        router.forwardLog(ForwardedLog(name: LibraryLogHandler.label, level: 30, text: text))
    }
}
