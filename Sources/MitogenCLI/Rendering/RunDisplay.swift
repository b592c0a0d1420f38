//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a run shows besides the results in their form.
package struct RunDisplayOptions: Sendable {
    /// The hops of each target, by its label.
    var paths: [String: [String]] = [:]
    /// Whether groups are compared with the largest one.
    var showsDifferences = false
    /// Where the output of each target is written, too.
    var files: OutputFiles?
    /// Whether the end says how many targets ended how.
    var summarizes = false
    /// Whether a line for each target stands in the place of the progress line.
    var isLive = false

    package init() {}
}

/// Everything a run shows: results in the chosen form, the progress line, and notes of the tool itself.
///
/// Owned by whoever drives the run; events are handed to it one after the other.
package struct RunDisplay<Sink: OutputSink>: Sendable {
    private var renderer: any RunRenderer
    private var sink: ProgressSink<Sink>
    private let labels: [String]
    private var running: Set<String> = []
    private var finished: Set<String> = []
    private var counts: ProgressLine.Counts
    private let files: OutputFiles?
    private var summary: RunSummary?
    private var live: LiveView?
    /// Whether a question stands where the progress line would be.
    private var isAsking = false

    /// Creates a display.
    ///
    /// - Parameters:
    ///   - mode: The form of the results.
    ///   - labels: The labels of all targets of the run.
    ///   - options: What else is shown.
    ///   - sink: Where it is shown.
    ///   - terminal: The value of `TERM`.
    package init(
        mode: OutputMode,
        labels: [String],
        options: RunDisplayOptions = RunDisplayOptions(),
        sink: Sink,
        terminal: String? = DescriptorSink.environmentVariable("TERM")
    ) {
        let renderer = mode.makeRenderer(
            labels: labels,
            paths: options.paths,
            showsDifferences: options.showsDifferences
        )
        let hasProgress = renderer.allowsProgressLine && ProgressLine.isPossible(on: sink, terminal: terminal)
        self.renderer = renderer
        self.sink = ProgressSink(base: sink, line: ProgressLine(isEnabled: hasProgress))
        self.labels = labels
        self.counts = ProgressLine.Counts(total: labels.count)
        self.files = options.files
        self.live = options.isLive && hasProgress ? LiveView(labels: labels) : nil
        self.summary = options.summarizes ? RunSummary(labels: labels) : nil
    }

    /// Whether output must be collected in an ``OutputSpool``, see ``RunRenderer/wantsCapturedOutput``.
    package var wantsCapturedOutput: Bool { self.renderer.wantsCapturedOutput }

    /// Whether ``tick(at:)`` has anything to do.
    package var hasProgressLine: Bool { self.sink.line.isEnabled }

    /// Where the display writes.
    package var destination: Sink { self.sink.base }

    /// The labels of the targets that are not done, in the order of the command line.
    package var unfinished: [String] {
        self.labels.filter { !self.finished.contains($0) }
    }

    /// Shows an event.
    ///
    /// - Parameters:
    ///   - event: What happened.
    ///   - elapsed: The time since the start of the run.
    package mutating func handle(_ event: RunEvent, at elapsed: Duration) throws(OutputError) {
        self.count(event)
        self.live?.note(event, at: elapsed)
        try self.keep(event)
        self.renderer.advance(to: elapsed)
        try self.renderer.handle(event, to: &self.sink)
        if case .ended = event {
            try self.sink.erase()
            for line in self.summary?.lines(at: elapsed) ?? [] {
                try self.sink.write("mitogen: \(line)\n", to: .stderr)
            }
        } else {
            try self.tick(at: elapsed)
        }
    }

    /// Draws the progress line anew if it is time; call it about ten times in a second while nothing happens.
    package mutating func tick(at elapsed: Duration) throws(OutputError) {
        guard !self.isAsking else { return }
        guard let live else { return try self.sink.draw(self.counts, at: elapsed) }
        let counts = self.counts
        let size = self.sink.base.terminalSize.map { LiveView.Size(rows: $0.rows, columns: $0.columns) } ?? .usual
        try self.sink.draw(live.text(counts, at: elapsed, size: size), at: elapsed)
    }

    /// Says something on standard error, in words of the tool itself.
    package mutating func note(_ message: String) throws(OutputError) {
        try self.sink.write("mitogen: \(TerminalSanitizer.visible(message))\n", to: .stderr)
    }

    /// Shows a question, behind which the cursor stays until ``noteAnswer()``.
    package mutating func ask(_ question: String) throws(OutputError) {
        self.isAsking = true
        try self.sink.write("mitogen: \(TerminalSanitizer.visible(question)) ", to: .stderr)
    }

    /// The question was answered, and the progress line may be drawn again.
    package mutating func noteAnswer() {
        self.isAsking = false
    }

    /// Says that the run was interrupted and what is unfinished.
    package mutating func noteInterruption() throws(OutputError) {
        // The terminal has echoed "^C" at the cursor; where a progress line is erased, that goes with it.
        if self.sink.isTerminal(.stderr), !self.sink.line.isVisible { try self.sink.write("\n", to: .stderr) }
        try self.note(Self.interruptionText(unfinished: self.unfinished))
    }

    /// The words for an interruption; of many node sets the first ten are named.
    package static func interruptionText(unfinished: [String]) -> String {
        guard !unfinished.isEmpty else { return "interrupted; all targets were done" }
        let folded = NodeSetFolding.folded(unfinished, order: .written)
        let named = folded.prefix(10).joined(separator: ",")
        let others = folded.count > 10 ? " and more" : ""
        let count = unfinished.count > 1 ? " (\(unfinished.count) targets)" : ""
        return "interrupted; unfinished: \(named)\(others)\(count)"
    }

    /// Writes what belongs into the files of the targets.
    private mutating func keep(_ event: RunEvent) throws(OutputError) {
        if case .finished(let report) = event { self.summary?.add(report) }
        guard let files else { return }
        switch event {
        case .started(let target): try files.begin(target)
        case .output(let target, let stream, let bytes): try files.add(bytes, of: stream, from: target)
        case .finished(let report):
            try report.output.forEachChunk { (stream, bytes) throws(OutputError) in
                try files.add(bytes, of: stream, from: report.target)
            }
        case .ended: break
        }
    }

    private mutating func count(_ event: RunEvent) {
        switch event {
        case .started(let target):
            self.running.insert(target)
        case .finished(let report):
            self.running.remove(report.target)
            self.finished.insert(report.target)
            if !report.outcome.isSuccess, report.outcome != .skipped { self.counts.failed += 1 }
        case .output, .ended:
            return
        }
        self.counts.running = self.running.count
        self.counts.done = self.finished.count
    }
}
