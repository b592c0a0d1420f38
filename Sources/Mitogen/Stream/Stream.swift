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
    /// The Broker's view of the descriptors: one side for both directions if they are one descriptor.
    private struct Sides {
        let receive: Broker.Side
        let transmit: Broker.Side
    }

    package let id: LinkID
    /// The context at the other end.
    package let remoteID: ContextID
    package let name: String
    private let broker: Broker
    private let limitsAnswers: Bool
    let descriptors: StreamDescriptors
    private let output = Mutex(StreamOutput())
    let input: Mutex<FrameDecoder>
    private let sides = Mutex<Sides?>(nil)
    let frameCount = Atomic<Int>(0)
    /// Whether all frames get the magic of versions of the Python implementation that know no other. A peer that uses
    /// another one knows it.
    let isLegacy: Atomic<Bool>
    let byteCount = Atomic<Int>(0)
    /// How many bytes are read at a time: fewer while they are very many frames, so that others get their turn.
    let readSize = Atomic<Int>(Stream.mostReadBytes)
    let deliver: @Sendable (consuming Message, Stream) -> Void
    private let ended: @Sendable (Stream, String) -> Void

    /// Above this many waiting bytes, senders of bulk are suspended until half of them are gone, or what they have sent
    /// is written.
    package static let highWater = 1 << 20
    /// What the flows that come in here share.
    let budget = LinkBudget()

    /// Messages up to this size that belong to no flow never wait for room.
    package static let smallMessage = 64 << 10
    /// When what waits takes more memory than this, nothing more is taken from other streams for this one. Small messages, such as
    /// credit, have as much again for themselves.
    private let mostQueued: Int

    /// How many frames a thread writes before the Broker goes on, and how many bytes.
    private static let mostFramesWritten = 64
    private static let mostBytesWritten = 1 << 20

    /// Makes a stream on connected descriptors, which it owns from then on.
    ///
    /// - Parameters:
    ///   - limitsAnswers: Whether the stream ends when the peer asks and asks but reads no answers; false by default.
    ///   - mostQueued: How much memory may be taken by what waits, before nothing more comes from other streams.
    ///   - isLegacy: Whether the peer may be an old Python implementation; false by default.
    ///   - deliver: Called on the Broker's thread for every message.
    ///   - ended: Called once, on the Broker's thread, with the reason.
    package init(
        id: LinkID,
        remoteID: ContextID,
        name: String,
        descriptors: StreamDescriptors,
        decoder: FrameDecoder,
        broker: Broker,
        limitsAnswers: Bool = false,
        mostQueued: Int = 256 << 20,
        isLegacy: Bool = false,
        deliver: @escaping @Sendable (consuming Message, Stream) -> Void,
        ended: @escaping @Sendable (Stream, String) -> Void
    ) {
        self.id = id
        self.remoteID = remoteID
        self.name = name
        self.broker = broker
        self.limitsAnswers = limitsAnswers
        self.mostQueued = mostQueued
        self.isLegacy = Atomic(isLegacy)
        self.descriptors = descriptors
        input = Mutex(decoder)
        self.deliver = deliver
        self.ended = ended
    }

    deinit {
        if !output.withLock({ $0.isClosed }) { closeDescriptors() }
    }

    /// Begins to read. `keepsAlive` says whether a Broker that shuts down waits for this stream to end.
    ///
    /// - Parameter bytes: What was read from the descriptor before; none by default. On the Broker's thread if there is
    ///   any.
    package func start(keepsAlive: Bool, received bytes: [UInt8] = []) {
        if !bytes.isEmpty { take(bytes) }
        let receive = Broker.Side(descriptor: descriptors.receive, keepsAlive: keepsAlive) {
            [tether = Tether(self)] readiness, scratch in
            tether.object?.isReady(readiness, scratch)
        }
        let transmit =
            descriptors.areOne
            ? receive
            : Broker.Side(descriptor: descriptors.transmit, keepsAlive: false) { [tether = Tether(self)] _ in
                tether.object?.flush()
            }
        sides.withLock { $0 = Sides(receive: receive, transmit: transmit) }
        broker.startReceiving(receive)
        if output.withLock({ $0.isWatched }) { broker.startTransmitting(transmit) }
    }

    /// The peer is of this implementation.
    func knowsEncodings() { isLegacy.store(false, ordering: .relaxed) }

    /// Bytes that wait to be written.
    package var pendingBytes: Int { output.withLock { $0.queue.byteCount } }

    /// Frames received so far.
    package var receivedFrames: Int { frameCount.load(ordering: .relaxed) }

    /// What a stream has carried so far, and what waits.
    package struct Counters: Sendable {
        package let framesReceived: Int
        package let bytesReceived: Int
        package let framesSent: Int
        package let bytesSent: Int
        package let framesQueued: Int
        package let bytesQueued: Int
    }

    package var counters: Counters {
        output.withLock { output in
            Counters(
                framesReceived: receivedFrames,
                bytesReceived: byteCount.load(ordering: .relaxed),
                framesSent: output.sentFrames,
                bytesSent: output.sentBytes,
                framesQueued: output.frameCount,
                bytesQueued: output.queue.byteCount
            )
        }
    }

    // MARK: Sending

    /// Sends a message, unless the stream is closed.
    ///
    /// - Parameters:
    ///   - isAnswer: Whether it answers a request of the peer; false by default.
    ///   - waits: Whether the caller waits for what is returned; false by default.
    /// - Returns: For bulk, if much waits already: what is resolved when the message is written, or lost, or little waits.
    @discardableResult
    package func send(_ message: Message, isAnswer: Bool = false, waits: Bool = false) -> OneShot<Void>? {
        var turn: OneShot<Void>?
        _ = queue(message, isAnswer: isAnswer, isBounded: false, waits: waits, turn: &turn)
        return turn
    }

    /// Sends a message that has come on another stream, whose sender cannot be made to wait.
    package func forward(_ message: Message) -> Acceptance {
        var turn: OneShot<Void>?
        return queue(message, isAnswer: false, isBounded: true, waits: false, turn: &turn)
    }

    /// What has become of a message.
    package enum Acceptance: Sendable {
        case taken
        case closed
        /// Too much waits already.
        case full
    }

    private func queue(
        _ message: Message,
        isAnswer: Bool,
        isBounded: Bool,
        waits: Bool,
        turn: inout OneShot<Void>?
    ) -> Acceptance {
        var message = message
        if isLegacy.load(ordering: .relaxed) { message.makeLegacy() }
        message.header.length = UInt32(message.data.count)
        var frame = OutgoingFrame(message)
        let next = output.withLock { output -> StreamOutput.Step in
            let next = output.add(&frame, limit: isBounded ? mostQueued : nil, waits: waits)
            if isAnswer, limitsAnswers, case .done = next, output.leavesUnread() { return .flooded }
            return next
        }
        if case .refused(let reason) = next { return reason }
        turn = frame.turn
        write(next)
        return .taken
    }

    /// A request of this context is given up: what of it has not begun to be written is dropped, now or soon.
    ///
    /// - Parameters:
    ///   - handle: What its frames have as `reply_to`.
    ///   - source: This context.
    package func withdraw(_ handle: Handle, of source: ContextID) {
        for frame in output.withLock({ $0.withdraw(handle, of: source) }) { frame.turn?.resolve(.success(())) }
        wakeWaiters()
    }

    /// Writes frames until none waits, the descriptor takes no more, or this thread has written its share: a peer that
    /// reads as fast would keep it here as long as others add frames. The Broker goes on then, after it has read.
    ///
    /// One thread writes at a time, without holding the lock: others only add to the queue meanwhile, and never wait
    /// for a system call (a thread that is preempted in one would hold them all up, measured).
    private func write(_ first: StreamOutput.Step) {
        var step = first
        var (frames, bytes) = (0, 0)
        while case .write(let frame, let offset) = step {
            frames += 1
            bytes += frame.size - offset
            let isLast = frames >= Self.mostFramesWritten || bytes >= Self.mostBytesWritten
            let count = OutputQueue.write(frame.message, from: offset, write)
            step = output.withLock { output in
                let new = max(0, count)
                return output.didWrite(frame, written: offset + new, new: new, error: min(0, count), isLast: isLast)
            }
            if case .watch(isWritten: false) = step { continue }
            frame.turn?.resolve(.success(()))
        }
        switch step {
        case .watch:
            if let side = sides.withLock({ $0?.transmit }) { broker.startTransmitting(side) }
        case .close: closeDescriptors()
        case .failed(let error): close(reason: Self.endReason(error) ?? Self.endOfFile)
        case .flooded: close(reason: "it has not read the answers to its last \(StreamOutput.answerLimit) requests")
        case .done, .refused, .write: break
        }
        wakeWaiters()
    }

    private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Int {
        let count = cmitogen_write2(descriptors.transmit, head.baseAddress, head.count, body.baseAddress, body.count)
        return count == -Int(EAGAIN) ? 0 : count
    }

    private func wakeWaiters() {
        for waiter in output.withLock({ $0.takeWaiters() }) { waiter.resolve(.success(())) }
    }

    /// The descriptor takes bytes again. On the Broker's thread.
    private func flush() {
        write(output.withLock { $0.flush() })
        let isWatched = output.withLock { $0.didFlush() }
        guard !isWatched, let side = sides.withLock({ $0?.transmit }) else { return }
        broker.stopTransmitting(side)
        // Another thread may have come to a halt and asked to be watched between the two steps.
        if output.withLock({ $0.isWatched }) { broker.startTransmitting(side) }
    }

    private func isReady(_ readiness: Broker.Readiness, _ scratch: UnsafeMutableRawBufferPointer) {
        if readiness.contains(.writable) { flush() }
        if readiness.contains(.readable) || readiness.contains(.hangup) { receive(scratch) }
    }

    // MARK: Ending

    /// Closes the stream; what waits to be written is lost. Harmless when repeated.
    package func close(reason: String) {
        let (isFirst, isWriting) = output.withLock { ($0.close(), $0.isWriting) }
        guard isFirst else { return }
        wakeWaiters()
        // A thread that is just writing closes the descriptors when it is done: closed under its hands, their numbers
        // could be another file's when it writes.
        if !isWriting { closeDescriptors() }
        if !broker.schedule({ [self] in ended(self, reason) }) { ended(self, reason) }
    }

    private func closeDescriptors() {
        if let sides = sides.withLock({ $0.take() }) {
            broker.close(sides.receive)
            if sides.transmit !== sides.receive { broker.close(sides.transmit) }
        } else {
            descriptors.close()
        }
    }
}
