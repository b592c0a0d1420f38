//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Why a stream of frames cannot be read on; the stream must be closed (Mitogen wire protocol, section 1.2).
package struct FramingError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// Cuts a stream of bytes into messages, however the bytes are split (Mitogen wire protocol, section 1.2).
///
/// A length is believed only as far as bytes arrive: storage grows with what was received.
package struct FrameDecoder: Sendable {
    private let maximumLength: Int
    /// An incomplete header, or nothing.
    private var partialHeader: [UInt8] = []
    /// The message whose data is still arriving.
    private var pending: Message?
    /// How many bytes of `pending` are still to come.
    private var missing = 0

    /// What is set aside at most before the bytes are there.
    private static let firstReservation = 64 * 1024

    package init(maximumLength: Int) {
        self.maximumLength = maximumLength
    }

    /// Whether all bytes so far made complete messages.
    package var isAtFrameBoundary: Bool { partialHeader.isEmpty && pending == nil }

    /// Takes the next `bytes` of the stream and calls `deliver` for every message they complete.
    ///
    /// - Throws: ``FramingError`` for an unknown magic or a length above the maximum; messages before it were delivered.
    @_optimize(speed)
    package mutating func feed(
        _ bytes: UnsafeRawBufferPointer,
        deliver: (consuming Message) -> Void
    ) throws(FramingError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if pending == nil, try !takeHeader(&rest) { return }
            takeBody(&rest, deliver: deliver)
        }
    }

    /// Completes a header from `rest`; false if it needs more bytes.
    @_optimize(speed)
    private mutating func takeHeader(_ rest: inout Slice<UnsafeRawBufferPointer>) throws(FramingError) -> Bool {
        if partialHeader.isEmpty, rest.count >= MessageHeader.size {
            let bytes = UnsafeRawBufferPointer(rebasing: rest.prefix(MessageHeader.size))
            guard let header = MessageHeader(parsing: bytes) else { throw badMagic(Array(bytes)) }
            try begin(header)
            rest = rest.dropFirst(MessageHeader.size)
            return true
        }
        let taken = rest.prefix(MessageHeader.size - partialHeader.count)
        partialHeader.append(contentsOf: taken)
        rest = rest.dropFirst(taken.count)
        guard partialHeader.count == MessageHeader.size else {
            try checkMagic()
            return false
        }
        let whole = partialHeader
        partialHeader.removeAll()
        guard let header = whole.withUnsafeBytes(MessageHeader.init(parsing:)) else { throw badMagic(whole) }
        try begin(header)
        return true
    }

    /// Refuses a wrong magic as soon as its two bytes are there: a peer that talks another protocol may send no more.
    private func checkMagic() throws(FramingError) {
        guard partialHeader.count >= 2 else { return }
        let magic = UInt16(partialHeader[0]) << 8 | UInt16(partialHeader[1])
        guard MessageEncoding(rawValue: magic) == nil else { return }
        throw badMagic(partialHeader)
    }

    private func badMagic(_ bytes: [UInt8]) -> FramingError {
        FramingError(description: "bad magic \(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }

    @_optimize(speed)
    private mutating func begin(_ header: MessageHeader) throws(FramingError) {
        guard header.length <= maximumLength else {
            throw FramingError(
                description: "Maximum message size exceeded (got \(header.length), max \(maximumLength))"
            )
        }
        var data: [UInt8] = []
        data.reserveCapacity(min(Int(header.length), Self.firstReservation))
        pending = Message(header: header, data: data)
        missing = Int(header.length)
    }

    @_optimize(speed)
    private mutating func takeBody(
        _ rest: inout Slice<UnsafeRawBufferPointer>,
        deliver: (consuming Message) -> Void
    ) {
        let taken = rest.prefix(missing)
        if !taken.isEmpty { pending?.data.append(contentsOf: UnsafeRawBufferPointer(rebasing: taken)) }
        missing -= taken.count
        rest = rest.dropFirst(taken.count)
        if let message = takeCompleted() { deliver(message) }
    }

    /// How much of a large message is still to come: it may be read straight into its place with ``fill(upTo:_:)``.
    package var missingBytes: Int { missing }

    /// Lets `read` write up to `limit` of the missing bytes; the message is delivered by the next ``feed(_:deliver:)``
    /// or ``takeCompleted()``.
    package mutating func fill(upTo limit: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        guard var message = pending.take() else { return 0 }
        let room = min(limit, missing)
        // Doubling, so that a claimed length costs memory only as its bytes arrive, and each byte is moved once or so.
        if message.data.capacity < message.data.count + room {
            message.data.reserveCapacity(
                min(message.data.count + missing, max(2 * message.data.capacity, message.data.count + room))
            )
        }
        var count = 0
        message.data.append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                let free = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized...]
                )
                count = read(free)
                initialized += max(0, count)
            }
        }
        missing -= max(0, count)
        pending = message
        return count
    }

    /// The message that ``fill(upTo:_:)`` has completed, if any.
    package mutating func takeCompleted() -> Message? {
        guard missing == 0, var message = pending.take() else { return nil }
        message.header.length = UInt32(message.data.count)
        return message
    }
}
