//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Calls the program's log handlers from a thread of its own. A handler may block, as one does that writes to a pipe which
/// nobody reads, and neither the Broker nor who holds a lock may wait for that.
///
/// What does not fit into the queue is counted, and the count is logged when there is room again.
final class LogQueue: Sendable {
    static let shared = LogQueue()

    /// Whose doing a record is.
    enum Source {
        /// This library's own, about this context.
        case library
        /// Another context's: what it has logged, or does wrong. Together they cannot take the library's place.
        case context
    }

    private struct State {
        var records = Queue<(cost: Int, emit: @Sendable () -> Void)>()
        var byteCount = 0
        var dropped = 0
        var parker: Parker?
        /// Whether a record is being written.
        var isBusy = false
        /// Whether the last one who waited for the end has waited in vain: nobody else does then.
        var isStuck = false
    }

    private static let mostBytes = 8 << 20
    private static let mostBytesOfContexts = 6 << 20
    /// What a record counts besides its text: with its metadata and its closure it takes about as much.
    private static let overhead = 1024
    /// How long, in nanoseconds, the thread waits for another record before it ends.
    private static let idleTime: Int64 = 1_000_000_000

    private let state = Mutex(State())

    /// What a program has said last is what it may be judged by.
    private static let flushesAtExit: Void = {
        atexit { LogQueue.shared.flush(within: .milliseconds(500)) }
    }()

    /// Has a record written, after those before it; false if there is no room for it.
    ///
    /// - Parameters:
    ///   - size: The bytes of its text, about.
    ///   - emit: Calls the handler. If no thread can be started it is called at once.
    @discardableResult
    func add(_ source: Source, size: Int, _ emit: @escaping @Sendable () -> Void) -> Bool {
        let cost = size + Self.overhead
        let limit = source == .library ? Self.mostBytes : Self.mostBytesOfContexts
        let parker: Parker?? = state.withLock { state in
            guard state.byteCount + cost <= limit else {
                state.dropped += 1
                return .none
            }
            if state.parker == nil { state.parker = start() }
            guard let parker = state.parker else { return .some(nil) }
            state.records.append((cost, emit))
            state.byteCount += cost
            return parker
        }
        guard let parker else { return false }
        if let parker { parker.unpark() } else { emit() }
        return true
    }

    private func start() -> Parker? {
        guard let parker = Parker() else { return nil }
        let result = startThread(named: "mitogen-log") { [self] in
            repeat {
                while let emit = next() { emit() }
            } while parker.park(nanoseconds: Self.idleTime) || !end()
        }
        guard result == 0 else { return nil }
        _ = Self.flushesAtExit
        return parker
    }

    /// Nothing was logged for a while: false if something is just now.
    private func end() -> Bool {
        state.withLock { state in
            guard state.records.isEmpty else { return false }
            state.parker = nil
            return true
        }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            state.isStuck = false
            guard let record = state.records.popFirst() else {
                defer { state.dropped = 0 }
                state.isBusy = state.dropped > 0
                return state.dropped > 0 ? Self.report(state.dropped) : nil
            }
            state.byteCount -= record.cost
            state.isBusy = true
            return record.emit
        }
    }

    private static func report(_ count: Int) -> @Sendable () -> Void {
        {
            Logger(label: LibraryLogHandler.label).warning(
                "\(count) log records were dropped: they came faster than they are written"
            )
        }
    }

    /// Waits until everything is written, or for so long.
    func flush(within limit: Duration) {
        let deadline = monotonicNanoseconds() + limit.nanoseconds
        while state.withLock({ !$0.isStuck && ($0.isBusy || !$0.records.isEmpty) }) {
            guard monotonicNanoseconds() < deadline else { return state.withLock { $0.isStuck = true } }
            usleep(500)
        }
    }
}
