//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Progress and display")
struct RunDisplayTests {
    static let erase = "\r\u{1b}[K"

    @Test(
        "The progress line says how far a run is",
        arguments: [
            (
                ProgressLine.Counts(total: 10, done: 3, running: 7, failed: 1), 4200,
                "3/10 done, 7 running, 1 failed — 4.2 s"
            ),
            (ProgressLine.Counts(total: 10, done: 0, running: 4), 50, "0/10 done, 4 running — 0.0 s"),
            (ProgressLine.Counts(total: 2, done: 1, running: 1), 61_000, "1/2 done, 1 running — 1 min 01 s"),
        ]
    )
    func text(counts: ProgressLine.Counts, milliseconds: Int, text: String) {
        #expect(ProgressLine.text(counts, at: .milliseconds(milliseconds)) == text)
    }

    @Test("The line is drawn ten times in a second at most")
    func throttling() {
        var line = ProgressLine(isEnabled: true)
        let counts = ProgressLine.Counts(total: 1)
        let drawn = stride(from: 0, to: 1000, by: 7).filter { line.draw(counts, at: .milliseconds($0)) != nil }
        #expect(drawn.count == 10)
        #expect(drawn.first == 0)
        #expect(line.isVisible)
        #expect(line.erase() == Array(Self.erase.utf8))
        #expect(line.erase() == nil)
        // Taking the line away does not allow it to come back sooner.
        #expect(line.draw(counts, at: .milliseconds(1000)) == nil)
    }

    @Test("A line that is not enabled is never drawn")
    func disabled() {
        var line = ProgressLine(isEnabled: false)
        #expect(line.draw(ProgressLine.Counts(total: 1), at: .zero) == nil)
        #expect(line.erase() == nil)
    }

    @Test("In the background the line is neither drawn nor erased")
    func background() throws {
        var line = ProgressSink(base: MemorySink.terminal, line: ProgressLine(isEnabled: true))
        let counts = ProgressLine.Counts(total: 1)
        line.base.isInForeground = false
        try line.draw(counts, at: .zero)
        #expect(line.base.all.isEmpty)
        line.base.isInForeground = true
        try line.draw(counts, at: .zero)
        let drawn = line.base.all
        #expect(!drawn.isEmpty)
        line.base.isInForeground = false
        try line.write("result\n", to: .stdout)
        #expect(line.base.all == drawn + "result\n")
        line.base.isInForeground = true
        try line.write("another\n", to: .stdout)
        #expect(line.base.all == drawn + "result\nanother\n")
    }

    @Test("The progress line makes room for results")
    func display() throws {
        var display = RunDisplay(mode: .grouped, labels: ["a", "b"], sink: MemorySink.terminal, terminal: "xterm")
        #expect(display.wantsCapturedOutput)
        try display.handle(.started(target: "a"), at: .zero)
        try display.handle(.started(target: "b"), at: .milliseconds(10))
        try display.handle(finished("b", .exited(1)), at: .milliseconds(150))
        #expect(display.unfinished == ["a"])
        try display.tick(at: .milliseconds(200))
        try display.tick(at: .milliseconds(300))
        try display.handle(finished("a"), at: .milliseconds(310))
        try display.handle(.ended, at: .milliseconds(320))
        #expect(
            display.destination.entries.map(\.description) == [
                "stderr: \"\\r\\u{1B}[K0/2 done, 1 running — 0.0 s\"",
                "stderr: \"\\r\\u{1B}[K\"",
                "stdout: \"!! b (exit 1, 12 ms)\\n\"",
                "stderr: \"\\r\\u{1B}[K1/2 done, 1 running, 1 failed — 0.1 s\"",
                "stderr: \"\\r\\u{1B}[K1/2 done, 1 running, 1 failed — 0.3 s\"",
                "stderr: \"\\r\\u{1B}[K\"",
                "stdout: \"== a (exit 0, 12 ms)\\n\"",
            ]
        )
        #expect(display.unfinished == [])
    }

    @Test("What goes into a file leaves the line alone; the end takes it away")
    func displayWithFile() throws {
        let sink = MemorySink(terminals: [.stderr])
        var display = RunDisplay(mode: .json, labels: ["a"], sink: sink, terminal: nil)
        try display.handle(.started(target: "a"), at: .zero)
        try display.handle(finished("a"), at: .milliseconds(1))
        #expect(display.destination.stderr == Self.erase + "0/1 done, 1 running — 0.0 s")
        try display.handle(.ended, at: .milliseconds(2))
        #expect(display.destination.stderr == Self.erase + "0/1 done, 1 running — 0.0 s" + Self.erase)
    }

    @Test(
        "There is no progress line without a terminal for it",
        arguments: [
            (OutputMode.grouped, ["a", "b"], MemorySink.terminal, "dumb"),
            (.grouped, ["a"], .terminal, "xterm"),
            (.gather, ["a", "b"], .files, "xterm"),
        ]
    )
    func withoutProgress(mode: OutputMode, labels: [String], sink: MemorySink, terminal: String) throws {
        var display = RunDisplay(mode: mode, labels: labels, sink: sink, terminal: terminal)
        try display.handle(.started(target: "a"), at: .zero)
        try display.tick(at: .seconds(1))
        #expect(display.destination.entries.isEmpty)
    }

    @Test("Notes are harmless and stand on a line of their own")
    func notes() throws {
        var display = RunDisplay(mode: .gather, labels: ["a", "b"], sink: MemorySink.terminal, terminal: "xterm")
        try display.noteInterruption()
        try display.tick(at: .zero)
        try display.handle(finished("a"), at: .milliseconds(1))
        try display.noteInterruption()
        try display.note("x\u{1b}y\n")
        #expect(
            display.destination.stderr == "\nmitogen: interrupted; unfinished: a,b (2 targets)\n"
                + Self.erase + "0/2 done, 0 running — 0.0 s" + Self.erase
                + "mitogen: interrupted; unfinished: b\nmitogen: x^[y\\n\n"
        )
    }

    @Test("An interruption names ten node sets at most")
    func interruption() {
        typealias Display = RunDisplay<MemorySink>
        #expect(Display.interruptionText(unfinished: []) == "interrupted; all targets were done")
        #expect(
            Display.interruptionText(unfinished: (1...12).map { "t\($0)" })
                == "interrupted; unfinished: t[1-12] (12 targets)"
        )
        let letters = "abcdefghijkl".map { "t\($0)" }
        #expect(
            Display.interruptionText(unfinished: letters)
                == "interrupted; unfinished: ta,tb,tc,td,te,tf,tg,th,ti,tj and more (12 targets)"
        )
    }

    @Test("Each form of output has its renderer")
    func modes() {
        #expect(OutputMode.allCases.map(\.rawValue) == ["grouped", "gather", "stream", "json", "events", "none"])
        #expect(OutputMode.grouped.makeRenderer(labels: ["a"]) is RawRenderer)
        #expect(OutputMode.grouped.makeRenderer(labels: ["a", "b"]) is GroupedRenderer)
        #expect(OutputMode.gather.makeRenderer(labels: ["a"]) is GatherRenderer)
        #expect(OutputMode.stream.makeRenderer(labels: ["a"]) is StreamRenderer)
        #expect(OutputMode.json.makeRenderer(labels: ["a"]) is JSONRenderer)
        for mode in OutputMode.allCases {
            #expect(!mode.help.isEmpty)
            let captures = mode.makeRenderer(labels: ["a", "b"]).wantsCapturedOutput
            #expect(captures == ![.stream, .events, .none].contains(mode))
        }
    }
}
