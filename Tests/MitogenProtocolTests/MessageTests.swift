//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct MessageTests {
    @Test("What must decode decodes, dead messages excepted")
    func accepted() throws {
        for vector in WireVector.frames where vector.expect == "ok" {
            let message = try vector.message()
            guard message.encoding == .pickle || vector.name.hasPrefix("py2") else { continue }
            let value = try message.rawValue(localID: 0)
            if case .callError = value {
                #expect(code { try message.unpickle() } == .callError, "\(vector.name)")
            } else {
                // Not the values themselves: NaN is among them.
                #expect(try message.unpickle().description == value.description, "\(vector.name)")
            }
        }
    }

    @Test("What must be rejected is a stream error", arguments: WireVector.frames.filter { $0.expect == "reject" })
    func rejected(vector: WireVector) throws {
        let message = try vector.message()
        #expect(code { try message.unpickle() } == .streamError)
    }

    @Test(
        "Dead messages give their reason",
        arguments: [
            ("dead_invalid_handle", "invalid handle"), ("dead_refused", "refused by policy"),
            ("dead_no_route", "no route to 1234, my ID is 0"),
            ("dead_respondent", "the respondent Context has disconnected"),
            ("dead_sender_close", "Sender was explicitly closed"), ("dead_no_reason", "Channel closed by remote end."),
        ]
    )
    func dead(name: String, reason: String) throws {
        let message = try WireVector.named(name).message()
        #expect(message.isDead)
        #expect(!message.wantsReply)
        #expect(message.deadReason(localID: 0) == reason)
        let error = #expect(throws: MitogenError.self) { try message.unpickle(localID: 0) }
        #expect(error?.code == .channelError)
        #expect(error?.message == reason)
        #expect(code { _ = try message.decode(as: Int.self) } == .channelError)
    }

    @Test("A dead message without a reason says which end it came from; invalid UTF-8 is repaired")
    func deadReasons() {
        var message = Message.dead(handle: 1000)
        message.srcID = 5
        #expect(message.deadReason(localID: 5) == "Channel closed by local end.")
        #expect(message.deadReason(localID: 6) == "Channel closed by remote end.")
        message.data = [0x61, 0xFF]
        #expect(message.deadReason(localID: 5) == "a\u{FFFD}")
    }

    @Test("Dead messages are what Python sends", arguments: ["", "invalid handle"])
    func makeDead(reason: String) throws {
        var message = Message.dead(reason, dstID: 0, handle: 1000)
        message.srcID = 1
        message.authID = 1
        let vector = try WireVector.named(reason.isEmpty ? "dead_no_reason" : "dead_invalid_handle")
        #expect(frame(message) == vector.bytes)
    }

    @Test("The reasons are Python's words")
    func reasons() {
        #expect(DeadReason.tooLarge(maximum: 134_217_728) == "message too large (max 134217728 bytes)")
        #expect(DeadReason.noRoute(to: 1234, from: 0) == "no route to 1234, my ID is 0")
        #expect(
            DeadReason.unidirectional(from: 1, to: 2, via: 0)
                == "routing mode prevents forward of message from context 1 to context 2 via context 0"
        )
        #expect(DeadReason.brokerExited == "Broker has exitted")
        #expect(DeadReason.unexpectedContext == "reply from unexpected context")
    }

    @Test(
        "Data that is not a pickle is a stream error",
        arguments: [[], [0x80], [0x2E], [0xFF, 0xFF], [0x80, 2, 0x4E]]
    )
    func malformed(data: [UInt8]) {
        let message = Message(handle: 1000, encoding: .pickle, data: data)
        #expect(code { try message.unpickle() } == .streamError)
        #expect(code { _ = try message.decode(as: Int.self) } == .streamError)
    }

    @Test("A depth bomb is a stream error")
    func depthBomb() {
        var data: [UInt8] = [0x80, 2]
        data += [UInt8](repeating: UInt8(ascii: "]"), count: 100_000)
        data += [UInt8](repeating: UInt8(ascii: "a"), count: 99_999)
        data.append(UInt8(ascii: "."))
        let message = Message(handle: 1000, encoding: .pickle, data: data)
        #expect(code { try message.unpickle() } == .streamError)
    }

    @Test("A value of another type is a stream error")
    func mismatch() throws {
        let message = try Message.pickled("text")
        #expect(try message.decode() == "text")
        #expect(code { _ = try message.decode(as: Int.self) } == .streamError)
    }

    @Test("Raw data is decoded as bytes, and is not a pickle")
    func binary() throws {
        let message = try WireVector.named("bin_chunk").message()
        #expect(try message.decode(as: PickleValue.self) == .bytes([0, 1, 0xFF] + Array(" raw".utf8)))
        #expect(code { try message.unpickle() } == .streamError)
    }

    @Test("A value that cannot be encoded says so")
    func unencodable() {
        struct Stubborn: Encodable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "no"))
            }
        }
        #expect(code { _ = try Message.pickled(Stubborn()) } == .unencodable)
    }

    @Test("A reply goes to where the request wants it, and takes the rest of what it is made of along")
    func reply() throws {
        var request = Message(dstID: 1, handle: 101, replyTo: 1000)
        request.srcID = 7
        let answer = try #require(request.replying(with: Message(handle: 5, encoding: .binary, data: [1])))
        #expect(answer.dstID == 7)
        #expect(answer.handle == 1000)
        #expect(answer.replyTo == 0)
        #expect(answer.encoding == .binary)
        #expect(answer.data == [1])
    }

    @Test("Nothing answers a message that wants no reply, or a dead one", arguments: [0, StandardHandle.isDead])
    func noReply(replyTo: Handle) {
        let request = Message(dstID: 1, handle: 101, replyTo: replyTo)
        #expect(!request.wantsReply)
        #expect(request.replying(with: Message(handle: 0)) == nil)
    }

    @Test("The description is the form of Mitogen's logs")
    func description() {
        var message = Message(dstID: 1, handle: 101, replyTo: 1000, data: Array("hé".utf8))
        message.srcID = 2
        message.authID = 3
        #expect(message.description == "Message(src=2:1000 dst=1:101 auth_id=3 \"hé\")")
        message.data = [UInt8](repeating: 0x61, count: 60)
        #expect(message.description.contains("\"\(String(repeating: "a", count: 60))\")"))
        message.data = [UInt8](repeating: 0x61, count: 40) + [UInt8](repeating: 0x62, count: 40)
        let head = String(repeating: "a", count: 25)
        let tail = String(repeating: "b", count: 25)
        #expect(message.description.hasSuffix("auth_id=3 \"\(head)\"...\"\(tail)\" (80 bytes))"))
    }

    @Test("Without arguments a message is plain and empty")
    func defaults() {
        let message = Message(handle: 100)
        #expect(message.encoding == .legacy)
        #expect(message.replyTo == 0)
        #expect(message.data.isEmpty)
        #expect(message.header.length == 0)
        #expect(!message.isDead)
    }
}

/// The code of the error that `body` ends with; nil if it ends without one.
func code(_ body: () throws -> some Any) -> MitogenError.Code? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? MitogenError)?.code
    }
}
