//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenPickle
internal import MitogenPython
internal import Synchronization

/// One `mitogen py`, from the first connection to the status to exit with.
struct PyExecution: Sendable {
    let request: PyRequest
    /// The path of the program that is started as contexts.
    let image: String

    /// Does it. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        try EarlyEnd.perform { stop in await self.work(stop) }
    }

    private func work(_ stop: OneShot<EarlyEnd>) async -> Int32 {
        let places = self.request.targets.map(\.place)
        // What is held belongs to another process, and modules come from the master only.
        return await TargetConnections.status(places, self.request.hops, image: self.image, usesHeld: false) {
            connections in
            let router = try connections.ownRouter()
            let outcomes = await EarlyEnd.doing(until: stop) { await self.call(connections, router, stop) }
            switch stop.outcome {
            case .success(.signal(let signal))?: return 128 + signal
            case .success(.outputFailed)?: return RunExitStatus.brokenPipe
            // Without outcomes nothing was connected, and the reason has been told.
            case .failure?, nil: return outcomes.isEmpty ? RunExitStatus.failed : RunExitStatus.reduce(outcomes)
            }
        }
    }

    /// - Returns: What became of the targets; none if Python cannot be used here.
    private func call(
        _ connections: TargetConnections,
        _ router: Router,
        _ stop: OneShot<EarlyEnd>
    ) async -> [RunOutcome] {
        let module: String
        do throws(MitogenError) {
            module = try await self.prepare(router)
        } catch {
            TargetConnections.complain(toolText(error))
            return []
        }
        let tree = TargetTree(self.request.targets.map(\.place))
        let hops = HopConnections(tree, closesUnused: self.request.fanout != nil, through: connections)
        let places = Gate(places: self.request.fanout ?? max(1, self.request.targets.count))
        return await withTaskGroup(of: (Int, RunOutcome).self) { group in
            for target in self.request.targets.indices {
                group.addTask {
                    let outcome = try? await places.withPermit { () async throws(MitogenError) in
                        await self.call(module, hops, target, router, stop)
                    }
                    await hops.leave(target)
                    return (target, outcome ?? .interrupted)
                }
            }
            var outcomes = [RunOutcome](repeating: .interrupted, count: self.request.targets.count)
            for await (target, outcome) in group { outcomes[target] = outcome }
            return outcomes
        }
    }

    private func prepare(_ router: Router) async throws(MitogenError) -> String {
        try router.configurePython { python in
            python.interpreter = self.request.controllerInterpreter
            python.searchPath = self.request.searchPath
        }
        switch self.request.source {
        case .module(let name):
            try await router.startPython()
            return name
        case .file(let path, let name): return try await router.addPythonScript(at: path, named: name)
        }
    }

    private func call(
        _ module: String,
        _ hops: HopConnections,
        _ target: Int,
        _ router: Router,
        _ stop: OneShot<EarlyEnd>
    ) async -> RunOutcome {
        let label = self.request.labels[target]
        do throws(HopFailure) {
            let context = try await hops.context(for: target)
            var hasStarted = false
            do throws(MitogenError) {
                let python = try await router.local(via: context) { options in
                    options.runtime = .python(words: self.request.targets[target].interpreter)
                    options.connectTimeout = self.request.hops.connectTimeout
                }
                hasStarted = true
                let value = try await self.call(module, in: python)
                self.tell(label, "result", JSONText.of(value), stop)
                return .exited(0)
            } catch {
                let lost = error.code == .channelError ? hops.lostHop(of: target) : nil
                // A Python that does not start in time cannot be used; no call took too long.
                let outcome: RunOutcome =
                    !hasStarted && error.code == .timeoutError
                    ? .failed(FailureReport(error, hop: lost)) : RunOutcome(failure: error, lostHop: lost)
                self.tell(label, outcome, stop)
                return outcome
            }
        } catch {
            let outcome = RunOutcome(failure: error.error, of: error.hop)
            self.tell(label, outcome, stop)
            return outcome
        }
    }

    private func call(_ module: String, in python: Context) async throws(MitogenError) -> PickleValue {
        let result: Result<PickleValue, MitogenError>
        do throws(MitogenError) {
            let value = try await python.call(
                named: "\(module).\(self.request.function)",
                self.request.positional,
                keywordArguments: self.request.named,
                as: PickleValue.self,
                timeout: self.request.timeout
            )
            result = .success(value)
        } catch {
            result = .failure(error)
        }
        // One that is lost has ended already.
        try? await python.shutdown()
        return try result.get()
    }

    // MARK: Output

    private func tell(_ label: String, _ outcome: RunOutcome, _ stop: OneShot<EarlyEnd>) {
        switch outcome {
        case .failed(let report), .unreachable(let report), .unanswered(let report):
            self.tell(label, "error", JSONRenderer.object(for: report), stop)
        case .timedOut, .interrupted, .skipped, .exited, .signaled: break
        }
    }

    private static let output = Mutex(DescriptorSink())

    private func tell(_ label: String, _ name: String, _ value: [UInt8], _ stop: OneShot<EarlyEnd>) {
        let line = Array("{\"target\":".utf8) + JSONStringEscaper.string(label) + Array(",\"\(name)\":".utf8) + value
        let written = Self.output.withLock { sink in
            Result { () throws(OutputError) in
                try sink.write(line + [UInt8(ascii: "}"), UInt8(ascii: "\n")], to: .stdout)
            }
        }
        guard case .failure(let error) = written, stop.outcome == nil else { return }
        if case .brokenPipe = error {} else { TargetConnections.complain("\(error)") }
        stop.resolve(.success(.outputFailed))
    }
}
