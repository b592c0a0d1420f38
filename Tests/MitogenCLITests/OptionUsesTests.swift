//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

@testable import MitogenCLI

@Suite("Every option has a test with its command")
struct OptionUsesTests {
    @Test("An option counts for the command that it is used with, and for no other")
    func uses() {
        let source = ##"""
            @Test("one") func one() { run(["run", "--diff", "-x=1"]); run(["copy", "-r"] + ["--json"]) } // ["run", "--comment"]
            private func helper(_ words: [String]) { start(["sync"] + words) }
            @Test("two", arguments: ["--delete"]) func two(option: String) { helper([option, "-n"]) }
            func unused() { start(["doctor", "--json"]) }
            @Test("three") func three() { tree.hosts(["--count"], to: "--fold") ; _ = ["run", "hosts"] }
            """##
        let uses = OptionUses([source], commands: ["run", "copy", "sync", "doctor", "hosts"])
        for (command, option) in [
            ("run", "--diff"), ("run", "-x"), ("copy", "-r"), ("copy", "--json"), ("sync", "--delete"), ("sync", "-n"),
            ("hosts", "--count"), ("hosts", "--fold"),
        ] {
            #expect(uses.has(command, [option]), "\(command) \(option)")
        }
        for (command, option) in [
            ("copy", "--diff"), ("run", "-r"), ("run", "--json"), ("run", "--comment"), ("doctor", "--json"),
            ("hosts", "-n"), ("run", "--delete"),
        ] {
            #expect(!uses.has(command, [option]), "\(command) \(option)")
        }
        #expect(uses.has("run", ["-d", "--diff"]))
    }

    /// What several commands have from one place in the source.
    private struct Declaration: Hashable {
        let names: [String]
        let abstract: String
    }

    @Test("Each option is used by a test with its command, or with one that has the same from the same place")
    func complete() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var sources: [String] = []
        for case let file as URL in files
        where file.pathExtension == "swift" && !file.path.hasSuffix("OptionUsesTests.swift") {
            sources.append(try String(contentsOf: file, encoding: .utf8))
        }
        let tool = ToolDescription.ofTool()
        let uses = OptionUses(sources, commands: Set(tool.commands.map(\.name)))
        var declarations: [Declaration: [String]] = [:]
        for command in tool.commands {
            for option in command.arguments
            where !option.names.isEmpty && !option.names.contains("--help") && !option.names.contains("--version") {
                declarations[Declaration(names: option.names, abstract: option.abstract), default: []].append(
                    command.name
                )
            }
        }
        #expect(declarations.count > 90)
        for (option, commands) in declarations {
            #expect(commands.contains { uses.has($0, option.names) }, "\(commands) \(option.names)")
        }
        // What commands share, each of them is seen to have: one option of it is enough.
        for (commands, shared) in Dictionary(grouping: declarations, by: \.value) where commands.count > 1 {
            for command in commands {
                #expect(
                    shared.contains { uses.has(command, $0.key.names) },
                    "\(command) with one of \(shared.map(\.key.names))"
                )
            }
        }
    }
}
