//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A line on the terminal that says how far a run is, and that makes room for everything else.
///
/// The value decides what is written and when; it writes nothing itself.
package struct ProgressLine: Sendable {
    /// How far a run is.
    package struct Counts: Hashable, Sendable {
        /// All targets of the run.
        package var total: Int
        /// Targets that are done, the failed ones included.
        package var done: Int
        /// Targets that are being worked on.
        package var running: Int
        /// Targets that are done and have no success.
        package var failed: Int

        /// Creates counts.
        package init(total: Int, done: Int = 0, running: Int = 0, failed: Int = 0) {
            self.total = total
            self.done = done
            self.running = running
            self.failed = failed
        }
    }

    /// The shortest time between two drawings: ten in a second can be read, more cost without use.
    package static let interval = Duration.milliseconds(100)

    /// Whether the line stands on the terminal now.
    package private(set) var isVisible = false

    /// Whether it is ever drawn.
    package let isEnabled: Bool

    private var lastDrawing: Duration?
    /// How many lines stand there: a text may have several.
    private var height = 1

    /// Creates a line that is not drawn yet.
    ///
    /// - Parameter isEnabled: Whether it is ever drawn.
    package init(isEnabled: Bool) {
        self.isEnabled = isEnabled
    }

    /// Whether a line can be drawn on standard error: on a terminal that can erase one.
    package static func isPossible(on sink: some OutputSink, terminal: String?) -> Bool {
        sink.isTerminal(.stderr) && terminal != "dumb"
    }

    /// The bytes that draw the line anew, or `nil` if it is too soon for that.
    ///
    /// - Parameters:
    ///   - counts: What the line says.
    ///   - elapsed: The time since the start of the run.
    package mutating func draw(_ counts: Counts, at elapsed: Duration) -> [UInt8]? {
        self.draw(Self.text(counts, at: elapsed), at: elapsed)
    }

    /// The bytes that draw the line anew with a text, or `nil` if it is too soon for that.
    package mutating func draw(_ text: @autoclosure () -> String, at elapsed: Duration) -> [UInt8]? {
        guard self.isEnabled else { return nil }
        if let lastDrawing, elapsed - lastDrawing < Self.interval { return nil }
        self.lastDrawing = elapsed
        let erasure = self.erasure
        let lines = text().split(separator: "\n", omittingEmptySubsequences: false)
        self.isVisible = true
        self.height = max(1, lines.count)
        return erasure + Array(lines.joined(separator: "\r\n").utf8)
    }

    /// The bytes that take the line away, or `nil` if it is not there.
    package mutating func erase() -> [UInt8]? {
        guard self.isVisible else { return nil }
        let erasure = self.erasure
        self.isVisible = false
        self.height = 1
        return erasure
    }

    /// What the line says.
    package static func text(_ counts: Counts, at elapsed: Duration) -> String {
        let failed = counts.failed > 0 ? ", \(counts.failed) failed" : ""
        let time = DurationText.elapsed(milliseconds: elapsed.wholeMilliseconds)
        return "\(counts.done)/\(counts.total) done, \(counts.running) running\(failed) — \(time)"
    }

    /// Takes away all lines that stand there.
    private var erasure: [UInt8] {
        self.height == 1 ? Array("\r\u{1b}[K".utf8) : Array("\r\u{1b}[\(self.height - 1)A\u{1b}[J".utf8)
    }
}

/// A sink that takes the progress line away before anything is written over it.
struct ProgressSink<Base: OutputSink>: OutputSink {
    var base: Base
    var line: ProgressLine

    var streamsShareDestination: Bool { self.base.streamsShareDestination }

    var isInForeground: Bool { self.base.isInForeground }

    func isTerminal(_ stream: OutputStreamKind) -> Bool { self.base.isTerminal(stream) }

    func usesColor(_ stream: OutputStreamKind) -> Bool { self.base.usesColor(stream) }

    mutating func write(_ bytes: [UInt8], to stream: OutputStreamKind) throws(OutputError) {
        // What goes into a file does not touch the line.
        if self.base.isTerminal(stream) { try self.erase() }
        try self.base.write(bytes, to: stream)
    }

    mutating func erase() throws(OutputError) {
        // What stands there in the background is not this line any more.
        if let bytes = self.line.erase(), self.isInForeground { try self.base.write(bytes, to: .stderr) }
    }

    mutating func draw(_ counts: ProgressLine.Counts, at elapsed: Duration) throws(OutputError) {
        try self.draw(ProgressLine.text(counts, at: elapsed), at: elapsed)
    }

    mutating func draw(_ text: @autoclosure () -> String, at elapsed: Duration) throws(OutputError) {
        guard self.isInForeground else { return try self.erase() }
        if let bytes = self.line.draw(text(), at: elapsed) { try self.base.write(bytes, to: .stderr) }
    }
}
