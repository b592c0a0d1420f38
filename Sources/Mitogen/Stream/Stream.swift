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
        /// Whether the Broker is asked to go on when the descriptor takes bytes.
        var isWatched = false
        /// Whether a thread is writing.
        var isWriting = false
        var sentFrames = 0
        var sentBytes = 0
        /// Which of all frames are answers that the peer has not taken yet.
        var answers = Queue<Int>()
        /// The reply handles of own requests that were given up while something was queued.
        var givenUp: Set<Handle> = []
        /// Frames that were taken out of the queue instead of being sent.
        var withdrawnFrames = 0
        /// Senders that wait for the queue to get shorter, or for their own frame's turn.
        var waiters = Queue<OneShot<Void>>()
    }

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
    private let descriptors: StreamDescriptors
    private let output = Mutex(Output())
    private let input: Mutex<FrameDecoder>
    private let sides = Mutex<Sides?>(nil)
    private let frameCount = Atomic<Int>(0)
    /// Whether all frames get the magic of versions of the Python implementation that know no other. A peer that uses
    /// another one knows it.
    private let isLegacy: Atomic<Bool>
    private let byteCount = Atomic<Int>(0)
    /// How many bytes are read at a time: fewer while they are very many frames, so that others get their turn.
    private let readSize = Atomic<Int>(Stream.mostReadBytes)
    private let deliver: @Sendable (consuming Message, Stream) -> Void
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
    private static let tinyMessage = 256

    /// What is read at a time, and how many frames may be in it.
    private static let mostReadBytes = 128 << 10
    private static let leastReadBytes = 2 << 10
    private static let mostFramesRead = 64
    /// How many frames a thread writes before the Broker goes on, and how many bytes.
    private static let mostFramesWritten = 64
    private static let mostBytesWritten = 1 << 20

    /// So many answers to its own requests a peer may leave unread: one that goes on asking takes memory without end.
    private static let answerLimit = 100_000

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
            [weak self] readiness, scratch in
            self?.isReady(readiness, scratch)
        }
        let transmit =
            descriptors.areOne
            ? receive
            : Broker.Side(descriptor: descriptors.transmit, keepsAlive: false) { [weak self] _ in self?.flush() }
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
                framesQueued: output.queue.frameCount + (output.isWriting ? 1 : 0),
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

    /// A request of this context is given up: what of it has not begun to be written is dropped, now or soon.
    ///
    /// - Parameters:
    ///   - handle: What its frames have as `reply_to`.
    ///   - source: This context.
    package func withdraw(_ handle: Handle, of source: ContextID) {
        let gone = output.withLock { output -> [OutgoingFrame] in
            guard !output.queue.isEmpty else { return [] }
            output.givenUp.insert(handle)
            // A pass over the queue is paid for by those who have given up since the last.
            guard output.givenUp.count * 8 >= output.queue.frameCount else { return [] }
            let gone = output.queue.removeRequests(output.givenUp, of: source)
            output.withdrawnFrames += gone.count
            output.givenUp = []
            return gone
        }
        for frame in gone { frame.turn?.resolve(.success(())) }
        wakeWaiters()
    }

    /// What has become of a message.
    package enum Acceptance: Sendable {
        case taken
        case closed
        /// Too much waits already.
        case full
    }

    /// How much more than others a message may find waiting: small ones, such as credit, have a place of their own, and
    /// what says that one of those was lost has another.
    private static func share(of message: Message) -> Int {
        if message.isDead { return 4 }
        return message.data.count <= tinyMessage ? 2 : 1
    }

    private func queue(
        _ message: Message,
        isAnswer: Bool,
        isBounded: Bool,
        waits: Bool,
        turn: inout OneShot<Void>?
    ) -> Acceptance {
        var message = message
        message.header.length = UInt32(message.data.count)
        if isLegacy.load(ordering: .relaxed) { message.header.encoding = .legacy }
        var frame = OutgoingFrame(message)
        let next = output.withLock { output -> Step in
            guard !output.isClosed else { return .refused(.closed) }
            if isBounded {
                if output.queue.memory > Self.share(of: frame.message) * mostQueued { return .refused(.full) }
            }
            guard output.queue.isEmpty, !output.isWriting else {
                if waits, output.queue.byteCount > Self.highWater,
                    output.queue.hasEnough(for: frame.message) ?? (frame.message.data.count > Self.smallMessage)
                {
                    let waiter = OneShot<Void>()
                    output.waiters.append(waiter) { $0.outcome != nil }
                    frame.turn = waiter
                }
                output.queue.append(frame)
                return isAnswer && limitsAnswers && Self.leavesUnread(&output) ? .flooded : .done
            }
            output.isWriting = true
            return .write(frame, from: 0)
        }
        if case .refused(let reason) = next { return reason }
        turn = frame.turn
        write(next)
        return .taken
    }

    /// The frame that was just queued is an answer: whether the peer has left too many of them.
    private static func leavesUnread(_ output: inout Output) -> Bool {
        let gone = output.sentFrames + output.withdrawnFrames
        while let first = output.answers.first, first <= gone { _ = output.answers.popFirst() }
        output.answers.append(gone + output.queue.frameCount + (output.isWriting ? 1 : 0))
        return output.answers.count > answerLimit
    }

    /// What a thread that wants to write does next.
    private enum Step {
        case write(OutgoingFrame, from: Int)
        /// The Broker goes on when the descriptor takes bytes. The frame is not whole if it takes none now.
        case watch(isWritten: Bool)
        case done
        /// The stream was closed while this thread wrote.
        case close
        /// The peer asks, but reads no answers.
        case flooded
        case failed(Int)
        case refused(Acceptance)
    }

    /// Writes frames until none waits, the descriptor takes no more, or this thread has written its share: a peer that
    /// reads as fast would keep it here as long as others add frames. The Broker goes on then, after it has read.
    ///
    /// One thread writes at a time, without holding the lock: others only add to the queue meanwhile, and never wait
    /// for a system call (a thread that is preempted in one would hold them all up, measured).
    private func write(_ first: Step) {
        var step = first
        var (frames, bytes) = (0, 0)
        while case .write(let frame, let offset) = step {
            frames += 1
            bytes += frame.size - offset
            let isLast = frames >= Self.mostFramesWritten || bytes >= Self.mostBytesWritten
            let count = OutputQueue.write(frame.message, from: offset, write)
            step = output.withLock { output in
                let written = offset + max(0, count)
                output.sentBytes += max(0, count)
                return Self.nextStep(&output, after: frame, written: written, error: min(0, count), isLast: isLast)
            }
            if case .watch(isWritten: false) = step { continue }
            frame.turn?.resolve(.success(()))
        }
        switch step {
        case .watch:
            if let side = sides.withLock({ $0?.transmit }) { broker.startTransmitting(side) }
        case .close: closeDescriptors()
        case .failed(let error): close(reason: Self.endReason(error) ?? Self.endOfFile)
        case .flooded: close(reason: "it has not read the answers to its last \(Self.answerLimit) requests")
        case .done, .refused, .write: break
        }
        wakeWaiters()
    }

    private static func nextStep(
        _ output: inout Output,
        after frame: OutgoingFrame,
        written: Int,
        error: Int,
        isLast: Bool
    ) -> Step {
        if output.isClosed {
            output.isWriting = false
            return .close
        }
        if error < 0 {
            output.isWriting = false
            return .failed(error)
        }
        if written < frame.size {
            output.queue.prepend(frame, written: written)
            output.isWriting = false
            output.isWatched = true
            return .watch(isWritten: false)
        }
        output.sentFrames += 1
        if isLast, !output.queue.isEmpty {
            output.isWriting = false
            output.isWatched = true
            return .watch(isWritten: true)
        }
        if let (frame, written) = output.queue.popFirst() { return .write(frame, from: written) }
        output.isWriting = false
        return .done
    }

    private func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Int {
        let count = cmitogen_write2(descriptors.transmit, head.baseAddress, head.count, body.baseAddress, body.count)
        return count == -Int(EAGAIN) ? 0 : count
    }

    private func wakeWaiters() {
        let waiters = output.withLock { output -> [OneShot<Void>] in
            guard !output.waiters.isEmpty, output.isClosed || output.queue.byteCount <= Self.highWater / 2 else {
                return []
            }
            return output.waiters.takeAll()
        }
        for waiter in waiters { waiter.resolve(.success(())) }
    }

    /// The descriptor takes bytes again. On the Broker's thread.
    private func flush() {
        let next = output.withLock { output -> Step in
            guard !output.isClosed, !output.isWriting, let (frame, written) = output.queue.popFirst() else {
                return .done
            }
            output.isWriting = true
            return .write(frame, from: written)
        }
        write(next)
        let isWatched = output.withLock { output in
            // A thread that writes just now asks to be watched again if the descriptor takes no more.
            if output.isWriting || output.queue.isEmpty { output.isWatched = false }
            return output.isWatched
        }
        guard !isWatched, let side = sides.withLock({ $0?.transmit }) else { return }
        broker.stopTransmitting(side)
        // Another thread may have come to a halt and asked to be watched between the two steps.
        if output.withLock({ $0.isWatched }) { broker.startTransmitting(side) }
    }

    // MARK: Receiving

    private func isReady(_ readiness: Broker.Readiness, _ scratch: UnsafeMutableRawBufferPointer) {
        if readiness.contains(.writable) { flush() }
        if readiness.contains(.readable) || readiness.contains(.hangup) { receive(scratch) }
    }

    private func take(_ bytes: [UInt8]) {
        byteCount.wrappingAdd(bytes.count, ordering: .relaxed)
        var decoder = input.withLock { $0 }
        do {
            try bytes.withUnsafeBytes { bytes in try decoder.feed(bytes) { pass(on: $0) } }
        } catch {
            close(reason: "\(error)")
        }
        input.withLock { $0 = decoder }
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
            byteCount.wrappingAdd(max(0, count), ordering: .relaxed)
            if let message = decoder.takeCompleted() { pass(on: message) }
            return Self.endReason(count)
        }
        let size = min(scratch.count, readSize.load(ordering: .relaxed))
        let count = cmitogen_read(descriptors.receive, scratch.baseAddress, size)
        guard count > 0 else { return Self.endReason(count) }
        byteCount.wrappingAdd(count, ordering: .relaxed)
        let framesBefore = frameCount.load(ordering: .relaxed)
        do throws(FramingError) {
            try decoder.feed(UnsafeRawBufferPointer(rebasing: scratch[..<count])) { pass(on: $0) }
            adaptReadSize(size, frames: frameCount.load(ordering: .relaxed) - framesBefore)
            return nil
        } catch {
            return error.description
        }
    }

    private func adaptReadSize(_ size: Int, frames: Int) {
        if frames > Self.mostFramesRead {
            readSize.store(max(Self.leastReadBytes, size * Self.mostFramesRead / frames), ordering: .relaxed)
        } else if frames < Self.mostFramesRead / 4, size < Self.mostReadBytes {
            readSize.store(min(Self.mostReadBytes, size * 2), ordering: .relaxed)
        }
    }

    private func pass(on message: consuming Message) {
        frameCount.wrappingAdd(1, ordering: .relaxed)
        if message.header.encoding != .legacy, isLegacy.load(ordering: .relaxed) {
            isLegacy.store(false, ordering: .relaxed)
        }
        deliver(message, self)
    }

    /// The reason of a stream that the other side has simply closed.
    package static let endOfFile = "the connection was closed"

    /// What the result of a system call means for the stream; nil if it goes on.
    private static func endReason(_ count: Int) -> String? {
        switch count {
        case 1...: nil
        case -Int(EAGAIN): nil
        case 0, -Int(EIO), -Int(ECONNRESET), -Int(EPIPE): endOfFile
        default: "the connection failed: \(String(cString: strerror(Int32(-count))))"
        }
    }

    // MARK: Ending

    /// Closes the stream; what waits to be written is lost. Harmless when repeated.
    package func close(reason: String) {
        let (isFirst, isWriting) = output.withLock { output in
            defer {
                output.isClosed = true
                // Their turns are among those who wait.
                output.queue = OutputQueue()
            }
            return (!output.isClosed, output.isWriting)
        }
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
