//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One kind of hop that a target may be made of, such as `local`.
///
/// The grammar of targets knows no kind by itself: a new connection method is one more entry in ``known``.
package struct HopKind: Sendable {
    /// Whether something may or must follow the colon after the name of a hop.
    package enum Argument: Hashable, Sendable {
        /// `name` only.
        case none
        /// `name` or `name:ARGUMENT`; the value is the word that stands for the argument in a help text.
        case optional(String)
        /// `name:ARGUMENT` only; the value is the word that stands for the argument in a help text.
        case required(String)
    }

    /// The word before the colon.
    package let name: String

    /// Whether an argument is taken.
    package let argument: Argument

    /// One line for `--help`, without a full stop.
    package let help: String

    /// Looks at an argument and says what is wrong with it, or `nil` if nothing is.
    ///
    /// The text completes the sentence "NAME …", for example "may not contain '/'". Control characters are refused
    /// before it is asked.
    package let problem: @Sendable (String) -> String?

    /// Creates a kind of hop.
    package init(
        name: String,
        argument: Argument,
        help: String,
        problem: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.name = name
        self.argument = argument
        self.help = help
        self.problem = problem
    }

    /// How the hop is written: `local[:NAME]`.
    package var usage: String {
        switch self.argument {
        case .none: self.name
        case .optional(let placeholder): "\(self.name)[:\(placeholder)]"
        case .required(let placeholder): "\(self.name):\(placeholder)"
        }
    }

    /// The word that stands for the argument in a help text.
    package var placeholder: String {
        switch self.argument {
        case .none: "argument"
        case .optional(let placeholder), .required(let placeholder): placeholder
        }
    }
}

extension HopKind {
    /// A child process on the machine that the hop before it leads to.
    package static let local = HopKind(
        name: "local",
        argument: .optional("NAME"),
        help: "a child process on the same machine, shown there as NAME"
    ) { name in
        // The name becomes part of a process title and of context names, where a slash would look like a path. A comma
        // separates targets.
        for character in ["/", "\\", ","] where name.contains(character) {
            return "may not contain '\(character)'"
        }
        return nil
    }

    /// A copy of a process that runs on the machine already.
    package static let fork = HopKind(
        name: "fork",
        argument: .none,
        help: "a process that is forked on the same machine, in about a millisecond"
    )

    /// Another machine, by OpenSSH.
    package static let ssh = HopKind(
        name: "ssh",
        argument: .required("[USER@]HOST[:PORT]"),
        help: "another machine; an IPv6 address stands in brackets"
    ) { SSHDestination.problem($0) }

    /// Another user of the same machine, by sudo.
    package static let sudo = HopKind(
        name: "sudo",
        argument: .optional("USER"),
        help: "another user of the same machine, root by default"
    )

    /// Another user of the same machine, by su.
    package static let su = HopKind(
        name: "su",
        argument: .optional("USER"),
        help: "another user of the same machine by su, root by default"
    )

    /// Another user of the same machine, by doas.
    package static let doas = HopKind(
        name: "doas",
        argument: .optional("USER"),
        help: "another user of the same machine by doas, root by default"
    )

    /// Every kind of hop that `mitogen run` knows, in the order of the help text.
    package static let known: [HopKind] = [.local, .fork, .ssh, .sudo, .su, .doas] + containers + [.python]

    /// Refuses characters that could disturb the terminal on which a label is shown; holds for every kind of hop.
    static func controlCharacterProblem(_ argument: String) -> String? {
        let isHarmful = argument.unicodeScalars.contains { scalar in
            // A label stays on one line, so newlines, tabs and Unicode's own separators are refused as well.
            scalar.value < 0x20 || (0x2028...0x2029).contains(scalar.value)
                || TerminalSanitizer.isHarmful(scalar.value)
        }
        return isHarmful ? "may not contain control characters" : nil
    }

    /// The longest usage that has its help on the same line.
    private static let maximumUsage = 24

    /// The lines of a help text about hops, of at most 80 columns.
    package static func helpText(for kinds: [HopKind] = HopKind.known) -> String {
        let width = kinds.map(\.usage.count).filter { $0 <= self.maximumUsage }.max() ?? 0
        let indent = String(repeating: " ", count: width + 4)
        return kinds.flatMap { kind in
            var lines: [String] = ["  \(kind.usage)"]
            if kind.usage.count > self.maximumUsage { lines.append("") }
            var isFirst = true
            for word in kind.help.split(separator: " ") {
                let last = lines[lines.count - 1]
                if isFirst {
                    lines[lines.count - 1] = last + indent.dropFirst(last.count) + word
                } else if last.count + 1 + word.count <= 80 {
                    lines[lines.count - 1] = "\(last) \(word)"
                } else {
                    lines.append(indent + word)
                }
                isFirst = false
            }
            return lines
        }.joined(separator: "\n")
    }
}
