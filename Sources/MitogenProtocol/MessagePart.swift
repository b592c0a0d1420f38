//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One piece of a large message on its way (architecture decision D9).
///
/// Its data are six numbers and the piece itself: the transfer's number, which its source has chosen, the size of the
/// whole, where the piece stands in it, and the handle, the handle for answers and the encoding of the message. Each
/// part has all of them, so that parts can be told from anything else. `reply_to` of a part is the handle that credit
/// comes back to, a decimal number of bytes.
package struct MessagePart: Sendable, Hashable {
    /// Bytes in front of the piece.
    package static let headerSize = 30
    /// Bytes of one piece: what a small message waits for at most on each hop.
    package static let size = 64 << 10
    /// Bytes of one message that may be under way, once the other end has given credit.
    package static let window = 1 << 20
    /// Bytes of one message that may be sent unasked. Anyone can begin a thousand messages, so this is little.
    package static let firstWindow = 16 << 10
    /// Messages with more bytes are cut. Between processes of one machine that costs half of the throughput (measured),
    /// so that is not done for less; 1 MiB of arguments fits.
    package static let threshold = 1088 << 10

    package var transfer: UInt32
    package var total: Int
    package var offset: Int
    package var handle: Handle
    package var replyTo: Handle
    package var encoding: MessageEncoding

    package init(_ message: Message, transfer: UInt32, offset: Int) {
        self.transfer = transfer
        total = message.data.count
        self.offset = offset
        handle = message.handle
        replyTo = message.replyTo
        encoding = message.encoding
    }

    /// Nil if the data is no part, or one that lies outside of its whole, or a part of a part: those could be nested
    /// without end.
    package init?(parsing data: [UInt8]) {
        guard data.count >= Self.headerSize else { return nil }
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            data[offset..<(offset + count)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard let total = Int(exactly: number(4, 8)), let offset = Int(exactly: number(12, 8)), offset <= total,
            let encoding = MessageEncoding(rawValue: UInt16(truncatingIfNeeded: number(28, 2)))
        else { return nil }
        transfer = UInt32(truncatingIfNeeded: number(0, 4))
        self.total = total
        self.offset = offset
        handle = Handle(truncatingIfNeeded: number(20, 4))
        replyTo = Handle(truncatingIfNeeded: number(24, 4))
        self.encoding = encoding
        // An empty piece gives the transfer up.
        guard data.count - Self.headerSize <= total - offset, handle != StandardHandle.messagePart else { return nil }
    }

    /// The handle that the whole is for, if that is a value of a flow: one that names a handle for credit.
    package static func flowHandle(in data: [UInt8]) -> Handle? {
        guard data.count >= headerSize else { return nil }
        func number(_ offset: Int) -> Handle { data[offset..<(offset + 4)].reduce(0) { $0 << 8 | Handle($1) } }
        let handle = number(20)
        return handle >= StandardHandle.firstFree && number(24) != 0 ? handle : nil
    }

    /// The part as the data of a message.
    package func data(_ piece: ArraySlice<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + piece.count)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        append(transfer)
        append(UInt64(total))
        append(UInt64(offset))
        append(handle)
        append(replyTo)
        append(encoding.rawValue)
        bytes.append(contentsOf: piece)
        return bytes
    }
}
