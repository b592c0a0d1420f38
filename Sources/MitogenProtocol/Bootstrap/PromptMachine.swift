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
        case fail(MitogenError.Code, message: String, hint: Hint?)
    }

    private static let longestLine = 4096

    let table: PromptTable
    private let hasPassword: Bool
    private let hasPassphrase: Bool
    private let ignoredStarts: [[UInt8]]
    private var line: [UInt8] = []
    private var typedPassword = false
    private var typedPassphrase = false
    private var sawChangedKey = false
    /// What the lines before any question mean, should the tool end: a text that a system shows to everybody, such as
    /// sudo's lecture, may have any words in it.
    private var verdict: Answer?
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
    ///
    /// - Parameter hidesInput: Whether the terminal does not show what is typed. Tools see to that before they ask for a
    ///   password, so what looks like such a question otherwise is answered only if nothing follows it, in
    ///   ``fellSilent(_:isLong:)``.
    package mutating func receive(_ bytes: some Collection<UInt8>, hidesInput: Bool = true) -> [Answer] {
        var answers: [Answer] = []
        for byte in bytes where !isDone {
            if byte == 10 {
                if let answer = judgeLine() { answers.append(answer) }
                line.removeAll(keepingCapacity: true)
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
            if case .fail? = answers.last { isDone = true }
        }
        if !isDone, !line.isEmpty { answers += answerToLine(hidesInput: hidesInput) }
        return answers
    }

    /// Whether there is an unfinished line, which may be a question.
    package var hasUnfinishedLine: Bool {
        !isDone && !ByteSearch.begins(line, withOneOf: ignoredStarts) && !unfinishedText.isEmpty
    }

    /// Nothing came for a while: 0.1 s, or some seconds if `isLong`.
    package mutating func fellSilent(_ seen: TerminalSight, isLong: Bool) -> [Answer] {
        guard hasUnfinishedLine else { return [] }
        let answers = answerToLine(hidesInput: true)
        guard answers.isEmpty, isLong, isQuestion(seen) else { return answers }
        isDone = true
        return [unknownQuestion]
    }

    /// The tool has ended: what it means; nil if it is nothing that is known.
    package mutating func toolDidEnd() -> Answer? {
        guard !isDone else { return nil }
        let answer = judgeLine() ?? verdict
        isDone = true
        return answer
    }

    /// The far side speaks: what comes now is not the tool's.
    package mutating func stop() {
        isDone = true
    }

    // MARK: Questions

    private mutating func answerToLine(hidesInput: Bool) -> [Answer] {
        guard let answer = answer(to: line.map(ByteSearch.folded), said: line, hidesInput) else { return [] }
        // What is asked next is asked anew, even on the same line.
        line.removeAll(keepingCapacity: true)
        if case .fail = answer { isDone = true }
        return [answer]
    }

    private mutating func answer(to line: [UInt8], said original: [UInt8], _ hidesInput: Bool) -> Answer? {
        if ByteSearch.begins(line, withOneOf: ignoredStarts) { return nil }
        let end = line.lastIndex { $0 != 0x20 && $0 != 0x0D } ?? -1
        let text = line[...end]
        if table.hostKeyPrompts.contains(where: { matches($0, line, text) }) {
            if table.hostKeyAnswer == .accept { return .acceptHostKey }
            return .fail(
                .hostKeyError,
                message: "\(table.tool) asks whether the host's key is the right one",
                hint: hostKeyHint
            )
        }
        // First, as a key's name may have the word `password` in it, and may be unfinished.
        for prompt in table.passphrasePrompts {
            guard let key = key(in: original[...end], behind: prompt) else { continue }
            return matches(prompt, line, text) ? passphrase(for: Transcript.printable(key)) : nil
        }
        guard hidesInput, table.passwordPrompts.contains(where: { matches($0, line, text) }) else { return nil }
        if typedPassword { return incorrectPassword }
        guard hasPassword else { return passwordRequired }
        typedPassword = true
        verdict = nil
        return .typePassword
    }

    /// The unfinished line without what tools show for the letters of a password, and without spaces.
    private var unfinishedText: String {
        let shown = typedPassword || typedPassphrase ? PasswordEcho.removed(from: line[...]) : line
        var scalars = Transcript.printable(shown).unicodeScalars[...]
        while let last = scalars.last, Self.spaces.contains(last) { scalars.removeLast() }
        return String(scalars)
    }

    /// French puts a space without a break before the colon, Japanese and Chinese have wide ones of both.
    private static let spaces: [Unicode.Scalar] = [" ", "\u{A0}", "\u{202F}", "\u{3000}"]
    private static let questionEnds: [Unicode.Scalar] = [":", "\u{FF1A}", "?", "\u{FF1F}", ">"]

    /// Whether somebody waits for an answer to the unfinished line.
    ///
    /// Login scripts and PAM modules that take their time may leave a line unfinished, too. A tool that asks for a
    /// password hides what is typed, and still takes it in lines; sudo, which passes on the output of a command that
    /// runs on a terminal of its own, takes single characters. A question whose answer is shown looks like one, and is
    /// about a password, or the tool has not started anything yet.
    private func isQuestion(_ seen: TerminalSight) -> Bool {
        if seen.hidesInput, seen.takesLines || !seen.toolHasChildren { return true }
        let text = unfinishedText
        guard table.asksOpenly, let last = text.unicodeScalars.last, Self.questionEnds.contains(last) else {
            return false
        }
        return !seen.toolHasChildren || PromptTable.passwordWords.contains { ByteSearch.contains(text, $0) }
    }

    private var unknownQuestion: Answer {
        .fail(
            .unknownPrompt,
            message: "\(table.tool) asks something that is not understood: \(unfinishedText)",
            hint: "if it asks for the password, set these words as \(table.promptSetting)"
                + (hasPassword ? "" : " and give the password (\(passwordOption))")
                + "; other questions cannot be answered"
        )
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
                hint: "give its passphrase (\(.passphrase)), or load it into an agent with `ssh-add`"
            )
        }
        guard !typedPassphrase else {
            return .fail(
                .passwordError,
                message: "the passphrase of the key \(key) is incorrect",
                hint: "check it with `ssh-keygen -y -f KEY` (\(.passphrase)); it was typed once"
            )
        }
        typedPassphrase = true
        return .typePassphrase
    }

    // MARK: Complete lines

    /// What the complete line means now; what it means for the tool's end is kept.
    private mutating func judgeLine() -> Answer? {
        guard let answer = meaning(of: line.map(ByteSearch.folded), said: line) else { return nil }
        if typedPassword { return answer }
        verdict = answer
        return nil
    }

    private mutating func meaning(of line: [UInt8], said original: [UInt8]) -> Answer? {
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
                        + "(\(.password)); an encrypted key needs its passphrase (\(.passphrase))"
                )
            }
            return .fail(
                .authenticationFailed,
                message: "\(table.tool) authentication is incorrect",
                hint: "check the user, and the key that is offered: `ssh-add -l`, \(.identityFile), and "
                    + "~/.ssh/authorized_keys on the host; an encrypted key needs its passphrase (\(.passphrase))"
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
                hint: "set `Defaults:USER !requiretty` in /etc/sudoers, or ask for a terminal with \(.requestsTerminal)"
            )
        }
    }

    private var hostKeyRefused: Answer {
        sawChangedKey
            ? .fail(
                .hostKeyChanged,
                message: "the host's key has changed, \(table.tool) refuses to connect",
                hint: "somebody may be in between; if the host was set up anew, remove its old key with "
                    + "`ssh-keygen -R HOST`\(insistence)"
            )
            : .fail(
                .hostKeyError,
                message: "\(table.tool) reported an unrecognized or mismatching host key",
                hint: hostKeyHint
            )
    }

    /// Whose wish it is, where it is not the user's own configuration.
    private var insistence: Hint {
        guard table.insistsOnHostKeys else { return "" }
        return "; mitogen insists on a known key because of \(.enforcedHostKeys): with \(.configuredHostKeys) the ssh "
            + "configuration's `StrictHostKeyChecking` counts"
    }

    private var hostKeyHint: Hint {
        "log in once with `ssh HOST`, add its key to ~/.ssh/known_hosts (`ssh-keyscan HOST`), or accept new keys with "
            + "\(.acceptedHostKeys)\(insistence)"
    }

    private var passwordOption: Hint.Name {
        table.tool == "SSH" ? .password : .becomePassword
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
