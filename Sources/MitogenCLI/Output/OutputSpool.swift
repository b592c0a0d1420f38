//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// Collects what a command writes, in the order in which it came, in memory or in a temporary file.
///
/// Up to the threshold everything is held in memory. Above it all goes to a file without a name that disappears with
/// the last value that uses it. ``finish()`` gives the output to read.
///
/// The bytes are kept as records of a stream's number, a length of six bytes and that many bytes of output. So the
/// order of the two streams costs no memory of its own, however often they alternate.
package struct OutputSpool: ~Copyable, Sendable {
    /// How much output of one target is held in memory.
    package static let defaultThreshold = 16 << 20

    static let lengthSize = 6
    static let headerSize = 1 + lengthSize
    private static let fileBlockSize = 256 << 10

    private let threshold: Int
    private let makeFile: @Sendable () throws(OutputError) -> SpoolFile
    private var file: SpoolFile?
    private var fileLength = 0
    /// The records that are not in the file.
    private var tail: [UInt8] = []
    /// Where the last record begins in `tail`, if one more piece of its stream can be added to it.
    private var lastRecord: (offset: Int, stream: OutputStreamKind, length: Int)?
    private var counts = CapturedOutput.ByteCounts()
    private var failure: OutputError?

    /// Creates an empty spool.
    ///
    /// - Parameters:
    ///   - threshold: How many bytes are held in memory, those of the record headers included.
    ///   - directory: Where the temporary file is made if one is needed.
    package init(
        threshold: Int = OutputSpool.defaultThreshold,
        directory: String = OutputSpool.temporaryDirectory()
    ) {
        self.init(threshold: threshold) { () throws(OutputError) in try SpoolFile(in: directory) }
    }

    init(threshold: Int, makeFile: @escaping @Sendable () throws(OutputError) -> SpoolFile) {
        self.threshold = threshold
        self.makeFile = makeFile
    }

    /// `$TMPDIR`, or `/tmp` if that is not set.
    package static func temporaryDirectory() -> String {
        guard let value = getenv("TMPDIR") else { return "/tmp" }
        let directory = String(cString: value)
        return directory.isEmpty ? "/tmp" : directory
    }

    /// Whether the output has gone to a temporary file.
    package var usesFile: Bool { self.file != nil }

    /// Adds a piece of output.
    ///
    /// - Throws: ``OutputError`` if the temporary file fails. What came up to and with this piece is still there to
    ///   be read; later pieces are refused with the same error, so that no gap can be overlooked.
    package mutating func append(_ bytes: [UInt8], to stream: OutputStreamKind) throws(OutputError) {
        if let failure { throw failure }
        guard !bytes.isEmpty else { return }
        self.appendRecord(bytes, stream)
        self.counts.add(bytes.count, to: stream)

        let limit = self.file == nil ? self.threshold : min(self.threshold, Self.fileBlockSize)
        guard self.tail.count > limit else { return }
        do {
            try self.moveTailToFile()
        } catch {
            self.failure = error
            throw error
        }
    }

    /// Ends the collecting and gives what was collected.
    package consuming func finish() -> CapturedOutput {
        CapturedOutput(
            file: self.file,
            fileLength: self.fileLength,
            tail: self.tail,
            counts: self.counts,
            failure: self.failure
        )
    }

    private mutating func appendRecord(_ bytes: [UInt8], _ stream: OutputStreamKind) {
        if let last = self.lastRecord, last.stream == stream {
            self.writeLength(last.length + bytes.count, at: last.offset)
            self.lastRecord = (last.offset, stream, last.length + bytes.count)
        } else {
            self.lastRecord = (self.tail.count, stream, bytes.count)
            self.tail.append(stream.rawValue)
            self.tail += repeatElement(0, count: Self.lengthSize)
            self.writeLength(bytes.count, at: self.tail.count - Self.headerSize)
        }
        self.tail += bytes
    }

    private mutating func writeLength(_ length: Int, at record: Int) {
        for index in 0..<Self.lengthSize {
            self.tail[record + 1 + index] = UInt8(truncatingIfNeeded: length >> (8 * index))
        }
    }

    private mutating func moveTailToFile() throws(OutputError) {
        let file: SpoolFile
        if let existing = self.file { file = existing } else { file = try self.makeFile() }
        // The length only grows when all is written: after an error the tail still has what may be half in the file.
        try file.write(self.tail, at: self.fileLength)
        self.file = file
        self.fileLength += self.tail.count
        self.tail = []
        self.lastRecord = nil
    }
}
