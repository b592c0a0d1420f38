//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol

/// A message that waits to be written.
package struct OutgoingFrame: Sendable {
    package let message: Message
    /// Is resolved when the message is written, or lost; nil if nobody waits for that.
    package var turn: OneShot<Void>?

    package init(_ message: Message, turn: OneShot<Void>? = nil) {
        self.message = message
        self.turn = turn
    }

    package var size: Int { MessageHeader.size + message.data.count }
}

/// The frames that wait to be written to a stream, and how far the first one has got.
///
/// What belongs to a flow lets everything else pass, so that a call waits for no bulk; but now and then it is the flows'
/// turn, however many others there are. Flows take turns: each may send ``quantum`` bytes, and what one sends above that
/// it has to wait for in its next turns (deficit round robin, Shreedhar and Varghese 1995, with a frame sent before it is
/// paid for). The frames of one flow stay in order, and so do those of none.
package struct OutputQueue: Sendable {
    private struct Flow {
        var frames = Queue<OutgoingFrame>()
        var byteCount = 0
        var deficit: Int
    }

    /// What was in flows when a context was lost. Nothing passes it: neither what the flows get later nor the news.
    private var promoted = Queue<OutgoingFrame>()
    private var urgent = Queue<OutgoingFrame>()
    private var flows: [FlowKey: Flow] = [:]
    private var turns = Queue<FlowKey>()
    private var flowFrameCount = 0
    /// A frame of which some bytes, header included, are written.
    private var started: (frame: OutgoingFrame, written: Int)?
    /// Bytes of other frames that have passed waiting flows.
    private var passed = 0
    /// How many bytes wait.
    package private(set) var byteCount = 0

    /// So many bytes may pass before it is a flow's turn.
    private static let mostPassed = 128 << 10
    /// A flow has little more than its turn here, so all together have about so much. With turns of 10 KiB a child with a
    /// thousand busy streams grew by 53 to 71 MB instead of 48 to 52; with the longer turns of 300 a value took 27 % less
    /// processor time than with 8 KiB (measured).
    private static let mostInTurns = 6 << 20
    private static let sizes: ClosedRange<Int> = 8 << 10...64 << 10

    /// How many bytes are a turn.
    private var quantum: Int {
        let share = Self.mostInTurns / max(1, flows.count)
        return min(max(share, Self.sizes.lowerBound), Self.sizes.upperBound)
    }

    package init() {}

    package var isEmpty: Bool { frameCount == 0 }
    /// How many frames wait, one that is half written included.
    package var frameCount: Int { promoted.count + urgent.count + flowFrameCount + (started == nil ? 0 : 1) }

    package mutating func append(_ frame: OutgoingFrame) {
        byteCount += frame.size
        let handle = frame.message.handle
        // What has come from a context must not arrive after the news that it is gone.
        if handle == StandardHandle.deleteRoute || handle == StandardHandle.routeLost { promoteAll() }
        // The end of a flow of which nothing waits: its values may have gone the other way, as those of Python senders do.
        guard let key = FlowKey(of: frame.message) else { return urgent.append(frame) }
        let index = flows.index(forKey: key)
        if index == nil, frame.message.isDead { return urgent.append(frame) }
        flowFrameCount += 1
        if let index {
            flows.values[index].frames.append(frame)
            flows.values[index].byteCount += frame.size
        } else {
            var flow = Flow(deficit: quantum)
            flow.frames.append(frame)
            flow.byteCount = frame.size
            flows[key] = flow
            turns.append(key)
        }
    }

    /// What the frames and their flows take in memory, about; of small ones their bytes are the least part.
    package var memory: Int { byteCount + 128 * frameCount + 256 * flows.count }

    /// Whether as much of the message's flow waits as it may send in one turn, so that more of it need not be here yet;
    /// nil if it belongs to none.
    package func hasEnough(for message: Message) -> Bool? {
        FlowKey(of: message).map { flows[$0]?.byteCount ?? 0 >= quantum }
    }

    /// Removes the frames of requests of `source` that wait for an answer at one of these handles, with the messages that
    /// cancel them. What is half written stays.
    package mutating func removeRequests(_ handles: Set<Handle>, of source: ContextID) -> [OutgoingFrame] {
        func isObsolete(_ frame: OutgoingFrame) -> Bool {
            frame.message.srcID == source && handles.contains(frame.message.replyTo)
        }
        var gone = promoted.remove(where: isObsolete) + urgent.remove(where: isObsolete)
        for key in flows.keys where key.source == source {
            let removed = flows[key]?.frames.remove(where: isObsolete) ?? []
            flowFrameCount -= removed.count
            flows[key]?.byteCount -= removed.reduce(0) { $0 + $1.size }
            gone += removed
        }
        let removed = Set(gone.map(\.message.replyTo))
        gone += urgent.remove { frame in
            let message = frame.message
            guard message.srcID == source, message.handle == StandardHandle.cancelCall else { return false }
            return CallCancellation(parsing: message.data).map { removed.contains($0.replyTo) } ?? false
        }
        for frame in gone { byteCount -= frame.size }
        return gone
    }

    /// Takes the next frame, and how many of its bytes are written.
    package mutating func popFirst() -> (frame: OutgoingFrame, written: Int)? {
        guard let next = started.take() ?? nextFrame().map({ ($0, 0) }) else { return nil }
        byteCount -= next.0.size - next.1
        return (next.0, next.1)
    }

    private mutating func nextFrame() -> OutgoingFrame? {
        if let frame = promoted.popFirst() { return frame }
        if passed < Self.mostPassed || flowFrameCount == 0, let frame = urgent.popFirst() {
            passed = flowFrameCount == 0 ? 0 : passed + frame.size
            return frame
        }
        passed = 0
        return nextOfFlows()
    }

    /// Lets the flows that wait now go before anything that is added later.
    private mutating func promoteAll() {
        while let frame = nextOfFlows() { promoted.append(frame) }
    }

    private mutating func nextOfFlows() -> OutgoingFrame? {
        while flowFrameCount > 0, let key = turns.first {
            guard let index = flows.index(forKey: key) else {
                _ = turns.popFirst()
                continue
            }
            if flows.values[index].deficit > 0, let frame = flows.values[index].frames.popFirst() {
                flowFrameCount -= 1
                flows.values[index].byteCount -= frame.size
                flows.values[index].deficit -= frame.size
                return frame
            }
            // Its turn is over. One that has nothing more stays as long as it has to pay.
            _ = turns.popFirst()
            if flows.values[index].deficit > 0 {
                flows.remove(at: index)
            } else {
                flows.values[index].deficit += quantum
                turns.append(key)
            }
        }
        flows = [:]
        turns.removeAll()
        return nil
    }

    /// Puts back a frame of which `written` bytes are out.
    package mutating func prepend(_ frame: OutgoingFrame, written: Int) {
        byteCount += frame.size - written
        started = (frame, written)
    }

    /// Offers a frame from `offset` on to `write`, as header and data, neither of them copied together.
    package static func write(
        _ frame: borrowing Message,
        from offset: Int,
        _ write: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int
    ) -> Int {
        withUnsafeBytes(of: frame.header.bytes) { padded in
            frame.data.withUnsafeBytes { data in
                let header = UnsafeRawBufferPointer(rebasing: padded[..<MessageHeader.size])
                if offset < header.count {
                    return write(UnsafeRawBufferPointer(rebasing: header[offset...]), data)
                }
                let rest = UnsafeRawBufferPointer(rebasing: data[(offset - header.count)...])
                return write(rest, UnsafeRawBufferPointer(start: nil, count: 0))
            }
        }
    }
}
