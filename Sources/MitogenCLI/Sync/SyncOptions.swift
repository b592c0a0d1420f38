//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// What `mitogen sync` was asked for, checked.
struct SyncOptions: Sendable {
    let sources: [ByteString]
    let destination: ByteString
    let targets: [TargetSpecification]
    let fanout: Int?
    let warnings: [String]
    var hops: HopSettings
    /// Whether connections that are held are used.
    let usesHeld: Bool
    let transfer: FileTransferOptions
    let comparesContent: Bool
    let deletes: Bool
    let isDryRun: Bool
    let isVerbose: Bool
    let writesJSON: Bool
    let sendsWholeFiles: Bool
    private let exclusions: [WildcardPattern]

    /// - Parameter readsFiles: Whether files with targets are read.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    init(_ arguments: SyncCommand, readsFiles: Bool = true) throws {
        let words = arguments.paths.map { ByteArguments.bytes(of: $0) }
        guard let last = words.last, last.bytes.first == UInt8(ascii: ":") else {
            throw ArgumentError(
                "the last argument is the destination in the targets, with a colon before it: ':/srv/www'"
            )
        }
        sources = words.dropLast()
        destination = ByteString(bytes: Array(last.bytes.dropFirst()))
        deletes = arguments.deletes
        try Self.check(sources, destination, deletes: deletes)
        comparesContent = arguments.comparesContent
        isDryRun = arguments.isDryRun
        isVerbose = arguments.isVerbose
        writesJSON = arguments.writesJSON
        sendsWholeFiles = arguments.sendsWholeFiles
        exclusions = try arguments.exclusions.map { (text) throws(ArgumentError) in
            try WildcardPattern(parsing: ByteArguments.bytes(of: text).bytes)
        }
        transfer = Self.transfer(arguments)
        hops = try arguments.connections.settings()
        usesHeld = !arguments.held.refusesHeld
        let targets = arguments.targets.common
        try targets.checkStandardInput(arguments.connections.standardInputOptions)
        fanout = try targets.limit()
        let selection = try targets.selection(readsFiles: readsFiles, kinds: hops.table.kinds)
        self.targets = selection.targets
        warnings = selection.warnings + [hops.ssh.warning(for: selection.targets)].compactMap(\.self)
    }

    /// Whether a path of the transfer takes no part.
    func excludes(_ path: [UInt8], isFolder: Bool) -> Bool {
        exclusions.contains { $0.matches(path, isFolder: isFolder) }
    }

    private static func check(
        _ sources: [ByteString],
        _ destination: ByteString,
        deletes: Bool
    ) throws(ArgumentError) {
        if sources.isEmpty {
            throw ArgumentError("there is nothing to synchronise: name a file or a folder before ':DEST'")
        }
        for source in sources {
            let shown = TerminalSanitizer.visible(FilePath.visible(source.bytes))
            // An empty variable of a script, which would otherwise stand for a whole system.
            if source.bytes.contains(0) { throw ArgumentError("a path contains a zero byte") }
            if source.bytes.isEmpty { throw ArgumentError("the name of a source is empty") }
            if source.bytes.first == UInt8(ascii: ":") {
                throw ArgumentError(
                    "'\(shown)' is in the targets: sync only brings files there; fetch brings them here"
                )
            }
            if deletes, FilePath.normalized(absolute: source.bytes) == [UInt8(ascii: "/")] {
                throw ArgumentError("--delete does not take the whole system, '\(shown)', as its source")
            }
        }
        if deletes, FilePath.normalized(absolute: destination.bytes) == [UInt8(ascii: "/")] {
            throw ArgumentError("--delete does not remove anything directly in '/'")
        }
    }

    private static func transfer(_ arguments: SyncCommand) -> FileTransferOptions {
        var options = FileTransferOptions()
        options.isRecursive = true
        options.preservesMetadata = true
        if arguments.owner || arguments.isArchive { options.owner = .names }
        if arguments.keepsNumbers { options.owner = .numbers }
        options.writesInPlace = arguments.writesInPlace
        options.synchronizes = !arguments.avoidsSync
        return options
    }
}
