//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows lines as they come, each behind the name of its target.
///
/// Only whole lines are written, so two targets never share one. A line of more than ``lineLimit`` bytes is cut
/// into several, so that a command which never ends a line needs no more memory than that. Those after the first have
/// `+` in the place of `|`: they go on where the target's line before, of the same stream, was cut.
package struct StreamRenderer: RunRenderer {
    /// How many bytes of a line are waited for.
    package static let lineLimit = 64 << 10

    /// Output is shown when it comes.
    package var wantsCapturedOutput: Bool { false }

    /// Whole lines only are written.
    package var allowsProgressLine: Bool { true }

    private struct Key: Hashable {
        let target: String
        let stream: OutputStreamKind
    }

    private let width: Int
    private let limit: Int
    private var assemblers: [Key: LineAssembler] = [:]

    /// Creates a renderer for the targets with these labels, whose lines begin in the same column.
    package init(labels: [String]) {
        self.init(labels: labels, limit: Self.lineLimit)
    }

    init(labels: [String], limit: Int) {
        self.width = labels.map(\.count).max() ?? 0
        self.limit = limit
    }

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        switch event {
        case .started:
            break
        case .output(let target, let stream, let bytes):
            try self.add(bytes, Key(target: target, stream: stream), &sink)
        case .finished(let report):
            for stream in OutputStreamKind.allCases {
                try self.flush(Key(target: report.target, stream: stream), &sink)
            }
            if !report.outcome.isSuccess, report.outcome != .skipped { try self.explain(report, &sink) }
        case .ended:
            for key in self.assemblers.keys.sorted(by: {
                ($0.target, $0.stream.rawValue) < ($1.target, $1.stream.rawValue)
            }) {
                try self.flush(key, &sink)
            }
        }
    }

    private mutating func add(_ bytes: [UInt8], _ key: Key, _ sink: inout some OutputSink) throws(OutputError) {
        // Taken out of the dictionary so that its buffer is changed in place.
        var assembler =
            self.assemblers.removeValue(forKey: key)
            ?? LineAssembler(
                label: Array(self.padded(key.target).utf8),
                limit: self.limit,
                isTerminal: sink.isTerminal(key.stream)
            )
        let lines = assembler.add(bytes)
        self.assemblers[key] = assembler
        if !lines.isEmpty { try sink.write(lines, to: key.stream) }
    }

    private mutating func flush(_ key: Key, _ sink: inout some OutputSink) throws(OutputError) {
        guard var assembler = self.assemblers.removeValue(forKey: key) else { return }
        let lines = assembler.finish()
        if !lines.isEmpty { try sink.write(lines, to: key.stream) }
    }

    private func explain(_ report: TargetReport, _ sink: inout some OutputSink) throws(OutputError) {
        let prefix = "\(self.padded(report.target)) ! "
        let duration = DurationText.text(milliseconds: report.durationMilliseconds)
        let lines = ["\(report.outcome.summary) (\(duration))"] + report.outcome.details
        let text = lines.map { sink.emphasized(prefix + $0, isFailure: true, on: .stderr) + "\n" }.joined()
        try sink.write(text, to: .stderr)
    }

    private func padded(_ label: String) -> String {
        label + String(repeating: " ", count: max(0, self.width - label.count))
    }
}

/// Makes prefixed lines of pieces of output.
private struct LineAssembler: Sendable {
    private let label: [UInt8]
    private let limit: Int
    /// Whether the next line begins in the middle of one.
    private var goesOn = false
    private var sanitizer: TerminalSanitizer
    private var partial: [UInt8] = []

    init(label: [UInt8], limit: Int, isTerminal: Bool) {
        self.label = label
        self.limit = limit
        self.sanitizer = TerminalSanitizer(isActive: isTerminal)
    }

    /// The lines that a piece completes.
    mutating func add(_ bytes: [UInt8]) -> [UInt8] {
        var lines: [UInt8] = []
        self.split(self.sanitizer.sanitize(bytes), into: &lines)
        return lines
    }

    /// The last line, if it was not ended.
    mutating func finish() -> [UInt8] {
        var lines: [UInt8] = []
        self.split(self.sanitizer.finish(), into: &lines)
        if !self.partial.isEmpty { self.endLine(&lines) }
        return lines
    }

    private mutating func split(_ bytes: [UInt8], into lines: inout [UInt8]) {
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: 0x0a) {
            self.extend(with: rest[..<newline], &lines)
            self.endLine(&lines)
            rest = rest[(newline + 1)...]
        }
        self.extend(with: rest, &lines)
    }

    private mutating func extend(with bytes: ArraySlice<UInt8>, _ lines: inout [UInt8]) {
        var rest = bytes
        while self.partial.count + rest.count > self.limit {
            let room = self.limit - self.partial.count
            self.partial += rest.prefix(room)
            rest = rest.dropFirst(room)
            self.write(self.wholeCharacters, &lines)
            self.goesOn = true
        }
        self.partial += rest
    }

    private mutating func endLine(_ lines: inout [UInt8]) {
        self.write(self.partial.count, &lines)
        self.goesOn = false
    }

    private mutating func write(_ count: Int, _ lines: inout [UInt8]) {
        lines += self.label
        lines += (self.goesOn ? " + " : " | ").utf8
        lines += self.partial.prefix(count)
        lines.append(0x0a)
        self.partial.removeFirst(count)
    }

    /// How many bytes of the partial line can be shown without cutting a character in two.
    private var wholeCharacters: Int {
        let count = self.partial.count
        for back in 1...3 where back < count {
            let length =
                switch self.partial[count - back] {
                case 0x80...0xbf: 0
                case 0xc0...0xdf: 2
                case 0xe0...0xef: 3
                case 0xf0...0xf7: 4
                default: 1
                }
            if length > 0 { return length > back ? count - back : count }
        }
        return count
    }
}
