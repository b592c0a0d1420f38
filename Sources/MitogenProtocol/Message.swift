//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

/// One message: where it goes, who sent it under whose authority, and its data (Mitogen wire protocol, section 1).
///
/// A message is a value. `srcID` and `authID` of a message that you make are filled in by the router that sends it.
public struct Message: Sendable, Hashable {
    public var header: MessageHeader
    /// The payload, without the header. At most `Router.maxMessageSize` bytes can be sent.
    public var data: [UInt8]

    public init(header: MessageHeader, data: [UInt8]) {
        self.header = header
        self.data = data
        self.header.length = UInt32(truncatingIfNeeded: data.count)
    }

    /// Makes a message to send.
    ///
    /// - Parameters:
    ///   - dstID: The destination; `Context.send` sets it.
    ///   - handle: The handle in the destination.
    ///   - replyTo: The handle of the sender that waits for an answer; 0, the default, for none.
    ///   - encoding: What `data` is; ``MessageEncoding/legacy`` by default.
    ///   - data: The payload; empty by default.
    public init(
        dstID: ContextID = 0,
        handle: Handle,
        replyTo: Handle = 0,
        encoding: MessageEncoding = .legacy,
        data: [UInt8] = []
    ) {
        let header = MessageHeader(
            encoding: encoding,
            dstID: dstID,
            srcID: 0,
            authID: 0,
            handle: handle,
            replyTo: replyTo
        )
        self.init(header: header, data: data)
    }

    public var dstID: ContextID {
        get { header.dstID }
        set { header.dstID = newValue }
    }

    public var srcID: ContextID {
        get { header.srcID }
        set { header.srcID = newValue }
    }

    public var authID: ContextID {
        get { header.authID }
        set { header.authID = newValue }
    }

    public var handle: Handle {
        get { header.handle }
        set { header.handle = newValue }
    }

    public var replyTo: Handle {
        get { header.replyTo }
        set { header.replyTo = newValue }
    }

    public var encoding: MessageEncoding {
        get { header.encoding }
        set { header.encoding = newValue }
    }

    /// Whether this message says that something is not possible or over (section 1.5).
    public var isDead: Bool { header.replyTo == StandardHandle.isDead }

    /// Whether the sender wants an answer.
    public var wantsReply: Bool { header.replyTo != 0 && !isDead }

    // MARK: Making messages

    /// A message whose data is the pickled `value`.
    ///
    /// - Throws: ``MitogenError`` with ``MitogenError/Code/unencodable`` if the value cannot be encoded.
    public static func pickled(_ value: some Encodable, handle: Handle = 0) throws(MitogenError) -> Message {
        do throws(PickleError) {
            let data = try PickleEncoder().encode(value)
            return Message(handle: handle, encoding: .pickle, data: data)
        } catch {
            throw MitogenError(.unencodable, "cannot encode \(type(of: value)): \(error)")
        }
    }

    /// A dead message: the receiver's wait ends with `.channelError` and this reason.
    public static func dead(_ reason: String = "", dstID: ContextID = 0, handle: Handle = 0) -> Message {
        Message(dstID: dstID, handle: handle, replyTo: StandardHandle.isDead, data: Array(reason.utf8))
    }

    /// The message as it is written to a stream.
    package var frame: [UInt8] {
        var header = header
        header.length = UInt32(data.count)
        return withUnsafeBytes(of: header.bytes) { Array($0[..<MessageHeader.size]) } + data
    }

    /// The answer to this message, addressed to where it wants it; nil if it wants none.
    package func replying(with reply: Message) -> Message? {
        guard header.replyTo != 0, !isDead else { return nil }
        var reply = reply
        reply.header.dstID = header.srcID
        reply.header.handle = header.replyTo
        return reply
    }

    /// Gives the message the form that versions of the Python implementation before 0.3.39 know. They send and take the
    /// pieces of a file, which are what wants an answer from a service, as pickled blobs.
    package mutating func makeLegacy() {
        if encoding == .binary, header.replyTo == StandardHandle.callService,
            let blob = try? Message.pickled(PickleValue.blob(data))
        {
            data = blob.data
        }
        header.encoding = .legacy
    }

    // MARK: Reading messages

    /// The reason of a dead message: its text, or which end closed the channel (section 1.5).
    public func deadReason(localID: ContextID) -> String {
        if !data.isEmpty { return String(decoding: data, as: UTF8.self) }
        return header.srcID == localID ? "Channel closed by local end." : "Channel closed by remote end."
    }

    /// The first value in the data.
    ///
    /// - Throws: ``MitogenError`` with `.channelError` if the message is dead, `.callError` if the value is an error
    ///   that the sender's function ended with, `.streamError` if the data is not a pickle or is malformed.
    public func unpickle(localID: ContextID = .max) throws(MitogenError) -> PickleValue {
        if encoding == .binary, !isDead { throw MitogenError(.streamError, "invalid message: it is not pickled") }
        return try value(localID: localID)
    }

    /// The first value in the data, or the data itself if the message says that it is the value.
    private func value(localID: ContextID) throws(MitogenError) -> PickleValue {
        let value = try rawValue(localID: localID)
        if case .callError(let text) = value { throw RemoteFailure(callErrorText: text, in: data).error }
        return value
    }

    /// Like ``unpickle(localID:)``, but an error that the sender sent is returned, not thrown.
    package func rawValue(localID: ContextID) throws(MitogenError) -> PickleValue {
        if isDead { throw MitogenError(dead: self, localID: localID) }
        switch header.encoding {
        case .binary: return .bytes(data)
        case .legacy, .pickle:
            do throws(PickleError) {
                return try PickleReader.decodeFirst(data, limits: .fitting(data))
            } catch {
                throw MitogenError(.streamError, "invalid message: \(error)")
            }
        }
    }

    /// The data as a Swift value; data that is not a pickle but the value itself is a ``PickleValue/bytes(_:)``.
    ///
    /// - Throws: As ``unpickle(localID:)``; `.streamError` also if the value is not a `T`.
    public func decode<T: Decodable>(as type: T.Type = T.self) throws(MitogenError) -> T {
        let value = try value(localID: .max)
        do throws(PickleError) {
            return try value.cast(to: type)
        } catch {
            throw MitogenError(.streamError, "invalid message: \(error)")
        }
    }
}

extension Message: CustomStringConvertible {
    /// The form that Mitogen's logs use (section 1.3).
    public var description: String {
        let text: String
        if data.count > 60 {
            let head = String(decoding: data.prefix(25), as: UTF8.self).debugDescription
            let tail = String(decoding: data.suffix(25), as: UTF8.self).debugDescription
            text = "\(head)...\(tail) (\(data.count) bytes)"
        } else {
            text = String(decoding: data, as: UTF8.self).debugDescription
        }
        return "Message(src=\(srcID):\(replyTo) dst=\(dstID):\(handle) auth_id=\(authID) \(text))"
    }
}
