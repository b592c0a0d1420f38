//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The options about connections, which several commands have.
package struct ConnectionArguments: ParsableArguments {
    @Option(
        name: .customLong("ssh-config"),
        help: ArgumentHelp(
            "Use this configuration for ssh instead of the user's own, where ssh runs on this machine; with ssh:HOST= for "
                + "hops to HOST, a file of where that ssh runs. May be given several times.",
            valueName: "[ssh:HOST=]FILE"
        )
    )
    package var sshConfigs: [String] = []

    @Option(
        name: .customLong("ssh-option"),
        help: ArgumentHelp(
            "Give ssh an option as for its -o, which wins over what mitogen sets; may be given several times.",
            valueName: "[ssh:HOST=]NAME=VALUE"
        )
    )
    package var sshOptions: [String] = []

    @Option(
        name: .customLong("identity"),
        help: ArgumentHelp(
            "The private key for ssh to use, as --ssh-config says where.",
            valueName: "[ssh:HOST=]FILE"
        )
    )
    package var identities: [String] = []

    @Option(
        name: .customLong("connect-timeout"),
        help: ArgumentHelp("How long each hop may take. (default: 30)", valueName: "SECONDS")
    )
    package var connectTimeout: String?

    @Option(
        name: .customLong("check-host-keys"),
        help: ArgumentHelp(
            "What to do about the keys of hosts: 'enforce' refuses what is not known; 'accept' accepts and remembers new "
                + "keys, a changed one is refused; 'ignore' looks at none; 'configured' leaves it to ssh's "
                + "configuration. (default: configured)",
            valueName: "WAY"
        )
    )
    package var hostKeyCheck: String?

    @Flag(name: .customLong("accept-new-host-keys"), help: "The same as --check-host-keys accept.")
    package var acceptsNewHostKeys = false

    @Flag(name: .customLong("sudo-terminal"), help: "Give sudo a terminal, for accounts with 'requiretty'.")
    package var requestsSudoTerminal = false

    @Option(
        name: .customLong("sudo-prompt"),
        help: ArgumentHelp("Another text that ends sudo's question for the password.", valueName: "TEXT")
    )
    package var sudoPrompt: String?

    @Option(
        name: .customLong("su-prompt"),
        help: ArgumentHelp("Another text than 'Password:' that ends su's question for it.", valueName: "TEXT")
    )
    package var suPrompt: String?

    @Option(
        name: .customLong("doas-prompt"),
        help: ArgumentHelp("Another text than 'password:' that ends the question of doas for it.", valueName: "TEXT")
    )
    package var doasPrompt: String?

    @Flag(name: .customLong("no-image-cache"), help: "Keep no copy of the program in ~/.cache/mitogen of a target.")
    package var avoidsImageCache = false

    @Flag(name: .customLong("ask-password"), help: "Ask for the password of ssh hops.")
    package var asksPassword = false

    @Flag(name: .customLong("ask-passphrase"), help: "Ask for the passphrase of the private key of ssh hops.")
    package var asksPassphrase = false

    @Flag(
        name: .customLong("ask-become-password"),
        help: "Ask for the password of sudo, su and doas hops, and of those of the hop table."
    )
    package var asksBecomePassword = false

    @Option(
        name: .customLong("password-file"),
        help: ArgumentHelp(
            "Read the password of ssh hops from a file's first line; - is standard input.",
            valueName: "FILE"
        )
    )
    package var passwordFile: String?

    @Option(
        name: .customLong("passphrase-file"),
        help: ArgumentHelp("Read the passphrase of the private key from a file's first line.", valueName: "FILE")
    )
    package var passphraseFile: String?

    @Option(
        name: .customLong("become-password-file"),
        help: ArgumentHelp(
            "Read the password of sudo, su and doas hops, and of those of the hop table, from a file's first line.",
            valueName: "FILE"
        )
    )
    package var becomePasswordFile: String?

    @Option(
        name: .customLong("hops"),
        help: ArgumentHelp(
            "A table of more kinds of hops. (default: ~/.config/mitogen/hops.conf if it is there)",
            valueName: "FILE"
        )
    )
    package var hopTable: String?

    package init() {}

    /// What was asked for, with the passwords, which are read or asked for now.
    ///
    /// - Throws: ``ArgumentError``.
    func settingsWithPasswords() throws(ArgumentError) -> HopSettings {
        var settings = try settings()
        try settings.ssh.checkFiles()
        settings.password = try passwordSource()?.read()
        settings.passphrase = try passphraseSource()?.read()
        settings.becomePassword = try becomePasswordSource()?.read()
        return settings
    }

    /// The options that have standard input read, as they are written.
    var standardInputOptions: [String] {
        (passwordFile == "-" ? ["--password-file -"] : [])
            + (passphraseFile == "-" ? ["--passphrase-file -"] : [])
            + (becomePasswordFile == "-" ? ["--become-password-file -"] : [])
    }

    private func passwordSource() throws(ArgumentError) -> PasswordSource? {
        try PasswordSource(asks: asksPassword, file: passwordFile, prompt: "SSH password: ", option: "password")
    }

    private func passphraseSource() throws(ArgumentError) -> PasswordSource? {
        try PasswordSource(
            asks: asksPassphrase,
            file: passphraseFile,
            prompt: "Passphrase of the private key: ",
            option: "passphrase"
        )
    }

    private func becomePasswordSource() throws(ArgumentError) -> PasswordSource? {
        try PasswordSource(
            asks: asksBecomePassword,
            file: becomePasswordFile,
            prompt: "Password for sudo, su and doas: ",
            option: "become-password"
        )
    }

    private static func prompt(_ text: String?, _ option: String) throws(ArgumentError) -> String? {
        // It would be found everywhere.
        if let text, text.utf8.allSatisfy({ $0 == 0x20 }) { throw ArgumentError("\(option) needs a text") }
        return text
    }

    private func hostKeys() throws(ArgumentError) -> ConnectionMethod.SSHOptions.HostKeyCheck {
        guard let hostKeyCheck else { return acceptsNewHostKeys ? .accept : .configured }
        guard let check = ConnectionMethod.SSHOptions.HostKeyCheck(rawValue: hostKeyCheck) else {
            let known = ConnectionMethod.SSHOptions.HostKeyCheck.allCases.map { "'\($0.rawValue)'" }.joined(
                separator: ", "
            )
            throw ArgumentError(
                "--check-host-keys is one of \(known), not '\(TerminalSanitizer.visible(hostKeyCheck))'"
            )
        }
        if acceptsNewHostKeys, check != .accept {
            throw ArgumentError("--accept-new-host-keys and --check-host-keys \(hostKeyCheck) exclude each other")
        }
        return check
    }

    /// What was asked for, without passwords.
    ///
    /// - Throws: ``ArgumentError``.
    func settings() throws(ArgumentError) -> HopSettings {
        _ = try passwordSource()
        _ = try passphraseSource()
        _ = try becomePasswordSource()
        var settings = HopSettings()
        settings.ssh = try SSHSettings(
            configs: sshConfigs,
            options: sshOptions,
            identities: identities,
            hostKeys: try hostKeys()
        )
        settings.requestsSudoTerminal = requestsSudoTerminal
        settings.sudoPrompt = try Self.prompt(sudoPrompt, "--sudo-prompt")
        settings.suPrompt = try Self.prompt(suPrompt, "--su-prompt")
        settings.doasPrompt = try Self.prompt(doasPrompt, "--doas-prompt")
        settings.usesImageCache = !avoidsImageCache
        if let hopTable { settings.table = try HopTable(path: hopTable) } else { settings.table = try .usual() }
        if let connectTimeout {
            settings.connectTimeout = try TimeoutArgument(parsing: connectTimeout, of: "--connect-timeout").duration
        }
        return settings
    }
}
