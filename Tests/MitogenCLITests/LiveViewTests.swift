//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("The live view")
struct LiveViewTests {
    static let size = LiveView.Size(rows: 24, columns: 60)

    static func lines(_ view: LiveView, _ size: LiveView.Size = size) -> [String] {
        let counts = ProgressLine.Counts(total: 3, done: 1, running: 1, failed: 1)
        return view.text(counts, at: .milliseconds(4200), size: size).split(separator: "\n").map(String.init)
    }

    @Test("Each target has a line with its state, its time and what it said last")
    func rows() {
        var view = LiveView(labels: ["ssh:w1", "ssh:w2", "ssh:w3"])
        view.note(.started(target: "ssh:w1"), at: .milliseconds(200))
        view.note(.started(target: "ssh:w2"), at: .milliseconds(300))
        view.note(output("ssh:w1", .stdout, "one\ntw"), at: .milliseconds(400))
        view.note(output("ssh:w1", .stderr, "o\u{1b}[2J\n\n"), at: .milliseconds(500))
        view.note(output("ssh:w2", .stdout, "half"), at: .milliseconds(600))
        view.note(finished("ssh:w2", .exited(3), milliseconds: 1500), at: .milliseconds(1800))
        #expect(
            Self.lines(view) == [
                "1/3 done, 1 running, 1 failed — 4.2 s", "ssh:w1  runs      4.0 s     two^[[2J",
                "ssh:w2  exit 3    1.5 s     half", "ssh:w3  waits               ",
            ]
        )
    }

    @Test(
        "No line is wider than the terminal, and no view is higher",
        arguments: [(5, 20), (24, 80), (100, 30), (3, 10), (1, 1)]
    )
    func sizes(rows: Int, columns: Int) {
        var view = LiveView(labels: (1...200).map { "ssh:very-long-name-of-a-host-\($0).example.org" })
        view.note(
            output("ssh:very-long-name-of-a-host-1.example.org", .stdout, String(repeating: "日本", count: 300)),
            at: .zero
        )
        let lines = Self.lines(view, LiveView.Size(rows: rows, columns: columns))
        #expect(lines.count <= max(1, min(rows - 1, LiveView.maximumRows + 2)))
        #expect(lines.allSatisfy { $0.count < max(1, columns) })
    }

    @Test("Of many targets those that run are shown first, then those that failed, in order")
    func scrolls() {
        let labels = (1...60).map { "t\($0)" }
        var view = LiveView(labels: labels)
        for label in labels { view.note(.started(target: label), at: .zero) }
        for label in labels.prefix(50) {
            view.note(finished(label, label == "t7" ? .exited(1) : .exited(0)), at: .zero)
        }
        let shown = Self.lines(view, LiveView.Size(rows: 15, columns: 80)).dropFirst().map { $0.prefix { $0 != " " } }
        #expect(shown.map(String.init) == ["t1", "t7"] + (51...60).map { "t\($0)" } + ["…"])
    }

    @Test("A block of lines is erased as a whole")
    func erasure() {
        var line = ProgressLine(isEnabled: true)
        #expect(line.draw("a\nb\nc", at: .zero) == Array("\r\u{1b}[Ka\r\nb\r\nc".utf8))
        #expect(line.draw("d", at: .seconds(1)) == Array("\r\u{1b}[2A\u{1b}[Jd".utf8))
        #expect(line.erase() == Array("\r\u{1b}[K".utf8))
        #expect(line.erase() == nil)
    }
}
