//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Reads the pickles of one message.
///
/// It executes the opcodes that Mitogen peers write, and no others (Mitogen wire protocol, section 2.3), with the few
/// globals that Mitogen allows (section 2.4). No input can make it crash, loop, call anything or take more memory than
/// the limits and the size of the input permit. A pickle of a container that contains itself is an error.
///
/// A message may hold several pickles one after the other, which share one memo; ``next()`` reads them in turn.
public struct PickleReader: Sendable {
    /// The limits the input has to keep.
    public let limits: PickleLimits

    var cursor: PickleCursor
    var stack = PickleStack()
    var marks: [Int] = []
    var memo = PickleMemo()

    /// How many values were made so far, those fetched from the memo counted with their content.
    var itemCount = 0

    /// How many bytes of text and data these values have.
    var byteCount = 0

    /// How many bytes of memory containers, texts and memo entries take besides what each value counts anyway.
    var overhead = 0

    private var failure: PickleError?

    /// A reader of the data of one message.
    public init(_ bytes: [UInt8], limits: PickleLimits = .default) {
        self.init(bytes[...], limits: limits)
    }

    /// A reader of the data of one message that is part of a larger buffer. Offsets in errors count from its start.
    public init(_ bytes: ArraySlice<UInt8>, limits: PickleLimits = .default) {
        self.cursor = PickleCursor(bytes)
        self.limits = limits
    }

    /// How many bytes have been read.
    public var offset: Int { cursor.offset }

    /// Whether all data has been read.
    public var isAtEnd: Bool { cursor.isAtEnd }

    /// Reads the next pickle of the message.
    ///
    /// - Returns: Its value, or `nil` at the end of the data.
    /// - Throws: ``PickleError`` with the offset and the opcode that failed. After an error every call throws it again.
    public mutating func next() throws(PickleError) -> PickleValue? {
        if let failure {
            throw failure
        }
        if cursor.isAtEnd {
            return nil
        }
        do throws(PickleError) {
            return try readStream()
        } catch {
            failure = error
            stack = PickleStack()
            throw error
        }
    }

    /// Reads the first pickle of a message, as Python Mitogen's `unpickle()` does.
    ///
    /// - Parameters:
    ///   - bytes: The data of the message.
    ///   - limits: The limits the input has to keep.
    /// - Throws: ``PickleError``, also for empty data.
    public static func decodeFirst(
        _ bytes: [UInt8],
        limits: PickleLimits = .default
    ) throws(PickleError) -> PickleValue {
        try decodeFirst(bytes[...], limits: limits)
    }

    /// Reads the first pickle of a message that is part of a larger buffer.
    public static func decodeFirst(
        _ bytes: ArraySlice<UInt8>,
        limits: PickleLimits = .default
    ) throws(PickleError) -> PickleValue {
        var reader = PickleReader(bytes, limits: limits)
        guard let value = try reader.next() else {
            throw PickleError(.truncated, "the message has no data", offset: 0)
        }
        return value
    }

    /// Reads one value that is part of a pickle whose other bytes are known.
    ///
    /// - Returns: Nil if the bytes are not exactly one value, or refer to what was stored before them.
    package static func decodePart(_ bytes: ArraySlice<UInt8>, limits: PickleLimits) -> PickleValue? {
        var reader = PickleReader(bytes, limits: limits)
        reader.stack.reserveCapacity(8)
        while !reader.isAtEnd {
            guard let byte = try? reader.cursor.readByte(), let opcode = PickleOpcode(rawValue: byte), opcode != .stop,
                (try? reader.execute(opcode)) != nil
            else { return nil }
        }
        return try? reader.finish()
    }

    private mutating func readStream() throws(PickleError) -> PickleValue {
        guard cursor.count <= limits.totalBytes else {
            throw PickleError(.limitExceeded, "a message of \(cursor.count) bytes is too large", offset: 0)
        }
        try skipProtocol()
        stack.reserveCapacity(16)
        while true {
            let offset = cursor.offset
            guard let byte = try? cursor.readByte() else {
                throw PickleError(.truncated, "the pickle ends without STOP", offset: offset)
            }
            guard let opcode = PickleOpcode(rawValue: byte) else {
                let text = "opcode \(PickleOpcode.describe(byte)) is not accepted"
                throw PickleError(.unknownOpcode, text, offset: offset, opcode: byte)
            }
            do throws(PickleError) {
                if opcode == .stop {
                    return try finish()
                }
                try execute(opcode)
            } catch {
                throw error.located(at: offset, opcode: byte)
            }
        }
    }

    /// The protocol version is only allowed where picklers write it. Up to 4, for the opcodes of Swift peers.
    private mutating func skipProtocol() throws(PickleError) {
        var ahead = cursor
        let offset = cursor.offset
        guard try ahead.readByte() == PickleOpcode.proto.rawValue else {
            return
        }
        do throws(PickleError) {
            let version = try ahead.readByte()
            guard version <= 4 else {
                throw PickleError(.malformed, "pickle protocol \(version) is not supported")
            }
        } catch {
            throw error.located(at: offset, opcode: PickleOpcode.proto.rawValue)
        }
        cursor = ahead
    }

    private mutating func finish() throws(PickleError) -> PickleValue {
        guard stack.count == 1, marks.isEmpty else {
            throw PickleError(.malformed, "the pickle stops with \(stack.count) values instead of one")
        }
        _ = try settle(at: 0)
        let value = stack.takeValue(at: 0)
        stack.removeAll()
        return value
    }
}
