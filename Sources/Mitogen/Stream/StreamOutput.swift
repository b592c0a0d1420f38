//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What waits to be written to a stream, and who writes it: one thread at a time, which asks after each frame what to do
/// next. It does no input or output itself.
struct StreamOutput {
    /// What a thread that wants to write does next.
    enum Step {
        case write(OutgoingFrame, from: Int)
        /// The Broker goes on when the descriptor takes bytes. The frame is not whole if it takes none now.
        case watch(isWritten: Bool)
        case done
        /// The stream was closed while this thread wrote.
        case close
        /// The peer asks, but reads no answers.
        case flooded
        case failed(Int)
        case refused(Stream.Acceptance)
    }

    private(set) var queue = OutputQueue()
    private(set) var isClosed = false
    /// Whether the Broker is asked to go on when the descriptor takes bytes.
    private(set) var isWatched = false
    /// Whether a thread is writing.
    private(set) var isWriting = false
    private(set) var sentFrames = 0
    private(set) var sentBytes = 0
    /// Which of all frames are answers that the peer has not taken yet.
    private var answers = Queue<Int>()
    /// The reply handles of own requests that were given up while something was queued.
    private var givenUp: Set<Handle> = []
    /// Frames that were taken out of the queue instead of being sent.
    private var withdrawnFrames = 0
    /// Senders that wait for the queue to get shorter, or for their own frame's turn.
    private var waiters = Queue<OneShot<Void>>()

    /// So many answers to its own requests a peer may leave unread: one that goes on asking takes memory without end.
    static let answerLimit = 100_000
    private static let tinyMessage = 256

    /// How many frames wait, one that is being written included.
    var frameCount: Int { queue.frameCount + (isWriting ? 1 : 0) }

    // MARK: Adding

    /// Adds a frame, which the thread is to write itself if nothing waits.
    ///
    /// - Parameters:
    ///   - limit: How much memory may be taken already; nil if the frame is taken in any case.
    ///   - waits: Whether its sender can wait; the frame gets a turn if it has to.
    mutating func add(_ frame: inout OutgoingFrame, limit: Int?, waits: Bool) -> Step {
        guard !isClosed else { return .refused(.closed) }
        if let limit, queue.memory > Self.share(of: frame.message) * limit { return .refused(.full) }
        guard queue.isEmpty, !isWriting else {
            if waits, queue.byteCount > Stream.highWater,
                queue.hasEnough(for: frame.message) ?? (frame.message.data.count > Stream.smallMessage)
            {
                let waiter = OneShot<Void>()
                waiters.append(waiter) { $0.outcome != nil }
                frame.turn = waiter
            }
            queue.append(frame)
            return .done
        }
        isWriting = true
        return .write(frame, from: 0)
    }

    /// How much more than others a message may find waiting: small ones, such as credit, have a place of their own, and
    /// what says that one of those was lost has another.
    private static func share(of message: Message) -> Int {
        if message.isDead { return 4 }
        return message.data.count <= tinyMessage ? 2 : 1
    }

    /// The frame that was just queued is an answer: whether the peer has left too many of them.
    mutating func leavesUnread() -> Bool {
        let gone = sentFrames + withdrawnFrames
        while let first = answers.first, first <= gone { _ = answers.popFirst() }
        answers.append(gone + frameCount)
        return answers.count > Self.answerLimit
    }

    /// Drops requests of `source` that wait for an answer at `handle`, now or soon.
    mutating func withdraw(_ handle: Handle, of source: ContextID) -> [OutgoingFrame] {
        guard !queue.isEmpty else { return [] }
        givenUp.insert(handle)
        // A pass over the queue is paid for by those who have given up since the last.
        guard givenUp.count * 8 >= queue.frameCount else { return [] }
        let gone = queue.removeRequests(givenUp, of: source)
        withdrawnFrames += gone.count
        givenUp = []
        return gone
    }

    // MARK: Writing

    /// `written` bytes of a frame are out, `new` of them now.
    ///
    /// - Parameters:
    ///   - error: What the system call has failed with, negative; 0 if it has not.
    ///   - isLast: Whether the thread has written its share.
    mutating func didWrite(_ frame: OutgoingFrame, written: Int, new: Int, error: Int, isLast: Bool) -> Step {
        sentBytes += new
        if isClosed || error < 0 {
            isWriting = false
            return isClosed ? .close : .failed(error)
        }
        if written < frame.size {
            queue.prepend(frame, written: written)
            return watch(isWritten: false)
        }
        sentFrames += 1
        if isLast, !queue.isEmpty { return watch(isWritten: true) }
        return next()
    }

    private mutating func watch(isWritten: Bool) -> Step {
        isWriting = false
        isWatched = true
        return .watch(isWritten: isWritten)
    }

    private mutating func next() -> Step {
        guard let (frame, written) = queue.popFirst() else {
            isWriting = false
            return .done
        }
        isWriting = true
        return .write(frame, from: written)
    }

    /// The descriptor takes bytes: what the Broker writes, unless a thread does.
    mutating func flush() -> Step {
        isClosed || isWriting ? .done : next()
    }

    /// The Broker has written what it could.
    ///
    /// - Returns: Whether it is to go on when the descriptor takes bytes.
    mutating func didFlush() -> Bool {
        // A thread that writes just now asks to be watched again if the descriptor takes no more.
        if isWriting || queue.isEmpty { isWatched = false }
        return isWatched
    }

    // MARK: Waiting, and the end

    /// Those who may go on because less waits, or nothing is written any more.
    mutating func takeWaiters() -> [OneShot<Void>] {
        guard !waiters.isEmpty, isClosed || queue.byteCount <= Stream.highWater / 2 else { return [] }
        return waiters.takeAll()
    }

    /// Drops what waits, the turns of which are among those who wait. False if it was closed before.
    mutating func close() -> Bool {
        defer {
            isClosed = true
            queue = OutputQueue()
        }
        return !isClosed
    }
}
