//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

// What an attempt waits for, and for how long.
extension Handshake {
    /// Gives the attempt time until then.
    func restart(until deadline: ContinuousClock.Instant) {
        clock?.restart(until: deadline)
        let timeout = Duration.seconds(common.connectTimeout)
        let timer = router.broker.schedule(after: max(.zero, deadline - .now)) { [weak self] in
            self?.deadlineDidPass(timeout)
        }
        let old = parts.withLock { parts in
            defer { parts.timer = timer }
            return parts.timer
        }
        old?.cancel()
        // It may have been settled meanwhile: then nobody else cancels this one.
        if isSettled { timer.cancel() }
    }

    private func deadlineDidPass(_ timeout: Duration) {
        if let more = parts.withLock({ $0.patience })?(), more > .now { return restart(until: more) }
        // What was said and how far it came belong into the error.
        if let driver = parts.withLock({ $0.stream == nil ? $0.driver : nil }) {
            return driver.deadlineDidPass(timeout)
        }
        guard let what = parts.withLock({ $0.waitsFor }) else {
            return fail(MitogenError(.timeoutError, "Connection timed out after \(timeout)."))
        }
        fail(
            MitogenError(
                .timeoutError,
                "connecting took longer than \(timeout), while \(what)",
                hint:
                    "allow more time with `connectTimeout` (--connect-timeout), or connect to fewer targets at a time "
                    + "(--fanout)"
            )
        )
    }

    /// Calls `body` if the attempt fails.
    func whenFailed(_ body: @escaping @Sendable (MitogenError) -> Void) {
        result.whenResolved { if case .failure(let error) = $0 { body(error) } }
    }

    /// Says what is waited for before the tool is started.
    ///
    /// - Parameter patience: Tells until when more time is given for it, when the time is over.
    func waits(for text: String, patience: (@Sendable () -> ContinuousClock.Instant?)? = nil) {
        parts.withLock { parts in
            parts.waitsFor = text
            parts.patience = patience
        }
    }

    /// Whether it has failed because its time was over.
    var hasTimedOut: Bool {
        if case .failure(let error) = result.outcome { error.code == .timeoutError } else { false }
    }

    /// Asks a tool; what cannot be started, or fails, has nothing to say but to the log.
    ///
    /// - Throws: What the attempt has failed with meanwhile.
    func ask(_ question: [String]) async throws(MitogenError) -> [String] {
        let text = "`\(question.joined(separator: " "))`"
        waits(for: "waiting for \(text)")
        let query: ToolQuery
        do throws(MitogenError) {
            query = try ToolQuery(question, on: router.broker)
        } catch {
            router.logger.debug("\(text): \(error.message)")
            return []
        }
        let answer = OneShot<[String]>()
        whenFailed { answer.resolve(.failure($0)) }
        follow(query) { [logger = router.logger] status, lines in
            if status != .exited(0) {
                logger.debug("\(text) ended with \(status): \(query.complaints.suffix(3).joined(separator: "\n"))")
            }
            answer.resolve(.success(status == .exited(0) ? lines : []))
        }
        return try await answer.value { self.fail(.cancelledCaller) }
    }

    /// Takes note of a tool that is asked and is ended if the attempt is settled meanwhile.
    ///
    /// - Parameter body: Called once, on the Broker's thread, when it has ended: with how it did, and what it has said.
    func follow(_ query: ToolQuery, whenDone body: @escaping @Sendable (ExitStatus, [String]) -> Void) {
        // First, as the next line undoes it, at once where the tool has ended already.
        follow(query.process)
        // It is not to be ended any more: the number can be another process's soon.
        query.process.process.whenEnded { [self] _ in
            parts.withLock { if $0.process === query.process { $0.process = nil } }
        }
        query.whenDone(body)
    }

    /// Waits so long, or until the attempt has failed.
    func pause(_ time: Duration) async {
        let end = OneShot<Void>()
        let timer = router.broker.schedule(after: time) { end.resolve(.success(())) }
        defer { timer.cancel() }
        whenFailed { end.resolve(.failure($0)) }
        // Whatever has settled the attempt, `finish` tells.
        try? await end.value { self.fail(.cancelledCaller) }
    }

    /// Waits until the far side has answered, or the attempt has failed.
    func waitUntilAnswered() async {
        // Whatever settles it, `finish` tells.
        try? await answered.value { self.fail(.cancelledCaller) }
    }

    /// Sees to it that what waits for a server, with all that it has started, ends when this program is killed.
    func guardGroup(of process: SpawnedProcess) {
        guard let watchdog = try? Watchdog(endingGroup: process.pid, on: router.broker) else { return }
        answered.whenResolved { _ in watchdog.dismiss() }
        process.whenEnded { _ in watchdog.dismiss() }
    }
}
