//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension HopDefinition {
    /// Looks for what cannot work.
    ///
    /// - Throws: ``ArgumentError`` with the file's name, the line, and what to write.
    func check(in section: HopSection) throws(ArgumentError) {
        try self.checkCommand(in: section)
        try self.checkArgument(in: section)
        try self.checkUser(of: self.command, .command, in: section)
        try self.checkUser(of: self.copy, .copy, in: section)
        try self.checkQuestions(in: section)
        try self.checkCopy(in: section)
    }

    private func checkCommand(in section: HopSection) throws(ArgumentError) {
        func fail(_ text: String) -> ArgumentError { section.error(at: .command, text) }
        guard let tool = self.command.first?.plain, !tool.isEmpty else {
            throw fail("command begins with the tool, which has no placeholder in it")
        }
        for placeholder in [HopWord.Placeholder.file, .target] where self.command.uses(placeholder) {
            throw fail("\(placeholder.text) has its place in copy only")
        }
        for placeholder in [HopWord.Placeholder.command, .shell] {
            if self.command.contains(where: { $0.contains(placeholder) && !$0.isOnly(placeholder) }) {
                throw fail("\(placeholder.text) must be a word by itself, with spaces around it")
            }
        }
        switch self.command.count(where: { $0.isOnly(.command) || $0.isOnly(.shell) }) {
        case 0:
            throw fail(
                "command has neither {command} nor {shell}: write {command} where the words of the command that is to "
                    + "run belong, or {shell} where the tool wants one text for a shell"
            )
        case 1: break
        default: throw fail("command has more than one {command} or {shell}: write one of them, once")
        }
    }

    private func checkArgument(in section: HopSection) throws(ArgumentError) {
        func fail(_ text: String) -> ArgumentError { section.error(at: .command, text) }
        let (hasName, hasUser) = (self.command.uses(.name), self.command.uses(.user))
        if self.argument == .none {
            guard !hasName, !hasUser, !self.copy.uses(.name), !self.copy.uses(.user) else {
                throw section.error(at: .argument, "with 'argument = none' there can be neither {name} nor {user}")
            }
            return
        }
        if !hasName {
            throw fail("command has no {name}: write it where the name belongs, or 'argument = none'")
        }
        if self.argument == .name {
            guard !hasUser, !self.copy.uses(.user) else {
                throw section.error(at: .argument, "with 'argument = NAME' there can be no {user}")
            }
        } else if !hasUser {
            throw fail("command has no {user}: write it, as in '--user={user}', or 'argument = NAME'")
        }
    }

    /// A word with the user in it is left out if the target names none.
    private func checkUser(
        of words: [HopWord],
        _ key: HopSection.Key,
        in section: HopSection
    ) throws(ArgumentError) {
        guard self.argument == .nameWithUserIfAny else { return }
        for (index, word) in words.enumerated() where word.contains(.user) {
            if let other = HopWord.Placeholder.allCases.first(where: { $0 != .user && word.contains($0) }) {
                throw section.error(
                    at: key,
                    "\(other.text) is left out together with {user} when the target names no user: make two words of "
                        + "it, or write 'argument = USER@NAME'"
                )
            }
            guard index > 0, word.parts.first == .placeholder(.user), let option = words[index - 1].plain else {
                continue
            }
            if option.hasPrefix("-"), option != "--", !option.contains("=") {
                let shown = TerminalSanitizer.visible(option)
                throw section.error(
                    at: key,
                    "{user} is left out when the target names no user, and '\(shown)' is not: make one word of both, "
                        + "as in '--user={user}' or '-u{user}', or write 'argument = USER@NAME'"
                )
            }
        }
    }

    private func checkQuestions(in section: HopSection) throws(ArgumentError) {
        if self.passwordPrompt == nil, !self.incorrectPasswords.isEmpty {
            throw section.error(
                at: .incorrectPassword,
                "incorrect-password needs 'password-prompt = TEXT', the question that the password answers"
            )
        }
        if self.passwordPrompt != nil, self.terminal == .none {
            throw section.error(
                at: .passwordPrompt,
                "password-prompt needs a terminal for the question: write 'terminal = questions'"
            )
        }
    }

    private func checkCopy(in section: HopSection) throws(ArgumentError) {
        func fail(_ text: String) -> ArgumentError { section.error(at: .copy, text) }
        guard self.image == .copy else {
            if section[.copy] != nil { throw fail("copy needs 'image = copy'") }
            return
        }
        guard section[.copy] != nil else {
            throw section.error(
                at: .image,
                "'image = copy' needs the command that copies: write 'copy = TOOL … {file} … {target}', or one that "
                    + "unpacks its standard input with tar"
            )
        }
        guard let tool = self.copy.first?.plain, !tool.isEmpty else {
            throw fail("copy begins with the tool, which has no placeholder in it")
        }
        for placeholder in [HopWord.Placeholder.command, .shell] where self.copy.uses(placeholder) {
            throw fail("\(placeholder.text) has its place in command only")
        }
        guard self.copy.uses(.file) == self.copy.uses(.target) else {
            throw fail(
                "{file} and {target} belong together; without both, a tar archive is to be unpacked in the root folder"
            )
        }
        if self.command.uses(.shell) {
            throw section.error(at: .command, "'image = copy' needs no shell: write {command} instead of {shell}")
        }
        if self.terminal != .none {
            throw section.error(at: .terminal, "with 'image = copy' the tool can have no terminal: leave it out")
        }
    }
}

extension [HopWord] {
    /// Whether a word has it somewhere.
    func uses(_ placeholder: HopWord.Placeholder) -> Bool { self.contains { $0.contains(placeholder) } }
}
