//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A heading with the output that belongs to it.
///
/// Output goes to the stream it came from. Where the two streams end up in different places, the heading is repeated
/// on standard error if anything of the group is written there, so that each place can be read alone.
struct OutputGroup: Sendable {
    /// What the heading says.
    let title: String

    /// How the command ended.
    let outcome: RunOutcome

    /// What stands under the heading.
    let output: CapturedOutput

    /// Writes the group.
    func write(to sink: inout some OutputSink) throws(OutputError) {
        var writer = Writer(group: self, sink: sink)
        try writer.writeHeading(to: .stdout, of: &sink)
        try self.output.forEachChunk { (stream, bytes) throws(OutputError) in
            try writer.write(bytes, to: stream, of: &sink)
        }
        try writer.finish(&sink)
    }

    private var heading: String {
        // The sign alone tells a failure where there are no colours.
        "\(self.outcome.isSuccess ? "==" : "!!") \(self.title)"
    }

    /// What is remembered while a group is written.
    private struct Writer {
        private let group: OutputGroup
        private var headed: Set<OutputStreamKind> = []
        private var lines = LineEnds()
        private var sanitizers: [OutputStreamKind: TerminalSanitizer] = [:]

        init(group: OutputGroup, sink: some OutputSink) {
            self.group = group
            for stream in OutputStreamKind.allCases {
                self.sanitizers[stream] = TerminalSanitizer(isActive: sink.isTerminal(stream))
            }
        }

        mutating func writeHeading(to stream: OutputStreamKind, of sink: inout some OutputSink) throws(OutputError) {
            guard self.headed.insert(stream).inserted else { return }
            if sink.streamsShareDestination { self.headed = Set(OutputStreamKind.allCases) }
            let isFailure = !self.group.outcome.isSuccess
            try sink.write(sink.emphasized(self.group.heading, isFailure: isFailure, on: stream) + "\n", to: stream)
        }

        mutating func write(
            _ bytes: [UInt8],
            to stream: OutputStreamKind,
            of sink: inout some OutputSink
        ) throws(OutputError) {
            try self.writeHeading(to: stream, of: &sink)
            let harmless = self.sanitizers[stream]?.sanitize(bytes) ?? []
            try self.lines.write(harmless, to: stream, of: &sink)
        }

        mutating func finish(_ sink: inout some OutputSink) throws(OutputError) {
            for stream in OutputStreamKind.allCases {
                let rest = self.sanitizers[stream]?.finish() ?? []
                try self.lines.write(rest, to: stream, of: &sink)
            }
            try self.lines.close(&sink)
            var details = self.group.outcome.details
            // Other outcomes tell of lost output in their message.
            if details.isEmpty, let failure = self.group.output.failure {
                details = ["output_incomplete: \(failure)"]
            }
            guard !details.isEmpty else { return }
            try self.writeHeading(to: .stderr, of: &sink)
            try sink.write(details.map { "   \($0)\n" }.joined(), to: .stderr)
        }
    }
}
