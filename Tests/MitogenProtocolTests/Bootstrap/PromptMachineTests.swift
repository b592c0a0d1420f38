//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Prompts of ssh, sudo, su and doas")
struct PromptMachineTests {
    /// What a tool writes, piece by piece as it waits for answers, and what must be answered.
    struct Example: Sendable, CustomTestStringConvertible {
        let table: PromptTable
        let hasPassword: Bool
        let hasPassphrase: Bool
        let pieces: [String]
        let answers: [String]

        init(
            _ table: PromptTable,
            _ pieces: [String],
            _ answers: [String],
            hasPassword: Bool = true,
            hasPassphrase: Bool = false
        ) {
            self.hasPassphrase = hasPassphrase
            self.table = table
            self.hasPassword = hasPassword
            self.pieces = pieces
            self.answers = answers
        }

        var testDescription: String { "\(table.tool): \(pieces)" }
    }

    static func describe(_ answer: PromptMachine.Answer) -> String {
        switch answer {
        case .typePassword: "type"
        case .typePassphrase: "type passphrase"
        case .acceptHostKey: "yes"
        case .fail(let code, let message, _): "\(code): \(message)"
        }
    }

    static let known = "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
    static let prompt = PromptTable.sudoPrompt
    static func incorrect(_ tool: String) -> String { "passwordError: \(tool) password is incorrect" }
    static func required(_ tool: String) -> String { "passwordRequired: \(tool) password is required" }

    static let ssh: [Example] = [
        Example(.ssh(), ["me@host's password: "], ["type"]),
        Example(.ssh(), ["Banner\r\n", "(me@host) Password: "], ["type"]),
        Example(.ssh(), ["Password for me@host:"], ["type"]),
        Example(.ssh(), ["debug1: Next authentication method: password\n"], []),
        Example(.ssh(), ["debug1: Permission denied\r\n"], []),
        Example(
            .ssh(),
            ["a@b's password: ", "\r\nPermission denied, please try again.\r\n"],
            ["type", incorrect("SSH")]
        ),
        Example(.ssh(), ["a@b's password: ", "\r\na@b's password: "], ["type", incorrect("SSH")]),
        Example(
            .ssh(),
            ["a@b: Permission denied (publickey).\r\n"],
            ["authenticationFailed: SSH authentication is incorrect"]
        ),
        Example(
            .ssh(),
            ["a@b: Permission denied (publickey,password).\r\n"],
            ["passwordRequired: SSH password was requested, but none specified"],
            hasPassword: false
        ),
        Example(.ssh(), ["password:"], [required("SSH")], hasPassword: false),
        Example(.ssh(), ["bash: /x: Permission denied\n", "cat: x: Permission denied\n"], []),
        Example(
            .ssh(),
            ["Host key verification failed.\r\n"],
            ["hostKeyError: SSH reported an unrecognized or mismatching host key"]
        ),
        Example(
            .ssh(),
            ["@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\r\nHost key verification failed.\r\n"],
            ["hostKeyChanged: the host's key has changed, SSH refuses to connect"]
        ),
        Example(.ssh(), ["@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"], []),
        Example(.ssh(hostKeyAnswer: .accept), [known, "\r\na's password: "], ["yes", "type"]),
        Example(
            .ssh(hostKeyAnswer: .accept),
            ["Are you sure you want to continue connecting (yes/no)? "],
            ["yes"]
        ),
        Example(.ssh(), [known], ["hostKeyError: SSH asks whether the host's key is the right one"]),
    ]

    static let sudo: [Example] = [
        Example(.sudo, [prompt], ["type"]),
        Example(.sudo, ["Lecture.\r\n\r\n" + prompt], ["type"]),
        Example(.sudo, ["[sudo: \(prompt)] Password: "], ["type"]),
        Example(.sudo, ["[sudo: \(prompt)] Mot de passe\u{A0}: ", "***", "\r\n"], ["type"]),
        Example(.sudo, ["[sudo: \(prompt)] \u{5BC6}\u{7801}\u{FF1A}", "\r\n"], ["type"]),
        Example(
            .sudo,
            [prompt, "\r\nSorry, try again.\r\n\(prompt)"],
            ["type", incorrect("sudo")]
        ),
        Example(.sudo, [prompt, prompt], ["type", incorrect("sudo")]),
        Example(.sudo, ["Sorry, try again.\n"], []),
        Example(.sudo, [prompt, "\r\nsudo: 1 incorrect password attempt\r\n"], ["type", incorrect("sudo")]),
        Example(.sudo, [prompt], [required("sudo")], hasPassword: false),
        Example(.sudo, ["sudo: a password is required\n"], [required("sudo")], hasPassword: false),
        Example(
            .sudo,
            ["sudo: a password is required\n"],
            ["passwordRequired: sudo password is required, but there is no terminal to type it on"]
        ),
        Example(
            .sudo,
            [prompt, "\r\nBob is not in the sudoers file.\r\n"],
            ["type", "notPermitted: sudo does not permit it: Bob is not in the sudoers file."]
        ),
        Example(
            .sudo,
            ["sudo: sorry, you must have a tty to run sudo\n"],
            ["terminalRequired: sudo wants a terminal: sudo: sorry, you must have a tty to run sudo"]
        ),
    ]

    static let key = "\rEnter passphrase for key '/home/me/Password:id': "
    static let spanish = "Contrase\u{F1}a: "

    static let keys: [Example] = [
        Example(.ssh(), [key], ["type passphrase"], hasPassphrase: true),
        Example(.ssh(), [key, "\r\nme@host's password: "], ["type passphrase", "type"], hasPassphrase: true),
        Example(
            .ssh(),
            [key, "\r\n" + key],
            ["type passphrase", "passwordError: the passphrase of the key /home/me/Password:id is incorrect"],
            hasPassphrase: true
        ),
        Example(
            .ssh(),
            [key],
            ["passwordRequired: the key /home/me/Password:id is encrypted, and no passphrase was given"],
            hasPassword: false
        ),
        Example(.ssh(), ["(me@host) Mot de passe : "], []),
        Example(.ssh(passwordPrompt: "mot de passe :"), ["(me@host) Mot de passe : "], ["type"]),
        Example(.ssh(passwordPrompt: spanish), [spanish, "\r\n" + spanish], ["type", incorrect("SSH")]),
        Example(.ssh(passwordPrompt: spanish), ["me@host's password: "], ["type"]),
        // An account of what ssh does is no question, even unfinished.
        Example(.ssh(), ["debug1: Server asks: password:", "\r\n"], []),
        Example(.ssh(), ["\rdebug3: Enter passphrase for key 'x': "], [], hasPassphrase: true),
        Example(.ssh(), ["debug2: a@b: Permission denied (publickey).\r\nDEBUG1: host key verification failed.\n"], []),
    ]

    /// What sudo-rs 0.2.5 and 0.2.15 write, which was recorded.
    static let sudoRS: [Example] = [
        Example(
            .sudo,
            ["[sudo: \(prompt)] Password: ", "***\u{8} \u{8}\u{8} \u{8}\u{8} \u{8}\u{1B}[0K\r\n", "uid=0(root)\r\n"],
            ["type"]
        ),
        Example(
            .sudo,
            ["[sudo: \(prompt)] Password: ", "\r\nsudo: Authentication failed, try again.\r\n"],
            ["type", incorrect("sudo")]
        ),
        Example(
            .sudo,
            ["[sudo: \(prompt)] Password: ", "\r\nsudo: maximum 3 incorrect authentication attempts\r\n"],
            ["type", incorrect("sudo")]
        ),
        Example(
            .sudo,
            ["sudo: interactive authentication is required\n"],
            [required("sudo")],
            hasPassword: false
        ),
        Example(
            .sudo,
            ["sudo-rs: I'm sorry bob. I'm afraid I can't do that\r\n"],
            ["notPermitted: sudo does not permit it: sudo-rs: I'm sorry bob. I'm afraid I can't do that"]
        ),
        Example(
            .sudo,
            ["sudo: Sorry, user bob may not run /bin/sh on web1.\r\n"],
            ["notPermitted: sudo does not permit it: sudo: Sorry, user bob may not run /bin/sh on web1."]
        ),
    ]

    static let others: [Example] = [
        Example(.su(passwordPrompt: "Mot de passe : "), ["Mot de passe : "], ["type"]),
        Example(.su(), ["Password: "], ["type"]),
        Example(.su(passwordPrompt: "Passwort:"), ["PASSWORT: "], ["type"]),
        Example(.su(), ["Password: ", "\r\nsu: ", "Authentication failure\r\n"], ["type", incorrect("su")]),
        Example(.su(), ["su: Sorry\n"], [incorrect("su")]),
        Example(.su(incorrectPrompts: ["falsch"]), ["su: Falsches Passwort\n"], [incorrect("su")]),
        Example(.su(), ["Password: "], [required("su")], hasPassword: false),
        Example(.doas(), ["\rdoas (me@host) password: "], ["type"]),
        Example(
            .doas(),
            ["\rdoas (me@host) password: ", "\r\ndoas: Authentication failed\r\n"],
            ["type", incorrect("doas")]
        ),
        Example(.doas(), ["doas: Authentication required\n"], [required("doas")], hasPassword: false),
        Example(
            .doas(),
            ["doas: Authentication failed\n"],
            ["passwordRequired: doas password is required, but there is no terminal to type it on"]
        ),
        Example(
            .doas(),
            ["doas: Operation not permitted\n"],
            ["notPermitted: doas does not permit it: doas: Operation not permitted"]
        ),
    ]

    @Test("Every text has its answer, in pieces and byte by byte", arguments: ssh + sudo + keys + sudoRS + others)
    func answers(_ example: Example) {
        var machine = PromptMachine(
            example.table,
            hasPassword: example.hasPassword,
            hasPassphrase: example.hasPassphrase
        )
        var single = machine
        var found: [String] = []
        var foundSingly: [String] = []
        for piece in example.pieces {
            found += machine.receive(piece.utf8).map(Self.describe)
            for byte in piece.utf8 { foundSingly += single.receive(CollectionOfOne(byte)).map(Self.describe) }
        }
        // Before a question only the tool's end decides.
        if let end = machine.toolDidEnd() { found.append(Self.describe(end)) }
        if let end = single.toolDidEnd() { foundSingly.append(Self.describe(end)) }
        #expect(found == example.answers)
        #expect(foundSingly == example.answers)
    }

    @Test(
        "What looks like a question but is not one",
        arguments: [
            "password: \n", "[sudo: mitogen-sudo-prompt:] Password: ***", "mitogen-sudo-prompt:\r\n",
            "[sudo: mitogen-sudo-prompt:] " + String(repeating: "x", count: 51), "the password is",
        ]
    )
    func noQuestion(text: String) {
        for table in [.ssh(), .sudo] as [PromptTable] {
            var machine = PromptMachine(table, hasPassword: true)
            #expect(machine.receive(text.utf8).isEmpty)
        }
    }

    @Test("Nothing is answered after a failure, nor when the far side speaks")
    func silence() {
        var failed = PromptMachine(.su(), hasPassword: false)
        #expect(failed.receive("Password: ".utf8).count == 1)
        #expect(failed.receive("Password: ".utf8).isEmpty)
        var stopped = PromptMachine(.su(), hasPassword: true)
        stopped.stop()
        #expect(stopped.receive("Password: ".utf8).isEmpty)
    }

    @Test("A line without an end takes no memory")
    func endless() {
        var machine = PromptMachine(.ssh(), hasPassword: true)
        for _ in 0..<100 { #expect(machine.receive([UInt8](repeating: 0x78, count: 10_000)).isEmpty) }
        #expect(machine.receive("\nme's password: ".utf8) == [.typePassword])
    }
}
