//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What options of sudo ask for, as far as a context can be started with them (Mitogen semantics, section 7.4). Nil
/// is what was not said.
package struct SudoArguments: Sendable, Equatable, Codable {
    package var username: String?
    package var group: String?
    package var preservesEnvironment: Bool?
    package var preservedVariables: [String]?
    package var setsHome: Bool?
    package var isLogin: Bool?
    package var preservesGroups: Bool?
    package var selinuxRole: String?
    package var selinuxType: String?

    package init() {}

    /// Reads a list of options as sudo does: short ones alone or together, with the value behind them or in the next
    /// argument; long ones whole or as far as they are unambiguous, with the value behind `=` or in the next argument.
    /// Of an option that is given twice, the last one counts.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` for what is no option, not one of sudo's, or of no use here.
    package init(parsing arguments: [String]) throws(MitogenError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                guard let word = rest.first else { return }
                throw Self.unexpected(word)
            }
            if argument.hasPrefix("--") {
                try takeLong(argument.dropFirst(2), &rest)
            } else if argument.hasPrefix("-"), argument != "-" {
                try takeShort(argument.dropFirst(), &rest)
            } else {
                throw Self.unexpected(argument)
            }
        }
    }

    /// What is said here, and what `other` says about the rest.
    package func or(_ other: SudoArguments) -> SudoArguments {
        var result = self
        result.username = username ?? other.username
        result.group = group ?? other.group
        result.preservesEnvironment = preservesEnvironment ?? other.preservesEnvironment
        result.preservedVariables = preservedVariables ?? other.preservedVariables
        result.setsHome = setsHome ?? other.setsHome
        result.isLogin = isLogin ?? other.isLogin
        result.preservesGroups = preservesGroups ?? other.preservesGroups
        result.selinuxRole = selinuxRole ?? other.selinuxRole
        result.selinuxType = selinuxType ?? other.selinuxType
        return result
    }

    /// The options as sudo takes them, in the order of the original.
    package var words: [String] {
        var words = ["-u", username ?? "root"]
        if preservesEnvironment == true { words.append("-E") }
        if setsHome == true { words.append("-H") }
        if isLogin == true { words.append("-i") }
        if let selinuxRole { words += ["-r", selinuxRole] }
        if let selinuxType { words += ["-t", selinuxType] }
        if let group { words += ["-g", group] }
        if preservesGroups == true { words.append("-P") }
        if let preservedVariables, !preservedVariables.isEmpty {
            words.append("--preserve-env=\(preservedVariables.joined(separator: ","))")
        }
        return words
    }

    // MARK: Reading

    private mutating func takeLong(_ text: Substring, _ rest: inout ArraySlice<String>) throws(MitogenError) {
        let equals = text.firstIndex(of: "=")
        let name = text[..<(equals ?? text.endIndex)]
        let exact = SudoOption.all.filter { $0.name == name }
        let found = exact.isEmpty ? SudoOption.all.filter { $0.name.hasPrefix(name) } : exact
        guard !name.isEmpty, let option = found.first else { throw Self.unknown("--\(name)") }
        guard found.count == 1 else {
            throw MitogenError(
                .misuse,
                "--\(name) in sudoArguments can mean \(found.map { "--\($0.name)" }.joined(separator: " or "))"
            )
        }
        let shown = "--\(option.name)"
        var value = equals.map { String(text[text.index(after: $0)...]) }
        switch option.value {
        case .required where value == nil: value = rest.popFirst()
        case .none where value != nil: throw MitogenError(.misuse, "\(shown) in sudoArguments takes no value")
        default: break
        }
        try take(option, shown, value)
    }

    private mutating func takeShort(_ letters: Substring, _ rest: inout ArraySlice<String>) throws(MitogenError) {
        var letters = letters
        while let letter = letters.popFirst() {
            guard let option = SudoOption.all.first(where: { $0.letter == letter }) else {
                throw Self.unknown("-\(letter)")
            }
            guard option.value == .required else {
                try take(option, "-\(letter)", nil)
                continue
            }
            return try take(option, "-\(letter)", letters.isEmpty ? rest.popFirst() : String(letters))
        }
    }

    private mutating func take(_ option: SudoOption, _ shown: String, _ value: String?) throws(MitogenError) {
        if case .refused(let hint) = option.effect {
            throw MitogenError(.misuse, "\(shown) in sudoArguments is not supported", hint: "\(.programsOnly)\(hint)")
        }
        if option.value == .required, value?.isEmpty ?? true {
            throw MitogenError(.misuse, "\(shown) in sudoArguments needs a value")
        }
        switch option.effect {
        case .user: username = value
        case .group: group = value
        case .role: selinuxRole = value
        case .type: selinuxType = value
        case .setHome: setsHome = true
        case .login: isLogin = true
        case .preserveGroups: preservesGroups = true
        case .preserveEnvironment:
            guard let value else { return preservesEnvironment = true }
            preservedVariables = (preservedVariables ?? []) + value.split(separator: ",").map(String.init)
        case .ignored, .refused: break
        }
    }

    private static func unknown(_ option: String) -> MitogenError {
        MitogenError(.misuse, "sudo has no option \(option), which is in sudoArguments")
    }

    private static func unexpected(_ word: String) -> MitogenError {
        MitogenError(
            .misuse,
            "sudoArguments can only have options of sudo, not \(word.debugDescription)",
            hint:
                "\(.programsOnly)what sudo runs is the library's own command; variables are set with `run` or `--preserve-env`"
        )
    }
}

/// One of sudo's options.
private struct SudoOption {
    enum Value {
        case none
        case optional
        case required
    }

    enum Effect {
        case user, group, role, type, setHome, login, preserveGroups, preserveEnvironment
        /// It makes no difference here.
        case ignored
        case refused(hint: Hint)
    }

    let letter: Character?
    let name: String
    let value: Value
    let effect: Effect

    init(_ letter: Character?, _ name: String, _ effect: Effect, _ value: Value = .none) {
        self.letter = letter
        self.name = name
        self.value = value
        self.effect = effect
    }

    private static let onlyStarts = Effect.refused(hint: "it does not run a command; call sudo with `run` for that")
    private static let noShell = Effect.refused(hint: "leave it out; `isLogin` (-i) runs the user's login shell")
    private static let typesPassword = Effect.refused(hint: "give the password as `password`")
    private static let otherPlace = Effect.refused(hint: "reach the other place with a context of its own and `via`")

    static let all: [SudoOption] = [
        SudoOption("u", "user", .user, .required),
        SudoOption("g", "group", .group, .required),
        SudoOption("r", "role", .role, .required),
        SudoOption("t", "type", .type, .required),
        SudoOption("E", "preserve-env", .preserveEnvironment, .optional),
        SudoOption("H", "set-home", .setHome),
        SudoOption("i", "login", .login),
        SudoOption("P", "preserve-groups", .preserveGroups),
        SudoOption("n", "non-interactive", .ignored),
        SudoOption("S", "stdin", .ignored),
        SudoOption("A", "askpass", typesPassword),
        SudoOption("p", "prompt", .refused(hint: "the prompt is the library's own, so that it knows it"), .required),
        SudoOption("B", "bell", .refused(hint: "nobody would hear it")),
        SudoOption("b", "background", .refused(hint: "use `detach` in the context to leave it running")),
        SudoOption(
            "C",
            "close-from",
            .refused(hint: "a context closes what it inherits but its own descriptors"),
            .required
        ),
        SudoOption("D", "chdir", .refused(hint: "give `run` the folder of each command"), .required),
        SudoOption("R", "chroot", otherPlace, .required),
        SudoOption("h", "host", otherPlace, .required),
        SudoOption(nil, "help", onlyStarts),
        SudoOption("T", "command-timeout", .refused(hint: "give `run` or `call` a time limit"), .required),
        SudoOption("e", "edit", onlyStarts),
        SudoOption("K", "remove-timestamp", onlyStarts),
        SudoOption("k", "reset-timestamp", onlyStarts),
        SudoOption("N", "no-update", .refused(hint: "leave it out; `timestamp_timeout` in sudoers sets it")),
        SudoOption("l", "list", onlyStarts),
        SudoOption("U", "other-user", onlyStarts, .required),
        SudoOption("V", "version", onlyStarts),
        SudoOption("v", "validate", onlyStarts),
        SudoOption("s", "shell", noShell),
        SudoOption("a", "auth-type", .refused(hint: "it exists on BSD only; set it in login.conf"), .required),
        SudoOption("c", "login-class", .refused(hint: "it exists on BSD only; set it in login.conf"), .required),
    ]
}
