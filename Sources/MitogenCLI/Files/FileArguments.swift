//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import Mitogen
internal import MitogenFiles

/// The options of the commands that transfer files.
struct FileArguments: ParsableArguments {
    @Flag(name: [.customShort("r"), .customLong("recursive")], help: "Transfer folders with all that is in them.")
    var isRecursive = false

    @Flag(
        name: [.customShort("p"), .customLong("preserve")],
        help: "Give files the permissions and times that they have at the source."
    )
    var preserves = false

    @Flag(name: [.customShort("a"), .customLong("archive")], help: "The same as -r -p --owner.")
    var isArchive = false

    @Flag(help: "Give files the owner and group with the same names as at the source.")
    var owner = false

    @Flag(name: .customLong("numeric-ids"), help: "The same, by numbers instead of names.")
    var numericIDs = false

    @Flag(
        name: [.customShort("X"), .customLong("xattrs")],
        help: "Give files the extended attributes that they have at the source."
    )
    var attributes = false

    @Flag(
        name: .customLong("in-place"),
        help: "Write into files that exist instead of replacing them, as one must where something is mounted on them."
    )
    var inPlace = false

    @Flag(help: "Keep what has arrived of a file after a failure, and go on from there the next time.")
    var partial = false

    @Flag(name: .customLong("no-fsync"), help: "Do not wait until files are on the disk.")
    var avoidsSync = false

    @Flag(name: .customLong("json"), help: "Write one JSON object for each event, on one line.")
    var writesJSON = false

    @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Show no progress.")
    var isQuiet = false

    init() {}

    var options: FileTransferOptions {
        var options = FileTransferOptions()
        options.isRecursive = self.isRecursive || self.isArchive
        options.preservesMetadata = self.preserves || self.isArchive
        options.owner = self.numericIDs ? .numbers : self.owner || self.isArchive ? .names : .writer
        options.preservesAttributes = self.attributes
        options.writesInPlace = self.inPlace
        options.isResumable = self.partial
        options.synchronizes = !self.avoidsSync
        return options
    }

    /// - Throws: ``ArgumentError``.
    func check() throws(ArgumentError) {
        if self.inPlace, self.partial {
            throw ArgumentError(
                "--in-place and --partial exclude each other: a file that is written into has no partial copy"
            )
        }
    }
}
