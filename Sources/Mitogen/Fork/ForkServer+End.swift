//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

// How a fork server ends, and what becomes of those who wait for it and of what it has made.
extension ForkServer {
    /// Nothing more comes from the server.
    func connectionDidEnd() {
        let side = state.withLock { state in
            state.queue.close()
            return state.side.take()
        }
        if let side { broker.close(side) }
        // It has ended by itself: what it said last is why.
        process.reportEnd(within: .seconds(1)) { [self] detail in
            let detail = detail.map { ": \($0)" } ?? ""
            finish("the fork server has ended\(detail)", hint: "the next fork starts another one")
        }
    }

    /// On the Broker's thread. What it has said last may still be there to read.
    func processDidEnd() {
        if let descriptor = state.withLock({ $0.side?.descriptor }) {
            withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
                while case let count = cmitogen_read(descriptor, buffer.baseAddress, buffer.count), count > 0 {
                    take(buffer[..<count])
                }
            }
        }
        connectionDidEnd()
        reapCopies(after: .milliseconds(2))
        // Now, as its number may be another group's later.
        endGroup(after: .zero)
    }

    /// It hangs, in its preload function or stopped: nobody else is to wait for it.
    func giveUp() {
        finish(
            "the fork server was ended, because it had not answered in time",
            hint: "look whether its preload function hangs; allow it more time with \(.connectTimeout)"
        )
        // By its number: its group has also the copies of other attempts that have not begun yet.
        process.terminate(.failedForkServer)
        endGroup(after: .seconds(1))
    }

    /// Ends what `preload` has started, as soon as the group has no copy any more that belongs to an attempt: TERM, and
    /// KILL a second later.
    private func endGroup(after delay: Duration, with signal: Int32 = SIGTERM) {
        let timer = broker.schedule(after: delay) { [self] in
            guard process.process.hasGroup else { return }
            if hasCopiesInGroup { return endGroup(after: .milliseconds(100), with: signal) }
            guard signal == SIGTERM else { return process.process.signalGroup(signal) }
            process.process.askGroupToEnd()
            endGroup(after: .seconds(1), with: SIGKILL)
        }
        // Then the number may be another group's some time.
        process.process.whenEnded { [process] _ in if !process.process.hasGroup { timer.cancel() } }
    }

    /// Ends the server, also while it runs its preload function.
    func close() {
        finish(.brokerIsLeaving)
        // The number of one that has ended may be another group's.
        if !process.process.isOver { process.terminate() }
    }

    private func finish(_ text: String, hint: Hint) {
        finish(MitogenError(.spawnError, text, diagnostics: process.lastLines, hint: hint))
    }

    private func finish(_ error: MitogenError) {
        let (requests, timer) = state.withLock { ($0.queue.fail(error), $0.timer.take()) }
        timer?.cancel()
        requests.asked?.completion(.failed(error))
        for request in requests.waiting {
            request.ends.closeFarEnds()
            request.completion(.gone(error))
        }
    }

    // MARK: What it has made

    func keep(_ copy: SpawnedProcess) {
        state.withLock { state in
            state.copies.removeAll { $0.group != process.process.pid }
            state.copies.append(copy)
        }
    }

    /// Whether copies that it has told of have not left its group yet.
    private var hasCopiesInGroup: Bool {
        state.withLock { state in state.copies.contains { $0.group == process.process.pid } }
    }

    /// For the moment when nothing else runs any more.
    func killAndReap() {
        process.killAndReap()
        for _ in 0..<100 where hasUnknownCopies() { usleep(1000) }
    }

    /// A copy that the server has made and not told of gets no configuration, so it ends, and is in the server's group
    /// until then. The group keeps its number for as long as a copy is in it.
    private func reapCopies(after delay: Duration) {
        guard hasUnknownCopies() else { return }
        broker.schedule(after: delay) { [self] in reapCopies(after: min(delay * 2, .milliseconds(100))) }
    }

    /// Reaps what has ended of them.
    private func hasUnknownCopies() -> Bool {
        state.withLock { state in
            guard state.queue.mayHaveForked else { return false }
            var result: Int32
            repeat { result = cmitogen_reap_group(process.process.pid) } while result == 1
            if result < 0 { state.queue.hasNotForked() }
            return result == 0
        }
    }
}
