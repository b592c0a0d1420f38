//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Names one call in its callee: who called, and where the answer goes.
package struct CallID: Hashable, Sendable {
    package let source: ContextID
    package let replyTo: Handle

    /// As one number, which is hashed in a quarter of the time.
    fileprivate var key: UInt64 { UInt64(source) << 32 | UInt64(replyTo) }

    fileprivate init(key: UInt64) {
        source = ContextID(key >> 32)
        replyTo = Handle(truncatingIfNeeded: key)
    }

    package init(source: ContextID, replyTo: Handle) {
        self.source = source
        self.replyTo = replyTo
    }
}

/// The calls that run in one context, so that they can be cancelled: one by one, when their caller is gone, and when
/// the context ends.
///
/// A call can be cancelled before its task is known here, because the task may end, or the cancellation may arrive,
/// first.
package struct CallTable: Sendable {
    /// Cancels what runs for a call.
    package typealias Work = @Sendable () -> Void

    private enum Entry: Sendable {
        /// It waits for its turn, or its task is not known yet.
        case starting
        case running(Work)
        /// Its time is over, but it has not ended yet.
        case timedOut(isAwaited: Bool)
    }

    /// What becomes of a call that has ended.
    package enum Ending: Sendable, Hashable {
        /// Its outcome is the answer.
        case wanted
        /// Its caller has given it up.
        case givenUp
        /// It took too long, which is the answer, whatever came out; nobody waits for it if it is not awaited.
        case timedOut(isAwaited: Bool)
    }

    private var calls: [UInt64: Entry] = [:]
    private var isClosed = false

    package init() {}

    package var count: Int { calls.count }

    /// A call arrived. False if it must not run: its id is in use, or the context ends.
    package mutating func begin(_ id: CallID) -> Bool {
        guard !isClosed, calls[id.key] == nil else { return false }
        calls[id.key] = .starting
        return true
    }

    /// The call's task is known; false if it was cancelled in the meantime, or has already ended.
    package mutating func attach(_ work: @escaping Work, to id: CallID) -> Bool {
        guard case .starting = calls[id.key] else { return false }
        calls[id.key] = .running(work)
        return true
    }

    /// The call has ended.
    @discardableResult
    package mutating func end(_ id: CallID) -> Ending {
        switch calls.removeValue(forKey: id.key) {
        case .starting, .running: .wanted
        case .timedOut(let isAwaited): .timedOut(isAwaited: isAwaited)
        case nil: .givenUp
        }
    }

    /// Whether a call that has waited for its turn may begin.
    package func isWanted(_ id: CallID) -> Bool {
        if case .starting = calls[id.key] { return true }
        return false
    }

    /// The call's time is over: what there is to cancel. It stays in the table until it ends.
    ///
    /// - Parameter isAwaited: Whether the caller still waits for the answer.
    package mutating func timeOut(_ id: CallID, isAwaited: Bool) -> Work? {
        guard let entry = calls[id.key] else { return nil }
        if case .timedOut(let wasAwaited) = entry {
            calls[id.key] = .timedOut(isAwaited: isAwaited && wasAwaited)
            return nil
        }
        calls[id.key] = .timedOut(isAwaited: isAwaited)
        guard case .running(let work) = entry else { return nil }
        return work
    }

    /// The caller gave the call up: what there is to cancel.
    package mutating func cancel(_ id: CallID) -> Work? {
        guard case .running(let work) = calls.removeValue(forKey: id.key) else { return nil }
        return work
    }

    /// The caller is gone: what there is to cancel.
    package mutating func cancelAll(from source: ContextID) -> [Work] {
        calls.keys.map(CallID.init(key:)).filter { $0.source == source }.compactMap { cancel($0) }
    }

    /// The context ends: what there is to cancel. No call begins any more.
    package mutating func close() -> [Work] {
        isClosed = true
        return calls.keys.map(CallID.init(key:)).compactMap { cancel($0) }
    }
}
