//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What one connection method does for one connection.
struct ConnectionPlan: Sendable {
    /// Which of the tool's descriptors are a terminal (architecture, section 5): none, its standard error and the
    /// session's own, or all.
    enum TerminalUse: Sendable, Hashable {
        case none
        case diagnostics
        case all
    }

    /// The tool with its arguments.
    var arguments: [String]
    var terminal = TerminalUse.none
    /// What the tool may ask and say; nil if it asks nothing.
    var prompts: PromptTable?
    /// What the tool says when it fails.
    var failures = ToolFailures()
    var password: Secret?
    /// What is typed when a key's passphrase is asked for.
    var passphrase: Secret?
    /// Whether the image is compressed on its way. On the same machine that costs more time than it saves.
    var compressesImage = false
    /// The container that it leads into, if it is one.
    var container: ContainerTarget?
    /// Whether the tool runs the program itself, without a first stage.
    var startsProgram = false
    /// What to try where there is no shell.
    var copy: ProgramCopy?
    /// The command that removes what the tool leaves behind when it, or this program, is killed.
    var cleanUp: [String]?
}

extension ConnectionRequest {
    /// How the first stage gets to where it runs; nil for a method that needs none.
    func plan(for stage: FirstStage) -> ConnectionPlan? {
        switch self {
        case .local, .setns: nil
        case .container(let request): request.options.plan(for: stage)
        case .ssh(let options):
            ConnectionPlan(
                arguments: options.arguments(command: stage.shellCommand),
                terminal: options.mayAsk ? .diagnostics : .none,
                prompts: .ssh(
                    hostKeyAnswer: options.checkHostKeys == .accept ? .accept : .refuse,
                    passwordPrompt: options.passwordPrompt
                ),
                failures: .ssh,
                password: options.password,
                passphrase: options.passphrase ?? options.password,
                compressesImage: true
            )
        case .sudo(let options):
            ConnectionPlan(
                arguments: options.arguments(for: stage),
                terminal: options.needsTerminal ? .diagnostics : .none,
                prompts: .sudo,
                failures: .sudo,
                password: options.password
            )
        case .su(let options):
            ConnectionPlan(
                arguments: options.arguments(command: stage.shellCommand),
                terminal: .all,
                prompts: .su(passwordPrompt: options.passwordPrompt, incorrectPrompts: options.incorrectPrompts),
                failures: .su,
                password: options.password
            )
        case .doas(let options):
            ConnectionPlan(
                arguments: options.arguments(command: stage.arguments),
                terminal: options.password == nil ? .none : .diagnostics,
                prompts: .doas(passwordPrompt: options.passwordPrompt, incorrectPrompts: options.incorrectPrompts),
                failures: .doas,
                password: options.password
            )
        }
    }

    /// Checks what would only fail later, and worse.
    func validate() throws(MitogenError) {
        switch self {
        case .ssh(let options): try options.validate()
        case .sudo(let options): try options.validate()
        case .su(let options): try options.validate()
        case .doas(let options): try options.validate()
        case .container(let request): try request.options.validate()
        case .setns(let options): try options.validate()
        case .local: try common.validate()
        }
    }
}
