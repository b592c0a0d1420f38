//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Reads the operations that make a new file from an old one, and says what to write next.
///
/// The operations come from another side and are not trusted: no step is outside of the old file, and all together make
/// exactly the size that was announced. That the content is right, only the hash of the whole file says.
package struct PatchApplier: Sendable {
    package enum Step: Sendable, Hashable {
        /// Some bytes of the old file.
        case copy(offset: Int, length: Int)
        case write(ArraySlice<UInt8>)
    }

    private enum State: Sendable {
        case header
        case block(count: Int)
        case literal(left: Int)
    }

    private let blocks: DeltaBlocks
    private let fileSize: Int
    private var state = State.header
    private var made = 0
    private var nextBlock = 0
    private var input: ArraySlice<UInt8> = []
    /// The beginning of a number whose end has not come.
    private var number: UInt64 = 0
    private var numberBits: UInt64 = 0

    /// - Parameters:
    ///   - blocks: Of the old file.
    ///   - fileSize: Of the new file.
    package init(blocks: DeltaBlocks, fileSize: Int) {
        self.blocks = blocks
        self.fileSize = fileSize
    }

    /// Takes the next operations, cut anywhere. ``next()`` is asked until it has nothing before there are more.
    package mutating func feed(_ bytes: [UInt8]) {
        input = input.isEmpty ? bytes[...] : input + bytes
    }

    /// What to write next, or nil if more must be fed.
    package mutating func next() throws(DeltaError) -> Step? {
        while true {
            if case .literal(let left) = state {
                guard !input.isEmpty else { return nil }
                let piece = input.prefix(left)
                input = input.dropFirst(piece.count)
                state = piece.count == left ? .header : .literal(left: left - piece.count)
                return .write(piece)
            }
            guard let number = try readNumber() else { return nil }
            if case .block(let count) = state { return try copy(count, zigzag: number) }
            try begin(number)
        }
    }

    /// All operations were fed.
    ///
    /// - Throws: ``DeltaError`` if the new file is not complete.
    package func finish() throws(DeltaError) {
        guard case .header = state, numberBits == 0, input.isEmpty else { throw .endsInsideOperation }
        guard made == fileSize else { throw .tooShort(fileSize: fileSize, missing: fileSize - made) }
    }

    private mutating func begin(_ header: UInt64) throws(DeltaError) {
        guard let count = Int(exactly: header >> 1) else { throw .numberTooLarge }
        guard count > 0 else { throw .emptyOperation }
        guard header & 1 == 0 else {
            state = .block(count: count)
            return
        }
        try make(count)
        state = .literal(left: count)
    }

    private mutating func copy(_ count: Int, zigzag: UInt64) throws(DeltaError) -> Step {
        let (first, overflow) = nextBlock.addingReportingOverflow(LEB128.unzigzag(zigzag))
        guard !overflow, first >= 0, first < blocks.count, count <= blocks.count - first else { throw .noSuchBlock }
        let offset = first * blocks.blockSize
        let length = min(count * blocks.blockSize, blocks.fileSize - offset)
        try make(length)
        nextBlock = first + count
        state = .header
        return .copy(offset: offset, length: length)
    }

    private mutating func make(_ count: Int) throws(DeltaError) {
        guard count <= fileSize - made else { throw .tooLong(fileSize: fileSize) }
        made += count
    }

    private mutating func readNumber() throws(DeltaError) -> UInt64? {
        while let byte = input.popFirst() {
            let digit = UInt64(byte & 0x7f)
            guard numberBits < 63 || numberBits == 63 && digit <= 1 else { throw .numberTooLarge }
            number |= digit << numberBits
            numberBits += 7
            guard byte & 0x80 == 0 else { continue }
            defer {
                number = 0
                numberBits = 0
            }
            return number
        }
        return nil
    }
}
