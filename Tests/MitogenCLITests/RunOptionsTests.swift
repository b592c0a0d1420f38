//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Foundation
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("The arguments of mitogen run")
struct RunOptionsTests {
    static func parse(_ arguments: [String]) throws -> RunOptions {
        let command = try MitogenCommand.parseAsRoot(["run"] + arguments)
        return try #require(command as? RunCommand).options()
    }

    @Test("Options about accounts are those of their hops")
    func accounts() throws {
        let hops = try Self.parse(["--sudo-terminal", "--doas-prompt", "Pass:", "true"]).hops
        #expect(hops.requestsSudoTerminal && hops.doasPrompt == "Pass:" && hops.sudoPrompt == nil)
        #expect(try Self.parse(["--su-prompt", "Kennwort:", "true"]).hops.suPrompt == "Kennwort:")
        #expect(try !Self.parse(["true"]).hops.requestsSudoTerminal)
        let both = #expect(throws: (any Error).self) {
            _ = try MitogenCommand.parseAsRoot(["run", "--ask-passphrase", "--passphrase-file", "/x", "true"])
        }
        #expect(both.map { MitogenCommand.message(for: $0).contains("--ask-passphrase") } == true)
        for options in [["--owner"], ["--numeric-ids"], []] {
            let command = try MitogenCommand.parseAsRoot(["copy"] + options + ["-t", "local", "x", ":y"])
            let copy = try #require(command as? CopyCommand)
            #expect(copy.files.owner == (options == ["--owner"]))
            #expect(copy.files.numericIDs == (options == ["--numeric-ids"]))
        }
    }

    @Test("Without options the command runs in a child of this process")
    func defaults() throws {
        let options = try Self.parse(["uname", "-a"])
        #expect(options.targets.map(\.canonicalText) == ["local"])
        #expect(options.results.output == .grouped)
        #expect(options.command == ["uname", "-a"])
        #expect(options.environment.isEmpty)
        #expect(options.timeout == nil && options.directory == nil && !options.readsStandardInput)
    }

    @Test("Options come before the command")
    func everything() throws {
        let arguments = [
            "-t", "local", "--target", "local+local:b", "--output", "json", "--timeout", "1.5", "--env", "A=b=c",
            "--cwd", "/tmp", "--stdin", "--", "cat", "--", "-",
        ]
        let options = try Self.parse(arguments)
        #expect(options.targets.map(\.canonicalText) == ["local", "local+local:b"])
        #expect(options.results.output == .json)
        #expect(options.timeout == .milliseconds(1500))
        #expect(options.environment == ["A": "b=c"])
        #expect(options.directory == "/tmp")
        #expect(options.readsStandardInput)
        #expect(options.command == ["cat", "--", "-"])
    }

    @Test(
        "What follows the command is the command's, whatever it looks like",
        arguments: [
            ["ls", "-t", "local"], ["ls", "--help"], ["ls", "--stdin"], ["ls", "--", "x"], ["git", "--version"],
            ["printf", "-v", ""], ["ls", "-la", "--color=auto"],
        ]
    )
    func passthrough(arguments: [String]) throws {
        for prefix in [[], ["--"], ["-t", "local:x"], ["-t", "local:x", "--"]] {
            let command = try MitogenCommand.parseAsRoot(["run"] + prefix + arguments)
            #expect(try #require(command as? RunCommand).options().command == arguments.map { ByteString($0) })
        }
    }

    @Test("A command that begins with a dash comes after --")
    func dash() throws {
        #expect(try Self.parse(["--", "-x"]).command == ["-x"])
    }

    @Test(
        "Slips are usage errors",
        arguments: [
            [], ["--"], ["--", ""], ["--targte", "local", "ls"], ["-x", "ls"], ["-t", "shh:web", "ls"],
            ["-t", "", "ls"], ["--timeout", "0", "ls"], ["--env", "=x", "ls"], ["--cwd", "", "ls"],
            ["--output", "xml", "ls"], ["-t"],
            ["--fanout", "0", "ls"], ["--fanout", "-1", "ls"], ["--fanout", "two", "ls"], ["-x", "local", "ls"],
            ["-t", "ssh:w[1-2]", "-x", "w[1-2]", "ls"], ["-x", "a,,b", "ls"], ["-t", "local,", "ls"],
            ["--hosts-file", "-", "--stdin", "ls"], ["--hosts-file", "-", "--hosts-file", "-", "ls"],
            ["--hosts-file", "-", "--password-file", "-", "ls"],
            ["--hosts-file", "-", "--become-password-file", "-", "ls"],
            ["--hosts-file", "-", "--passphrase-file", "-", "ls"],
            ["--stdin", "--fanout", "1", "-t", "local,local:b", "ls"], ["--stdin", "--serial", "1", "ls"],
            ["--stdin", "--canary", "1", "ls"], ["--serial", "0", "ls"], ["--serial", "101%", "ls"],
            ["--canary", "0", "ls"], ["--confirm", "x", "ls"], ["--max-fail", "-1", "ls"],
            ["--max-fail", "1", "--fail-fast", "ls"], ["--retry", "x", "ls"], ["--stagger", "0", "ls"],
            ["--exit", "min", "ls"], ["--diff", "--output", "json", "ls"], ["--output-dir", "", "ls"],
            ["--live", "--output", "json", "ls"], ["--live", "--diff", "ls"],
            ["--output-dir", "d", "--error-dir", "d", "ls"], ["-i", "/dev/null", "ls"], ["--dry-run"],
            ["-t", "local!local", "ls"],
        ]
    )
    func slips(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try MitogenCommand.parseAsRoot(["run"] + arguments) }
        #expect(error.map(MitogenTool.exitStatus) == 2)
    }

    @Test("Targets come from the command line, then from files, without those that are excluded")
    func targets() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hosts-\(UUID().uuidString)").path
        try Data("web[1-3]\nlocal:f\n".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let options = try Self.parse([
            "-t", "ssh:db[1-2],local", "--hosts-file", path, "-x", "web2,db9", "--exclude", "local", "--fanout", "2",
            "ls",
        ])
        #expect(options.targets.map(\.canonicalText) == ["ssh:db1", "ssh:db2", "ssh:web1", "ssh:web3", "local:f"])
        #expect(options.fanout == 2)
        #expect(options.warnings == ["no target matches --exclude 'db9'"])
        #expect(try Self.parse(["--hosts-file", path, "ls"]).targets.count == 4)
        #expect(try Self.parse(["--stdin", "--fanout", "2", "-t", "local,local:b", "cat"]).fanout == 2)
        #expect(throws: (any Error).self) { try Self.parse(["--hosts-file", path, "-x", "web[1-3],local:f", "ls"]) }
    }

    @Test("Options about order, caution and results are taken as they are written")
    func caution() throws {
        let options = try Self.parse([
            "--serial", "25%", "--canary", "2", "--confirm", "10", "--yes", "--max-fail", "5%", "--retry", "3",
            "--stagger",
            "0.5", "-f", "4", "--exit", "max", "--diff", "--summary", "--output-dir", "o", "--error-dir", "e", "ls",
        ])
        var plan = RunPlan()
        plan.serial = .percent(25)
        plan.canaries = 2
        plan.confirmsAbove = 10
        plan.isConfirmed = true
        plan.allowedFailures = .percent(5)
        plan.retries = 3
        plan.stagger = .milliseconds(500)
        #expect(options.plan == plan)
        #expect(options.fanout == 4)
        #expect(options.results.output == .gather && options.results.showsDifferences && options.results.summarizes)
        #expect(options.results.exitRule == .max)
        #expect(options.results.outputDirectory == "o" && options.results.errorDirectory == "e")
        #expect(try Self.parse(["--fail-fast", "ls"]).plan.allowedFailures == .count(0))
        #expect(try Self.parse(["--list-hosts"]).listsTargets)
        let live = try Self.parse(["--live", "ls"]).results
        #expect(live.isLive && live.output == .none && live.summarizes)
        #expect(try Self.parse(["--dry-run", "ls"]).isDryRun)
        #expect(try Self.parse(["-o", "events", "ls"]).results.output == .events)
    }

    @Test("Asking for help is no error", arguments: [["run", "--help"], ["run", "-h"], ["help", "run"], ["--help"]])
    func help(arguments: [String]) {
        let error = #expect(throws: (any Error).self) {
            var command = try MitogenCommand.parseAsRoot(arguments)
            try command.run()
        }
        #expect(error.map(MitogenTool.exitStatus) == 0)
    }
}
