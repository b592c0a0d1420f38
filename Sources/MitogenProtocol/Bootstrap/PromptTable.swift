//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a tool asks and answers on the way to a shell (Mitogen semantics, sections 7.3 to 7.6). All texts are literal;
/// the case of ASCII letters does not matter. sudo, su and doas are told to speak English (`LC_ALL=C`).
package struct PromptTable: Sendable {
    /// A question that waits for an answer at the end of an unfinished line.
    package enum Prompt: Sendable {
        /// The line ends with this; spaces behind it are of no account.
        case ending(String)
        /// The line has this somewhere, and ends with a colon.
        case containing(String)
        /// The line ends with this text and 1 to 50 bytes behind it that are not `*`, which some tools print for each
        /// letter of a password.
        case leading(String)
        /// The line has this somewhere, followed by a name that ends with a single quote and a colon.
        case naming(String)
    }

    /// What a complete line means.
    package struct Rule: Sendable {
        package enum Meaning: Sendable, Hashable {
            /// The password that was typed is wrong.
            case incorrectPassword
            /// There is no way to type a password, or none was given.
            case passwordRequired
            /// The login failed, for a reason that the line does not tell for sure.
            case loginDenied
            /// The host's key is not the known one, or not known.
            case hostKeyRefused
            /// The host's key has changed; what is to be done about it is said in another line.
            case hostKeyChanged
            /// The account may not do this.
            case notPermitted
            /// The account may do this only on a terminal, and there is none.
            case terminalRequired
            /// The line means nothing, whatever is in it.
            case nothing
        }

        package let text: String
        package let meaning: Meaning
        /// Whether the line begins with the text, and not only has it somewhere.
        package let isAtStart: Bool
        /// Whether it counts only after a password was typed.
        package let needsPassword: Bool

        package init(_ text: String, _ meaning: Meaning, isAtStart: Bool = false, needsPassword: Bool = false) {
            self.text = text
            self.meaning = meaning
            self.isAtStart = isAtStart
            self.needsPassword = needsPassword
        }
    }

    /// What to do about a host whose key is not known.
    package enum HostKeyAnswer: Sendable, Hashable {
        case accept
        case refuse
    }

    /// The tool's name in messages.
    package var tool: String
    /// The file that says what the tool permits.
    package var policy: String
    /// What sets another question for the password, for people.
    package var promptSetting: Hint.Name
    /// Whether only a question can be all that a tool without children has written on an unfinished line, even if what
    /// is typed is shown: not so if what comes from the far side is on the same terminal.
    package var asksOpenly: Bool
    package var passwordPrompts: [Prompt]
    /// Questions for the passphrase of a key, which they name.
    package var passphrasePrompts: [Prompt]
    package var rules: [Rule]
    package var hostKeyPrompts: [Prompt]
    package var hostKeyAnswer: HostKeyAnswer
    /// Whether only known keys are accepted whatever the tool's own configuration says.
    package var insistsOnHostKeys: Bool

    package init(
        tool: String,
        policy: String = "",
        promptSetting: Hint.Name = .passwordPrompt,
        asksOpenly: Bool = false,
        passwordPrompts: [Prompt] = [],
        passphrasePrompts: [Prompt] = [],
        rules: [Rule] = [],
        hostKeyPrompts: [Prompt] = [],
        hostKeyAnswer: HostKeyAnswer = .refuse,
        insistsOnHostKeys: Bool = false
    ) {
        self.tool = tool
        self.policy = policy
        self.promptSetting = promptSetting
        self.asksOpenly = asksOpenly
        self.passwordPrompts = passwordPrompts
        self.passphrasePrompts = passphrasePrompts
        self.rules = rules
        self.hostKeyPrompts = hostKeyPrompts
        self.hostKeyAnswer = hostKeyAnswer
        self.insistsOnHostKeys = insistsOnHostKeys
    }

    /// What lines begin with that mean nothing, whatever is in them: a tool's account of what it does.
    var ignoredStarts: [[UInt8]] {
        rules.filter { $0.meaning == .nothing && $0.isAtStart }.map { ByteSearch.folded($0.text) }
    }
}

extension PromptTable {
    /// For OpenSSH's client.
    ///
    /// - Parameters:
    ///   - insistsOnHostKeys: Whether ssh is told to accept only known keys.
    ///   - passwordPrompt: Another text that ends a question for the password: servers can ask in any words.
    package static func ssh(
        hostKeyAnswer: HostKeyAnswer = .refuse,
        insistsOnHostKeys: Bool = false,
        passwordPrompt: String? = nil
    ) -> PromptTable {
        PromptTable(
            tool: "SSH",
            passwordPrompts: [.containing("password")] + (passwordPrompt.map { [.ending($0)] } ?? []),
            passphrasePrompts: [.naming("enter passphrase for key '")],
            rules: [
                Rule("debug1:", .nothing, isAtStart: true),
                Rule("debug2:", .nothing, isAtStart: true),
                Rule("debug3:", .nothing, isAtStart: true),
                Rule("remote host identification has changed", .hostKeyChanged),
                Rule("host key verification failed.", .hostKeyRefused),
                Rule("permission denied", .loginDenied, isAtStart: true),
            ],
            hostKeyPrompts: [
                .ending("are you sure you want to continue connecting (yes/no)?"),
                .ending("are you sure you want to continue connecting (yes/no/[fingerprint])?"),
            ],
            hostKeyAnswer: hostKeyAnswer,
            insistsOnHostKeys: insistsOnHostKeys
        )
    }

    /// What sudo is told to ask with.
    package static let sudoPrompt = "mitogen-sudo-prompt:"

    /// For sudo and sudo-rs, which puts its own words around the prompt.
    ///
    /// PAM modules other than `pam_unix` may ask in words of their own, whatever sudo is told.
    package static let sudo = PromptTable(
        tool: "sudo",
        policy:
            "`ALL=(ALL) NOPASSWD: ALL` or the like for it in /etc/sudoers (`visudo`; `sudo -l -U USER` lists rules)",
        promptSetting: .sudoPrompt,
        asksOpenly: true,
        passwordPrompts: [.ending(sudoPrompt), .leading("[sudo: \(sudoPrompt)] ")],
        rules: [
            Rule("sorry, try again.", .incorrectPassword, isAtStart: true, needsPassword: true),
            Rule("incorrect password attempt", .incorrectPassword, needsPassword: true),
            Rule("sudo: a password is required", .passwordRequired),
            Rule("sudo: a terminal is required", .passwordRequired),
            Rule("sudo: no tty present and no askpass program specified", .passwordRequired),
            Rule("authentication failed, try again", .incorrectPassword, needsPassword: true),
            Rule("incorrect authentication attempt", .incorrectPassword, needsPassword: true),
            Rule("interactive authentication is required", .passwordRequired),
            Rule("a terminal is required to authenticate", .passwordRequired),
            Rule("i'm afraid i can't do that", .notPermitted),
            Rule("sorry, user ", .notPermitted),
            Rule("is not in the sudoers file", .notPermitted),
            Rule("is not allowed to run sudo", .notPermitted),
            Rule("is not allowed to execute", .notPermitted),
            Rule("you must have a tty to run sudo", .terminalRequired),
        ]
    )

    /// What questions for a password have in them, in the languages of PAM's and sudo's messages that are used most.
    static let passwordWords = [
        "password", "mot de passe", "passwort", "kennwort", "contrase", "senha", "wachtwoord", "has\u{142}o", "heslo",
        "parola", "\u{43F}\u{430}\u{440}\u{43E}\u{43B}", "\u{53E3}\u{4EE4}", "\u{5BC6}\u{7801}", "\u{5BC6}\u{78BC}",
        "\u{30D1}\u{30B9}\u{30EF}\u{30FC}\u{30C9}", "\u{C554}\u{D638}",
    ]

    /// For su.
    ///
    /// - Parameters:
    ///   - passwordPrompt: Another text that ends the question for the password.
    ///   - incorrectPrompts: More texts that say that the password is wrong.
    package static func su(passwordPrompt: String = suPrompt, incorrectPrompts: [String] = []) -> PromptTable {
        PromptTable(
            tool: "su",
            policy: "a line for it in /etc/pam.d/su",
            promptSetting: .suPrompt,
            asksOpenly: true,
            passwordPrompts: [.ending(suPrompt), .ending(passwordPrompt)],
            rules: (suIncorrectPrompts + incorrectPrompts).map { Rule($0, .incorrectPassword) }
        )
    }

    /// What ends su's question for the password, and that of doas.
    package static let suPrompt = "password:"
    /// What several systems' su says of a wrong password.
    package static let suIncorrectPrompts = [
        "su: sorry", "su: authentication failure", "su: incorrect password", "authentication is denied",
    ]
    package static let doasIncorrectPrompts = ["doas: authentication failed", "doas: authorization failed"]

    /// For doas; the parameters are those of ``su(passwordPrompt:incorrectPrompts:)``.
    package static func doas(passwordPrompt: String = suPrompt, incorrectPrompts: [String] = []) -> PromptTable {
        PromptTable(
            tool: "doas",
            policy: "a `permit` rule for it in /etc/doas.conf",
            promptSetting: .doasPrompt,
            asksOpenly: true,
            passwordPrompts: [.ending(suPrompt), .ending(passwordPrompt)],
            rules: (doasIncorrectPrompts + incorrectPrompts).map {
                Rule($0, .incorrectPassword, needsPassword: true)
            } + [
                Rule("doas: authentication required", .passwordRequired),
                Rule("doas: authentication failed", .passwordRequired),
                Rule("doas: a tty is required", .passwordRequired),
                Rule("doas: operation not permitted", .notPermitted),
            ]
        )
    }
}
