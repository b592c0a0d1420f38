//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol

/// The frames that wait to be written to a stream, and how far the first one has got.
///
/// Parts of large messages let others pass, so that those wait for one part at most; but now and then it is the parts'
/// turn, however many others there are.
package struct OutputQueue: Sendable {
    private var frames = Queue<Message>()
    private var parts = Queue<Message>()
    /// A frame of which some bytes, header included, are written.
    private var started: (frame: Message, written: Int)?
    /// Bytes of other frames that have passed waiting parts.
    private var passed = 0
    /// How many bytes wait.
    package private(set) var byteCount = 0

    /// So many bytes may pass before it is a part's turn.
    private static let mostPassed = 128 << 10

    package init() {}

    package var isEmpty: Bool { frameCount == 0 }
    /// How many frames wait, one that is half written included.
    package var frameCount: Int { frames.count + parts.count + (started == nil ? 0 : 1) }

    package mutating func append(_ message: Message) {
        byteCount += MessageHeader.size + message.data.count
        if message.handle == StandardHandle.messagePart { parts.append(message) } else { frames.append(message) }
    }

    /// Removes the frames of requests of `source` that wait for an answer at one of these handles, with the messages that
    /// cancel them, and tells how many. What is half written stays.
    package mutating func removeRequests(_ handles: Set<Handle>, of source: ContextID) -> Int {
        func isObsolete(_ message: Message) -> Bool { message.srcID == source && handles.contains(message.replyTo) }
        let requests = frames.remove(where: isObsolete) + parts.remove(where: isObsolete)
        let removed = Set(requests.map(\.replyTo))
        let cancellations = frames.remove { message in
            guard message.srcID == source, message.handle == StandardHandle.cancelCall else { return false }
            return CallCancellation(parsing: message.data).map { removed.contains($0.replyTo) } ?? false
        }
        for message in requests + cancellations { byteCount -= MessageHeader.size + message.data.count }
        return requests.count + cancellations.count
    }

    package mutating func removeAll() {
        frames.removeAll()
        parts.removeAll()
        started = nil
        byteCount = 0
    }

    /// Takes the next frame, and how many of its bytes are written.
    package mutating func popFirst() -> (frame: Message, written: Int)? {
        guard let next = started.take() ?? nextFrame().map({ ($0, 0) }) else { return nil }
        byteCount -= MessageHeader.size + next.0.data.count - next.1
        return (next.0, next.1)
    }

    private mutating func nextFrame() -> Message? {
        if passed < Self.mostPassed || parts.isEmpty, let frame = frames.popFirst() {
            passed = parts.isEmpty ? 0 : passed + MessageHeader.size + frame.data.count
            return frame
        }
        passed = 0
        return parts.popFirst()
    }

    /// Puts back a frame of which `written` bytes are out.
    package mutating func prepend(_ message: Message, written: Int) {
        byteCount += MessageHeader.size + message.data.count - written
        started = (message, written)
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
