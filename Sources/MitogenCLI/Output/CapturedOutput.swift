//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a command wrote to its two streams, to be read as often as needed.
package struct CapturedOutput: Sendable {
    /// How many bytes each stream has.
    struct ByteCounts: Hashable, Sendable {
        private(set) var stdout = 0
        private(set) var stderr = 0

        mutating func add(_ count: Int, to stream: OutputStreamKind) {
            switch stream {
            case .stdout: self.stdout += count
            case .stderr: self.stderr += count
            }
        }
    }

    let file: SpoolFile?
    let fileLength: Int
    let tail: [UInt8]
    let counts: ByteCounts

    /// Why later output is missing, if it is.
    package let failure: OutputError?

    /// The output of a command that wrote nothing.
    package init() {
        self.init(file: nil, fileLength: 0, tail: [], counts: ByteCounts(), failure: nil)
    }

    init(file: SpoolFile?, fileLength: Int, tail: [UInt8], counts: ByteCounts, failure: OutputError?) {
        self.file = file
        self.fileLength = fileLength
        self.tail = tail
        self.counts = counts
        self.failure = failure
    }

    /// How many bytes were written to a stream.
    package func byteCount(of stream: OutputStreamKind) -> Int {
        switch stream {
        case .stdout: self.counts.stdout
        case .stderr: self.counts.stderr
        }
    }

    /// Whether nothing was written.
    package var isEmpty: Bool { self.counts == ByteCounts() }

    /// Hands out the output in pieces of at most 64 KiB.
    ///
    /// - Parameter stream: One stream; `nil` for both in the order in which they were written.
    package func forEachChunk(
        of stream: OutputStreamKind? = nil,
        _ body: (OutputStreamKind, [UInt8]) throws(OutputError) -> Void
    ) throws(OutputError) {
        var reader = self.makeReader(of: stream)
        while let chunk = try reader.next() {
            try body(chunk.stream, chunk.bytes)
        }
    }

    /// Whether a stream is well-formed UTF-8.
    package func isUTF8(_ stream: OutputStreamKind) throws(OutputError) -> Bool {
        var decoder = UTF8StreamDecoder()
        var isValid = true
        var reader = self.makeReader(of: stream)
        while isValid, let chunk = try reader.next() {
            for byte in chunk.bytes where byte >= 0x80 || !decoder.isIdle {
                decoder.decode(byte) { if case .invalid = $0 { isValid = false } }
            }
        }
        return isValid && decoder.isIdle
    }

    /// A hash of a stream's bytes (FNV-1a), the same however they came in pieces.
    ///
    /// It only narrows down what ``hasSameBytes(as:)`` must compare.
    package func hash(of stream: OutputStreamKind) throws(OutputError) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        try self.forEachChunk(of: stream) { (_, bytes) throws(OutputError) in
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return hash
    }

    /// Whether both streams have the same bytes as those of another output.
    ///
    /// In which order the two streams were written is not compared: it depends on chance.
    package func hasSameBytes(as other: CapturedOutput) throws(OutputError) -> Bool {
        guard self.counts == other.counts else { return false }
        for stream in OutputStreamKind.allCases {
            guard try self.hasSameBytes(as: other, in: stream) else { return false }
        }
        return true
    }

    private func hasSameBytes(as other: CapturedOutput, in stream: OutputStreamKind) throws(OutputError) -> Bool {
        var readers = (self.makeReader(of: stream), other.makeReader(of: stream))
        var rests: (ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [])
        while true {
            if rests.0.isEmpty { rests.0 = try readers.0.next()?.bytes[...] ?? [] }
            if rests.1.isEmpty { rests.1 = try readers.1.next()?.bytes[...] ?? [] }
            let count = min(rests.0.count, rests.1.count)
            if count == 0 { return rests.0.isEmpty && rests.1.isEmpty }
            guard rests.0.prefix(count).elementsEqual(rests.1.prefix(count)) else { return false }
            rests = (rests.0.dropFirst(count), rests.1.dropFirst(count))
        }
    }
}
