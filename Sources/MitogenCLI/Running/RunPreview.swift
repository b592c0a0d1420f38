//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen

/// What `--list-hosts` and `--dry-run` show instead of a run.
struct RunPreview: Sendable {
    private let options: RunOptions
    private let image: String?

    /// - Parameter image: The path of the program that would be started as contexts, where that is known.
    init(_ options: RunOptions, image: String?) {
        self.options = options
        self.image = image
    }

    /// The targets, one on each line; for a dry run also what would be done there.
    var text: String {
        let targets = self.options.targets.map(Self.line)
        if self.options.listsTargets { return targets.map { "\($0)\n" }.joined() }
        let lines = self.lines.map { line in
            line.name + String(repeating: " ", count: max(1, 10 - line.name.count))
                + TerminalSanitizer.visible(line.value)
        }
        return (lines + targets.map { "  \($0)" }).joined(separator: "\n") + "\n"
    }

    /// The hops, and the name behind them as a comment, so that the line can be one of a file of hosts.
    private static func line(_ target: TargetSpecification) -> String {
        let hops = target.canonicalText
        guard let name = target.inventoryName, hops != name, hops != "\(HopKind.ssh.name):\(name)" else {
            return TerminalSanitizer.visible(hops)
        }
        return TerminalSanitizer.visible("\(hops)  # \(name)")
    }

    private struct Line {
        let name: String
        let value: String
    }

    private var lines: [Line] {
        var lines: [Line] = []
        let words = CommandQuoting.shellQuoted(self.options.command.map(Self.text))
        if let script = self.options.script {
            lines.append(Line(name: "script", value: "\(script.count) bytes, brought to each target"))
            lines.append(Line(name: "arguments", value: words.isEmpty ? "none" : words))
        } else {
            lines.append(Line(name: "command", value: words))
        }
        for (name, value) in self.options.environment.map({ (Self.text($0.key), Self.text($0.value)) }).sorted(by: {
            $0 < $1
        }) {
            lines.append(Line(name: "variable", value: CommandQuoting.shellQuoted(["\(name)=\(value)"])))
        }
        if let directory = self.options.directory {
            lines.append(Line(name: "folder", value: CommandQuoting.shellQuoted([Self.text(directory)])))
        }
        if self.options.readsStandardInput { lines.append(Line(name: "input", value: "standard input")) }
        if let upload = self.upload { lines.append(Line(name: "upload", value: upload)) }
        lines.append(Line(name: "order", value: self.order))
        let labels = TargetSpecification.labels(for: self.options.targets)
        let folded = NodeSetFolding.text(labels, order: .written)
        lines.append(Line(name: "targets", value: "\(labels.count): \(folded)"))
        return lines
    }

    /// The program that a target gets, unless it has it: the size depends on its platform and compression.
    private var upload: String? {
        guard let image, self.options.targets.contains(where: { $0.canBeHeld }) else { return nil }
        var status = stat()
        guard stat(image, &status) == 0 else { return nil }
        let cache = self.options.hops.usesImageCache ? ", where ~/.cache/mitogen has no copy" : ""
        return "\(image), \(status.st_size) bytes before compression\(cache)"
    }

    private var order: String {
        let plan = self.options.plan
        var parts: [String] = []
        if let canaries = plan.canaries, canaries < self.options.targets.count {
            parts.append("\(canaries) first, then \(plan.isConfirmed ? "the rest if they succeed" : "a question")")
        }
        if let serial = plan.serial { parts.append("batches of \(serial)") }
        if let fanout = self.options.fanout { parts.append("\(fanout) at a time") }
        if plan.stagger > .zero {
            parts.append("\(DurationText.text(milliseconds: plan.stagger.wholeMilliseconds)) between two beginnings")
        }
        if let allowed = plan.allowedFailures { parts.append("no more after more than \(allowed) failures") }
        if plan.retries > 0 { parts.append("\(plan.retries + 1) attempts to reach a target") }
        return parts.isEmpty ? "all at once" : parts.joined(separator: "; ")
    }

    /// Bytes that are no text are shown as such.
    private static func text(_ bytes: ByteString) -> String {
        ByteArguments.visible(ByteArguments.escaped(bytes.bytes))
    }
}
