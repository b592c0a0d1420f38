//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// Connects the targets of a transfer and transfers the files.
struct TransferSession: Sendable {
    let request: TransferRequest
    let presenter: TransferPresenter
    private let connections: HopConnections
    private let width: Int
    private let clock = ContinuousClock()

    init(request: TransferRequest, connections: TargetConnections, presenter: TransferPresenter) {
        self.request = request
        self.presenter = presenter
        let tree = TargetTree(request.targets)
        self.width = min(request.fanout ?? tree.firstHopCount, tree.firstHopCount)
        self.connections = HopConnections(tree, closesUnused: request.fanout != nil, through: connections)
    }

    /// - Returns: What became of the targets, in the order of the command line.
    func run() async -> [TransferResult] {
        let places = self.request.fanout ?? self.request.targets.count
        if self.request.direction.isCopy {
            // Before anything is connected, which may take long and ask for passwords.
            if let results = self.withoutSources() { return results }
            var results: [TransferResult] = []
            for start in stride(from: 0, to: self.request.targets.count, by: places) {
                let batch = start..<min(start + places, self.request.targets.count)
                results += await self.copy(to: batch)
                for target in batch { await self.connections.leave(target) }
            }
            return results
        }
        let progress = self.request.targets.map { _ in TransferProgress() }
        return await self.withProgress(progress) {
            await self.each(self.request.targets.indices, atATime: places) { target in
                let result = await self.fetch(target, progress[target])
                await self.connections.leave(target)
                return result
            }
        }
    }

    /// What becomes of the targets if there is nothing to send.
    private func withoutSources() -> [TransferResult]? {
        let start = self.clock.now
        let sources = FileSource(roots: self.request.sources.map(\.bytes), options: self.request.options)
        guard let failures = sources.failuresOfAll() else { return nil }
        for failure in failures {
            self.presenter.show(.failed(target: nil, FailureReport(failure.error(in: nil))))
        }
        return self.request.targets.indices.map { self.report(.failed(nil), $0, since: start) }
    }

    /// Does something for each target, for so many at a time.
    private func each<Value: Sendable>(
        _ targets: Range<Int>,
        atATime places: Int,
        _ body: @escaping @Sendable (Int) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: (Int, Value).self) { group in
            var next = targets.lowerBound
            func add() {
                guard next < targets.upperBound else { return }
                group.addTask { [next] in (next, await body(next)) }
                next += 1
            }
            for _ in 0..<places { add() }
            var values: [(Int, Value)] = []
            for await value in group {
                values.append(value)
                add()
            }
            return values.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    // MARK: Connections

    private enum Reached: Sendable {
        case context(Context)
        case result(TransferResult)
    }

    private func connect(_ target: Int, since start: ContinuousClock.Instant) async -> Reached {
        do throws(HopFailure) {
            if !Task.isCancelled, let context = try await self.connections.context(for: target) {
                self.presenter.show(.connected(1))
                return .context(context)
            }
            return .result(self.report(.interrupted, target, since: start))
        } catch {
            let cause = error.isFirst ? error.error.advisingFanout(for: self.width) : error.error
            let isOver = cause.code == .cancelled || cause.code == .connectionCancelled
            let outcome: TransferResult.Outcome =
                isOver ? .interrupted : .unreachable(FailureReport(cause, hop: error.hop))
            return .result(self.report(outcome, target, since: start))
        }
    }

    private func report(
        _ outcome: TransferResult.Outcome,
        _ target: Int,
        since start: ContinuousClock.Instant,
        _ report: FileTransferReport? = nil
    ) -> TransferResult {
        let result = TransferResult(
            target: self.request.labels[target],
            outcome: outcome,
            entries: report?.entries ?? 0,
            bytes: report?.bytes ?? 0,
            duration: start.duration(to: self.clock.now)
        )
        self.presenter.show(.finished(result))
        return result
    }

    /// What a report comes to. What has been told about files is not told again.
    private func outcome(of report: FileTransferReport, _ target: Int) -> TransferResult.Outcome {
        guard !report.isComplete else { return report.failures.isEmpty ? .done : .failed(nil) }
        guard let last = report.failures.last else { return .interrupted }
        let hop = last.code == .channelError ? self.connections.lostHop(of: target) : nil
        return .failed(FailureReport(last, hop: hop))
    }

    // MARK: Copying

    private func copy(to batch: Range<Int>) async -> [TransferResult] {
        let start = self.clock.now
        let reached = await self.each(batch, atATime: batch.count) { await self.connect($0, since: start) }
        var results: [Int: TransferResult] = [:]
        var contexts: [(target: Int, context: Context)] = []
        for (target, place) in zip(batch, reached) {
            switch place {
            case .context(let context): contexts.append((target, context))
            case .result(let result): results[target] = result
            }
        }
        // What is held belongs to another router than what this process connects.
        while let router = contexts.first?.context.router {
            let group = contexts.filter { $0.context.router === router }
            contexts.removeAll { $0.context.router === router }
            for result in await self.copy(to: group, since: start) { results[result.target] = result.result }
        }
        return batch.compactMap { results[$0] }
    }

    private func copy(
        to contexts: [(target: Int, context: Context)],
        since start: ContinuousClock.Instant
    ) async -> [(target: Int, result: TransferResult)] {
        let progress = TransferProgress()
        var push = FilePush(self.request.sources, to: self.request.destination)
        push.options = self.request.options
        push.patience = self.request.patience
        push.progress = progress
        let reports = await self.withProgress([progress], sources: push.sources) { [push] in
            try? await push.run(on: contexts.map(\.context)) { await self.note($0, contexts.map(\.target)) }
        }
        return contexts.enumerated().map { index, entry in
            let report = reports?[index]
            let outcome = report.map { self.outcome(of: $0, entry.target) } ?? .interrupted
            return (entry.target, self.report(outcome, entry.target, since: start, report))
        }
    }

    private func note(_ event: FilePush.Event, _ targets: [Int]) async {
        switch event {
        case .failed(let index, let error):
            self.presenter.show(.failed(target: self.request.labels[targets[index]], FailureReport(error)))
        case .sourceFailed(let error): self.presenter.show(.failed(target: nil, FailureReport(error)))
        case .ended: break
        }
    }

    // MARK: Fetching

    private func fetch(_ target: Int, _ progress: TransferProgress) async -> TransferResult {
        let start = self.clock.now
        let context: Context
        switch await self.connect(target, since: start) {
        case .context(let reached): context = reached
        case .result(let result): return result
        }
        var destination = self.request.destination
        if case .fetch(isFlat: false) = self.request.direction {
            _ = self.makeFolder(destination)
            destination = Self.folder(for: self.request.labels[target], in: destination)
        }
        var fetch = FileFetch(self.request.sources, to: destination)
        fetch.options = self.request.options
        fetch.progress = progress
        let report = try? await fetch.run(from: context) { error in
            self.presenter.show(.failed(target: self.request.labels[target], FailureReport(error)))
        }
        return self.report(report.map { self.outcome(of: $0, target) } ?? .interrupted, target, since: start, report)
    }

    /// If that fails, writing into it does, and says why.
    private func makeFolder(_ path: ByteString) -> Int32 {
        (path.bytes + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { mkdir($0, 0o777) } ?? -1 }
        }
    }

    /// The folder of a target; its slash at the end says that it is one.
    static func folder(for label: String, in destination: ByteString) -> ByteString {
        var name: [UInt8] = []
        for byte in label.utf8 {
            let isFirstDot = name.isEmpty && byte == UInt8(ascii: ".")
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") || byte == 0 || isFirstDot {
                name += "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))".utf8
            } else {
                name.append(byte)
            }
        }
        return ByteString(bytes: FilePath.join(destination.bytes, name) + [UInt8(ascii: "/")])
    }

    // MARK: Progress

    /// Shows how far a transfer is while `body` runs.
    private func withProgress<Value: Sendable>(
        _ progress: [TransferProgress],
        sources: [ByteString]? = nil,
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        guard self.presenter.showsProgress else { return await body() }
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask { await body() }
            group.addTask {
                guard let sources, let progress = progress.first else { return nil }
                let source = FileSource(roots: sources.map(\.bytes), options: self.request.options)
                progress.setTotal(source.totalBytes())
                return nil
            }
            group.addTask {
                while !Task.isCancelled {
                    self.show(progress)
                    try? await Task.sleep(for: ProgressLine.interval)
                }
                return nil
            }
            var value: Value?
            for await result in group {
                guard let result else { continue }
                value = result
                group.cancelAll()
            }
            self.show(progress)
            // The first task gives one, and only then the others are cancelled.
            guard let value else { preconditionFailure("a transfer ends with a result") }
            return value
        }
    }

    private func show(_ progress: [TransferProgress]) {
        let states = progress.map(\.state)
        self.presenter.show(
            .progress(
                bytes: states.reduce(0) { $0 + $1.bytes },
                totalBytes: states.count == 1 ? states[0].totalBytes : nil,
                path: states.last { !$0.path.isEmpty }.map { FilePath.visible($0.path) } ?? ""
            )
        )
    }
}
