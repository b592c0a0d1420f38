//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenBenchFunctions

/// A context of the tree that `mitogen tree` shows, and those behind it.
struct TreeNode: Sendable {
    /// The target up to this hop, under its first name; nil for this process.
    let target: TargetSpecification?
    /// The names that inventories have for it.
    let names: [String]
    var id: ContextID?
    var parentID: ContextID?
    var name: String?
    var process: DescribeProcess.Report?
    /// The median time of a call, in milliseconds.
    var roundTrip: Double?
    var failure: MitogenError?
    var branches: [TreeNode] = []

    /// - Parameter targets: The targets up to this hop that have it in common, of which there must be one at least.
    init(targets: [TargetSpecification]) {
        let named = targets.filter { $0.label != $0.canonicalText }
        self.target = named.first ?? targets.first
        // What lies behind such a place is named by it already.
        self.names = NodeSet(named.filter { $0.places.last?.hops.upperBound == $0.hops.count }.map(\.label)).names
    }

    /// This process.
    init(root process: DescribeProcess.Report, branches: [TreeNode]) {
        self.target = nil
        self.names = []
        self.id = 0
        self.process = process
        self.branches = branches
    }

    /// Whether everything was reached.
    var isComplete: Bool { self.failure == nil && self.branches.allSatisfy(\.isComplete) }

    // MARK: For people

    /// A table whose first column is the tree, then what has failed.
    var text: String {
        let header = ["CONTEXT", "ID", "PID", "USER", "HOST", "CALL", "MEMORY", "VERSION", "NAME"]
        let isNumber = [false, true, true, false, false, true, true, false, false]
        let rows = [header] + self.rows(prefix: "", childPrefix: "")
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (isNumber[column] ? padding + cell : cell + padding)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        return (lines + self.failureLines).joined(separator: "\n") + "\n"
    }

    private func rows(prefix: String, childPrefix: String) -> [[String]] {
        var rows = [self.row(prefix: prefix)]
        for (index, branch) in self.branches.enumerated() {
            let isLast = index == self.branches.count - 1
            rows += branch.rows(
                prefix: childPrefix + (isLast ? "└─ " : "├─ "),
                childPrefix: childPrefix + (isLast ? "   " : "│  ")
            )
        }
        return rows
    }

    private func row(prefix: String) -> [String] {
        let hop = self.target?.hops.last?.canonicalText ?? "this process"
        let label = self.names.isEmpty ? hop : "\(hop) (\(self.names.joined(separator: ", ")))"
        let memory = self.process?.residentMemory.map { DecimalText.text(Double($0) / 1_048_576, digits: 1) + " MiB" }
        let cells = [
            self.id.map { "\($0)" }, self.process.map { "\($0.processID)" }, self.process?.user, self.process?.host,
            self.roundTrip.map { DecimalText.text($0, digits: 2) + " ms" }, memory, self.process?.version,
            self.failure == nil ? self.name : "not reached: \(self.failure.map { "\($0.code)" } ?? "")",
        ]
        return [prefix + TerminalSanitizer.visible(label)] + cells.map { $0.map(TerminalSanitizer.visible) ?? "–" }
    }

    /// What has failed, with what to do about it.
    private var failureLines: [String] {
        var lines: [String] = []
        if let failure {
            lines.append(TerminalSanitizer.visible("\(self.target?.label ?? ""): \(failure.code): \(failure.message)"))
            if let hint = failure.toolHint { lines.append("  hint: \(TerminalSanitizer.visible(hint))") }
        }
        return lines + self.branches.flatMap(\.failureLines)
    }

    // MARK: For programs

    /// A JSON object on a line for each context, those before it first.
    var json: String {
        "{" + self.members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}\n"
            + self.branches.map(\.json).joined()
    }

    private var members: [(String, String)] {
        var members = [("schema", "\(HopFinding.schemaVersion)"), ("target", Self.string(self.target?.label))]
        if let target { members.append(("path", HopFinding.path(of: target))) }
        members.append(("ok", self.failure == nil ? "true" : "false"))
        members.append(("id", self.id.map { "\($0)" } ?? "null"))
        members.append(("parent", self.parentID.map { "\($0)" } ?? "null"))
        members.append(("name", Self.string(self.name)))
        if let process {
            members.append(("pid", "\(process.processID)"))
            members.append(("user", Self.string(process.user)))
            members.append(("host", Self.string(process.host)))
            members.append(("memory_bytes", process.residentMemory.map { "\($0)" } ?? "null"))
            members.append(("version", Self.string(process.version)))
            members.append(("revision", "\(process.revision)"))
            members.append(("capabilities", "\(process.capabilities)"))
        }
        if let roundTrip { members.append(("call_p50_ms", DecimalText.text(roundTrip, digits: 3))) }
        if let failure { members.append(("error", HopFinding.object(failure))) }
        return members
    }

    private static func string(_ text: String?) -> String {
        text.map { String(decoding: JSONStringEscaper.string($0), as: UTF8.self) } ?? "null"
    }
}
