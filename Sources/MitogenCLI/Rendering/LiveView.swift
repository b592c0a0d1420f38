//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A block of lines on the terminal with one for each target: its state, its time, and the last line that it printed.
///
/// The value decides what the lines say; ``ProgressLine`` draws them.
struct LiveView: Sendable {
    /// How large the terminal is.
    struct Size: Hashable, Sendable {
        let rows: Int
        let columns: Int

        /// What is taken for a terminal that does not say.
        static let usual = Size(rows: 24, columns: 80)
    }

    fileprivate enum State: Hashable {
        case waiting
        case running(since: Duration)
        case done(RunOutcome, milliseconds: Int)
    }

    fileprivate struct Row {
        let label: String
        var state = State.waiting
        /// The last line that has an end, and what follows it.
        var lastLine: [UInt8] = []
        var partial: [UInt8] = []
    }

    /// More lines than that are a page to scroll, and no view.
    static let maximumRows = 40
    /// More of a line is on no terminal.
    fileprivate static let maximumLine = 512

    private var rows: [Row]
    private let places: [String: Int]

    /// Creates a view of the targets with these labels, none of which is begun.
    init(labels: [String]) {
        self.rows = labels.map { Row(label: $0) }
        self.places = Dictionary(zip(labels, labels.indices)) { first, _ in first }
    }

    /// Takes note of an event.
    mutating func note(_ event: RunEvent, at elapsed: Duration) {
        switch event {
        case .started(let target):
            self.change(target) { $0.state = .running(since: elapsed) }
        case .output(let target, _, let bytes):
            self.change(target) { $0.add(bytes) }
        case .finished(let report):
            self.change(report.target) { $0.state = .done(report.outcome, milliseconds: report.durationMilliseconds) }
        case .ended: break
        }
    }

    private mutating func change(_ target: String, _ body: (inout Row) -> Void) {
        guard let place = self.places[target] else { return }
        body(&self.rows[place])
    }

    /// The lines without a last line end, none of which is wider or higher than the terminal.
    ///
    /// - Parameters:
    ///   - counts: What the first line says.
    ///   - elapsed: The time since the start of the run.
    ///   - size: The terminal's.
    func text(_ counts: ProgressLine.Counts, at elapsed: Duration, size: Size) -> String {
        // A line stays free for the cursor of whoever types, and one tells what is not shown.
        let limit = max(0, min(Self.maximumRows, size.rows - 3))
        let shown = self.shownRows(limit)
        let width = min(self.rows.map(\.label.count).max() ?? 0, max(8, size.columns / 3))
        var lines = [ProgressLine.text(counts, at: elapsed)]
        lines += shown.map { self.rows[$0].line(width: width, at: elapsed) }
        let hidden = self.rows.count - shown.count
        if hidden > 0, limit > 0 { lines.append("… and \(hidden) more") }
        return lines.map { Self.cut($0, to: size.columns - 1) }.joined(separator: "\n")
    }

    /// The rows that fit, in order: those that run before those that failed, wait, and succeeded.
    private func shownRows(_ limit: Int) -> [Int] {
        guard self.rows.count > limit else { return Array(self.rows.indices) }
        let ranked = self.rows.indices.sorted { first, second in
            let ranks = (self.rows[first].rank, self.rows[second].rank)
            return ranks.0 == ranks.1 ? first < second : ranks.0 < ranks.1
        }
        return ranked.prefix(limit).sorted()
    }

    /// As much of a line as fits. Characters that may be two columns wide count for two.
    static func cut(_ text: String, to columns: Int) -> String {
        var result = ""
        var used = 0
        for character in text {
            let width =
                character.unicodeScalars.contains { $0.value >= 0x1100 && !(0x2000...0x27ff).contains($0.value) }
                ? 2 : 1
            if used + width > columns { break }
            used += width
            result.append(character)
        }
        return result
    }
}

extension LiveView.Row {
    fileprivate mutating func add(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            let line = self.partial + rest[..<end]
            if !line.isEmpty { self.lastLine = Array(line.prefix(LiveView.maximumLine)) }
            self.partial = []
            rest = rest[(end + 1)...]
        }
        self.partial = Array((self.partial + rest).prefix(LiveView.maximumLine))
    }

    fileprivate var rank: Int {
        switch self.state {
        case .running: 0
        case .done(let outcome, _): outcome.isSuccess ? 3 : 1
        case .waiting: 2
        }
    }

    fileprivate func line(width: Int, at elapsed: Duration) -> String {
        let name = LiveView.cut(TerminalSanitizer.visible(self.label), to: width)
        let padded = name + String(repeating: " ", count: max(0, width - name.count))
        let state: String
        let time: String
        switch self.state {
        case .waiting: (state, time) = ("waits", "")
        case .running(let start):
            state = "runs"
            time = DurationText.elapsed(milliseconds: (elapsed - start).wholeMilliseconds)
        case .done(let outcome, let milliseconds):
            state = outcome.summary
            time = DurationText.elapsed(milliseconds: milliseconds)
        }
        let last = self.partial.isEmpty ? self.lastLine : self.partial
        let said = TerminalSanitizer.visible(String(decoding: last.filter { $0 != 0x0d }, as: UTF8.self))
        return "\(padded)  \(Self.padded(state, 8))  \(Self.padded(time, 8))  \(said)"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
