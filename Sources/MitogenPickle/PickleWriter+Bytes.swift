//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    private static let largeBytes = 4096

    /// Writes bytes, in the form that ``Options/bytesStyle`` and the place in the stream call for.
    public mutating func write(bytes data: [UInt8]) throws(PickleError) {
        try willWrite()
        try appendBytes(data[...])
        didWrite()
    }

    /// Writes bytes that are part of a larger buffer.
    public mutating func write(bytes data: ArraySlice<UInt8>) throws(PickleError) {
        try willWrite()
        try appendBytes(data)
        didWrite()
    }

    mutating func appendBytes(_ data: ArraySlice<UInt8>) throws(PickleError) {
        if data.count > Self.largeBytes { makeRoom(for: data.count + Self.largeBytes) }
        switch (options.bytesStyle, frame.kind) {
        case (.binary, _):
            if let count = UInt8(exactly: data.count) {
                append(.shortBinBytes, count)
            } else if let count = UInt32(exactly: data.count) {
                append(.binBytes, count)
            } else {
                append(.binBytes8, UInt64(data.count))
            }
            bytes.append(contentsOf: data)
        case (.python, .stream):
            guard let count = Int32(exactly: data.count) else {
                throw PickleError(.limitExceeded, "\(data.count) bytes are too many for a pickle")
            }
            append(.binString, count)
            bytes.append(contentsOf: data)
        case (.python, _):
            try appendReducedBytes(data)
        }
    }

    /// Makes room for large data and what follows it, or all of it would be moved for the last bytes of the message. The room
    /// at least doubles: so each byte of many pieces is moved once or so.
    private mutating func makeRoom(for count: Int) {
        let needed = bytes.count + count
        if bytes.capacity < needed { bytes.reserveCapacity(max(needed, 2 * bytes.capacity)) }
    }

    /// Bytes as a call that makes them, which is all that pickle protocol 2 has for the bytes of Python 3.
    private mutating func appendReducedBytes(_ data: ArraySlice<UInt8>) throws(PickleError) {
        // CPython has just one object for no bytes, and one for each single byte.
        let key: WriterMemo.Key = data.count <= 1 ? .value(.bytes(Array(data))) : .anonymous
        if options.memoizes, let index = memo[key] {
            return appendFetch(index)
        }
        if data.isEmpty {
            appendGlobal(.bytes)
            append(.emptyTuple)
        } else {
            appendGlobal(.codecsEncode)
            try appendLatin1(data)
            try appendText("latin1")
            append(.tuple2)
            appendStore(.anonymous)
        }
        append(.reduce)
        appendStore(key)
    }

    /// Bytes as text that has a character for each.
    private mutating func appendLatin1(_ data: ArraySlice<UInt8>) throws(PickleError) {
        guard options.memoizes, data.count == 1, let byte = data.first else {
            try appendUnstoredLatin1(data)
            return appendStore(.anonymous)
        }
        // CPython has just one object for each text of one such character.
        try appendText(String(Unicode.Scalar(byte)))
    }

    private mutating func appendUnstoredLatin1(_ data: ArraySlice<UInt8>) throws(PickleError) {
        let highCount = data.reduce(into: 0) { $0 += Int($1 >> 7) }
        guard let count = UInt32(exactly: data.count + highCount) else {
            throw PickleError(.limitExceeded, "\(data.count) bytes are too many for a pickle")
        }
        append(.binUnicode, count)
        guard highCount > 0 else {
            return bytes.append(contentsOf: data)
        }
        let text = [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
            for byte in data {
                if byte >= 0x80 {
                    buffer[initialized] = 0xC0 | byte >> 6
                    initialized += 1
                }
                buffer[initialized] = byte & (byte >= 0x80 ? 0xBF : 0x7F)
                initialized += 1
            }
        }
        bytes.append(contentsOf: text)
    }
}
