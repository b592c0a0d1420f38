//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen copy`.
package struct CopyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy files and folders to every target at once.",
        usage: """
            mitogen copy [-r] [-p] [-a] [-t TARGET]... [OPTION]... SOURCE... :DEST
            """,
        discussion: """
            DEST is in the targets, which the colon says; -t and the other options for targets are those of \
            'mitogen run'. A DEST that does not begin with '/' is below the directory that commands run in there, \
            usually the home; '~/' is the home.

            As for cp, scp and kubectl cp: if DEST is a folder, or there are several sources, files are put into it; \
            otherwise DEST is the new name. As for rsync: a SOURCE that ends with '/' means what is in the folder, \
            without the folder itself; a DEST that ends with '/' is a folder, which is made if it is missing.

            The source is read once. Where several targets lie behind the same hop, the data crosses it once.

            A file is written beside the one that it replaces and takes its place when it is complete and its SHA-256 \
            was compared, so that there is always the old one or the new one. What is replaced keeps its permissions, \
            owner and access control list; new files get the permissions of the source without what the umask takes \
            away (-p: exactly those, and the times). Symbolic links in folders stay links, one that is named as SOURCE \
            is followed; a link in the place of what is written is replaced. Hard links and holes are kept. Devices, \
            FIFOs and sockets are not copied, which counts as a failure.

            Options as in rsync: -r, -p (with times), -a (without -lHD, as links are kept anyhow and devices are not \
            copied), -X, --numeric-ids, --partial, --timeout, -q. As in scp: -r, -p, -q.

            With --json each line is an object: {"event":"progress",...} once a second, {"event":"failed",...} for \
            a file, and {"event":"finished",...} for each target.

            EXAMPLES:
              mitogen copy nginx.conf -t 'ssh:web[1-20]+sudo' :/etc/nginx/
              mitogen copy -r site/ -t ssh:web1 -t ssh:web2 :/srv/www
              mitogen copy -a --partial images -t ssh:bastion+ssh:store :/data

            EXIT STATUS:
              0 if everything was copied. Otherwise:
                2    the command line is not right
                4    a target could not be reached
                5    something could not be copied
                130  Ctrl-C: what is under way is dropped
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @OptionGroup(title: "Files")
    var files: FileArguments

    @Option(
        help: ArgumentHelp(
            "Give a target up that has taken nothing for so long. (default: 60 if there are several)",
            valueName: "SECONDS"
        )
    )
    package var timeout: String?

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup
    var held: HeldArguments

    @Argument(help: ArgumentHelp("What to copy, and where to.", valueName: "PATH"))
    package var paths: [String] = []

    package init() {}

    package mutating func validate() throws { _ = try self.request(readsFiles: false) }

    package mutating func run() throws { try self.perform() }
}

extension CopyCommand: TransferCommand {
    var direction: TransferRequest.Direction { .copy }
    var byteArguments: [String] { self.paths }
}
