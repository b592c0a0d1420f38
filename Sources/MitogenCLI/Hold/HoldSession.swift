//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenServices

/// What `mitogen hold` does for its targets.
struct HoldSession: Sendable {
    let targets: [TargetSpecification]
    let hops: HopSettings
    /// The path of the program that is started as contexts.
    let image: String
    let time: HoldTime
    /// How many targets are connected at a time; nil if all are.
    let fanout: Int?

    /// How long the process that holds connections may take to answer when it makes none.
    static let patience = Duration.seconds(5)

    /// Has the connections made, and shows what fails.
    ///
    /// - Returns: The status to exit with.
    func perform() async -> Int32 {
        do {
            let attachment = try await HoldSocket(image: self.image).attachOrStart(timeout: Self.patience)
            let outcomes = await self.connect(attachment.listener)
            attachment.router.shutdown()
            await attachment.router.join()
            return RunExitStatus.reduce(outcomes)
        } catch {
            TargetConnections.complain(toolText(error))
            return RunExitStatus.unreachable
        }
    }

    private func connect(_ holder: Context) async -> [RunOutcome] {
        let count = self.targets.count
        return await withTaskGroup(of: (target: Int, outcome: RunOutcome).self) { group in
            let places = min(self.fanout ?? count, count)
            for target in 0..<places { group.addTask { (target, await self.connect(target, holder)) } }
            var outcomes = [RunOutcome](repeating: .interrupted, count: count)
            var next = places
            for await result in group {
                outcomes[result.target] = result.outcome
                self.show(result.outcome, of: self.targets[result.target])
                guard next < count else { continue }
                group.addTask { [target = next] in (target, await self.connect(target, holder)) }
                next += 1
            }
            return outcomes
        }
    }

    private func connect(_ target: Int, _ holder: Context) async -> RunOutcome {
        let hops = self.targets[target].hops
        do throws(MitogenError) {
            let path = try HeldHop.path(hops, self.hops)
            let request = HoldConnect(path: path, idleLimit: self.time.seconds, adds: true)
            let answer = try await request.send(to: holder, silence: self.hops.connectTimeout)
            guard let failure = answer.failure?.error else { return .exited(0) }
            return RunOutcome(failure: failure, of: hops[min(answer.count, hops.count - 1)])
        } catch {
            return .failed(FailureReport(error))
        }
    }

    private func show(_ outcome: RunOutcome, of target: TargetSpecification) {
        var sink = DescriptorSink()
        let name = TerminalSanitizer.visible(target.label)
        guard outcome.isSuccess else {
            let lines = ["\(name): \(outcome.summary)"] + outcome.details.map { "  \($0)" }
            // Where a message cannot be written, nobody can be told that either.
            try? sink.write(lines.joined(separator: "\n") + "\n", to: .stderr)
            return
        }
        try? sink.write("\(name): held \(self.time.text)\n", to: .stdout)
    }

    // MARK: All processes that hold connections

    /// Shows what is held.
    ///
    /// - Returns: The status to exit with.
    static func list(asJSON: Bool) async -> Int32 {
        await self.forEach { attachment in
            let connections = try await self.asking(attachment) { (holder) throws(MitogenError) in
                try await holder.callService(HoldList(), timeout: Self.patience)
            }
            var sink = DescriptorSink()
            for held in connections.sorted(by: { $0.text < $1.text }) where asJSON || held.isTarget {
                let line = asJSON ? held.json(holder: attachment.processID) : held.line(holder: attachment.processID)
                try sink.write(line + "\n", to: .stdout)
            }
        }
    }

    /// Ends all that is held.
    static func end() async -> Int32 {
        await self.forEach { try await self.end($0) }
    }

    /// How long the process that holds connections may take to close them all; it gives up by itself a second earlier.
    private static let endingTime = Duration.seconds(8)

    /// Ends one process that holds connections.
    ///
    /// - Parameter limit: How long it may take to close everything.
    /// - Throws: ``MitogenError``: `.timeoutError` if it is still there then.
    static func end(_ attachment: AttachedTree, within limit: Duration = endingTime) async throws(MitogenError) {
        do throws(MitogenError) {
            try await self.asking(attachment) { (holder) throws(MitogenError) in
                try await holder.callService(HoldEnd(), timeout: Self.patience)
            }
        } catch {
            // It may end before its answer is on the way.
            guard error.code == .channelError else { throw error }
        }
        let deadline = ContinuousClock.now + limit
        // When the link is gone, the other process has closed everything.
        while attachment.listener.isReachable {
            guard ContinuousClock.now < deadline else {
                throw MitogenError(
                    .timeoutError,
                    "process \(attachment.processID), which holds connections, has not ended within \(limit)",
                    hint: HoldSocket.wayOut(attachment.processID)
                )
            }
            do { try await Task.sleep(for: .milliseconds(5)) } catch { throw .cancelledCaller }
        }
    }

    /// Does `body`, and names the process if it does not answer.
    private static func asking<Answer>(
        _ attachment: AttachedTree,
        _ body: (Context) async throws(MitogenError) -> Answer
    ) async throws(MitogenError) -> Answer {
        do throws(MitogenError) {
            return try await body(attachment.listener)
        } catch {
            throw error.code == .timeoutError
                ? HoldSocket.silence(of: attachment.processID, for: self.patience) : error
        }
    }

    private static func forEach(_ body: (AttachedTree) async throws -> Void) async -> Int32 {
        var status: Int32 = 0
        do {
            for socket in try HoldSocket.all() {
                do {
                    guard let attachment = try await socket.attach(timeout: Self.patience) else { continue }
                    defer { attachment.router.shutdown() }
                    try await body(attachment)
                } catch let error as MitogenError {
                    TargetConnections.complain(toolText(error))
                    status = RunExitStatus.failed
                }
            }
        } catch OutputError.brokenPipe {
            return RunExitStatus.brokenPipe
        } catch {
            TargetConnections.complain(toolText(error))
            return RunExitStatus.failed
        }
        return status
    }
}

extension HeldConnection {
    /// One line for people.
    func line(holder: Int32) -> String {
        let name = TerminalSanitizer.visible(self.text)
        var words = ["held for \(Self.time(self.heldSeconds)) by process \(holder)"]
        if self.userCount > 0 {
            words.append("in use by \(self.userCount)")
        } else if let idleLimit {
            words.append("closed in \(Self.time(max(0, idleLimit - self.idleSeconds)))")
        }
        words += self.history
        return "\(name): \(words.joined(separator: ", "))"
    }

    /// That it was lost, or made anew, with the reason.
    var history: [String] {
        let reason = self.loss.map { " (\(TerminalSanitizer.visible($0)))" } ?? ""
        if self.context == nil { return ["lost\(reason): the next command that uses it makes it anew"] }
        guard self.renewals > 0 else { return [] }
        return ["made anew \(self.renewals == 1 ? "once" : "\(self.renewals) times")\(reason)"]
    }

    static func time(_ seconds: Double) -> String { DurationText.text(milliseconds: Int(seconds * 1000)) }

    /// A JSON object.
    func json(holder: Int32) -> String {
        func string(_ text: String) -> String { String(decoding: JSONStringEscaper.string(text), as: UTF8.self) }
        func number(_ value: Double) -> String { DecimalText.text(value, digits: 3) }
        let members = [
            ("target", string(self.text)), ("asked_for", self.isTarget ? "true" : "false"),
            ("ok", self.context == nil ? "false" : "true"), ("holder_pid", "\(holder)"),
            ("held_s", number(self.heldSeconds)), ("idle_s", number(self.idleSeconds)),
            ("idle_limit_s", self.idleLimit.map(number) ?? "null"), ("users", "\(self.userCount)"),
            ("made_anew", "\(self.renewals)"), ("last_loss", self.loss.map(string) ?? "null"),
        ]
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }
}
