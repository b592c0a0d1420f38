//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Messages in parts")
struct MessageAssemblyTests {
    private static let link = LinkID(rawValue: 3)

    /// The parts of a message, as a source sends them.
    private func parts(
        of data: [UInt8],
        transfer: UInt32 = 1,
        from source: ContextID = 7,
        size: Int = MessagePart.size
    ) -> [Message] {
        let whole = Message(dstID: 0, handle: 1234, replyTo: 77, encoding: .pickle, data: data)
        // The first part may be no larger than what is sent unasked.
        let first = min(size, MessagePart.firstWindow)
        return ([0] + Array(stride(from: first, to: data.count, by: size))).map { offset in
            let part = MessagePart(whole, transfer: transfer, offset: offset)
            let piece = data[offset..<min(offset + (offset == 0 ? first : size), data.count)]
            var message = Message(handle: StandardHandle.messagePart, replyTo: 2000, data: part.data(piece))
            message.srcID = source
            message.authID = source
            return message
        }
    }

    private func receive(
        _ message: Message,
        _ assembly: inout MessageAssembly,
        unless problem: String? = nil,
        at now: Int64 = 0
    ) throws -> MessageAssembly.Step {
        let part = try #require(MessagePart(parsing: message.data))
        return assembly.receive(message, part, from: Self.link, unless: problem, at: now)
    }

    private func assembly(bytesPerLink: Int = 1 << 30) -> MessageAssembly {
        MessageAssembly(bytesPerLink: bytesPerLink, patience: 60)
    }

    @Test("A message is put together from parts of any size", arguments: [1, 7, 1000, 4096])
    func whole(size: Int) throws {
        let data = (0..<4096).map { UInt8(truncatingIfNeeded: $0) }
        var assembly = self.assembly(bytesPerLink: 1 << 20)
        let parts = parts(of: data, size: size)
        for part in parts.dropLast() { #expect(try receive(part, &assembly) == .keep) }
        guard case .complete(let message, let grant) = try receive(parts[parts.count - 1], &assembly) else {
            Issue.record("the last part does not complete it")
            return
        }
        #expect(message.data == data && message.handle == 1234 && message.replyTo == 77)
        #expect(message.srcID == 7 && message.authID == 7 && message.encoding == .pickle)
        #expect(grant.destination == 7 && grant.handle == 2000 && grant.byteCount == 4096)
        #expect(assembly.count == 0)
    }

    @Test("Credit is what has come, and does not come for every part")
    func credit() throws {
        var assembly = self.assembly()
        var credit = 0
        var grants = 0
        for part in parts(of: [UInt8](repeating: 1, count: 3 << 20)) {
            if case .complete(_, let last) = try receive(part, &assembly) { credit += last.byteCount }
            for grant in assembly.takeGrants() {
                credit += grant.byteCount
                grants += 1
            }
        }
        #expect(credit == 3 << 20)
        // The first one, for the first part, says that the whole window may be used.
        #expect(grants == 12)
    }

    @Test("Of more than fits together only the oldest is asked for, until it is whole")
    func admission() throws {
        var assembly = self.assembly(bytesPerLink: 1 << 20)
        let first = parts(of: [UInt8](repeating: 1, count: 800_000), transfer: 1)
        let second = parts(of: [UInt8](repeating: 2, count: 800_000), transfer: 1, from: 8)
        _ = try receive(first[0], &assembly)
        _ = try receive(second[0], &assembly)
        #expect(assembly.takeGrants().map(\.destination) == [7])
        for part in first.dropLast().dropFirst() { #expect(try receive(part, &assembly) == .keep) }
        #expect(assembly.takeGrants().map(\.destination) == [7])
        #expect(assembly.isCrowded && assembly.takeGrants().isEmpty)
        _ = try receive(first[first.count - 1], &assembly)
        #expect(!assembly.isCrowded)
        #expect(assembly.takeGrants().map(\.destination) == [8])
    }

    @Test(
        "When the source of the oldest is gone, or it is refused, or given up, the next is asked for",
        arguments: 0..<3
    )
    func nextOne(ending: Int) throws {
        var assembly = self.assembly(bytesPerLink: 1 << 20)
        let data = [UInt8](repeating: 1, count: 800_000)
        let (first, second) = (parts(of: data), parts(of: data, from: 8))
        _ = try receive(first[0], &assembly)
        _ = try receive(second[0], &assembly)
        #expect(assembly.takeGrants().map(\.destination) == [7] && assembly.isCrowded)
        switch ending {
        case 0: assembly.remove(from: 7, at: 0)
        case 1: _ = try receive(first[2], &assembly)
        default:
            var end = first[1]
            end.data = Array(end.data.prefix(MessagePart.headerSize))
            _ = try receive(end, &assembly)
        }
        #expect(assembly.takeGrants().map(\.destination) == [8] && !assembly.isCrowded)
    }

    @Test("Giving up what was never sent costs as much beside a thousand transfers as beside one")
    func givenUpInVain() throws {
        func time(of count: Int) throws -> Duration {
            var assembly = self.assembly()
            for transfer in 0..<UInt32(count) {
                let first = parts(of: [UInt8](repeating: 1, count: 40_000), transfer: transfer)[0]
                #expect(try receive(first, &assembly) == .keep)
            }
            let time = ContinuousClock().measure {
                for handle in 0..<20_000 { assembly.remove(from: 7, awaitedAt: 10_000 + Handle(handle), at: 0) }
            }
            #expect(assembly.count == count)
            assembly.remove(from: 7, awaitedAt: 77, at: 0)
            #expect(assembly.isEmpty)
            return time
        }
        let (one, thousand) = (try time(of: 1), try time(of: 1000))
        #expect(thousand < one * 20, "\(one), \(thousand)")
    }

    @Test("What is asked for and does not come expires, also when nobody waits for it")
    func expired() throws {
        var assembly = self.assembly()
        for transfer in 0..<UInt32(3) {
            _ = try receive(parts(of: [UInt8](repeating: 1, count: 800_000), transfer: transfer)[0], &assembly)
        }
        #expect(assembly.takeGrants().count == 3)
        #expect(assembly.removeStalled(at: 59).isEmpty && assembly.count == 3)
        #expect(assembly.removeStalled(at: 60).count == 3 && assembly.isEmpty)
    }

    @Test("What is asked for and does not come is over when others wait for it, and they go on")
    func stalled() throws {
        var assembly = self.assembly(bytesPerLink: 1 << 20)
        let data = [UInt8](repeating: 1, count: 800_000)
        _ = try receive(parts(of: data)[0], &assembly, at: 0)
        _ = try receive(parts(of: data, from: 8)[0], &assembly, at: 1000)
        // As long as others come, it may be held up by them.
        #expect(assembly.removeStalled(at: 590).isEmpty && assembly.count == 2)
        #expect(assembly.takeGrants().map(\.destination) == [7])
        let stalled = assembly.removeStalled(at: 1060)
        #expect(stalled.map { [$0.source, $0.creditHandle, $0.replyTo] } == [[7, 2000, 77]])
        #expect(assembly.takeGrants().map(\.destination) == [8] && assembly.count == 1)
        // Now that one is asked for, it has its time.
        _ = try receive(parts(of: data, from: 9)[0], &assembly, at: 1110)
        #expect(assembly.removeStalled(at: 1119).isEmpty)
        _ = try receive(parts(of: data, transfer: 2, from: 9)[0], &assembly, at: 1650)
        #expect(assembly.removeStalled(at: 1659).isEmpty)
        #expect(assembly.removeStalled(at: 1660).map(\.source) == [8], "others come, it has not for ten times as long")
        #expect(try receive(parts(of: data, from: 8)[1], &assembly) == .ignore)
    }

    @Test("A source that sends more than it was asked for ends its transfer")
    func overrun() throws {
        var assembly = self.assembly()
        // Nobody calls `takeGrants`, so only the first part was asked for.
        let parts = parts(of: [UInt8](repeating: 1, count: 4 << 20))
        let steps = try parts.map { try receive($0, &assembly) }
        let refusal = try #require(steps.firstIndex { $0 != .keep })
        #expect(refusal == 1)
        guard case .refuse = steps[refusal] else {
            Issue.record("\(steps[refusal])")
            return
        }
        #expect(steps[(refusal + 1)...].allSatisfy { $0 == .ignore })
        #expect(assembly.count == 0)
    }

    @Test("Parts that do not follow each other end the transfer", arguments: ["twice", "gap", "authority", "total"])
    func disorder(kind: String) throws {
        var assembly = self.assembly()
        let parts = parts(of: [UInt8](repeating: 1, count: 300_000))
        _ = try receive(parts[0], &assembly)
        #expect(assembly.takeGrants().count == 1)
        var wrong = parts[1]
        switch kind {
        case "twice":
            _ = try receive(parts[1], &assembly)
        case "gap": wrong = parts[2]
        case "authority": wrong.authID = 9
        default: wrong = self.parts(of: [UInt8](repeating: 1, count: 300_001))[1]
        }
        guard case .refuse = try receive(wrong, &assembly) else {
            Issue.record("\(kind) was taken")
            return
        }
        #expect(assembly.count == 0)
    }

    @Test("A message that would be refused is refused with its first part; others of a source go on")
    func refusal() throws {
        var assembly = self.assembly()
        let parts = parts(of: [UInt8](repeating: 1, count: 300_000))
        #expect(try receive(parts[0], &assembly, unless: "no") == .refuse("no"))
        #expect(try receive(parts[1], &assembly, unless: "no") == .ignore)
        let other = self.parts(of: [UInt8](repeating: 1, count: 300_000), transfer: 2)
        #expect(try receive(other[0], &assembly) == .keep)
    }

    @Test("Giving up, and losing the source, leaves nothing")
    func givingUp() throws {
        var assembly = self.assembly()
        let data = [UInt8](repeating: 1, count: 300_000)
        let parts = parts(of: data)
        _ = try receive(parts[0], &assembly)
        var end = parts[1]
        let whole = Message(dstID: 0, handle: 1234, data: data)
        end.data = MessagePart(whole, transfer: 1, offset: MessagePart.firstWindow).data([])
        #expect(try receive(end, &assembly) == .ignore)
        #expect(assembly.count == 0)
        for source: ContextID in [1, 2, 2] {
            let transfer = UInt32(assembly.count)
            _ = try receive(self.parts(of: data, transfer: transfer, from: source)[0], &assembly)
        }
        #expect(assembly.count == 3)
        assembly.remove(from: 2, at: 0)
        #expect(assembly.count == 1)
    }

    @Test("Of a request that was given up the parts that come later are not taken, and others go on")
    func givenUpRequest() throws {
        var assembly = self.assembly(bytesPerLink: 1 << 20)
        let data = [UInt8](repeating: 1, count: 800_000)
        let (first, second) = (parts(of: data), parts(of: data, from: 8))
        for part in first.dropLast() {
            _ = try receive(part, &assembly)
            _ = assembly.takeGrants()
        }
        _ = try receive(second[0], &assembly)
        assembly.remove(from: 8, awaitedAt: 78, at: 0)
        assembly.remove(from: 7, awaitedAt: 78, at: 0)
        #expect(assembly.count == 2 && assembly.takeGrants().isEmpty)
        assembly.remove(from: 7, awaitedAt: 77, at: 0)
        #expect(try receive(first[first.count - 1], &assembly) == .ignore)
        #expect(assembly.count == 1 && assembly.takeGrants().map(\.destination) == [8])
    }

    @Test("A source cannot begin messages without end")
    func mostTransfers() throws {
        var assembly = self.assembly()
        var refused = 0
        for transfer in 0..<UInt32(MessageAssembly.mostTransfers + 100) {
            let part = parts(of: [UInt8](repeating: 1, count: 70_000), transfer: transfer)[0]
            if case .refuse = try receive(part, &assembly) { refused += 1 }
        }
        #expect(refused == 100 && assembly.count == MessageAssembly.mostTransfers)
    }

    @Test("What is no part is told apart")
    func malformed() {
        let whole = Message(dstID: 0, handle: 5, data: [1, 2, 3])
        let good = MessagePart(whole, transfer: 1, offset: 0).data([1, 2, 3])
        #expect(MessagePart(parsing: good) != nil)
        for count in 0..<MessagePart.headerSize { #expect(MessagePart(parsing: Array(good.prefix(count))) == nil) }
        #expect(MessagePart(parsing: good + [4]) == nil, "beyond the whole")
        for index in [4, 12] {
            var bad = good
            bad[index] = 0xFF
            #expect(MessagePart(parsing: bad) == nil, "a size that is no size")
        }
        var bad = good
        bad[29] = 0
        #expect(MessagePart(parsing: bad) == nil, "no encoding")
        let nested = Message(dstID: 0, handle: StandardHandle.messagePart, data: good)
        #expect(
            MessagePart(parsing: MessagePart(nested, transfer: 1, offset: 0).data(good[...])) == nil,
            "a part in it"
        )
    }
}
