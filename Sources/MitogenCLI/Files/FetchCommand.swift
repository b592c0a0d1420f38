//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen fetch`.
package struct FetchCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Copy files and folders of every target here.",
        usage: """
            mitogen fetch [-r] [-p] [-a] [-t TARGET]... [OPTION]... :SOURCE... DEST
            mitogen fetch --flat [-t TARGET] [OPTION]... :SOURCE... DEST
            """,
        discussion: """
            SOURCE is in the targets, which the colon says; -t and the other options for targets are those of \
            'mitogen run'. Patterns are not expanded.

            DEST is a folder here, which is made if it is missing. In it each target has a folder with its name as \
            'mitogen run' shows it ('/' in it becomes %2F), so that nothing overwrites what comes from elsewhere: \
            Ansible's fetch does the same, and 'clush --rcopy' puts the name behind that of the file. With --flat, \
            which is for one target, DEST is what it is for scp: a folder to put files into, or a new name.

            How files are read and written is as for 'mitogen copy'.

            EXAMPLES:
              mitogen fetch -t 'ssh:web[1-20]' :/var/log/nginx/error.log logs
              mitogen fetch -a -t ssh:db1+sudo :/etc backup
              mitogen fetch --flat -t ssh:db1 :dump.sql .

            EXIT STATUS:
              As for 'mitogen copy'.
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @OptionGroup(title: "Files")
    var files: FileArguments

    @Flag(help: "Write to DEST itself, without a folder for the target.")
    package var flat = false

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup
    var held: HeldArguments

    @Argument(help: ArgumentHelp("What to fetch, and where to.", valueName: "PATH"))
    package var paths: [String] = []

    package init() {}

    package mutating func validate() throws { _ = try self.request(readsFiles: false) }

    package mutating func run() throws { try self.perform() }
}

extension FetchCommand: TransferCommand {
    var direction: TransferRequest.Direction { .fetch(isFlat: self.flat) }
    var timeout: String? { nil }
    var byteArguments: [String] { self.paths }
}
