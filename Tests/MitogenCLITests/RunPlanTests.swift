//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Order and caution of a run")
struct RunPlanTests {
    static func sizes(_ count: Int, serial: RunPlan.Amount? = nil, canaries: Int? = nil) -> [Int] {
        var plan = RunPlan()
        plan.serial = serial
        plan.canaries = canaries
        let batches = plan.batches(of: count)
        #expect(batches.flatMap { Array($0.targets) } == Array(0..<count))
        #expect(batches.count { $0.followsCanaries } == (canaries.map { $0 < count } == true ? 1 : 0))
        return batches.map(\.targets.count)
    }

    @Test("Targets are split into canaries and batches")
    func batches() {
        #expect(Self.sizes(5) == [5])
        #expect(Self.sizes(5, serial: .count(2)) == [2, 2, 1])
        #expect(Self.sizes(10, serial: .percent(30)) == [3, 3, 3, 1])
        #expect(Self.sizes(3, serial: .percent(10)) == [1, 1, 1])
        #expect(Self.sizes(5, canaries: 1) == [1, 4])
        #expect(Self.sizes(5, canaries: 5) == [5])
        #expect(Self.sizes(8, serial: .count(3), canaries: 2) == [2, 3, 3])
        #expect(Self.sizes(0) == [])
    }

    @Test(
        "A number of failures is too many, or a part of the targets",
        arguments: [
            (nil, 10, false), (.count(0), 0, false), (.count(0), 1, true), (.count(2), 2, false), (.count(2), 3, true),
            (.percent(10), 2, false), (.percent(10), 3, true), (.percent(0), 1, true), (.percent(100), 20, false),
        ] as [(RunPlan.Amount?, Int, Bool)]
    )
    func failures(allowed: RunPlan.Amount?, failures: Int, isExceeded: Bool) {
        var plan = RunPlan()
        plan.allowedFailures = allowed
        #expect(plan.isExceeded(by: failures, of: 20) == isExceeded)
        var progress = RunProgress(count: 20, plan: plan)
        for target in 0..<failures { progress.record(.exited(1), of: target) }
        #expect(progress.isExceeded == isExceeded)
        #expect(progress.failures == failures && progress.doneCount == failures)
        #expect(progress.undone == Array(failures..<20))
    }

    @Test("The time between two beginnings is kept after a pause")
    func stagger() {
        var plan = RunPlan()
        plan.stagger = .seconds(2)
        var progress = RunProgress(count: 4, plan: plan)
        let start = ContinuousClock.now
        #expect(progress.begin(at: start) == start)
        #expect(progress.begin(at: start) == start + .seconds(2))
        let later = start + .seconds(60)
        #expect(progress.begin(at: later) == later)
        #expect(progress.begin(at: later) == later + .seconds(2))
    }

    @Test("Only yes is yes", arguments: [("y", true), ("YES ", true), ("", false), ("no", false), ("yy", false)])
    func answers(line: String, isYes: Bool) {
        #expect(TerminalQuestion.isYes(Array(line.utf8)) == isYes)
    }

    @Test("A summary counts outcomes, the most frequent failure first, and folds the names")
    func summary() {
        let labels = (1...6).map { "ssh:w\($0)" }
        var summary = RunSummary(labels: labels)
        let outcomes: [RunOutcome] = [.exited(0), .exited(3), .timedOut, .timedOut, .exited(0)]
        for (label, outcome) in zip(labels, outcomes).reversed() {
            summary.add(TargetReport(target: label, outcome: outcome, durationMilliseconds: 1))
        }
        #expect(
            summary.lines(at: .milliseconds(1234)) == [
                "6 targets in 1.2 s: 2 exit 0, 2 timed out, 1 exit 3, 1 not done", "   timed out: ssh:w[3-4]",
                "   exit 3: ssh:w2", "   not done: ssh:w6",
            ]
        )
    }

    @Test("The largest status can be the run's own")
    func exitRule() {
        let report = FailureReport(code: "c", message: "m")
        #expect(RunExitStatus.reduce([.exited(1), .exited(7), .exited(0)], by: .max) == 7)
        #expect(RunExitStatus.reduce([.exited(1), .unreachable(report)], by: .max) == 4)
        #expect(RunExitStatus.reduce([.exited(1), .interrupted], by: .max) == 130)
        #expect(RunExitStatus.reduce([.exited(1), .exited(7)], by: .kind) == 5)
        #expect(RunExitStatus.reduce([.exited(0), .skipped], by: .kind) == 5)
        #expect(RunExitStatus.reduce([], by: .max) == 0)
    }

    @Test("The help texts fit on a terminal of 80 columns", arguments: HelpTopic.allCases)
    func topics(topic: HelpTopic) throws {
        #expect(try HelpTopic.text(for: ["help", topic.rawValue]) == topic.text)
        #expect(topic.text.count > 300)
        for line in topic.text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
        #expect(try HelpTopic.text(for: ["help", "run"]) == nil && HelpTopic.text(for: [topic.rawValue]) == nil)
        #expect(try HelpTopic.text(for: ["help", "help"]) == nil && HelpTopic.text(for: ["help", "manual"]) == nil)
    }

    @Test("A first word that is no command is told with those that there are")
    func unknownCommands() throws {
        let error = #expect(throws: ArgumentError.self) { try MitogenTool.checkCommand(["rum", "true"]) }
        #expect(
            error?.description.hasPrefix("there is no command 'rum'; did you mean 'run'? known are run, hosts, ")
                == true
        )
        for words in [[], ["run"], ["manual", "x"], ["help"], ["--version"], ["-x"]] {
            try MitogenTool.checkCommand(words)
        }
    }

    @Test("Help about what does not exist is an error that names what there is")
    func unknownTopics() {
        let unknown = #expect(throws: ArgumentError.self) { try HelpTopic.text(for: ["help", "nothing"]) }
        #expect(
            unknown?.description.hasPrefix(
                "there is no help about 'nothing'; there is some about the topics targets, connections, output, exit-status "
                    + "and the commands run, hosts, "
            ) == true
        )
        let near = #expect(throws: ArgumentError.self) { try HelpTopic.text(for: ["help", "target"]) }
        #expect(near?.description.contains("did you mean 'targets'? There is some") == true)
        #expect(throws: ArgumentError.self) { try HelpTopic.text(for: ["help", "run", "x"]) }
    }

    @Test("The help of run fits on two screens of 80 columns")
    func help() {
        let lines = RunCommand.helpMessage(columns: 80).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 80)
        for line in lines { #expect(line.count <= 80, "\(line)") }
    }

    @Test("A dry run shows the command byte for byte, and what else would be done")
    func preview() throws {
        let options = try RunOptionsTests.parse([
            "-t", "local:w[1-3]", "--serial", "2", "--env", "A=b c", "--cwd", "/x y", "--fail-fast", "--", "echo",
            "a'b", "\n", ByteArguments.escaped([0x63, 0xe9]),
        ])
        let text = RunPreview(options, image: nil).text
        #expect(
            text == """
                command   echo 'a'\\''b' $'\\n' 'c\\xe9'
                variable  'A=b c'
                folder    '/x y'
                order     batches of 2; no more after more than 0 failures
                targets   3: local:w[1-3]
                  local:w1
                  local:w2
                  local:w3

                """
        )
        let list = try RunOptionsTests.parse(["--list-hosts", "-t", "ssh:gate+ssh:w[1-2]+sudo"])
        #expect(RunPreview(list, image: nil).text == "ssh:gate+ssh:w1+sudo\nssh:gate+ssh:w2+sudo\n")
    }

    @Test(
        "Files have the names of their targets, with what a name cannot have in hexadecimal digits",
        arguments: [
            ("ssh:web1+sudo", "ssh:web1+sudo"), ("kubectl:a/b", "kubectl:a%2fb"), ("50%", "50%25"), ("..", "%2e."),
        ]
    )
    func fileNames(label: String, name: String) {
        #expect(OutputFiles.name(for: label) == name)
    }
}
