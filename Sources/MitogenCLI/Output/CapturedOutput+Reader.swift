//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension CapturedOutput {
    /// Reads the records of an ``OutputSpool`` from the beginning.
    struct Reader {
        private static let blockSize = 64 << 10

        private let output: CapturedOutput
        private let wanted: OutputStreamKind?
        /// Where the next block begins, counted over the file and the tail behind it.
        private var position = 0
        private var block: ArraySlice<UInt8> = []
        private var stream = OutputStreamKind.stdout
        private var missing = 0

        fileprivate init(_ output: CapturedOutput, wanted: OutputStreamKind?) {
            self.output = output
            self.wanted = wanted
        }

        /// The next piece, or `nil` at the end.
        mutating func next() throws(OutputError) -> (stream: OutputStreamKind, bytes: [UInt8])? {
            while true {
                if self.missing == 0 {
                    guard try self.readHeader() else { return nil }
                }
                guard try self.fillBlock() else { return nil }
                let bytes = self.block.prefix(self.missing)
                self.block = self.block.dropFirst(bytes.count)
                self.missing -= bytes.count
                if self.wanted == nil || self.wanted == self.stream { return (self.stream, Array(bytes)) }
            }
        }

        private mutating func readHeader() throws(OutputError) -> Bool {
            guard try self.fillBlock(), let tag = self.block.popFirst() else { return false }
            self.stream = OutputStreamKind(rawValue: tag) ?? .stdout
            for index in 0..<OutputSpool.lengthSize {
                guard try self.fillBlock(), let byte = self.block.popFirst() else { return false }
                self.missing |= Int(byte) << (8 * index)
            }
            return true
        }

        /// Makes sure that a byte can be taken from `block`; false at the end.
        private mutating func fillBlock() throws(OutputError) -> Bool {
            if !self.block.isEmpty { return true }
            if let file = self.output.file, self.position < self.output.fileLength {
                let count = min(Self.blockSize, self.output.fileLength - self.position)
                self.block = try file.read(at: self.position, count: count)[...]
            } else {
                let offset = self.position - self.output.fileLength
                self.block = self.output.tail.dropFirst(offset).prefix(Self.blockSize)
            }
            self.position += self.block.count
            return !self.block.isEmpty
        }
    }

    /// A reader of one stream, or of both in the order in which they were written.
    func makeReader(of stream: OutputStreamKind? = nil) -> Reader {
        Reader(self, wanted: stream)
    }
}
