//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The process behind a direct child context, or the tool (ssh, sudo, …) that leads to it, and what it says on its
/// standard error.
final class ChildProcess: Sendable {
    private struct State {
        var isDetached = false
        var hasReported = false
    }

    let process: SpawnedProcess
    private let broker: Broker
    private let state = Mutex(State())
    private let diagnostics: LineReader?

    /// How many of the last lines are kept for error messages.
    private static let keptLines = 100

    /// Takes over a process and the descriptor that its diagnostics arrive on, if there is one.
    ///
    /// - Parameters:
    ///   - raw: Called on the Broker's thread with the diagnostics as they arrive.
    ///   - rewritten: What is kept and passed on of a line; all by default.
    ///   - whenLine: Called on the Broker's thread with every line of them.
    init(
        process: SpawnedProcess,
        diagnostics descriptor: Int32?,
        broker: Broker,
        raw: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil,
        rewritten: (@Sendable (String) -> String)? = nil,
        whenLine: @escaping @Sendable (String) -> Void
    ) {
        self.process = process
        self.broker = broker
        let kept = Kept()
        diagnostics = descriptor.map { descriptor in
            LineReader(descriptor: descriptor, broker: broker, raw: raw) { line in
                let line = rewritten?(line) ?? line
                kept.append(line)
                whenLine(line)
            }
        }
        self.kept = kept
    }

    /// Calls `body` when no more diagnostics will come.
    func whenDiagnosticsEnd(_ body: @escaping @Sendable () -> Void) {
        diagnostics?.whenEnded(body)
    }

    private let kept: Kept

    private final class Kept: Sendable {
        private let lines = Mutex<[String]>([])

        func append(_ line: String) {
            lines.withLock { lines in
                if lines.count == ChildProcess.keptLines { lines.removeFirst() }
                lines.append(line)
            }
        }

        var all: [String] { lines.withLock { $0 } }
    }

    /// The last lines it wrote to its standard error.
    var lastLines: [String] { kept.all }

    /// Nothing is done to the process any more. False if that was so already.
    func detach() -> Bool {
        state.withLock { state in
            defer { state.isDetached = true }
            return !state.isDetached
        }
    }

    /// The child's stream has ended: waits a moment for the process's own end, sees to it that it comes, and tells
    /// what is known of it.
    func reportEnd(within limit: Duration, _ body: @escaping @Sendable (String?) -> Void) {
        let report: @Sendable (String?) -> Void = { [self] text in
            let isFirst = state.withLock { state in
                defer { state.hasReported = true }
                return !state.hasReported
            }
            if isFirst { body(text) }
        }
        if state.withLock({ $0.isDetached }) {
            diagnostics?.close()
            process.abandon()
            return report("it has detached itself")
        }
        let limitTimer = broker.schedule(after: limit) { report(nil) }
        process.whenEnded { [self] status in
            limitTimer.cancel()
            // What it said last may still be in the pipe.
            broker.schedule { [self] in
                diagnostics?.drain()
                report(describe(status))
                diagnostics?.close()
            }
        }
        process.end(.lostChild)
    }

    private func describe(_ status: ExitStatus) -> String {
        guard status != .exited(0) else { return "it has ended" }
        // The addresses that the Swift runtime lists after the message of a trap say nothing without the program.
        let lines = lastLines
        let said = lines.prefix(upTo: lines.lastIndex(of: "Current stack trace:") ?? lines.endIndex).suffix(10)
        let text = "process \(process.pid) ended with \(status)"
        return said.isEmpty ? text : "\(text): \(said.joined(separator: "\n"))"
    }

    /// Ends a process whose connection has failed, and what it has started.
    func terminate(_ ending: ProcessEnding = .failedAttempt) {
        process.end(ending)
        process.whenEnded { [self] _ in diagnostics?.close() }
    }

    /// The router ends: so does its child.
    func killAndReap() {
        diagnostics?.close()
        state.withLock { $0.isDetached } ? process.abandon() : process.killAndReap()
    }
}
