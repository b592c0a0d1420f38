//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The options about connections, which several commands have.
package struct ConnectionArguments: ParsableArguments {
    @Option(
        name: .customLong("ssh-config"),
        help: ArgumentHelp("Use this configuration for ssh instead of the user's own.", valueName: "FILE")
    )
    package var sshConfig: String?

    @Option(
        name: .customLong("ssh-option"),
        help: ArgumentHelp("Give ssh an option as for its -o; may be given several times.", valueName: "NAME=VALUE")
    )
    package var sshOptions: [String] = []

    @Option(help: ArgumentHelp("The private key for ssh to use.", valueName: "FILE"))
    package var identity: String?

    @Option(
        name: .customLong("connect-timeout"),
        help: ArgumentHelp("How long each hop may take. (default: 30)", valueName: "SECONDS")
    )
    package var connectTimeout: String?

    package init() {}

    /// What was asked for.
    ///
    /// - Throws: ``ArgumentError``.
    func settings() throws(ArgumentError) -> HopSettings {
        var settings = HopSettings(sshConfig: sshConfig, sshOptions: sshOptions, identity: identity)
        if let connectTimeout {
            settings.connectTimeout =
                Double(try TimeoutArgument(parsing: connectTimeout).duration.wholeMilliseconds) / 1000
        }
        return settings
    }
}
