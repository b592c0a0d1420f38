//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Exit status")
struct RunExitStatusTests {
    static let report = FailureReport(code: "c", message: "m")

    @Test(
        "Outcomes become an exit status",
        arguments: [
            ([], 0),
            ([.exited(0)], 0),
            ([.exited(1)], 1),
            ([.exited(255)], 255),
            ([.exited(256)], 255),
            ([.exited(-1)], 255),
            ([.signaled(9)], 137),
            ([.signaled(15)], 143),
            ([.timedOut], 3),
            ([.unreachable(report)], 4),
            ([.failed(report)], 5),
            ([.interrupted], 130),
            ([.exited(0), .exited(0)], 0),
            ([.exited(0), .exited(7)], 5),
            ([.signaled(9), .exited(0)], 5),
            ([.exited(0), .failed(report)], 5),
            ([.exited(1), .timedOut, .exited(0)], 3),
            ([.timedOut, .unreachable(report), .exited(1)], 4),
            ([.unreachable(report), .timedOut], 4),
            ([.unreachable(report), .interrupted, .timedOut], 130),
        ] as [([RunOutcome], Int32)]
    )
    func reduces(outcomes: [RunOutcome], status: Int32) {
        #expect(RunExitStatus.reduce(outcomes) == status)
    }

    @Test(
        "Outcomes have a status, a failure and words",
        arguments: [
            (.exited(0), 0, nil, "exit 0"),
            (.exited(3), 3, nil, "exit 3"),
            (.signaled(9), 137, nil, "killed by SIGKILL"),
            (.timedOut, nil, "timeout", "timed out"),
            (.interrupted, nil, "interrupted", "interrupted"),
            (.unreachable(report), nil, "c", "unreachable"),
            (
                .unreachable(FailureReport(code: "c", message: "", hop: "ssh:\u{1b}a")), nil, "c",
                "unreachable at ssh:^[a"
            ),
            (.failed(FailureReport(code: "c", message: "", hop: "local:a")), nil, "c", "failed at local:a"),
        ] as [(RunOutcome, Int32?, String?, String)]
    )
    func describes(outcome: RunOutcome, status: Int32?, code: String?, summary: String) {
        #expect(outcome.exitStatus == status)
        #expect(outcome.failure?.code == code)
        #expect(outcome.summary == summary)
        #expect(outcome.isSuccess == (status == 0))
    }

    @Test(
        "A message is shown on as many lines as it has",
        arguments: [
            ("refused", ["c: refused"]),
            ("", ["c"]),
            ("\n", ["c"]),
            ("one\r\n\ntwo\u{1b}[31m\n", ["c: one", "  two^[[31m"]),
        ]
    )
    func lines(message: String, lines: [String]) {
        #expect(FailureReport(code: "c", message: message).lines == lines)
    }
}
