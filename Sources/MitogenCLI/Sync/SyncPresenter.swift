//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// Shows what `mitogen sync` does: lines for people, or JSON objects.
actor SyncPresenter {
    private let labels: [String]
    private let writesJSON: Bool
    private let showsChanges: Bool
    private let isVerbose: Bool
    private let whenFailed: @Sendable () -> Void
    private var sink: ProgressSink<DescriptorSink>
    private var failure: OutputError?
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var counts = TransferText.Counts()
    private var rate = TransferRate()
    private var lastProgress = Duration.zero

    /// - Parameter whenFailed: Called when the output cannot be written; nothing is written after that.
    init(_ options: SyncOptions, labels: [String], whenFailed: @escaping @Sendable () -> Void) {
        self.labels = labels
        writesJSON = options.writesJSON
        showsChanges = options.isVerbose || options.isDryRun
        isVerbose = options.isVerbose
        self.whenFailed = whenFailed
        start = clock.now
        counts.targets = labels.count
        let base = DescriptorSink()
        let terminal = DescriptorSink.environmentVariable("TERM")
        let hasLine = !options.writesJSON && ProgressLine.isPossible(on: base, terminal: terminal)
        sink = ProgressSink(base: base, line: ProgressLine(isEnabled: hasLine))
    }

    /// Whether progress is of any use.
    var showsProgress: Bool { writesJSON || sink.line.isEnabled }

    /// Shows how far all targets are, until the task is cancelled.
    func follow(_ progress: TransferProgress) async {
        while !Task.isCancelled {
            show(progress.state)
            try? await Task.sleep(for: ProgressLine.interval)
        }
    }

    func noteConnection() { counts.connected += 1 }

    func noteUnreachable() {
        counts.done += 1
        counts.failed += 1
    }

    /// Takes the progress line away.
    func end() {
        try? sink.erase()
    }

    private func show(_ state: TransferProgress.State) {
        let elapsed = start.duration(to: clock.now)
        counts.bytes = state.bytes
        counts.totalBytes = state.totalBytes
        rate.note(bytes: state.bytes, at: elapsed)
        if writesJSON {
            guard elapsed - lastProgress >= .seconds(1) else { return }
            lastProgress = elapsed
            return write(SyncJSON.line(for: state), to: .stdout)
        }
        guard failure == nil else { return }
        // That the line cannot be drawn is no reason to stop.
        try? sink.draw(TransferText.line(counts, rate: rate.bytesPerSecond, at: elapsed), at: elapsed)
    }

    /// The status to exit with if the output could not be written.
    var failureStatus: Int32 {
        if case .brokenPipe = failure { RunExitStatus.brokenPipe } else { RunExitStatus.failed }
    }

    func show(_ news: SyncNews) {
        if case .finished(_, let report) = news {
            counts.done += 1
            counts.failed += report.failures > 0 ? 1 : 0
        }
        if writesJSON {
            write(SyncJSON.line(for: news, labels), to: .stdout)
            return
        }
        switch news {
        case .change(let target, let change):
            guard showsChanges, let itemized = change.itemized else { return }
            write(Array((prefix(target) + itemized + " " + Self.name(change.entry) + "\n").utf8), to: .stdout)
        case .failure(let target, let report): complain(report, of: labels[target])
        case .note(let target, let text): write(Array("mitogen: \(labels[target]): \(text)\n".utf8), to: .stderr)
        case .finished(let target, let report):
            guard isVerbose else { return }
            let text =
                "\(report.files) files, \(report.others) others, \(report.deleted) deleted; \(report.sentBytes) bytes sent, "
                + "\(report.matchedBytes) found there\n"
            write(Array((prefix(target) + text).utf8), to: .stdout)
        }
    }

    func showSourceFailure(_ report: FailureReport) {
        if writesJSON {
            write(SyncJSON.line(for: report, target: nil), to: .stdout)
        } else {
            complain(report, of: nil)
        }
    }

    private func complain(_ report: FailureReport, of label: String?) {
        let place = report.hop.map { $0 == label ? "" : " (at \($0))" } ?? ""
        let text = (label.map { "\($0): " } ?? "") + TerminalSanitizer.visibleLines(report.message) + place
        write(Array("mitogen: \(text)\n".utf8), to: .stderr)
    }

    private func prefix(_ target: Int) -> String { labels.count > 1 ? "\(labels[target]): " : "" }

    private static func name(_ entry: FileEntry) -> String {
        let path = entry.path.isEmpty ? "./" : FilePath.visible(entry.path) + (entry.kind == .folder ? "/" : "")
        let target = entry.kind == .symbolicLink ? " -> \(FilePath.visible(entry.target))" : ""
        return TerminalSanitizer.visible(path + target)
    }

    private func write(_ bytes: [UInt8], to stream: OutputStreamKind) {
        guard failure == nil else { return }
        do throws(OutputError) {
            try sink.write(bytes, to: stream)
        } catch {
            failure = error
            whenFailed()
        }
    }
}

/// The JSON objects of `mitogen sync`.
enum SyncJSON {
    static func line(for news: SyncNews, _ labels: [String]) -> [UInt8] {
        switch news {
        case .change(let target, let change):
            // The path is text where it is UTF-8; otherwise its bytes can only be shown.
            let fields = [
                ("path", string(FilePath.visible(change.entry.path))),
                ("change", string(change.itemized ?? "")),
            ]
            return object("change", labels[target], fields)
        case .failure(let target, let report): return line(for: report, target: labels[target])
        case .note(let target, let text): return object("note", labels[target], [("message", string(text))])
        case .finished(let target, let report):
            let numbers = [
                ("files", report.files), ("others", report.others), ("deleted", report.deleted),
                ("sent_bytes", report.sentBytes), ("matched_bytes", report.matchedBytes), ("failures", report.failures),
                ("duration_ms", Int(report.duration.wholeMilliseconds)),
            ]
            return object("finished", labels[target], numbers.map { ($0, "\($1)") })
        }
    }

    static func line(for progress: TransferProgress.State) -> [UInt8] {
        let total = progress.totalBytes.map { "\($0)" } ?? "null"
        let fields = [
            ("bytes", "\(progress.bytes)"), ("total_bytes", total), ("path", string(FilePath.visible(progress.path))),
        ]
        return object("progress", fields)
    }

    /// - Parameter target: Nil for what could not be read here.
    static func line(for report: FailureReport, target: String?) -> [UInt8] {
        object("failed", target, [("code", string(report.code)), ("message", string(report.message))])
    }

    private static func object(_ event: String, _ target: String?, _ fields: [(String, String)]) -> [UInt8] {
        object(event, [("target", target.map(string) ?? "null")] + fields)
    }

    private static func object(_ event: String, _ fields: [(String, String)]) -> [UInt8] {
        let all = [("event", string(event))] + fields
        return Array(("{" + all.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}\n").utf8)
    }

    private static func string(_ text: String) -> String {
        String(decoding: JSONStringEscaper.string(text), as: UTF8.self)
    }
}
