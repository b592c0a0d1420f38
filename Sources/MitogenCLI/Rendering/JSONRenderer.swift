//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes a JSON object on one line for each target, as soon as the target is done.
///
/// The output of a command is read piece by piece, so one piece of it is in memory at a time.
package struct JSONRenderer: RunRenderer {
    /// Output comes with the reports.
    package var wantsCapturedOutput: Bool { true }

    /// Whole lines only are written.
    package var allowsProgressLine: Bool { true }

    private static let blockSize = 64 << 10

    /// Creates a renderer.
    package init() {}

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        guard case .finished(let report) = event else { return }
        var line = Array("{\"target\":".utf8)
        line += JSONStringEscaper.string(report.target)
        line += ",\"exit_status\":\(report.outcome.exitStatus.map { "\($0)" } ?? "null")".utf8
        // "exit 137" and an end by SIGKILL have the same status.
        line += ",\"signal\":\(report.outcome.signal.map { "\($0)" } ?? "null")".utf8
        for stream in OutputStreamKind.allCases {
            try Self.write(report.output, stream, &line, &sink)
        }
        line += ",\"error\":".utf8
        line += Self.object(for: report.failure)
        line += ",\"duration_ms\":\(report.durationMilliseconds)}\n".utf8
        try sink.write(line, to: .stdout)
    }

    private static func write(
        _ output: CapturedOutput,
        _ stream: OutputStreamKind,
        _ line: inout [UInt8],
        _ sink: inout some OutputSink
    ) throws(OutputError) {
        let isText = try output.isUTF8(stream)
        line += ",\"\(stream.name)\(isText ? "" : "_base64")\":\"".utf8
        var escaper = JSONStringEscaper()
        var encoder = Base64StreamEncoder()
        try output.forEachChunk(of: stream) { (_, bytes) throws(OutputError) in
            if isText { escaper.escape(bytes, into: &line) } else { encoder.encode(bytes, into: &line) }
            guard line.count >= Self.blockSize else { return }
            try sink.write(line, to: .stdout)
            line.removeAll(keepingCapacity: true)
        }
        if isText { escaper.finish(into: &line) } else { encoder.finish(into: &line) }
        line.append(UInt8(ascii: "\""))
    }

    static func object(for failure: FailureReport?) -> [UInt8] {
        guard let failure else { return Array("null".utf8) }
        var text = Array("{\"code\":".utf8)
        text += JSONStringEscaper.string(failure.code)
        text += ",\"message\":".utf8
        text += JSONStringEscaper.string(failure.message)
        text += ",\"hop\":".utf8
        text += failure.hop.map(JSONStringEscaper.string) ?? Array("null".utf8)
        text.append(UInt8(ascii: "}"))
        return text
    }
}
