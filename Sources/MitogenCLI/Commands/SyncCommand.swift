//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen sync`.
package struct SyncCommand: ParsableCommand, TakesByteArguments {
    package static let configuration = CommandConfiguration(
        commandName: "sync",
        abstract: "Make files in every target the same as here, sending only what differs.",
        usage: """
            mitogen sync SOURCE... [-t TARGET]... :DEST
                         [--delete] [-n] [-c] [--exclude PATTERN]... [-v | --json]
            """,
        discussion: """
            Works as rsync does. A file differs if its size or its time does; with --checksum, if its content does. \
            What changes of a file is found by rolling checksums, so that of a large file with a small change only the \
            change is sent. Each file is complete before it takes the place of the old one.

            A SOURCE that is a folder is put into DEST; with a slash at its end, what is in it is. Symbolic links are \
            brought as they are, and never followed below SOURCE and DEST. Permissions and times are those of the source; \
            owners with --owner. A file with several names arrives as several files; devices, FIFOs and sockets are left out, \
            with an error. A DEST that does not begin with '/' is below the directory that commands run in there, usually the \
            home. It is made if it is missing; the folder that it is in is not.

            --delete removes what the source does not have from folders that are synchronised as a whole; what is excluded \
            stays. Nothing is removed if something of the source could not be read. A folder where the source has a file is \
            only replaced with --delete.

            A PATTERN is one of rsync: '*' stands for anything but a slash, '**' also for slashes, '?' for one byte, \
            [a-z] and [!a-z] for some. One with a slash at its beginning matches from the root of what is sent (which \
            includes the name of a SOURCE without a slash at its end); others match the end of a path. One with a slash at \
            its end is for folders. What is in an excluded folder is excluded. There is no --include, and no class \
            such as [:alpha:].

            With -v and -n each change has a line as for 'rsync --itemize-changes': '<' sent, 'c' made, '.' only \
            metadata, '*deleting'; 'f' file, 'd' folder, 'L' link; then what differs: 'c' content, 's' size, 't' time, 'p' \
            permissions, 'o' owner or group; '+' new. With --json each line is an object: {"event":"progress",...} \
            once a second, {"event":"change",...}, {"event":"failed",...}, and {"event":"finished",...} for each target.

            The source is gone through once. Files that several targets behind one hop lack cross that hop once; with a \
            --fanout below the number of targets each gets them by itself.

            EXAMPLES:
              mitogen sync -t ssh:web1 site/ :/srv/www
              mitogen sync -t 'ssh:web[1-3]+sudo' --delete -n site/ :/srv/www
              mitogen sync -t local+docker:app --exclude '*.o' --exclude /build/ src :/work

            EXIT STATUS:
              0 if everything is the same now, 5 if something could not be read or written, 4 if a target was not \
            reached or was lost, 2 if the command line is not right, 128 + n after signal n
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: SyncTargetArguments

    @Flag(name: .customLong("delete"), help: "Remove from DEST what SOURCE does not have.")
    package var deletes = false

    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Change nothing, and show what would be.")
    package var isDryRun = false

    @Flag(
        name: [.customShort("c"), .customLong("checksum")],
        help: "Compare the content of files that have the same size, by SHA-256, whatever their times are."
    )
    package var comparesContent = false

    @Option(
        name: .customLong("exclude"),
        help: ArgumentHelp("Leave out what matches; may be given several times.", valueName: "PATTERN")
    )
    package var exclusions: [String] = []

    @Flag(help: "Give files the owner and group with the same names as here, which usually takes root there.")
    package var owner = false

    @Flag(name: .customLong("numeric-ids"), help: "The same, by numbers instead of names.")
    package var keepsNumbers = false

    @Flag(name: [.customShort("W"), .customLong("whole-file")], help: "Send whole files, without looking for changes.")
    package var sendsWholeFiles = false

    @Flag(
        name: .customLong("in-place"),
        help:
            "Write into files instead of replacing them; such files are sent whole, and are neither old nor new meanwhile."
    )
    package var writesInPlace = false

    @Flag(name: [.customShort("v"), .customLong("verbose")], help: "Show each change, and totals.")
    package var isVerbose = false

    @Flag(name: .customLong("json"), help: "Write a JSON object for each change and each end, on one line.")
    package var writesJSON = false

    @Flag(
        name: [.customShort("a"), .customLong("archive")],
        help: "The same as --owner: folders, links, permissions and times always come along."
    )
    package var isArchive = false

    @Flag(name: .customLong("no-fsync"), help: "Do not wait until files are on the disk.")
    package var avoidsSync = false

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup
    var held: HeldArguments

    @Argument(help: ArgumentHelp("What to bring, and ':' with where to.", valueName: "SOURCE... :DEST"))
    package var paths: [String]

    package init() {}

    /// The words that need not be UTF-8.
    var byteArguments: [String] { paths + exclusions }

    package mutating func validate() throws {
        _ = try self.options(readsFiles: false)
    }

    package mutating func run() throws {
        var options = try self.options()
        options.hops = try self.connections.validatedSettingsWithPasswords()
        let image = try AgentImage.locate(afterShowing: options.warnings)
        throw ExitCode(try SyncExecution(options: options, image: image).perform())
    }

    private func options(readsFiles: Bool = true) throws -> SyncOptions {
        do {
            return try SyncOptions(self, readsFiles: readsFiles)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

/// The options about targets; `--exclude` is about files here.
package struct SyncTargetArguments: ParsableArguments {
    @Option(
        name: [.customShort("t"), .customLong("target")],
        help: ArgumentHelp(
            "Where to bring the files, as for 'mitogen run'; may be given several times. (default: local)",
            valueName: "TARGET"
        ),
        completion: TargetCompletion.kind
    )
    package var targets: [String] = []

    @OptionGroup
    package var inventory: InventoryArguments

    @Option(
        name: .customLong("hosts-file"),
        help: ArgumentHelp("Read targets from a file, as for 'mitogen run'.", valueName: "FILE")
    )
    package var hostsFiles: [String] = []

    @Option(
        name: [.customShort("x"), .customLong("exclude-target")],
        help: ArgumentHelp("Leave out a target, as -x of 'mitogen run'.", valueName: "TARGET"),
        completion: TargetCompletion.kind
    )
    package var exclusions: [String] = []

    @Option(help: ArgumentHelp("Connect and work on so many targets at a time. (default: all)", valueName: "N"))
    package var fanout: String?

    package init() {}

    /// The same as the options that other commands have.
    var common: TargetArguments {
        var common = TargetArguments()
        common.targets = targets
        common.inventory = inventory
        common.hostsFiles = hostsFiles
        common.exclusions = exclusions
        common.fanout = fanout
        return common
    }
}
