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
            "Where; may be given several times, or be a node set. (default: local)",
            valueName: "TARGET"
        ),
        completion: TargetCompletion.kind
    )
    package var targets: [String] = []

    @OptionGroup
    package var inventory: InventoryArguments

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
            "Leave out targets, or all with an ssh hop to a plain host; may be given several times, or be a node set.",
            valueName: "TARGET"
        ),
        completion: TargetCompletion.kind
    )
    package var exclusions: [String] = []

    @Option(
        name: [.customShort("f"), .customLong("fanout")],
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
    ///   - leadsToPython: Whether targets may lead to a Python interpreter, and not to a copy of this program.
    /// - Returns: The targets, and what is to be said about them.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    func selection(
        readsFiles: Bool,
        kinds: [HopKind],
        leadsToPython: Bool = false
    ) throws -> (targets: [TargetSpecification], warnings: [String]) {
        var texts = self.targets
        if self.inventory.meansAll { texts.append("@*") }
        if texts.isEmpty, self.hostsFiles.isEmpty {
            guard self.inventory.inventories.isEmpty else {
                throw ArgumentError("-i only says where hosts are looked for; say which: -t @GROUP, -t HOST, or --all")
            }
            texts = ["local"]
        }
        // What names groups can only be understood with the files that have them.
        if !readsFiles, self.inventory.isNeeded(for: texts + self.exclusions) { return ([], []) }
        let (groups, warnings) = try self.inventory.groups(for: texts + self.exclusions)
        var selection = TargetSelection()
        for text in texts { try selection.add(list: text, kinds: kinds, groups: groups) }
        if readsFiles {
            for path in self.hostsFiles { try selection.add(HostsFile(path: path), kinds: kinds, groups: groups) }
        }
        let unused = selection.remove(try TargetExclusions(self.exclusions, kinds: kinds, groups: groups))
        if selection.targets.isEmpty, readsFiles || self.hostsFiles.isEmpty {
            throw ArgumentError(self.exclusions.isEmpty ? "--target leaves no target" : "--exclude leaves no target")
        }
        if !leadsToPython { for target in selection.targets { try target.checkIsNoPython() } }
        let unmatched = unused.map { "no target matches --exclude '\(TerminalSanitizer.visible($0))'" }
        let merged = NodeSetFolding.text(selection.merged, order: .written)
        let same =
            merged.isEmpty
            ? [] : ["\(TerminalSanitizer.visible(merged)): the same place as a target before, so it is left out"]
        return (selection.targets, warnings + unmatched + same)
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
