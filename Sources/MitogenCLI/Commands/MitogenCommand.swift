//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// `mitogen` without a subcommand.
package struct MitogenCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "mitogen",
        abstract: "Run commands and copy files in many places at once.",
        discussion: """
            Contexts are started with the program mitogen-agent, which must lie in the same directory as this one.
            """,
        version: "mitogen \(Mitogen.version)",
        subcommands: [
            RunCommand.self, HostsCommand.self, CopyCommand.self, FetchCommand.self, SyncCommand.self,
            FakeSSHCommand.self, PyCommand.self,
            HoldCommand.self, DoctorCommand.self, TreeCommand.self, BenchCommand.self, HolderCommand.self,
            ConfigCommand.self,
            ManualCommand.self,
        ]
    )

    package init() {}
}
