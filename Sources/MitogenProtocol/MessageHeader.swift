//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How the data of a message is encoded; it is the frame's magic (Mitogen wire protocol, section 1.1).
public enum MessageEncoding: UInt16, Sendable {
    /// The handle decides what the data is. Dead messages always use it.
    case legacy = 0x4D49
    /// One or more pickle streams.
    case pickle = 0x4D4A
    /// The data is the value itself.
    case binary = 0x4D4B
}

/// The 26 bytes in front of every message: `>hLLLLLL` (Mitogen wire protocol, section 1.1).
public struct MessageHeader: Sendable, Hashable {
    /// The header's size in bytes.
    public static let size = 26

    public var encoding: MessageEncoding
    /// The context that the message is for.
    public var dstID: ContextID
    /// The context that made the message, to which a reply goes.
    public var srcID: ContextID
    /// The context whose authority the message claims.
    public var authID: ContextID
    /// The handle in the destination.
    public var handle: Handle
    /// The handle in the source that wants the answer; 0 for none, 999 for a dead message.
    public var replyTo: Handle
    /// How many bytes of data follow.
    public var length: UInt32

    public init(
        encoding: MessageEncoding = .legacy,
        dstID: ContextID,
        srcID: ContextID,
        authID: ContextID,
        handle: Handle,
        replyTo: Handle = 0,
        length: UInt32 = 0
    ) {
        self.encoding = encoding
        self.dstID = dstID
        self.srcID = srcID
        self.authID = authID
        self.handle = handle
        self.replyTo = replyTo
        self.length = length
    }

    /// Reads a header from the first 26 of `bytes`; nil if the magic is none of the three.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let magic = UInt16(bigEndian: bytes.loadUnaligned(as: UInt16.self))
        guard let encoding = MessageEncoding(rawValue: magic) else { return nil }
        self.init(
            encoding: encoding,
            dstID: word(2),
            srcID: word(6),
            authID: word(10),
            handle: word(14),
            replyTo: word(18),
            length: word(22)
        )
    }

    /// Writes the header to the first 26 of `bytes`.
    package func write(to bytes: UnsafeMutableRawBufferPointer) {
        func store(_ word: UInt32, at offset: Int) {
            bytes.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt32.self)
        }
        bytes.storeBytes(of: encoding.rawValue.bigEndian, as: UInt16.self)
        store(dstID, at: 2)
        store(srcID, at: 6)
        store(authID, at: 10)
        store(handle, at: 14)
        store(replyTo, at: 18)
        store(length, at: 22)
    }

    /// The header's 26 bytes, and six more that mean nothing.
    package var bytes: (UInt64, UInt64, UInt64, UInt64) {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { write(to: $0) }
        return bytes
    }
}
