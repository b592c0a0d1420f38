//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

extension Hint.Name {
    /// What it is called by the user of the tool: an option, or nothing where the tool has none.
    package var toolText: String {
        switch self {
        case .programsOnly, .executableElsewhere, .executableInImage, .maxMessageSize, .payloadProvider: ""
        case .acceptedHostKeys: "--check-host-keys accept"
        case .becomePassword: "--ask-become-password"
        case .configFile: "--ssh-config"
        case .configuredHostKeys: "--check-host-keys configured"
        case .connectTimeout: "--connect-timeout"
        case .controllerPython: "--controller-python"
        case .doasPrompt: "--doas-prompt"
        case .enforcedHostKeys: "--check-host-keys enforce"
        case .fanout: " (--fanout)"
        case .identityFile: "--identity"
        case .isRecursive: "-r"
        case .otherInterpreter: "; name another one with --python"
        case .passphrase: "--ask-passphrase"
        case .password: "--ask-password"
        case .passwordPrompt: "password-prompt of a hop of your own (--hops)"
        case .port: "HOST:PORT in a target"
        case .requestsTerminal: "--sudo-terminal"
        case .sudoPrompt: "--sudo-prompt"
        case .suPrompt: "--su-prompt"
        case .toolPath: ", or put it into a folder of PATH there"
        case .via: "a hop before it"
        case .writesInPlace: "--in-place"
        }
    }
}

extension MitogenError {
    /// The hint with the names of options; nil also for what only the author of a program can do.
    package var toolHint: String? {
        guard let advice, !advice.names.contains(.programsOnly) else { return nil }
        return advice.text(\.toolText)
    }

    /// The error for people who use the tool.
    package var toolText: String { text(hint: toolHint) }
}

/// An error for people who use the tool.
func toolText(_ error: any Error) -> String {
    (error as? MitogenError)?.toolText ?? "\(error)"
}
