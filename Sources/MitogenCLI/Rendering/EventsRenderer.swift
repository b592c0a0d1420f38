//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes a JSON object on one line for everything that happens, as it happens.
///
/// The article Running documents the members. Whoever changes one in a way that a reader could notice raises
/// ``schemaVersion``; members that are added do not.
package struct EventsRenderer: RunRenderer {
    /// What `schema` of the first event says.
    package static let schemaVersion = 1

    /// Output is shown when it comes.
    package var wantsCapturedOutput: Bool { false }

    /// Whole lines only are written.
    package var allowsProgressLine: Bool { true }

    private struct Key: Hashable {
        let target: String
        let stream: OutputStreamKind
    }

    private let labels: [String]
    private let paths: [String: [String]]
    private var elapsed = Duration.zero
    private var hasBegun = false
    /// The beginning of a character whose rest has not come yet.
    private var partial: [Key: [UInt8]] = [:]
    private var counts: [String: Int] = [:]

    /// Creates a renderer.
    ///
    /// - Parameters:
    ///   - labels: The labels of all targets.
    ///   - paths: The hops of each, by its label.
    package init(labels: [String], paths: [String: [String]]) {
        self.labels = labels
        self.paths = paths
    }

    /// Sets the time of the events that follow, counted from the start of the run.
    package mutating func advance(to elapsed: Duration) {
        self.elapsed = elapsed
    }

    /// Shows an event.
    package mutating func handle(_ event: RunEvent, to sink: inout some OutputSink) throws(OutputError) {
        if !self.hasBegun {
            self.hasBegun = true
            let members = [("schema", "\(Self.schemaVersion)"), ("targets", "\(self.labels.count)")]
            try self.write("run", nil, members, to: &sink)
        }
        switch event {
        case .started(let target):
            try self.write("started", target, [], to: &sink)
        case .output(let target, let stream, let bytes):
            try self.writeOutput(bytes, Key(target: target, stream: stream), isLast: false, to: &sink)
        case .finished(let report):
            for stream in OutputStreamKind.allCases {
                try self.writeOutput([], Key(target: report.target, stream: stream), isLast: true, to: &sink)
            }
            try self.writeEnd(report, to: &sink)
        case .ended:
            let members = self.counts.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
            try self.write("end", nil, members, to: &sink)
        }
    }

    private mutating func writeEnd(_ report: TargetReport, to sink: inout some OutputSink) throws(OutputError) {
        let outcome = report.outcome
        let name: String
        var members: [(String, String)] = []
        switch outcome {
        case .exited, .signaled:
            name = "exit"
            members.append(("status", outcome.exitStatus.map { "\($0)" } ?? "null"))
            members.append(("signal", outcome.signal.map { "\($0)" } ?? "null"))
        case .unreachable(let failure):
            name = "unreachable"
            members.append(("hop", failure.hop.map(Self.string) ?? "null"))
        case .skipped: name = "skipped"
        case .timedOut, .unanswered, .failed, .interrupted: name = "failed"
        }
        members.append(("error", String(decoding: JSONRenderer.object(for: report.failure), as: UTF8.self)))
        members.append(("duration_ms", "\(report.durationMilliseconds)"))
        self.counts[name, default: 0] += 1
        try self.write(name, report.target, members, to: &sink)
    }

    private mutating func writeOutput(
        _ bytes: [UInt8],
        _ key: Key,
        isLast: Bool,
        to sink: inout some OutputSink
    ) throws(OutputError) {
        var bytes = (self.partial.removeValue(forKey: key) ?? []) + bytes
        if !isLast {
            // A character that was cut stays whole.
            let rest = Self.lengthOfPartialCharacter(bytes)
            if rest > 0 { self.partial[key] = Array(bytes.suffix(rest)) }
            bytes.removeLast(rest)
        }
        guard !bytes.isEmpty else { return }
        let data: (String, String)
        if String(validating: bytes, as: UTF8.self) != nil {
            var escaper = JSONStringEscaper()
            var text: [UInt8] = []
            escaper.escape(bytes, into: &text)
            data = ("data", "\"\(String(decoding: text, as: UTF8.self))\"")
        } else {
            var encoder = Base64StreamEncoder()
            var text: [UInt8] = []
            encoder.encode(bytes, into: &text)
            encoder.finish(into: &text)
            data = ("data_base64", "\"\(String(decoding: text, as: UTF8.self))\"")
        }
        try self.write(key.stream.name, key.target, [data], to: &sink)
    }

    /// How many bytes at the end begin a character and are not all of it.
    private static func lengthOfPartialCharacter(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where bytes.count >= length {
            let byte = bytes[bytes.count - length]
            switch byte {
            case 0x80..<0xc0: continue
            case 0xc2..<0xe0: return length < 2 ? length : 0
            case 0xe0..<0xf0: return length < 3 ? length : 0
            case 0xf0..<0xf5: return length
            default: return 0
            }
        }
        return 0
    }

    private func write(
        _ name: String,
        _ target: String?,
        _ members: [(String, String)],
        to sink: inout some OutputSink
    ) throws(OutputError) {
        let nanoseconds =
            self.elapsed.components.seconds * 1_000_000_000 + self.elapsed.components.attoseconds / 1_000_000_000
        var all = [("event", Self.string(name)), ("time", DecimalText.text(Double(nanoseconds) / 1e9, digits: 6))]
        if let target {
            all.append(("target", Self.string(target)))
            all.append(("path", "[" + (self.paths[target] ?? [target]).map(Self.string).joined(separator: ",") + "]"))
        }
        let text = (all + members).map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
        try sink.write("{\(text)}\n", to: .stdout)
    }

    private static func string(_ text: String) -> String {
        String(decoding: JSONStringEscaper.string(text), as: UTF8.self)
    }
}
