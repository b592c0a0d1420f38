//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen
internal import MitogenProtocol
internal import Synchronization
internal import Testing

@Suite("Streams of messages", .timeLimit(.minutes(1)))
struct StreamTests {
    /// Where what comes in is told, with how much waits to be written at that moment.
    private final class Pending: Sendable {
        let stream = Mutex<Stream?>(nil)
        let (bytes, continuation) = AsyncStream.makeStream(of: Int.self)
        let end = OneShot<Void>()

        func receive() {
            continuation.yield(stream.withLock { $0?.pendingBytes } ?? -1)
        }
    }

    @Test("What comes in is read between the writing of a long queue, also if the peer takes all of it at once")
    func readsBetweenWrites() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0, &ends) == 0)
        defer { _ = Glibc.close(ends[1]) }
        setSendBuffer(of: ends[0], to: 4 << 10)
        let broker = try Broker()
        let pending = Pending()
        let stream = Stream(
            id: LinkID(rawValue: 1),
            remoteID: 1,
            name: "peer",
            descriptors: StreamDescriptors(socket: ends[0]),
            decoder: FrameDecoder(maximumLength: 1 << 20),
            broker: broker,
            deliver: { _, _ in pending.receive() },
            ended: { _, _ in pending.end.resolve(.success(())) }
        )
        pending.stream.withLock { $0 = stream }
        for _ in 0..<400 { stream.send(Message(dstID: 1, handle: 1000, data: [1])) }
        let queued = stream.pendingBytes
        // Nothing reads the other end, but all of it fits now.
        setSendBuffer(of: ends[0], to: 4 << 20)
        let frame = Message(dstID: 0, handle: 1000, data: []).header.bytes
        let written = withUnsafeBytes(of: frame) { Glibc.write(ends[1], $0.baseAddress, MessageHeader.size) }
        #expect(written == MessageHeader.size)
        // In one turn of the loop, so that it finds the descriptor ready for both.
        broker.schedule { stream.start(keepsAlive: false) }
        let atArrival = try #require(await pending.bytes.first { _ in true })
        #expect(queued > 300 * (MessageHeader.size + 1))
        #expect(atArrival > queued / 2 && atArrival < queued, "\(atArrival) of \(queued)")
        // The rest goes out in the turns that follow.
        for _ in 0..<400 { try readFrame(of: ends[1]) }
        _ = Glibc.shutdown(ends[1], Int32(SHUT_RDWR))
        try await pending.end.value()
        #expect(stream.pendingBytes == 0)
        broker.shutdown()
        await broker.join()
    }

    @Test("Of tiny messages from elsewhere, each of a flow of its own, no more wait than take the memory that they may")
    func tinyFlows() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0, &ends) == 0)
        defer { _ = Glibc.close(ends[1]) }
        let broker = try Broker()
        let stream = Stream(
            id: LinkID(rawValue: 1),
            remoteID: 1,
            name: "peer",
            descriptors: StreamDescriptors(socket: ends[0]),
            decoder: FrameDecoder(maximumLength: 1 << 20),
            broker: broker,
            mostQueued: 1 << 20,
            deliver: { _, _ in },
            ended: { _, _ in }
        )
        var count = 0
        while count < 100_000,
            case .taken = stream.forward(
                Message(dstID: 1, handle: 1000 + Handle(count), replyTo: 1000, data: [])
            )
        { count += 1 }
        let waiting = stream.counters.framesQueued
        #expect((1000...8000).contains(waiting), "\(waiting)")
        stream.close(reason: "done")
        broker.shutdown()
        await broker.join()
    }

    private func setSendBuffer(of descriptor: Int32, to size: Int32) {
        var size = size
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Takes a frame of one byte of data, and waits for it.
    private func readFrame(of descriptor: Int32) throws {
        var frame = [UInt8](repeating: 0, count: MessageHeader.size + 1)
        var count = 0
        while count < frame.count {
            var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            try #require(poll(&event, 1, 10_000) == 1)
            let more = frame.withUnsafeMutableBytes { bytes in
                Glibc.read(
                    descriptor,
                    UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).baseAddress,
                    bytes.count - count
                )
            }
            try #require(more > 0)
            count += more
        }
    }
}
