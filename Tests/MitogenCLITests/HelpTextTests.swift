//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Testing

@testable import MitogenCLI

@Suite("Help texts")
struct HelpTextTests {
    private static func expectNarrow(_ text: String, _ what: String) {
        for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(what): \(line)") }
    }

    @Test("The help of every command, shown or not, has at most 80 columns")
    func commands() {
        let commands = MitogenCommand.configuration.subcommands
        #expect(commands.count >= 13)
        Self.expectNarrow(MitogenCommand.helpMessage(columns: 80), "mitogen")
        for command in commands {
            Self.expectNarrow(MitogenCommand.helpMessage(for: command, columns: 80), command._commandName)
        }
    }

    @Test("Topics have at most 80 columns", arguments: HelpTopic.allCases)
    func topics(topic: HelpTopic) {
        Self.expectNarrow(topic.text, topic.rawValue)
    }
}
