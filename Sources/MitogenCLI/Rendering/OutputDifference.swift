//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Shows the output of a group as what must be changed in that of another.
struct OutputDifference: Sendable {
    /// What the heading of the other group says.
    let title: String
    /// The output of the other group.
    let output: CapturedOutput

    /// More is not held in memory for a comparison.
    private static let limit = 8 << 20

    /// Writes a heading and the differences, of standard output and of standard error.
    func write(
        _ title: String,
        _ outcome: RunOutcome,
        _ other: CapturedOutput,
        to sink: inout some OutputSink
    ) throws(OutputError) {
        let isLarge = [self.output, other].contains { output in
            OutputStreamKind.allCases.contains { output.byteCount(of: $0) > Self.limit }
        }
        guard !isLarge else {
            let note = "\(title), not compared: the output has more than \(Self.limit >> 20) MiB"
            return try OutputGroup(title: note, outcome: outcome, output: other).write(to: &sink)
        }
        let sign = outcome.isSuccess ? "==" : "!!"
        try sink.write(
            sink.emphasized("\(sign) \(title)", isFailure: !outcome.isSuccess, on: .stdout) + "\n",
            to: .stdout
        )
        for stream in OutputStreamKind.allCases {
            let difference = UnifiedDiff(
                from: try Self.bytes(of: self.output, stream),
                to: try Self.bytes(of: other, stream)
            )
            guard !difference.lines.isEmpty else { continue }
            let suffix = stream == .stderr ? ", stderr" : ""
            try self.write("--- \(self.title)\(suffix)\n+++ \(title)\(suffix)\n", color: "1", to: &sink)
            var sanitizer = TerminalSanitizer(isActive: sink.isTerminal(.stdout))
            for line in difference.lines {
                let text = sanitizer.sanitize(line.text) + sanitizer.finish()
                try self.write(String(decoding: text, as: UTF8.self), bytes: text, color: line.kind.color, to: &sink)
            }
        }
    }

    private static func bytes(of output: CapturedOutput, _ stream: OutputStreamKind) throws(OutputError) -> [UInt8] {
        var result: [UInt8] = []
        try output.forEachChunk(of: stream) { (_, bytes) throws(OutputError) in result += bytes }
        return result
    }

    private func write(
        _ text: String,
        bytes: [UInt8]? = nil,
        color: String?,
        to sink: inout some OutputSink
    ) throws(OutputError) {
        guard let color, sink.usesColor(.stdout) else { return try sink.write(bytes ?? Array(text.utf8), to: .stdout) }
        let body = text.last == "\n" ? String(text.dropLast()) : text
        try sink.write("\u{1b}[\(color)m\(body)\u{1b}[0m\n", to: .stdout)
    }
}

extension UnifiedDiff.Line.Kind {
    /// The colours that git gives to differences.
    fileprivate var color: String? {
        switch self {
        case .heading: "36"
        case .common: nil
        case .removed: "31"
        case .added: "32"
        }
    }
}
