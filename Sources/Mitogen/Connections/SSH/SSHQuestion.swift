//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What an ssh is asked about its configuration, where it runs, before it connects; and what has come of it.
struct SSHQuestion: Sendable, Codable {
    /// The configuration file that ssh is told to use. It passes it on to those that it starts for `ProxyJump`.
    var configFile: String?
    /// Seconds between its questions whether the server is there, if its configuration says nothing; nil for what it says.
    var keepalive: Int?
    /// How many servers it connects to, one through the other; `.max` if that is not known.
    var serverCount = 1

    /// A chain of jump hosts that is longer than that is not looked at to its end.
    static let longestChain = 8

    /// Without a command, and without `-N`, an ssh whose configuration has `ForkAfterAuthentication yes` answers nothing:
    /// "Cannot fork into background without a command to execute." ssh refuses `-N` after another session type, so it
    /// comes first.
    static let flags = ["-G", "-N"]

    /// The same question, to an ssh that names the files of its configuration, too.
    static func naming(files question: [String]) -> [String] {
        let start = 1 + flags.count
        return question.prefix(start) + ["-v"] + question.dropFirst(start)
    }

    /// The question for a host that ssh goes through.
    func arguments(_ program: String, for jump: SSHJump) -> [String] {
        [program] + Self.flags + (configFile.map { ["-F", $0] } ?? []) + (jump.port.map { ["-p", $0] } ?? []) + [
            "--", jump.host,
        ]
    }
}

extension ConnectionRequest.Way {
    /// Whether the connection needs places at servers, see ``ServerPlaces``.
    var hasServers: Bool {
        if case .tool(let tool) = self { tool.ssh != nil } else { false }
    }
}

extension ConnectionTool {
    /// The command line that asks ssh for the configuration that its own command line leads to.
    var sshQuestion: [String] { [command.before[0]] + SSHQuestion.flags + command.before.dropFirst() }

    /// Adds what ssh needs because of its configuration, before the `--` and the host.
    mutating func adapt(to configuration: SSHConfiguration) {
        let arguments = configuration.arguments(keepalive: ssh?.keepalive)
        command.before.insert(contentsOf: arguments, at: max(1, command.before.count - 2))
    }
}
