//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Watches what a tool says before the far side speaks, and says what to answer. Types a password
/// and a passphrase once at most.
package struct PromptMachine: Sendable {
    /// What to do.
    package enum Answer: Sendable, Equatable {
        /// The password and a line end.
        case typePassword
        /// The passphrase and a line end.
        case typePassphrase
        /// `yes` and a line end.
        case acceptHostKey
        /// The attempt has failed.
        case fail(MitogenError.Code, message: String, hint: String?)
    }

    private static let longestLine = 4096

    private let table: PromptTable
    private let hasPassword: Bool
    private let hasPassphrase: Bool
    let ignoredStarts: [[UInt8]]
    private var line: [UInt8] = []
    private var typedPassword = false
    private var typedPassphrase = false
    private var sawChangedKey = false
    private var isDone = false

    /// - Parameters:
    ///   - hasPassword: Whether there is a password that can be typed.
    ///   - hasPassphrase: Whether there is something to type when a key's passphrase is asked for.
    package init(_ table: PromptTable, hasPassword: Bool, hasPassphrase: Bool = false) {
        self.table = table
        self.hasPassword = hasPassword
        self.hasPassphrase = hasPassphrase
        ignoredStarts = table.ignoredStarts
    }

    /// Reads what the tool has written.
    package mutating func receive(_ bytes: some Collection<UInt8>) -> [Answer] {
        var answers: [Answer] = []
        for byte in bytes where !isDone {
            if byte == 10 {
                if let answer = judge(line.map(ByteSearch.folded), said: line) { answers.append(answer) }
                line.removeAll(keepingCapacity: true)
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
            if case .fail? = answers.last { isDone = true }
        }
        if !isDone, !line.isEmpty, let answer = answer(to: line.map(ByteSearch.folded), said: line) {
            // What is asked next is asked anew, even on the same line.
            line.removeAll(keepingCapacity: true)
            answers.append(answer)
            if case .fail = answer { isDone = true }
        }
        return answers
    }

    /// The far side speaks: what comes now is not the tool's.
    package mutating func stop() {
        isDone = true
    }

    // MARK: Questions

    private mutating func answer(to line: [UInt8], said original: [UInt8]) -> Answer? {
        if ByteSearch.begins(line, withOneOf: ignoredStarts) { return nil }
        let end = line.lastIndex { $0 != 0x20 && $0 != 0x0D } ?? -1
        let text = line[...end]
        if table.hostKeyPrompts.contains(where: { matches($0, line, text) }) {
            if table.hostKeyAnswer == .accept { return .acceptHostKey }
            return .fail(
                .hostKeyError,
                message: "\(table.tool) asks whether the host's key is the right one",
                hint:
                    "`StrictHostKeyChecking` in other options overrides `checkHostKeys`, or it is `accept` that is wanted"
            )
        }
        // First, as a key's name may have the word `password` in it, and may be unfinished.
        for prompt in table.passphrasePrompts {
            guard let key = key(in: original[...end], behind: prompt) else { continue }
            return matches(prompt, line, text) ? passphrase(for: Transcript.printable(key)) : nil
        }
        guard table.passwordPrompts.contains(where: { matches($0, line, text) }) else { return nil }
        if typedPassword { return incorrectPassword }
        guard hasPassword else { return passwordRequired }
        typedPassword = true
        return .typePassword
    }

    private func matches(_ prompt: PromptTable.Prompt, _ line: [UInt8], _ text: ArraySlice<UInt8>) -> Bool {
        switch prompt {
        case .ending(let ending):
            var ending = ByteSearch.folded(ending)
            while ending.last == 0x20 { ending.removeLast() }
            return text.suffix(ending.count).elementsEqual(ending)
        case .containing(let part):
            return text.last == UInt8(ascii: ":") && ByteSearch.index(of: ByteSearch.folded(part), in: text) != nil
        case .leading(let start):
            guard let place = ByteSearch.index(of: ByteSearch.folded(start), in: line[...]) else { return false }
            let rest = line[(place + start.utf8.count)...]
            return 1...50 ~= rest.count && !rest.contains(UInt8(ascii: "*"))
        case .naming(let part):
            return text.suffix(2).elementsEqual("':".utf8)
                && ByteSearch.index(of: ByteSearch.folded(part), in: text) != nil
        }
    }

    /// The key that a question for a passphrase names, without its end; nil if it is no such question.
    private func key(in line: ArraySlice<UInt8>, behind prompt: PromptTable.Prompt) -> ArraySlice<UInt8>? {
        guard case .naming(let part) = prompt,
            let place = ByteSearch.index(of: ByteSearch.folded(part), in: line.map(ByteSearch.folded)[...])
        else { return nil }
        return line[(place + part.utf8.count)...].dropLast(2)
    }

    private mutating func passphrase(for key: String) -> Answer {
        guard hasPassphrase else {
            return .fail(
                .passwordRequired,
                message: "the key \(key) is encrypted, and no passphrase was given",
                hint: "give its passphrase (`passphrase`, --ask-passphrase), or load it into an agent with `ssh-add`"
            )
        }
        guard !typedPassphrase else {
            return .fail(
                .passwordError,
                message: "the passphrase of the key \(key) is incorrect",
                hint: "check it with `ssh-keygen -y -f KEY` (`passphrase`, --ask-passphrase); it was typed once"
            )
        }
        typedPassphrase = true
        return .typePassphrase
    }

    // MARK: Complete lines

    private mutating func judge(_ line: [UInt8], said original: [UInt8]) -> Answer? {
        let rule = table.rules.first { rule in
            if rule.needsPassword && !typedPassword { return false }
            let text = ByteSearch.folded(rule.text)
            guard rule.isAtStart else { return ByteSearch.index(of: text, in: line[...]) != nil }
            let start = line.drop { $0 == 0x0D || $0 == 0x20 }
            if start.starts(with: text) { return true }
            // ssh says `user@host: Permission denied`.
            guard rule.meaning == .loginDenied, let colon = ByteSearch.index(of: Array(": ".utf8), in: start),
                start[..<colon].contains(UInt8(ascii: "@"))
            else { return false }
            return start[(colon + 2)...].starts(with: text)
        }
        switch rule?.meaning {
        case nil, .nothing: return nil
        case .hostKeyChanged:
            sawChangedKey = true
            return nil
        case .incorrectPassword: return incorrectPassword
        case .passwordRequired: return hasPassword ? cannotType : passwordRequired
        case .loginDenied:
            if typedPassword { return incorrectPassword }
            if !hasPassword, ByteSearch.index(of: Array("password".utf8), in: line[...]) != nil {
                return .fail(
                    .passwordRequired,
                    message: "\(table.tool) password was requested, but none specified",
                    hint: "offer a key that the host accepts (`ssh-copy-id HOST`), or give a password "
                        + "(`password`, --ask-password); an encrypted key needs its `passphrase` (--ask-passphrase)"
                )
            }
            return .fail(
                .authenticationFailed,
                message: "\(table.tool) authentication is incorrect",
                hint: "check the user, and the key that is offered: `ssh-add -l`, `identityFile` (--identity), and "
                    + "~/.ssh/authorized_keys on the host; an encrypted key needs its `passphrase` (--ask-passphrase)"
            )
        case .hostKeyRefused: return hostKeyRefused
        case .notPermitted:
            return .fail(
                .notPermitted,
                message: "\(table.tool) does not permit it: \(Transcript.printable(original))",
                hint: "the account needs a rule that lets it run `sh`: \(table.policy)"
            )
        case .terminalRequired:
            return .fail(
                .terminalRequired,
                message: "\(table.tool) wants a terminal: \(Transcript.printable(original))",
                hint: "set `Defaults:USER !requiretty` in /etc/sudoers, or ask for a terminal with `requestsTerminal` "
                    + "(--sudo-terminal)"
            )
        }
    }

    private var hostKeyRefused: Answer {
        sawChangedKey
            ? .fail(
                .hostKeyChanged,
                message: "the host's key has changed, \(table.tool) refuses to connect",
                hint: "somebody may be in between; if the host was set up anew, remove its old key with "
                    + "`ssh-keygen -R HOST`"
            )
            : .fail(
                .hostKeyError,
                message: "\(table.tool) reported an unrecognized or mismatching host key",
                hint: "log in once with `ssh HOST`, add its key to ~/.ssh/known_hosts (`ssh-keyscan HOST`), or connect "
                    + "with `checkHostKeys = .accept` (--accept-new-host-keys)"
            )
    }

    private var passwordOption: String {
        table.tool == "SSH" ? "`password`, --ask-password" : "`password`, --ask-become-password"
    }

    private var incorrectPassword: Answer {
        .fail(
            .passwordError,
            message: "\(table.tool) password is incorrect",
            hint: "check the password (\(passwordOption)); it was typed once"
        )
    }

    private var passwordRequired: Answer {
        .fail(
            .passwordRequired,
            message: "\(table.tool) password is required",
            hint: "give a password (\(passwordOption))"
        )
    }

    private var cannotType: Answer {
        .fail(
            .passwordRequired,
            message: "\(table.tool) password is required, but there is no terminal to type it on",
            hint: "the target has no pseudo-terminals left: see `sysctl kernel.pty.max`"
        )
    }
}
