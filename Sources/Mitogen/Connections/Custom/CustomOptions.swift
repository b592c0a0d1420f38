//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ConnectionMethod {
    /// A connection method of the program's own: any tool that runs a command somewhere else, with its input and
    /// output.
    ///
    /// ```swift
    /// let nerdctl = ConnectionMethod.CustomOptions("nerdctl", arguments: ["nerdctl", "exec", "--interactive", "app",
    /// .command]) let app = try await router.connect(.custom(nerdctl))
    /// ```
    ///
    /// The tool must pass on standard input and output as they are, and end when its input does or the command ends.
    public struct CustomOptions: ContextOptions {
        /// A part of a command line.
        public enum Argument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
            /// One word.
            case word(String)
            /// The words of the command that is to run: `sh`, `-c` and a script of one line.
            case command
            /// The same as one word, for tools that hand it to a shell of any kind: a line without single quotes around
            /// it, backslashes and exclamation marks.
            case shellCommand

            public init(stringLiteral value: String) {
                self = .word(value)
            }
        }

        /// How the program gets to where the tool leads.
        public enum Delivery: Sendable, Hashable {
            /// A shell there takes it from its standard input. It is compressed on its way if that is worth it, which
            /// it is not on the same machine.
            case shell(isCompressed: Bool = false)
            /// Another command copies it into a file there, and then the tool runs that. No shell is needed, and
            /// neither command gets a terminal. The program removes its file when it starts, see
            /// ``ConnectionMethod/CustomOptions/removal``. It needs `/proc`, or the variable
            /// `SWIFT_ROOT=/`.
            ///
            /// Either words of the command contain ``ConnectionMethod/CustomOptions/localFile``, the program's file on
            /// this side, and
            /// ``ConnectionMethod/CustomOptions/targetFile``, or the command gets a tar archive with the file on its standard input, to be
            /// unpacked in the root folder.
            case copy([String])
        }

        /// Stands in ``Delivery/copy(_:)`` for the path of the program on the machine where the tool is started. It is
        /// a link in `/proc` if the file has been removed there, and perhaps only its owner may execute it.
        public static let localFile = ProgramCopyCommands.localFile
        /// Stands in ``Delivery/copy(_:)`` for the path of the program there: a file in the root folder with a name
        /// that nobody can guess.
        public static let targetFile = "/" + ProgramCopyCommands.namePrefix + CommandTemplate.random

        public var common = CommonOptions()
        /// The method's name: contexts are called after it, and messages.
        public var method: String
        /// What follows the method's name in the names of contexts, such as the container's name; nothing by default.
        public var target: String?
        /// The tool and its arguments, with exactly one ``Argument/command`` or ``Argument/shellCommand`` in them.
        public var arguments: [Argument]
        /// Which of the tool's descriptors are a terminal; none by default.
        public var terminal = ConnectionMethod.CustomOptions.TerminalUse.none
        /// How the program gets there; through a shell and not compressed by default.
        public var delivery = Delivery.shell()
        /// With ``Delivery/copy(_:)``, where the program's user may not remove its file: the tool and its arguments
        /// once more, as they are for one who may. Nothing by default.
        public var removal: [Argument] = []
        /// The password, typed when ``passwordPrompt`` is seen.
        public var password: Secret?
        /// The text that asks for a password, in any case of ASCII letters, at the end of what was said; none by
        /// default.
        public var passwordPrompt: String?
        /// Texts that say that the password is wrong, in any case of ASCII letters; none by default.
        public var incorrectPrompts: [String] = []

        public init(_ method: String, arguments: [Argument]) {
            self.method = method
            self.arguments = arguments
        }

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try ContainerName.check(method, "the name of a method")
            try validatePrompts(
                (passwordPrompt.map { [$0] } ?? []) + incorrectPrompts,
                "passwordPrompt or incorrectPrompts"
            )
            try validateQuestions()
            var tool = ConnectionTool(try template(arguments))
            tool.terminal = terminal
            tool.password = password
            tool.questions = passwordPrompt.map { .init(passwordPrompt: $0, incorrectPrompts: incorrectPrompts) }
            switch delivery {
            case .shell(let isCompressed): tool.compressesImage = isCompressed
            case .copy(let words): tool.copy = try copyCommands(words, tool.command)
            }
            return try ConnectionRequest(common, target.map { "\(method).\($0)" } ?? method, .tool(tool))
        }

        private func validateQuestions() throws(MitogenError) {
            if passwordPrompt == nil, password != nil || !incorrectPrompts.isEmpty {
                throw MitogenError(.misuse, "\(method) has a password, or incorrectPrompts, but no passwordPrompt")
            }
            if passwordPrompt != nil, terminal == .none {
                throw MitogenError(.misuse, "\(method) has a passwordPrompt but no terminal to ask on: set `terminal`")
            }
            if case .copy = delivery, terminal != .none {
                throw MitogenError(
                    .misuse,
                    "\(method) has a terminal, which a command that copies the program cannot use"
                )
            }
        }

        private func template(_ arguments: [Argument]) throws(MitogenError) -> CommandTemplate {
            let places = arguments.indices.filter { arguments[$0] == .command || arguments[$0] == .shellCommand }
            guard places.count == 1, let place = places.first else {
                throw MitogenError(
                    .misuse,
                    "\(method) needs the command once in its arguments, not \(places.count) times"
                )
            }
            let before = try words(arguments[..<place])
            guard let program = before.first, !program.isEmpty else {
                throw MitogenError(.misuse, "\(method) names no tool in front of the command")
            }
            let form = arguments[place] == .command ? CommandTemplate.Form.words : .text
            return CommandTemplate(before, form, try words(arguments[(place + 1)...]))
        }

        private func words(_ arguments: ArraySlice<Argument>) throws(MitogenError) -> [String] {
            var words: [String] = []
            for case .word(let word) in arguments {
                guard !word.utf8.contains(0) else {
                    throw MitogenError(.misuse, "a word of \(method) has a zero byte in it")
                }
                words.append(word)
            }
            return words
        }

        private func copyCommands(_ words: [String], _ command: CommandTemplate) throws(MitogenError)
            -> ProgramCopyCommands
        {
            guard let program = words.first, !program.isEmpty else {
                throw MitogenError(.misuse, "\(method) names no command that copies the program")
            }
            guard command.form == .words else {
                throw MitogenError(
                    .misuse,
                    "\(method) runs a shell, so the program need not be copied: use Delivery.shell"
                )
            }
            let removal = self.removal.isEmpty ? command : try template(self.removal)
            let commands = ProgramCopyCommands(
                copy: CommandTemplate(words, .nothing),
                run: CommandTemplate(command.before, .nothing, command.after),
                removal: CommandTemplate(removal.before, .nothing, removal.after),
                path: Self.targetFile,
                isOnlyWay: true,
                programRemovesFile: self.removal.isEmpty
            )
            // The name of the file there has the connection's random word in it.
            let names = words.contains { CommandTemplate.fill($0, "a") != CommandTemplate.fill($0, "b") }
            if commands.readsLocalFile, !names {
                throw MitogenError(
                    .misuse,
                    "\(method) copies the file, but not to ConnectionMethod.CustomOptions.targetFile"
                )
            }
            return commands
        }
    }
}
