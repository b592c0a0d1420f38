//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Decompresses a zlib stream (RFC 1950 and 1951), of the small size of a program that a Python master sends.
///
/// There is no zlib in a payload: this is all of it that is needed there.
struct ZlibStream {
    enum Failure: Error {
        /// More bytes are to come.
        case incomplete
        case malformed
    }

    private let bytes: [UInt8]
    private var place = 2
    private var bitBuffer: UInt32 = 0
    private var bitCount: UInt32 = 0
    private var output: [UInt8] = []
    private let limit: Int

    /// What a stream holds.
    ///
    /// - Parameter limit: The most bytes that it may hold.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        guard bytes.count >= 2 else { throw .incomplete }
        guard bytes[0] & 15 == 8, (UInt(bytes[0]) << 8 | UInt(bytes[1])) % 31 == 0, bytes[1] & 32 == 0 else {
            throw .malformed
        }
        var stream = ZlibStream(bytes: bytes, limit: limit)
        try stream.inflate()
        guard bytes.count >= stream.place + 4 else { throw .incomplete }
        let sum = bytes[stream.place..<stream.place + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard sum == PythonProgram.adler32(stream.output) else { throw .malformed }
        return stream.output
    }

    private init(bytes: [UInt8], limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }

    private mutating func inflate() throws(Failure) {
        var isLast = false
        while !isLast {
            isLast = try bits(1) == 1
            switch try bits(2) {
            case 0: try copyStored()
            case 1: try inflate(Code.fixedLiterals, Code.fixedDistances)
            case 2:
                let (literals, distances) = try codes()
                try inflate(literals, distances)
            default: throw .malformed
            }
        }
    }

    private mutating func byte() throws(Failure) -> UInt8 {
        guard place < bytes.count else { throw .incomplete }
        defer { place += 1 }
        return bytes[place]
    }

    /// The next bits, the first of which is the lowest; at most 16.
    private mutating func bits(_ count: UInt32) throws(Failure) -> Int {
        while bitCount < count {
            bitBuffer |= UInt32(try byte()) << bitCount
            bitCount += 8
        }
        defer {
            bitBuffer >>= count
            bitCount -= count
        }
        return Int(bitBuffer & ((1 << count) - 1))
    }

    private mutating func append(_ byte: UInt8) throws(Failure) {
        guard output.count < limit else { throw .malformed }
        output.append(byte)
    }

    // MARK: Blocks

    private mutating func copyStored() throws(Failure) {
        (bitBuffer, bitCount) = (0, 0)
        var numbers = [0, 0]
        for index in 0..<2 { numbers[index] = Int(try byte()) | Int(try byte()) << 8 }
        guard numbers[0] == numbers[1] ^ 0xffff else { throw .malformed }
        for _ in 0..<numbers[0] { try append(byte()) }
    }

    private static let lengths: [(base: Int, extra: UInt32)] = {
        (0..<28).map { code in
            let extra = code < 8 ? 0 : code / 4 - 1
            return (3 + (code < 8 ? code : (4 + code % 4) << extra), UInt32(extra))
        } + [(258, 0)]
    }()

    private static let distances: [(base: Int, extra: UInt32)] = (0..<30).map { code in
        let extra = code < 4 ? 0 : code / 2 - 1
        return (1 + (code < 4 ? code : (2 + code % 2) << extra), UInt32(extra))
    }

    private mutating func inflate(_ literals: Code, _ distances: Code) throws(Failure) {
        while true {
            let symbol = try self.symbol(literals)
            if symbol < 256 {
                try append(UInt8(symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol - 257 < Self.lengths.count else { throw .malformed }
            let length = Self.lengths[symbol - 257]
            let count = length.base + (try bits(length.extra))
            let code = try self.symbol(distances)
            guard code < Self.distances.count else { throw .malformed }
            let distance = Self.distances[code].base + (try bits(Self.distances[code].extra))
            guard distance <= output.count else { throw .malformed }
            for _ in 0..<count { try append(output[output.count - distance]) }
        }
    }

    // MARK: Codes

    /// A code of Huffman's, by the number of its symbols of each length and these symbols in order.
    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(_ lengths: some Collection<Int>) {
            for length in lengths { counts[length] += 1 }
            counts[0] = 0
            let numbered = lengths.enumerated().filter { $0.element > 0 }
            symbols = numbered.sorted { ($0.element, $0.offset) < ($1.element, $1.offset) }.map(\.offset)
        }

        static let fixedLiterals = Code((0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
        static let fixedDistances = Code([Int](repeating: 5, count: 30))
    }

    private mutating func symbol(_ code: Code) throws(Failure) -> Int {
        var (value, first, index) = (0, 0, 0)
        for length in 1..<16 {
            value |= try bits(1)
            let count = code.counts[length]
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw .malformed
    }

    private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private mutating func codes() throws(Failure) -> (Code, Code) {
        let (literals, distances) = (try bits(5) + 257, try bits(5) + 1)
        var lengthLengths = [Int](repeating: 0, count: 19)
        for index in 0..<(try bits(4) + 4) { lengthLengths[Self.order[index]] = try bits(3) }
        let lengthCode = Code(lengthLengths)
        var lengths: [Int] = []
        while lengths.count < literals + distances {
            let symbol = try self.symbol(lengthCode)
            switch symbol {
            case 0..<16: lengths.append(symbol)
            case 16:
                guard let last = lengths.last else { throw .malformed }
                lengths += [Int](repeating: last, count: try bits(2) + 3)
            case 17: lengths += [Int](repeating: 0, count: try bits(3) + 3)
            default: lengths += [Int](repeating: 0, count: try bits(7) + 11)
            }
        }
        guard lengths.count == literals + distances else { throw .malformed }
        return (Code(lengths[..<literals]), Code(lengths[literals...]))
    }
}
