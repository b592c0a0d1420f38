//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

// What an attempt waits for, and for how long.
extension ConnectionAttempt {
    /// Gives the attempt time until then.
    func restart(until deadline: ContinuousClock.Instant) {
        rounds.clock?.restart(until: deadline)
        let timer = router.broker.schedule(after: max(.zero, deadline - .now)) { [weak self] in self?.deadlinePassed() }
        let old = state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        old?.cancel()
        // It may have been settled meanwhile: then nobody else cancels this one.
        if isSettled { timer.cancel() }
    }

    private func deadlinePassed() {
        let (text, patience) = state.withLock { ($0.waitsFor, $0.patience) }
        if let more = patience?(), more > .now { return restart(until: more) }
        feed { $0.deadlinePassed(common.connectTimeout, waiting: text) }
    }

    /// Calls `body` if the attempt fails.
    func whenFailed(_ body: @escaping @Sendable (MitogenError) -> Void) {
        result.whenResolved { if case .failure(let error) = $0 { body(error) } }
    }

    /// Says what is waited for before the program is started.
    ///
    /// - Parameter patience: Tells until when more time is given for it, when the time is over.
    func waits(for text: String?, patience: (@Sendable () -> ContinuousClock.Instant?)? = nil) {
        state.withLock { ($0.waitsFor, $0.patience) = (text, patience) }
    }

    /// Does something that the attempt fails with if it throws.
    func trying(_ body: () throws(MitogenError) -> Void) {
        guard !isSettled else { return }
        do throws(MitogenError) { try body() } catch { fail(error) }
    }

    /// The same, on a thread where it may take its time.
    func inBackground(_ body: @escaping @Sendable () throws(MitogenError) -> Void) {
        // Unstructured, as the attempt is one: whatever settles it counts here, too.
        Task(executorPreference: FunctionExecutor.shared) { self.trying(body) }
    }

    /// Whether it has failed because its time was over.
    var hasTimedOut: Bool {
        if case .failure(let error) = result.outcome { error.code == .timeoutError } else { false }
    }

    var hasFailed: Bool {
        if case .failure = result.outcome { true } else { false }
    }

    /// Runs a tool and returns what it prints on its standard output and standard error. If it cannot be started or fails,
    /// there are no lines, and the reason is logged.
    ///
    /// - Throws: What the attempt has failed with meanwhile.
    func ask(_ question: [String]) async throws(MitogenError) -> (lines: [String], complaints: [String]) {
        let text = "`\(question.joined(separator: " "))`"
        waits(for: "waiting for \(text)")
        let query: ToolQuery
        do throws(MitogenError) {
            query = try ToolQuery(question, on: router.broker)
        } catch {
            router.logger.debug("\(text): \(error.message)")
            return ([], [])
        }
        let answer = OneShot<[String]>()
        whenFailed { answer.resolve(.failure($0)) }
        follow(query) { [logger = router.logger] status, lines in
            if status != .exited(0) {
                logger.debug("\(text) ended with \(status): \(query.complaints.suffix(3).joined(separator: "\n"))")
            }
            answer.resolve(.success(status == .exited(0) ? lines : []))
        }
        return (try await answer.value { self.fail(.cancelledCaller) }, query.complaints)
    }

    /// Takes note of a tool that is asked and is ended if the attempt is settled meanwhile.
    ///
    /// - Parameter body: Called once, on the Broker's thread, when it has ended: with how it did, and what it has said.
    func follow(_ query: ToolQuery, whenDone body: @escaping @Sendable (ExitStatus, [String]) -> Void) {
        // First, as the next line undoes it, at once where the tool has ended already.
        follow(query.process)
        query.process.process.whenEnded { [self] _ in helperEnded() }
        query.whenDone(body)
    }

    /// A pod has no such container: the error says which it has, if kubectl tells in time.
    func fail(_ error: MitogenError, askingFor command: [String]) {
        let limit = min(.seconds(5), deadline - .now - .milliseconds(100))
        let environment = ToolLocale.environment
        guard limit > .zero,
            let query = try? ToolQuery(command, environment: environment, hearsErrors: true, on: router.broker)
        else { return fail(error) }
        let timer = router.broker.schedule(after: limit) { [weak self] in self?.fail(error) }
        follow(query) { [weak self] _, lines in
            timer.cancel()
            self?.fail(PodContainers(said: lines).map(error.listing) ?? error)
        }
    }

    /// Waits so long, or until the attempt has failed.
    func pause(_ time: Duration) async {
        let end = OneShot<Void>()
        whenFailed { end.resolve(.failure($0)) }
        // Whatever else has ended the wait, `finish` tells.
        try? await end.value(within: time, on: router.broker, "nothing has happened")
    }

    /// Waits until the far side has answered, or the attempt has failed.
    func waitUntilAnswered() async {
        // Whatever settles it, `finish` tells.
        try? await answered.value { self.fail(.cancelledCaller) }
    }

    /// Sees to it that what waits for a server, with all that it has started, ends when this program is killed.
    func guardGroup(of process: SpawnedProcess) {
        let processes = router.processes
        processes.guardTool(process)
        answered.whenResolved { _ in processes.leaveTool(process) }
        process.whenEnded { _ in processes.leaveTool(process) }
    }
}

extension MitogenError {
    /// Says also which containers a pod has.
    fileprivate func listing(_ containers: PodContainers) -> MitogenError {
        let names = containers.names.joined(separator: ", ")
        return MitogenError(code, "\(message); it has \(names)", diagnostics: diagnostics, hint: advice)
    }
}
