//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Options that a command does not have")
struct UnknownOptionTests {
    @Test(
        "The first is found behind values, flags and what the command has",
        arguments: [
            ("sync --exclude x -cn --bogus a", "--bogus"), ("sync -t local -vQ", "-Q"), ("copy -timeout 3", "-timeout"),
            ("copy --timeout=3 --bogus=4 -Q", "--bogus"), ("hold --for 3s --lisst", "--lisst"),
            ("tree -t --bogus", "--bogus"), ("--bogus run", "--bogus"), ("help --bogus", "--bogus"),
            ("hold-connections --bogus", "--bogus"), ("doctor -Q ssh:a", "-Q"),
        ]
    )
    func found(line: String, word: String) {
        #expect(UnknownOption.first(in: line.split(separator: " ").map(String.init))?.word == word)
    }

    @Test(
        "Values, numbers, what comes behind '--' and what others see to is none",
        arguments: [
            "sync --exclude - -t local -cn -v a :b", "copy -rpq a - :b", "py -t local mod fn -5",
            "copy a -- --bogus :b",
            "run ls --bogus", "sync", "", "no-such --bogus", "hold --json --list",
        ]
    )
    func none(line: String) {
        #expect(UnknownOption.first(in: line.split(separator: " ").map(String.init)) == nil)
    }

    @Test("A slip of the fingers is told from another word, also with one dash")
    func suggestions() {
        let suggestions = ["--tiemout", "-timeout", "--bogus", "-Z", "--TIMEOUT"].map {
            UnknownOption($0, of: "copy").suggestion
        }
        #expect(suggestions == ["--timeout", "--timeout", nil, nil, "--timeout"])
    }
}
