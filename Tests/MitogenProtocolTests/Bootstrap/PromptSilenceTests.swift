//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Lectures, and questions that are not understood")
struct PromptSilenceTests {
    static let prompt = PromptTable.sudoPrompt

    /// A text for everybody that has all the words in it that mean something elsewhere.
    static let lecture =
        (0..<50).map { "\($0): Password:\r\nyou is not in the sudoers file\r\nsorry, try again.\r\nnologin\r\n" }
        .joined()

    static let asking = TerminalSight(hidesInput: true, takesLines: true, toolHasChildren: false)
    static let showing = TerminalSight(hidesInput: false, takesLines: true, toolHasChildren: false)
    /// What sudo makes of its terminal while a command runs on another one.
    static let relaying = TerminalSight(hidesInput: true, takesLines: false, toolHasChildren: true)

    @Test(
        "A lecture decides nothing, byte by byte: only what comes after the question, or the end",
        arguments: [
            PromptTable.sudo, .su(), .doas(),
        ]
    )
    func lecture(table: PromptTable) {
        for ending in [
            "\r\nSorry, try again.\r\nsu: Authentication failure\r\ndoas: Authentication failed\r\n", "\r\n",
        ] {
            var machine = PromptMachine(table, hasPassword: true)
            for byte in Self.lecture.utf8 {
                #expect(machine.receive(CollectionOfOne(byte), hidesInput: false).isEmpty)
            }
            let question = table.tool == "sudo" ? Self.prompt : "Password: "
            #expect(machine.receive(question.utf8, hidesInput: true) == [.typePassword])
            let answers = machine.receive(ending.utf8, hidesInput: false)
            if ending == "\r\n" {
                #expect(answers.isEmpty && machine.toolDidEnd() == nil)
            } else if case .fail(let code, _, _)? = answers.first {
                #expect(code == .passwordError)
            } else {
                Issue.record("\(answers)")
            }
        }
    }

    @Test("A known question is answered at once if what is typed is hidden, else when nothing follows it")
    func shownInput() {
        var machine = PromptMachine(.su(), hasPassword: true)
        #expect(machine.receive("Password: ".utf8, hidesInput: false).isEmpty)
        #expect(machine.hasUnfinishedLine)
        #expect(machine.fellSilent(Self.showing, isLong: false) == [.typePassword])
        #expect(!machine.hasUnfinishedLine)
        // The stars that stand for its letters are no question.
        #expect(machine.receive("***".utf8).isEmpty)
        #expect(!machine.hasUnfinishedLine)
    }

    typealias Sample = (text: String, sight: TerminalSight, isQuestion: Bool)

    static let samples: [Sample] = [
        ("\u{53E3}\u{4EE4}\u{FF1A}", asking, true), ("\u{53E3}\u{4EE4}\u{FF1A}", showing, true),
        ("Mot de passe\u{A0}: ", asking, true), ("Mot de passe\u{A0}: ", showing, true),
        ("Hasło", asking, true), ("Hasło", showing, false), ("Wirklich? ", showing, true),
        ("Verification code> ", showing, true), ("line\r\nOTP:", showing, true),
        // Slow logins: nobody hides what is typed, the tool has started the shell, or it passes on its output.
        ("Loading modules... ", showing, false), ("Loading: ", relaying, false),
        ("Loading: ", TerminalSight(hidesInput: false, takesLines: true, toolHasChildren: true), false),
        // A tool in a script asks.
        ("Mot de passe : ", TerminalSight(hidesInput: false, takesLines: true, toolHasChildren: true), true),
        // A program of the far side asks on the same terminal.
        ("Enter PIN: ", TerminalSight(hidesInput: true, takesLines: true, toolHasChildren: true), true),
        // sudo with `pwfeedback` reads single characters.
        ("LDAP Password: ", TerminalSight(hidesInput: true, takesLines: false, toolHasChildren: false), true),
        ("\r\n", asking, false), ("  ", asking, false),
    ]

    @Test("What is a question that is not understood", arguments: samples)
    func question(sample: Sample) throws {
        // One that knows no question at all.
        var table = PromptTable.su()
        table.passwordPrompts = []
        for hasPassword in [true, false] {
            var machine = PromptMachine(table, hasPassword: hasPassword)
            #expect(machine.receive(sample.text.utf8).isEmpty)
            #expect(machine.fellSilent(sample.sight, isLong: false).isEmpty)
            let answers = machine.fellSilent(sample.sight, isLong: true)
            #expect(answers.count == (sample.isQuestion ? 1 : 0), "\(sample)")
            guard case .fail(let code, let message, let hint)? = answers.first else { continue }
            let shown = try #require(sample.text.split(separator: "\r\n").last).prefix { $0 != "\u{A0}" && $0 != " " }
            #expect(code == .unknownPrompt)
            #expect(message.contains(shown))
            #expect(hint?.names.contains(.suPrompt) == true)
            #expect(hint?.names.contains(.becomePassword) == !hasPassword)
        }
    }

    @Test("Of what ssh's far side prints only what asks secretly is a question")
    func ssh() {
        for (sight, count) in [(Self.showing, 0), (Self.asking, 1)] {
            var machine = PromptMachine(.ssh(), hasPassword: true)
            #expect(machine.receive("Verification code: ".utf8).isEmpty)
            #expect(machine.fellSilent(sight, isLong: true).count == count)
        }
    }

    @Test(
        "The number of stars is not shown",
        arguments: [
            (
                "[sudo: \(prompt)] Password: ***\u{8} \u{8}\u{8} \u{8}\u{8} \u{8}\u{1B}[0K",
                "[sudo: \(prompt)] Password: "
            ),
            ("[sudo: \(prompt)] \u{5BC6}\u{7801}\u{FF1A}****", "[sudo: \(prompt)] \u{5BC6}\u{7801}\u{FF1A}"),
            ("\(prompt)*****sudo: failed", "\(prompt)sudo: failed"),
            ("*** System restart required ***", "*** System restart required ***"),
        ]
    )
    func stars(line: String, shown: String) {
        #expect(String(decoding: PromptTable.sudo.withoutEcho(Array(line.utf8)), as: UTF8.self) == shown)
    }

    private func machine(_ prompts: PromptMachine, on place: BootstrapMachine.PromptPlace) throws -> BootstrapMachine {
        BootstrapMachine(try FirstStageTests.stage(), prompts: prompts, on: place, tool: .sudo)
    }

    private func failure(_ actions: [BootstrapAction]) throws -> BootstrapFailure {
        guard case .fail(let failure)? = actions.last else {
            throw MitogenError(.misuse, "no failure: \(actions)")
        }
        return failure
    }

    @Test("An error shows no lecture, no stars, and what failed after the question")
    func error() throws {
        for place in [BootstrapMachine.PromptPlace.diagnostics, .output] {
            var machine = try machine(PromptMachine(.sudo, hasPassword: true), on: place)
            func feed(_ text: String) -> [BootstrapAction] {
                place == .output ? machine.receive(output: text.utf8) : machine.receive(diagnostics: text.utf8)
            }
            #expect(feed(Self.lecture).isEmpty)
            #expect(feed("[sudo: \(Self.prompt)] Password: ") == [.typePassword])
            #expect(feed("*****\r\n").isEmpty)
            #expect(feed("sudo: unable to resolve host web1: Name or service not known\r\n").isEmpty)
            #expect(feed("sudo: policy plugin failed session initialization\r\n").isEmpty)
            #expect(feed("sudo: unable to resolve host web1: Name or service not known\r\n").isEmpty)
            _ = machine.outputDidEnd()
            _ = machine.diagnosticsDidEnd()
            let failure = try failure(machine.processDidExit(.exited(1)))
            #expect(failure.code == .eofError)
            #expect(failure.message.hasSuffix(": sudo: policy plugin failed session initialization"))
            // What was said before the question is for everybody.
            #expect(failure.lines.count == 4 && failure.lines.first == "[sudo: \(Self.prompt)] Password:")
        }
    }

    @Test("Without a question the end decides, and a warning is not the reason")
    func warning() throws {
        var machine = try machine(PromptMachine(.sudo, hasPassword: false), on: .diagnostics)
        let host = "sudo: unable to resolve host web1: Name or service not known\n"
        #expect(machine.receive(diagnostics: "\(host)sudo: a password is required\n\(host)".utf8).isEmpty)
        _ = machine.outputDidEnd()
        _ = machine.diagnosticsDidEnd()
        #expect(try failure(machine.processDidExit(.exited(1))).code == .passwordRequired)
        var long = try self.machine(PromptMachine(.sudo, hasPassword: false), on: .diagnostics)
        #expect(long.receive(diagnostics: Self.lecture.utf8).isEmpty)
        #expect(try failure(long.deadlineDidPass(.seconds(1))).error.diagnostics.count == 10)
    }
}
