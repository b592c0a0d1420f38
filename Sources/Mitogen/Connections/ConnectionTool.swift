//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What runs a method's tool: its command line, what it asks and says, and what else belongs to a connection through
/// it.
struct ConnectionTool: Sendable, Codable {
    /// Whose words it speaks.
    enum Dialect: String, Sendable, Codable {
        case ssh
        case sudo
        case su
        case doas
        case other

        /// Whether it is run with ``ToolLocale``, so that its words are known. ssh would pass the variables on to the
        /// server (`SendEnv`), and what leads into containers to what runs there.
        var speaksEnglish: Bool { self == .sudo || self == .su || self == .doas }
    }

    /// What it may ask, and with what it says that an answer was wrong.
    struct Questions: Sendable, Codable {
        /// Ends a question for the password; nil for the tool's own.
        var passwordPrompt: String?
        var incorrectPrompts: [String] = []
        /// Whether a host's key that is not known is accepted.
        var acceptsHostKeys = false
        /// Whether only known keys are accepted whatever the tool's configuration says.
        var insistsOnHostKeys = false
    }

    var command: CommandTemplate
    var dialect = Dialect.other
    /// What an ssh is asked before it is started; nil for other tools.
    var ssh: SSHQuestion?
    var terminal = ConnectionMethod.CustomOptions.TerminalUse.none
    /// Nil if it asks nothing.
    var questions: Questions?
    var password: Secret?
    /// What is typed when a key's passphrase is asked for.
    var passphrase: Secret?
    /// Whether the image is compressed on its way. On the same machine that costs more time than it saves.
    var compressesImage = false
    /// The container that it leads into, if it is one.
    var container: ContainerTarget?
    /// What to try where there is no shell, or at once.
    var copy: ProgramCopyCommands?
    /// The command that removes what the tool leaves behind when it, or this program, is killed.
    var cleanUp: CommandTemplate?

    init(_ command: CommandTemplate) {
        self.command = command
    }
}

extension ConnectionMethod.CustomOptions {
    /// Which of a tool's descriptors are a terminal (architecture, section 5).
    public enum TerminalUse: String, Sendable, Codable, Hashable, CaseIterable {
        /// None. The tool can ask nothing.
        case none
        /// Its standard error and its session's own: it asks there, and the connection itself is a socket.
        case diagnostics
        /// All, for tools that insist on one. It is slower.
        case all
    }
}
