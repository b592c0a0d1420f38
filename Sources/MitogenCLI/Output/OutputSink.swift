//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Where renderers write: the standard output and standard error of the tool, or a test's memory.
package protocol OutputSink: Sendable {
    /// Whether a person sees this stream on a terminal.
    func isTerminal(_ stream: OutputStreamKind) -> Bool

    /// Whether colours may be used in what the tool itself says on this stream.
    func usesColor(_ stream: OutputStreamKind) -> Bool

    /// Whether both streams end up in the same place, so that a heading on one serves the other as well.
    var streamsShareDestination: Bool { get }

    /// Whether this process may draw on the terminal of standard error: in the background that is the shell's.
    var isInForeground: Bool { get }

    /// The size of the terminal of standard error; nil if it does not say.
    var terminalSize: (rows: Int, columns: Int)? { get }

    /// Writes all bytes before it returns.
    mutating func write(_ bytes: [UInt8], to stream: OutputStreamKind) throws(OutputError)
}

extension OutputSink {
    /// There is no terminal that could say so.
    package var terminalSize: (rows: Int, columns: Int)? { nil }

    /// There is no terminal that a shell could have.
    package var isInForeground: Bool { true }

    /// Writes a text.
    package mutating func write(_ text: String, to stream: OutputStreamKind) throws(OutputError) {
        try self.write(Array(text.utf8), to: stream)
    }

    /// The text as it stands out on a stream: bold, and red for bad news, where colours may be used.
    func emphasized(_ text: String, isFailure: Bool, on stream: OutputStreamKind) -> String {
        guard self.usesColor(stream) else { return text }
        return "\u{1b}[\(isFailure ? "1;31" : "1")m\(text)\u{1b}[0m"
    }
}

/// Remembers whether what was written so far ends with a whole line, for each stream and for both together.
struct LineEnds: Sendable {
    private var openStreams: Set<OutputStreamKind> = []
    private var lastStream = OutputStreamKind.stdout

    /// Writes bytes and takes note of how they end.
    mutating func write(
        _ bytes: [UInt8],
        to stream: OutputStreamKind,
        of sink: inout some OutputSink
    ) throws(OutputError) {
        guard let last = bytes.last else { return }
        try sink.write(bytes, to: stream)
        self.lastStream = stream
        if last == 0x0a { self.openStreams.remove(stream) } else { self.openStreams.insert(stream) }
    }

    /// Ends the lines that are not ended.
    mutating func close(_ sink: inout some OutputSink) throws(OutputError) {
        // In one place only what was written last counts, in two each has its own line.
        let open = sink.streamsShareDestination ? self.openStreams.intersection([self.lastStream]) : self.openStreams
        for stream in OutputStreamKind.allCases where open.contains(stream) {
            try sink.write("\n", to: stream)
        }
        self.openStreams = []
    }
}
