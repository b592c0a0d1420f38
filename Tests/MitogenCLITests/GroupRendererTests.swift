//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Grouped and gathered output")
struct GroupRendererTests {
    static let refused = RunOutcome.unreachable(
        FailureReport(code: "connect_failed", message: "refused\nby\u{1b} host", hop: "ssh:web1")
    )

    @Test("Each target has a heading; both streams come in order")
    func grouped() throws {
        let sink = try show(
            [
                .started(target: "a"), .started(target: "b"),
                finished("b", .exited(0), try captured((.stdout, "1\n"), (.stderr, "2\n"), (.stdout, "3"))),
                finished("a", .exited(3), try captured((.stderr, "bad")), milliseconds: 4200),
                .ended,
            ],
            with: GroupedRenderer(),
            on: .oneFile
        )
        #expect(sink.all == "== b (exit 0, 12 ms)\n1\n2\n3\n!! a (exit 3, 4.2 s)\nbad\n")
        #expect(sink.stderr == "2\nbad\n")
    }

    @Test("Two destinations can each be read alone")
    func separateDestinations() throws {
        let sink = try show(
            [
                finished("a", .exited(0), try captured((.stdout, "out"), (.stderr, "err"))),
                finished("b", .exited(0), try captured((.stdout, "only out\n"))),
                finished("c", .signaled(9)),
                finished("d", Self.refused),
            ],
            with: GroupedRenderer()
        )
        #expect(
            sink.stdout == """
                == a (exit 0, 12 ms)
                out
                == b (exit 0, 12 ms)
                only out
                !! c (killed by SIGKILL, 12 ms)
                !! d (unreachable at ssh:web1, 12 ms)

                """
        )
        #expect(
            sink.stderr == """
                == a (exit 0, 12 ms)
                err
                !! d (unreachable at ssh:web1, 12 ms)
                   connect_failed: refused
                     by^[ host

                """
        )
    }

    @Test(
        "A heading says what happened",
        arguments: [
            (.exited(0), "== a (exit 0, 12 ms)\n"),
            (.exited(3), "!! a (exit 3, 12 ms)\n"),
            (.signaled(15), "!! a (killed by SIGTERM, 12 ms)\n"),
            (.timedOut, "!! a (timed out, 12 ms)\n"),
            (.interrupted, "!! a (interrupted, 12 ms)\n"),
            (refused, "!! a (unreachable at ssh:web1, 12 ms)\n   connect_failed: refused\n     by^[ host\n"),
            (
                .failed(FailureReport(code: "not_found", message: "no such program")),
                "!! a (failed, 12 ms)\n   not_found: no such program\n"
            ),
        ] as [(RunOutcome, String)]
    )
    func headings(outcome: RunOutcome, text: String) throws {
        #expect(try show([finished("a", outcome)], with: GroupedRenderer(), on: .terminal).all == text)
    }

    @Test("Headings have colours where they may be used")
    func colors() throws {
        var sink = MemorySink.terminal
        sink.hasColor = true
        let text = try show([finished("a"), finished("b", .exited(1))], with: GroupedRenderer(), on: sink).all
        #expect(text == "\u{1b}[1m== a (exit 0, 12 ms)\u{1b}[0m\n\u{1b}[1;31m!! b (exit 1, 12 ms)\u{1b}[0m\n")
    }

    @Test("Output is made harmless on a terminal only, each stream by itself")
    func sanitizing() throws {
        let output = try captured((.stdout, "a\r"), (.stderr, "\u{1b}[31m\n"), (.stdout, "\nb\r"))
        let terminal = try show([finished("a", .exited(0), output)], with: GroupedRenderer(), on: .terminal)
        #expect(terminal.all == "== a (exit 0, 12 ms)\na^[[31m\n\nb^M\n")
        let file = try show([finished("a", .exited(0), output)], with: GroupedRenderer(), on: .oneFile)
        #expect(file.all == "== a (exit 0, 12 ms)\na\r\u{1b}[31m\n\nb\r\n")
    }

    @Test("A reader that has gone is an error")
    func brokenPipe() throws {
        var sink = MemorySink.files
        sink.broken = .stdout
        #expect(throws: OutputError.brokenPipe(.stdout)) {
            try show([finished("a")], with: GroupedRenderer(), on: sink)
        }
    }

    @Test("Targets with the same output and status share a heading")
    func gather() throws {
        let same = try captured((.stdout, "x\n"), (.stderr, "y\n"))
        let sameInOtherOrder = try captured(
            (.stderr, "y"),
            (.stdout, "x"),
            (.stderr, "\n"),
            (.stdout, "\n"),
            threshold: 5
        )
        let other = try captured((.stdout, "z"))
        let events: [RunEvent] = [
            finished("a", .exited(0), same),
            finished("b", .exited(0), other, milliseconds: 7),
            finished("c", .exited(0), sameInOtherOrder, milliseconds: 999),
            finished("d", .exited(1), same),
            finished("e", .exited(0), same),
            finished("f", Self.refused),
            finished("g", Self.refused),
        ]
        let renderer = GatherRenderer(labels: ["g", "f", "e", "d", "c", "b", "a"])
        #expect(try show(events, with: renderer, on: .oneFile).entries.isEmpty)
        #expect(
            try show(events + [.ended, .ended], with: renderer, on: .oneFile).all == """
                == e,c,a (3 targets, exit 0)
                x
                y
                !! g,f (2 targets, unreachable at ssh:web1)
                   connect_failed: refused
                     by^[ host
                !! d (1 target, exit 1)
                x
                y
                == b (1 target, exit 0)
                z

                """
        )
    }

    @Test("Names are folded in the order of the command line, whatever ends first, and groups by size")
    func gatherFolded() throws {
        let labels = (1...20).map { $0 < 10 ? "ssh:web0\($0)+sudo" : "ssh:web\($0)+sudo" }
        let same = try captured((.stdout, "up\n"))
        let other = try captured((.stdout, "down\n"))
        let events = labels.shuffled().map { label in
            finished(label, .exited(0), label == "ssh:web13+sudo" ? other : same)
        }
        let text = try show(events + [.ended], with: GatherRenderer(labels: labels), on: .oneFile).all
        #expect(
            text == """
                == ssh:web[01-12,14-20]+sudo (19 targets, exit 0)
                up
                == ssh:web13+sudo (1 target, exit 0)
                down

                """
        )
    }

    @Test("With --diff other groups are shown as differences from the largest, those without output as they are")
    func gatherDifferences() throws {
        let most = try captured((.stdout, "a\nb\nc\n"))
        let events: [RunEvent] = [
            finished("x", .exited(1), try captured((.stdout, "a\nB\nc\n"), (.stderr, "oops"))),
            finished("y", .exited(0), most), finished("z", .exited(0), most), finished("u", Self.refused), .ended,
        ]
        let renderer = GatherRenderer(labels: ["u", "x", "y", "z"], showsDifferences: true)
        let expected = """
            == y,z (2 targets, exit 0)
            a
            b
            c
            !! u (1 target, unreachable at ssh:web1)
               connect_failed: refused
                 by^[ host
            !! x (1 target, exit 1)
            --- y,z (2 targets, exit 0)
            +++ x (1 target, exit 1)
            @@ -1,3 +1,3 @@
             a
            -b
            +B
             c
            --- y,z (2 targets, exit 0), stderr
            +++ x (1 target, exit 1), stderr
            @@ -0,0 +1 @@
            +oops
            \\ No newline at end of file

            """
        #expect(try show(events, with: renderer, on: .oneFile).all == expected)
        var sink = MemorySink.terminal
        sink.hasColor = true
        let colored = try show(events, with: renderer, on: sink).all
        #expect(colored.contains("\u{1b}[31m-b\u{1b}[0m\n\u{1b}[32m+B\u{1b}[0m\n"))
        #expect(colored.contains("\u{1b}[36m@@ -1,3 +1,3 @@\u{1b}[0m\n"))
    }

    @Test("Incomplete output is never folded")
    func gatherIncomplete() throws {
        func incomplete() throws -> CapturedOutput {
            var spool = OutputSpoolTests.fullSpool(threshold: 0)
            #expect(throws: OutputError.self) { try spool.append([0x78], to: .stdout) }
            return spool.finish()
        }
        let events = [finished("a", .timedOut, try incomplete()), finished("b", .timedOut, try incomplete()), .ended]
        let text = try show(events, with: GatherRenderer(labels: ["a", "b"]), on: .oneFile).stdout
        #expect(text == "!! a (1 target, timed out)\nx\n!! b (1 target, timed out)\nx\n")
    }
}
