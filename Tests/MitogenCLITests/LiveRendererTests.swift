//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Output as it comes")
struct LiveRendererTests {
    @Test("A single target is shown as it is, piece by piece")
    func raw() throws {
        let sink = try show(
            [
                .started(target: "a"), output("a", .stdout, "par"), output("a", .stderr, "\u{1b}[1m\r\n"),
                output("a", .stdout, "tial"), finished("a"), .ended,
            ],
            with: RawRenderer()
        )
        #expect(
            sink.entries.map(\.description) == [
                "stdout: \"par\"", "stderr: \"\\u{1B}[1m\\r\\n\"", "stdout: \"tial\"",
            ]
        )
    }

    @Test("On a terminal a single target is made harmless")
    func rawOnTerminal() throws {
        var sink = MemorySink.files
        sink.terminals = [.stdout]
        sink = try show(
            [output("a", .stdout, "\u{1b}[1m\r"), output("a", .stderr, "\u{1b}[1m\r"), finished("a", .exited(1))],
            with: RawRenderer(),
            on: sink
        )
        #expect(sink.stdout == "^[[1m^M")
        #expect(sink.stderr == "\u{1b}[1m\r")
    }

    @Test(
        "What the exit status cannot tell is said",
        arguments: [
            (.exited(0), ""), (.exited(9), ""), (.signaled(2), ""), (.signaled(13), ""),
            (.signaled(11), "mitogen: a (killed by SIGSEGV, 12 ms)\n"),
            (.timedOut, "mitogen: a (timed out, 12 ms)\n"),
            (.interrupted, "mitogen: a (interrupted, 12 ms)\n"),
            (
                GroupRendererTests.refused,
                "mitogen: a (unreachable at ssh:web1, 12 ms)\n   connect_failed: refused\n     by^[ host\n"
            ),
        ] as [(RunOutcome, String)]
    )
    func rawEnd(outcome: RunOutcome, text: String) throws {
        let events = [output("a", .stdout, "open line"), finished("a", outcome), .ended]
        let files = try show(events, with: RawRenderer())
        #expect(files.stdout == "open line")
        #expect(files.stderr == text)
        let terminal = try show(events, with: RawRenderer(), on: .terminal)
        #expect(terminal.all == "open line" + (text.isEmpty ? "" : "\n\(text)"))
    }

    @Test("Lines stand behind padded labels")
    func stream() throws {
        let sink = try show(
            [
                output("a", .stdout, "one\ntw"), output("long", .stdout, "other\n\n"), output("a", .stderr, "warning"),
                output("a", .stdout, "o\nrest"), finished("a"), finished("long", .exited(2)), .ended,
            ],
            with: StreamRenderer(labels: ["a", "long"])
        )
        #expect(sink.stdout == "a    | one\nlong | other\nlong | \na    | two\na    | rest\n")
        #expect(sink.stderr == "a    | warning\nlong ! exit 2 (12 ms)\n")
    }

    @Test("A failure has its message behind the label")
    func streamFailure() throws {
        var terminal = MemorySink.terminal
        let events = [finished("a", GroupRendererTests.refused)]
        #expect(
            try show(events, with: StreamRenderer(labels: ["a"]), on: terminal).stderr == """
                a ! unreachable at ssh:web1 (12 ms)
                a ! connect_failed: refused
                a !   by^[ host

                """
        )
        terminal.hasColor = true
        let colored = try show([finished("a", .timedOut)], with: StreamRenderer(labels: ["a"]), on: terminal).stderr
        #expect(colored == "\u{1b}[1;31ma ! timed out (12 ms)\u{1b}[0m\n")
    }

    @Test("Lines are the same however the output comes", arguments: [MemorySink.files, .terminal])
    func streamSplits(sink: MemorySink) throws {
        let input = Array("abc\r\n\n0123456789é\u{1b}[K\nxyz€".utf8)
        let expected =
            sink.terminals.isEmpty
            ? "t | abc\r\nt | \nt | 01234567\nt + 89é\u{1b}[K\nt | xyz€\n"
            : "t | abc\nt | \nt | 01234567\nt + 89é^[[K\nt | xyz€\n"
        for cut in 0...input.count {
            let events: [RunEvent] = [
                .output(target: "t", stream: .stdout, bytes: Array(input[..<cut])),
                .output(target: "t", stream: .stdout, bytes: Array(input[cut...])),
                .ended,
            ]
            #expect(try show(events, with: StreamRenderer(labels: ["t"], limit: 8), on: sink).all == expected)
        }
    }

    @Test(
        "A line that is too long is cut between characters, and what goes on a line is marked",
        arguments: [
            ("12345678", ["12345678"]),
            ("123456789", ["12345678", "9"]),
            ("1234567é", ["1234567", "é"]),
            ("123456é8", ["123456é", "8"]),
            ("123456€", ["123456", "€"]),
            ("12345😀6", ["12345", "😀6"]),
            ("1234😀6", ["1234😀", "6"]),
            ("12345678123456781", ["12345678", "12345678", "1"]),
        ]
    )
    func longLines(text: String, lines: [String]) throws {
        let sink = try show([output("t", .stdout, text), .ended], with: StreamRenderer(labels: ["t"], limit: 8))
        let marks = ["|"] + Array(repeating: "+", count: lines.count - 1)
        #expect(sink.stdout == zip(marks, lines).map { "t \($0) \($1)\n" }.joined())
    }

    @Test("Bytes that are no characters are cut at the limit")
    func longBinary() throws {
        let events: [RunEvent] = [
            .output(target: "t", stream: .stdout, bytes: [UInt8](repeating: 0x80, count: 9)), .ended,
        ]
        let sink = try show(events, with: StreamRenderer(labels: ["t"], limit: 8))
        let expected = Array("t | ".utf8) + [UInt8](repeating: 0x80, count: 8) + Array("\nt + ".utf8) + [0x80, 0x0a]
        #expect(sink.entries.flatMap(\.bytes) == expected)
    }

    @Test("A command that never ends a line is shown every 64 KiB")
    func limit() throws {
        let piece = RunEvent.output(target: "t", stream: .stdout, bytes: [UInt8](repeating: 0x61, count: 1 << 10))
        let sink = try show(Array(repeating: piece, count: 65), with: StreamRenderer(labels: ["t"]))
        #expect(sink.entries.map(\.bytes.count) == [4 + (64 << 10) + 1])
    }
}
