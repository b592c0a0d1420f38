//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The options that say where, of `mitogen run` and the commands that transfer files.
package struct TargetArguments: ParsableArguments {
    @Option(
        name: [.customShort("t"), .customLong("target")],
        help: ArgumentHelp(
            "Where; may be given several times, or have several with commas. (default: local)",
            valueName: "TARGET"
        )
    )
    package var targets: [String] = []

    @Option(
        name: .customLong("hosts-file"),
        help: ArgumentHelp(
            "Read targets or plain hosts from a file, one on each line; - is standard input. "
                + "May be given several times.",
            valueName: "FILE"
        )
    )
    package var hostsFiles: [String] = []

    @Option(
        name: [.customShort("x"), .customLong("exclude")],
        help: ArgumentHelp(
            "Leave out a target, or all with an ssh hop to a plain host; may be given several times, or have several "
                + "with commas.",
            valueName: "TARGET"
        )
    )
    package var exclusions: [String] = []

    @Option(
        help: ArgumentHelp(
            "Connect to, and work on, so many targets at a time. (default: all; 64 connections are made at a time)",
            valueName: "N"
        )
    )
    package var fanout: String?

    package init() {}

    /// What the options name, in the order: `--target`, `--hosts-file`.
    ///
    /// - Parameters:
    ///   - readsFiles: Whether files count; without them there may be no target.
    ///   - kinds: The kinds of hops that may be used.
    /// - Returns: The targets, and what is to be said about them.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    func selection(
        readsFiles: Bool,
        kinds: [HopKind]
    ) throws -> (targets: [TargetSpecification], warnings: [String]) {
        var selection = TargetSelection()
        let texts = self.targets.isEmpty && self.hostsFiles.isEmpty ? ["local"] : self.targets
        for text in texts { try selection.add(list: text, kinds: kinds) }
        if readsFiles {
            for path in self.hostsFiles { try selection.add(HostsFile(path: path), kinds: kinds) }
        }
        let unused = selection.remove(try TargetExclusions(self.exclusions, kinds: kinds))
        if selection.targets.isEmpty, readsFiles || self.hostsFiles.isEmpty {
            throw ArgumentError("--exclude leaves no target")
        }
        return (selection.targets, unused.map { "no target matches --exclude '\(TerminalSanitizer.visible($0))'" })
    }

    /// How many targets are worked on at a time; nil if all are.
    ///
    /// - Throws: ``ArgumentError``.
    func limit() throws(ArgumentError) -> Int? {
        guard let fanout else { return nil }
        guard let places = Int(fanout), places > 0 else {
            throw ArgumentError("--fanout is a number of targets from 1, not '\(TerminalSanitizer.visible(fanout))'")
        }
        return places
    }

    /// Standard input can be read for one purpose only.
    ///
    /// - Parameter others: The options that read it as well.
    /// - Throws: ``ArgumentError``.
    func checkStandardInput(_ others: [String]) throws(ArgumentError) {
        let count = self.hostsFiles.count { $0 == HostsFile.standardInput }
        if count > 1 { throw ArgumentError("--hosts-file - can be given once: standard input is read to its end") }
        guard count == 1, let other = others.first else { return }
        throw ArgumentError("--hosts-file - and \(other) exclude each other: both read standard input")
    }
}
