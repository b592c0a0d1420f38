//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import Mitogen
internal import MitogenFiles

/// What `mitogen copy` or `mitogen fetch` is asked to do.
struct TransferRequest: Sendable {
    enum Direction: Sendable {
        /// From here to the targets.
        case copy
        /// From the targets to here; each target has a folder of its own, or not.
        case fetch(isFlat: Bool)
    }

    var direction: Direction
    var sources: [ByteString]
    var destination: ByteString
    var options: FileTransferOptions
    var targets: [TargetSpecification]
    var labels: [String]
    var fanout: Int?
    var hops: HopSettings
    /// Whether connections that are held are used.
    var usesHeld: Bool
    /// How long a target may take nothing before it is given up.
    var patience: Duration?
    var writesJSON: Bool
    var isQuiet: Bool
    var warnings: [String]

    /// - Parameter readsFiles: Whether files with targets are read.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    init(
        _ direction: Direction,
        paths: [String],
        files: FileArguments,
        targets: TargetArguments,
        connections: ConnectionArguments,
        usesHeld: Bool,
        timeout: String?,
        readsFiles: Bool
    ) throws {
        try files.check()
        try targets.checkStandardInput(connections.standardInputOptions)
        self.direction = direction
        let parts = try Self.parts(of: paths.map(ByteArguments.bytes), direction)
        (self.sources, self.destination) = parts
        self.options = files.options
        self.fanout = try targets.limit()
        self.patience = try timeout.map { (text) throws(ArgumentError) in try TimeoutArgument(parsing: text).duration }
        self.hops = try connections.settings()
        self.usesHeld = usesHeld
        self.writesJSON = files.writesJSON
        self.isQuiet = files.isQuiet
        let selection = try targets.selection(readsFiles: readsFiles, kinds: self.hops.table.kinds)
        self.targets = selection.targets
        self.labels = TargetSpecification.labels(for: selection.targets)
        self.warnings = selection.warnings + [self.hops.ssh.warning(for: selection.targets)].compactMap(\.self)
        if case .fetch(isFlat: true) = direction, self.targets.count > 1 {
            throw ArgumentError("--flat is for one target: files of several would have the same names")
        }
    }

    /// Tells the paths here from those there, which begin with a colon.
    private static func parts(
        of paths: [ByteString],
        _ direction: Direction
    ) throws(ArgumentError) -> (sources: [ByteString], destination: ByteString) {
        let usage: String
        switch direction {
        case .copy: usage = "SOURCE... :DEST"
        case .fetch: usage = ":SOURCE... DEST"
        }
        guard paths.count > 1, let last = paths.last else {
            throw ArgumentError("the paths are missing: \(usage); the colon marks what is in the targets")
        }
        var (sources, destination) = (Array(paths.dropLast()), last)
        switch direction {
        case .copy: destination = try Self.far(last, usage)
        case .fetch: sources = try sources.map { (path) throws(ArgumentError) in try Self.far(path, usage) }
        }
        for path in direction.isCopy ? sources : [destination] where path.bytes.first == UInt8(ascii: ":") {
            throw ArgumentError(
                "'\(TerminalSanitizer.visible(path.description))' begins with a colon, which marks what is in the targets: "
                    + "\(usage); a file here with such a name is written ./:NAME"
            )
        }
        for path in sources + [destination] {
            if path.bytes.isEmpty { throw ArgumentError("a path is empty") }
            if path.bytes.contains(0) { throw ArgumentError("a path contains a zero byte") }
        }
        return (sources, destination)
    }

    /// The path in the targets.
    private static func far(_ path: ByteString, _ usage: String) throws(ArgumentError) -> ByteString {
        guard path.bytes.first == UInt8(ascii: ":") else {
            let shown = TerminalSanitizer.visible(path.description)
            throw ArgumentError(
                "'\(shown)' is a path in the targets and is written ':\(shown)': \(usage); targets are named by -t"
            )
        }
        let bytes = Array(path.bytes.dropFirst())
        return bytes.isEmpty ? "." : ByteString(bytes: bytes)
    }
}

extension TransferRequest.Direction {
    var isCopy: Bool { if case .copy = self { true } else { false } }
}

/// What `mitogen copy` and `mitogen fetch` have in common.
protocol TransferCommand: ParsableCommand, TakesByteArguments {
    var direction: TransferRequest.Direction { get }
    var targets: TargetArguments { get }
    var files: FileArguments { get }
    var timeout: String? { get }
    var connections: ConnectionArguments { get }
    var held: HeldArguments { get }
    var paths: [String] { get }
}

extension TransferCommand {
    /// What was asked for.
    ///
    /// - Throws: `ValidationError`, or `ExitCode` if a file is wrong.
    func request(readsFiles: Bool = true) throws -> TransferRequest {
        do {
            return try TransferRequest(
                self.direction,
                paths: self.paths,
                files: self.files,
                targets: self.targets,
                connections: self.connections,
                usesHeld: !self.held.refusesHeld,
                timeout: self.timeout,
                readsFiles: readsFiles
            )
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch let error as TargetSyntaxError {
            throw ValidationError("\(error)")
        }
    }

    /// Does it, and exits with its status.
    func perform() throws -> Never {
        var request = try self.request()
        request.hops = try self.connections.validatedSettingsWithPasswords()
        let image = try AgentImage.locate(afterShowing: request.warnings)
        throw ExitCode(try TransferExecution(request: request, image: image).perform())
    }
}
