//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen
internal import Synchronization

/// What the main thread does while tasks do the work: it waits for their end, and for signals.
struct MainLoop: ~Copyable {
    /// What follows a signal.
    enum Reaction {
        /// The work goes on to its end.
        case wait
        /// The work is to end by itself; if it has not after this time, the process exits with this status, and tells
        /// why.
        case expectEnd(within: Duration, otherwise: Int32, because: String)
        /// The process exits with this status.
        case leave(Int32)
    }

    /// The end of the work, and what wakes the main thread for it.
    private final class End: Sendable {
        private let value = Mutex<Int32?>(nil)
        let wake: Int32

        init(wake: Int32) {
            self.wake = wake
        }

        var status: Int32? { self.value.withLock { $0 } }

        func set(_ status: Int32) {
            self.value.withLock { $0 = status }
            cmitogen_eventfd_signal(self.wake)
        }
    }

    private let signals: Int32
    private let wake: Int32

    /// Blocks the signals, so that the loop can take them. To be called before any thread is made, as threads begin
    /// with the signal mask of the one that makes them.
    init(signals: [Int32]) throws(MitogenError) {
        let descriptor = cmitogen_signal_descriptor(signals, Int32(signals.count))
        guard descriptor >= 0 else { throw .system("cannot wait for signals", errno: -descriptor) }
        let wake = cmitogen_eventfd_create()
        guard wake >= 0 else {
            close(descriptor)
            throw .system("cannot create an event descriptor", errno: -wake)
        }
        self.signals = descriptor
        self.wake = wake
    }

    deinit {
        close(self.signals)
        // The other descriptor stays: work that was left behind may still signal its end.
    }

    /// Starts the work and waits for its end.
    ///
    /// - Parameters:
    ///   - whenSignaled: Called with the number of each signal that arrives.
    ///   - work: What to do; it gives the status to exit with.
    /// - Returns: That status.
    func run(
        whenSignaled: (Int32) -> Reaction,
        _ work: @escaping @Sendable () async -> Int32
    ) -> Int32 {
        let end = End(wake: self.wake)
        // Unstructured, because this is where the program's tasks begin. On threads that may block, like those of a
        // program that uses the library.
        Task(executorPreference: FunctionExecutor.shared) { end.set(await work()) }
        let clock = ContinuousClock()
        var deadline: (time: ContinuousClock.Instant, status: Int32, reason: String)?
        while true {
            if let status = end.status { return status }
            if let deadline, clock.now >= deadline.time {
                cmitogen_complain("mitogen: \(deadline.reason)\n")
                return deadline.status
            }
            self.waitForEvents(until: deadline?.time, clock)
            let number = cmitogen_signal_read(self.signals)
            guard number != 0 else { continue }
            switch whenSignaled(number) {
            case .wait: continue
            case .expectEnd(let limit, let status, let reason): deadline = (clock.now + limit, status, reason)
            case .leave(let status): return status
            }
        }
    }

    private func waitForEvents(until deadline: ContinuousClock.Instant?, _ clock: ContinuousClock) {
        var watched = [self.signals, self.wake].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // Rounded up, so that it does not wake just before the time.
        let milliseconds = deadline.map { max(0, clock.now.duration(to: $0).wholeMilliseconds) + 1 } ?? -1
        _ = poll(&watched, nfds_t(watched.count), Int32(milliseconds))
    }
}
