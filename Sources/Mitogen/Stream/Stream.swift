//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
package import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A connection that carries messages to one directly connected context (Mitogen semantics, section 6.7).
///
/// Messages are sent from any thread: written at once by the sender if nothing waits, else queued and written by the
/// Broker. They arrive on the Broker's thread.
package final class Stream: Sendable {
    private struct Output {
        var queue = OutputQueue()
        var isClosed = false
        var isWatched = false
        /// Senders that wait for the queue to get shorter.
        var waiters: [@Sendable () -> Void] = []
    }

    /// The Broker's view of the descriptors: one side for both directions if they are one descriptor.
    private struct Sides {
        let receive: Side
        let transmit: Side
    }

    package let id: LinkID
    /// The context at the other end.
    package let remoteID: ContextID
    package let name: String
    private let broker: Broker
    private let descriptors: StreamDescriptors
    private let output = Mutex(Output())
    private let input: Mutex<FrameDecoder>
    private let sides = Mutex<Sides?>(nil)
    private let frameCount = Atomic<Int>(0)
    private let deliver: @Sendable (consuming Message, Stream) -> Void
    private let ended: @Sendable (Stream, String) -> Void

    /// Above this many waiting bytes, senders of bulk are suspended until half of them are gone.
    package static let highWater = 4 << 20

    /// Makes a stream on connected descriptors, which it owns from then on.
    ///
    /// - Parameters:
    ///   - deliver: Called on the Broker's thread for every message.
    ///   - ended: Called once, on the Broker's thread, with the reason.
    package init(
        id: LinkID,
        remoteID: ContextID,
        name: String,
        descriptors: StreamDescriptors,
        decoder: FrameDecoder,
        broker: Broker,
        deliver: @escaping @Sendable (consuming Message, Stream) -> Void,
        ended: @escaping @Sendable (Stream, String) -> Void
    ) {
        self.id = id
        self.remoteID = remoteID
        self.name = name
        self.broker = broker
        self.descriptors = descriptors
        input = Mutex(decoder)
        self.deliver = deliver
        self.ended = ended
    }

    /// Begins to read. `keepsAlive` says whether a Broker that shuts down waits for this stream to end.
    package func start(keepsAlive: Bool) {
        let receive = Side(descriptor: descriptors.receive, keepsAlive: keepsAlive) { [weak self] readiness, scratch in
            self?.isReady(readiness, scratch)
        }
        let transmit =
            descriptors.areOne
            ? receive
            : Side(descriptor: descriptors.transmit, keepsAlive: false) { [weak self] _ in self?.flush() }
        sides.withLock { $0 = Sides(receive: receive, transmit: transmit) }
        broker.startReceive(receive)
        if output.withLock({ $0.isWatched }) { broker.startTransmit(transmit) }
    }

    /// Bytes that wait to be written.
    package var pendingBytes: Int { output.withLock { $0.queue.byteCount } }

    /// Frames received so far.
    package var receivedFrames: Int { frameCount.load(ordering: .relaxed) }

    // MARK: Sending

    /// Sends a message; false if the stream is closed.
    @discardableResult
    package func send(_ message: Message) -> Bool {
        var message = message
        let length = message.data.count
        message.header.length = UInt32(length)
        let frame = message
        let (accepted, mustWatch) = output.withLock { output in
            guard !output.isClosed else { return (false, false) }
            var written = 0
            if output.queue.isEmpty {
                let count = OutputQueue.write(frame, from: 0, write)
                // An error shows again when the Broker reads, or writes the rest; that is where the stream ends.
                written = max(0, count)
                if written == MessageHeader.size + length { return (true, false) }
            }
            output.queue.append(frame, written: written)
            defer { output.isWatched = true }
            return (true, !output.isWatched)
        }
        if mustWatch, let side = sides.withLock({ $0?.transmit }) { broker.startTransmit(side) }
        return accepted
    }

    /// Waits until at most half of ``highWater`` waits to be written, if more than ``highWater`` does.
    ///
    /// Returns at once when the stream is closed. Cancelling does not shorten the wait, which the end of the stream
    /// bounds.
    package func waitForRoom() async {
        guard pendingBytes > Self.highWater else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let mustWait = output.withLock { output in
                guard !output.isClosed, output.queue.byteCount > Self.highWater else { return false }
                output.waiters.append { continuation.resume() }
                return true
            }
            if !mustWait { continuation.resume() }
        }
    }

    private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Int {
        let count = cmitogen_write2(descriptors.transmit, head.baseAddress, head.count, body.baseAddress, body.count)
        return count == -Int(EAGAIN) ? 0 : count
    }

    private func flush() {
        let (error, isEmpty, waiters) = output.withLock { output in
            guard !output.isClosed else { return (0, true, [@Sendable () -> Void]()) }
            let error = output.queue.drain(write)
            if output.queue.isEmpty { output.isWatched = false }
            guard output.queue.byteCount <= Self.highWater / 2 else { return (error, false, []) }
            defer { output.waiters = [] }
            return (error, output.queue.isEmpty, output.waiters)
        }
        for resume in waiters { resume() }
        if error < 0 {
            close(reason: "write failed: \(String(cString: strerror(Int32(-error))))")
        } else if isEmpty, let side = sides.withLock({ $0?.transmit }) {
            broker.stopTransmit(side)
            // A sender may have queued and asked to be watched between the two steps; asking again is harmless.
            if output.withLock({ $0.isWatched }) { broker.startTransmit(side) }
        }
    }

    // MARK: Receiving

    private func isReady(_ readiness: Readiness, _ scratch: UnsafeMutableRawBufferPointer) {
        if readiness.contains(.writable) { flush() }
        if readiness.contains(.readable) || readiness.contains(.hangup) { receive(scratch) }
    }

    /// Reads what is there, once: the Broker calls again if there is more, and others get their turn between.
    private func receive(_ scratch: UnsafeMutableRawBufferPointer) {
        var decoder = input.withLock { decoder in
            let taken = decoder
            decoder = FrameDecoder(maximumLength: 0)
            return taken
        }
        let end = read(into: &decoder, scratch)
        input.withLock { $0 = decoder }
        if let end { close(reason: end) }
    }

    /// Reads once and delivers what is complete; returns why the stream is over, if it is.
    private func read(into decoder: inout FrameDecoder, _ scratch: UnsafeMutableRawBufferPointer) -> String? {
        if decoder.missingBytes >= scratch.count {
            let count = decoder.fill(upTo: 1 << 20) { buffer in
                cmitogen_read(descriptors.receive, buffer.baseAddress, buffer.count)
            }
            if let message = decoder.takeCompleted() { pass(on: message) }
            return endReason(count)
        }
        let count = cmitogen_read(descriptors.receive, scratch.baseAddress, scratch.count)
        guard count > 0 else { return endReason(count) }
        do throws(FramingError) {
            try decoder.feed(UnsafeRawBufferPointer(rebasing: scratch[..<count])) { pass(on: $0) }
            return nil
        } catch {
            return error.description
        }
    }

    private func pass(on message: consuming Message) {
        frameCount.wrappingAdd(1, ordering: .relaxed)
        deliver(message, self)
    }

    private func endReason(_ count: Int) -> String? {
        switch count {
        case 1...: nil
        case -Int(EAGAIN): nil
        case 0, -Int(EIO), -Int(ECONNRESET), -Int(EPIPE): "the connection was closed"
        default: "read failed: \(String(cString: strerror(Int32(-count))))"
        }
    }

    // MARK: Ending

    /// Closes the stream; what waits to be written is lost. Harmless when repeated.
    package func close(reason: String) {
        let (isFirst, waiters) = output.withLock { output in
            defer {
                output.isClosed = true
                output.queue.removeAll()
                output.waiters = []
            }
            return (!output.isClosed, output.waiters)
        }
        guard isFirst else { return }
        for resume in waiters { resume() }
        if let sides = sides.withLock({ $0.take() }) {
            broker.close(sides.receive)
            if sides.transmit !== sides.receive { broker.close(sides.transmit) }
        } else {
            descriptors.close()
        }
        if !broker.schedule({ [self] in ended(self, reason) }) { ended(self, reason) }
    }
}
