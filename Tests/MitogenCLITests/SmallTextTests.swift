//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Small texts")
struct SmallTextTests {
    @Test(
        "Signals have names",
        arguments: [
            (1, "SIGHUP"), (2, "SIGINT"), (6, "SIGABRT"), (9, "SIGKILL"), (11, "SIGSEGV"), (13, "SIGPIPE"),
            (15, "SIGTERM"), (16, "SIGSTKFLT"), (17, "SIGCHLD"), (19, "SIGSTOP"), (31, "SIGSYS"), (32, "signal 32"),
            (34, "SIGRTMIN"), (64, "SIGRTMIN+30"), (0, "signal 0"), (65, "signal 65"), (-1, "signal -1"),
        ]
    )
    func signals(number: Int32, name: String) {
        #expect(SignalNames.name(of: number) == name)
    }

    @Test(
        "Durations are written for people",
        arguments: [
            (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (4299, "4.2 s"), (59_999, "59.9 s"), (60_000, "1 min 00 s"),
            (65_000, "1 min 05 s"), (3_599_999, "59 min 59 s"), (7_620_000, "2 h 07 min"), (-5, "0.0 s"),
        ]
    )
    func durations(milliseconds: Int, text: String) {
        #expect(DurationText.text(milliseconds: milliseconds) == text)
    }

    @Test("Durations have whole milliseconds")
    func wholeMilliseconds() {
        #expect(Duration.seconds(1.5).wholeMilliseconds == 1500)
        #expect(Duration.microseconds(999).wholeMilliseconds == 0)
    }

    @Test(
        "Words are quoted for a shell",
        arguments: [
            (["ls", "-l", "/tmp/a_b.c"], "ls -l /tmp/a_b.c"),
            (["echo", ""], "echo ''"),
            (["echo", "a b"], "echo 'a b'"),
            (["echo", "it's"], "echo 'it'\\''s'"),
            (["echo", "$HOME", "*", "~", "#x", "a;b"], "echo '$HOME' '*' '~' '#x' 'a;b'"),
            (["A=b", "x,y:z@%+"], "A=b x,y:z@%+"),
            (["ü"], "'ü'"),
            (["a\nb\t'\\"], "$'a\\nb\\t\\'\\\\'"),
            (["\u{1b}1\u{7f}\r"], "$'\\x1b1\\x7f\\r'"),
            (["\u{9b}f\u{202e}"], "$'\\u009bf\\u202e'"),
            ([], ""),
        ]
    )
    func quoting(arguments: [String], text: String) {
        #expect(CommandQuoting.shellQuoted(arguments) == text)
    }

    @Test(
        "An assignment is split at the first sign",
        arguments: [
            ("A=b", "A", "b"), ("A=", "A", ""), ("A=b=c", "A", "b=c"), ("A=\u{301}", "A", "\u{301}"),
            ("a b= c", "a b", " c"),
        ]
    )
    func assignments(text: String, name: String, value: String) throws {
        let assignment = try EnvironmentAssignment(parsing: text)
        #expect(assignment.name == name)
        #expect(assignment.value == value)
    }

    @Test(
        "What is no assignment is explained without showing it",
        arguments: [
            ("SECRET", "--env is written NAME=VALUE, but there is no '='"),
            ("", "--env is written NAME=VALUE, but there is no '='"),
            ("=SECRET", "--env is written NAME=VALUE, but there is no name before the '='"),
        ]
    )
    func badAssignments(text: String, message: String) {
        let error = #expect(throws: ArgumentError.self) { try EnvironmentAssignment(parsing: text) }
        #expect(error?.description == message)
    }

    @Test(
        "A timeout is a number of seconds",
        arguments: [
            ("30", 30_000), ("0.5", 500), (".25", 250), ("5.", 5000), ("0.0001", 1), ("0.0015", 2), ("007", 7000),
            ("2592000", 2_592_000_000),
        ]
    )
    func timeouts(text: String, milliseconds: Int) throws {
        #expect(try TimeoutArgument(parsing: text).duration == .milliseconds(milliseconds))
    }

    @Test(
        "What is no timeout is explained",
        arguments: [
            ("", "--timeout is a number of seconds such as 30 or 0.5, not ''"),
            (".", "--timeout is a number of seconds such as 30 or 0.5, not '.'"),
            ("1.2.3", "--timeout is a number of seconds such as 30 or 0.5, not '1.2.3'"),
            ("-1", "--timeout is a number of seconds such as 30 or 0.5, not '-1'"),
            ("1e3", "--timeout is a number of seconds such as 30 or 0.5, not '1e3'"),
            ("inf", "--timeout is a number of seconds such as 30 or 0.5, not 'inf'"),
            ("5\u{1b}", "--timeout is a number of seconds such as 30 or 0.5, not '5^['"),
            ("0", "--timeout must be more than 0 seconds"),
            ("0.0", "--timeout must be more than 0 seconds"),
            ("2592000.5", "--timeout may be at most 2592000 seconds (30 days)"),
            (String(repeating: "9", count: 400), "--timeout may be at most 2592000 seconds (30 days)"),
        ]
    )
    func badTimeouts(text: String, message: String) {
        let error = #expect(throws: ArgumentError.self) { try TimeoutArgument(parsing: text) }
        #expect(error?.description == message)
    }
}
