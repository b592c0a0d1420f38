//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

@testable import MitogenCLI

/// Keeps what is written, and where.
struct MemorySink: OutputSink {
    struct Entry: Hashable, CustomStringConvertible {
        let stream: OutputStreamKind
        let bytes: [UInt8]

        var description: String {
            "\(self.stream.name): \(String(decoding: self.bytes, as: UTF8.self).debugDescription)"
        }
    }

    var terminals: Set<OutputStreamKind> = []
    var hasColor = false
    var streamsShareDestination = false
    /// The stream whose reader has gone.
    var broken: OutputStreamKind?
    var isInForeground = true
    private(set) var entries: [Entry] = []

    /// A pair of files.
    static let files = MemorySink()

    /// One terminal for both streams.
    static let terminal = MemorySink(terminals: [.stdout, .stderr], streamsShareDestination: true)

    /// One file for both streams, as in `>file 2>&1`.
    static let oneFile = MemorySink(streamsShareDestination: true)

    func isTerminal(_ stream: OutputStreamKind) -> Bool { self.terminals.contains(stream) }

    func usesColor(_ stream: OutputStreamKind) -> Bool { self.hasColor && self.isTerminal(stream) }

    mutating func write(_ bytes: [UInt8], to stream: OutputStreamKind) throws(OutputError) {
        if stream == self.broken { throw .brokenPipe(stream) }
        self.entries.append(Entry(stream: stream, bytes: bytes))
    }

    /// What was written to a stream.
    func text(_ stream: OutputStreamKind) -> String { Self.join(self.entries.filter { $0.stream == stream }) }

    var stdout: String { self.text(.stdout) }
    var stderr: String { self.text(.stderr) }

    /// What was written to both, in order.
    var all: String { Self.join(self.entries) }

    private static func join(_ entries: [Entry]) -> String {
        String(decoding: entries.flatMap(\.bytes), as: UTF8.self)
    }
}

/// Output of a command from pieces.
func captured(
    _ pieces: (OutputStreamKind, String)...,
    threshold: Int = OutputSpool.defaultThreshold
) throws -> CapturedOutput {
    var spool = OutputSpool(threshold: threshold)
    for (stream, text) in pieces { try spool.append(Array(text.utf8), to: stream) }
    return spool.finish()
}

/// The bytes of one stream.
func bytes(of output: CapturedOutput, _ stream: OutputStreamKind) throws -> [UInt8] {
    var result: [UInt8] = []
    try output.forEachChunk(of: stream) { (_, bytes) throws(OutputError) in result += bytes }
    return result
}

/// Shows events and gives back the sink.
func show(_ events: [RunEvent], with renderer: any RunRenderer, on sink: MemorySink = .files) throws -> MemorySink {
    var renderer = renderer
    var sink = sink
    for event in events { try renderer.handle(event, to: &sink) }
    return sink
}

/// An event of output.
func output(_ target: String, _ stream: OutputStreamKind, _ text: String) -> RunEvent {
    .output(target: target, stream: stream, bytes: Array(text.utf8))
}

/// An event of an end.
func finished(
    _ target: String,
    _ outcome: RunOutcome = .exited(0),
    _ output: CapturedOutput = CapturedOutput(),
    milliseconds: Int = 12
) -> RunEvent {
    .finished(TargetReport(target: target, outcome: outcome, durationMilliseconds: milliseconds, output: output))
}
