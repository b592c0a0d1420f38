//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Configuration of the tool")
struct ConfigurationTests {
    static func configuration(_ text: String) throws -> Configuration {
        let lines = try TextFile(kind: "configuration", content: "lines", name: "config").lines(of: Array(text.utf8))
        return try Configuration(lines, name: "config", tool: .ofTool())
    }

    static let example = """
        # for all
        fanout = 5
        inventory = /a b/hosts
        summary = no
        [run]
        fanout = 9   # more
        inventory=x
        summary = yes
        diff = no
        [copy]
        quiet = on
        """

    @Test("What is set for all commands counts where they have it, and what is set for one wins")
    func words() throws {
        let configuration = try Self.configuration(Self.example)
        #expect(
            configuration.words(for: "run") == ["--inventory=/a b/hosts", "--fanout=9", "--inventory=x", "--summary"]
        )
        #expect(configuration.words(for: "copy") == ["--fanout=5", "--inventory=/a b/hosts", "--quiet"])
        #expect(configuration.words(for: "doctor") == ["--inventory=/a b/hosts"])
        #expect(configuration.words(for: "config") == [] && configuration.words(for: "no-such") == [])
        #expect(configuration.completed(["doctor", "-t", "x"]) == ["doctor", "--inventory=/a b/hosts", "-t", "x"])
        #expect(configuration.completed([]) == [] && configuration.completed(["--version"]) == ["--version"])
    }

    @Test("What is typed wins over the file")
    func precedence() throws {
        let configuration = try Self.configuration("fanout = 5\noutput = json\n")
        let options = try RunOptionsTests.parse(
            Array(configuration.completed(["run", "-f", "7", "--", "ls", "--output", "x"]).dropFirst())
        )
        #expect(options.fanout == 7 && options.results.output == .json)
        #expect(options.command == ["ls", "--output", "x"])
    }

    @Test(
        "What is not right is told with its line",
        arguments: [
            ("fanuot = 5", "config:1: there is no option 'fanuot'; did you mean 'fanout'?"),
            ("[rnu]", "config:1: there is no command 'rnu'"),
            ("\nfanout", "config:2: expected is NAME = VALUE or [COMMAND]"),
            ("[doctor]\nfanout = 5", "config:2: there is no option 'fanout'"),
            ("summary = perhaps", "config:1: summary is yes or no"),
            ("fanout =", "config:1: fanout needs a value"), ("help = yes", "config:1: there is no option 'help'"),
        ]
    )
    func errors(text: String, message: String) {
        let error = #expect(throws: ArgumentError.self) { try Self.configuration(text) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test("mitogen config shows where values come from")
    func shown() throws {
        let configuration = try Self.configuration(Self.example)
        let tool = ToolDescription.ofTool()
        let all = ConfigCommand.text(configuration, command: nil, tool: tool).split(separator: "\n")
        #expect(all.count == 8)
        #expect(all[0].hasPrefix("fanout ") && all[0].hasSuffix("config:2"))
        #expect(all[3].hasPrefix("run fanout ") && all[3].hasSuffix("config:6"))
        let run = ConfigCommand.text(configuration, command: "run", tool: tool).split(separator: "\n")
        #expect(run.contains { $0.hasPrefix("fanout ") && $0.hasSuffix("config:6") && $0.contains(" 9 ") })
        #expect(run.contains { $0.hasPrefix("timeout ") && $0.hasSuffix("default") })
        #expect(run.count { $0.hasPrefix("inventory ") } == 2)
        #expect(ConfigCommand.text(nil, command: nil, tool: tool).isEmpty)
    }

    @Test("The parser tells the commands and their options")
    func tool() throws {
        let tool = ToolDescription.ofTool()
        #expect(tool.commands.map(\.name).contains("run") && !tool.commands.map(\.name).contains("manual"))
        let run = try #require(tool.commands.first { $0.name == "run" })
        let fanout = try #require(run.options.first { $0.longName == "fanout" })
        #expect(fanout.names.contains("-f") && !fanout.isFlag && !fanout.isRepeating && fanout.valueName == "N")
        #expect(run.options.first { $0.longName == "target" }?.isRepeating == true)
        #expect(run.options.first { $0.longName == "stdin" }?.isFlag == true)
        #expect(run.options.contains { $0.longName == "ssh-option" })
    }

    @Test("A man page has all options, and no line of it is a request by chance")
    func manual() throws {
        let run = try #require(ToolDescription.ofTool().commands.first { $0.name == "run" })
        let text = ManualPage(command: run, version: "1.2").text
        #expect(text.hasPrefix(".TH MITOGEN\\-RUN 1 \"\" \"mitogen 1.2\""))
        for option in run.options {
            let name = try #require(option.longName).split(separator: "-").joined(separator: "\\-")
            #expect(text.contains("\\fB\\-\\-\(name)\\fR"))
        }
        #expect(ManualPage.paragraphs(".a\n  b\\\n\n'c") == ["\\&.a", ".nf", "  b\\e", ".PP", ".fi", "\\&'c"])
        let all = ManualPage.ofTool(.ofTool(), version: "1", topics: ["targets"])
        #expect(all.contains("\\fBhosts\\fR") && all.contains(".SH TARGETS"))
    }
}
