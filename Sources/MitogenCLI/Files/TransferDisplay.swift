//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Something to show about a transfer.
enum TransferNews: Sendable {
    /// So many targets are reached and are being written to, or read.
    case connected(Int)
    /// A file could not be transferred; no target if it could not be read here.
    case failed(target: String?, FailureReport)
    case finished(TransferResult)
    case progress(bytes: Int, totalBytes: Int?, path: String)
    case note(String)
    case interrupted
    case ended
}

/// What has come of one target.
struct TransferResult: Sendable {
    enum Outcome: Sendable {
        case done
        /// Something is missing; what has been told before, if it has no report.
        case failed(FailureReport?)
        case unreachable(FailureReport)
        case interrupted
    }

    var target: String
    var outcome: Outcome
    var entries = 0
    var bytes = 0
    var duration: Duration

    var failure: FailureReport? {
        switch self.outcome {
        case .done: nil
        case .failed(let report):
            report ?? FailureReport(code: "incomplete", message: "some files were not transferred")
        case .unreachable(let report): report
        case .interrupted: FailureReport(code: "interrupted", message: "the transfer was interrupted")
        }
    }
}

/// Shows a transfer: as lines and a progress line, or as JSON.
struct TransferDisplay<Sink: OutputSink>: Sendable {
    private var sink: ProgressSink<Sink>
    private let writesJSON: Bool
    private let showsSummary: Bool
    private var counts = TransferText.Counts()
    private var rate = TransferRate()
    private var results: [TransferResult] = []
    private var lastProgress: Duration?

    init(
        targets: Int,
        writesJSON: Bool,
        isQuiet: Bool,
        sink: Sink,
        terminal: String? = DescriptorSink.environmentVariable("TERM")
    ) {
        let hasLine = !isQuiet && !writesJSON && ProgressLine.isPossible(on: sink, terminal: terminal)
        self.sink = ProgressSink(base: sink, line: ProgressLine(isEnabled: hasLine))
        self.writesJSON = writesJSON
        self.showsSummary = hasLine
        self.counts.targets = targets
    }

    /// Whether progress is of any use.
    var showsProgress: Bool { self.writesJSON || self.sink.line.isEnabled }

    mutating func show(_ news: TransferNews, at elapsed: Duration) throws(OutputError) {
        switch news {
        case .connected(let count): self.counts.connected += count
        case .note(let text): try self.complain(text)
        case .interrupted: try self.interrupt()
        case .failed(let target, let report): try self.showFailure(target, report)
        case .finished(let result): try self.finish(result)
        case .progress(let bytes, let total, let path): try self.note(bytes, total, path, at: elapsed)
        case .ended: return try self.end(at: elapsed)
        }
        try self.sink.draw(
            TransferText.line(self.counts, rate: self.rate.bytesPerSecond, at: elapsed),
            at: elapsed
        )
    }

    private mutating func complain(_ text: String) throws(OutputError) {
        try self.sink.write("mitogen: \(TerminalSanitizer.visibleLines(text))\n", to: .stderr)
    }

    private mutating func interrupt() throws(OutputError) {
        if self.sink.isTerminal(.stderr), !self.sink.line.isVisible { try self.sink.write("\n", to: .stderr) }
        try self.complain("interrupted; files that were not complete are dropped")
    }

    private mutating func note(_ bytes: Int, _ total: Int?, _ path: String, at elapsed: Duration) throws(OutputError) {
        self.counts.bytes = bytes
        self.counts.totalBytes = total
        self.rate.note(bytes: bytes, at: elapsed)
        guard self.writesJSON else { return }
        if let lastProgress, elapsed - lastProgress < .seconds(1) { return }
        self.lastProgress = elapsed
        try self.write([
            ("event", JSONStringEscaper.string("progress")), ("bytes", Array("\(bytes)".utf8)),
            ("total_bytes", Array((total.map { "\($0)" } ?? "null").utf8)), ("path", JSONStringEscaper.string(path)),
        ])
    }

    private mutating func showFailure(_ target: String?, _ report: FailureReport) throws(OutputError) {
        guard self.writesJSON else {
            return try self.complain((target.map { "\($0): " } ?? "") + report.message)
        }
        try self.write([
            ("event", JSONStringEscaper.string("failed")), ("target", Self.string(target)),
            ("code", JSONStringEscaper.string(report.code)), ("message", JSONStringEscaper.string(report.message)),
        ])
    }

    private mutating func finish(_ result: TransferResult) throws(OutputError) {
        self.results.append(result)
        self.counts.done += 1
        if result.failure != nil { self.counts.failed += 1 }
        guard self.writesJSON else {
            switch result.outcome {
            case .failed(let report?), .unreachable(let report):
                let place = report.hop.map { $0 == result.target ? "" : " (at \($0))" } ?? ""
                return try self.complain("\(result.target): \(report.message)\(place)")
            case .failed(nil), .done, .interrupted: return
            }
        }
        try self.write([
            ("event", JSONStringEscaper.string("finished")), ("target", JSONStringEscaper.string(result.target)),
            ("files", Array("\(result.entries)".utf8)), ("bytes", Array("\(result.bytes)".utf8)),
            ("error", JSONRenderer.object(for: result.failure)),
            ("duration_ms", Array("\(result.duration.wholeMilliseconds)".utf8)),
        ])
    }

    private mutating func end(at elapsed: Duration) throws(OutputError) {
        try self.sink.erase()
        let complete = self.results.filter { $0.failure == nil }
        guard self.showsSummary, let most = complete.max(by: { $0.bytes < $1.bytes }) else { return }
        let text = TransferText.summary(
            entries: most.entries,
            bytes: most.bytes,
            targets: complete.count,
            elapsed: elapsed
        )
        try self.sink.write(text + "\n", to: .stderr)
    }

    private static func string(_ text: String?) -> [UInt8] {
        text.map(JSONStringEscaper.string) ?? Array("null".utf8)
    }

    private mutating func write(_ fields: [(name: String, value: [UInt8])]) throws(OutputError) {
        var line: [UInt8] = []
        for field in fields {
            line += (line.isEmpty ? "{" : ",").utf8
            line += JSONStringEscaper.string(field.name) + [UInt8(ascii: ":")] + field.value
        }
        try self.sink.write(line + Array("}\n".utf8), to: .stdout)
    }
}
