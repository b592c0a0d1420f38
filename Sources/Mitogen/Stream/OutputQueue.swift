//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol

/// The frames that wait to be written to a stream, and how far the first one has got.
package struct OutputQueue: Sendable {
    private var frames = Queue<Message>()
    /// How many bytes of the first frame, header included, are written.
    private var offset = 0
    /// How many bytes wait.
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { frames.isEmpty }
    /// How many frames wait, one that is half written included.
    package var frameCount: Int { frames.count }

    package mutating func append(_ message: Message) {
        byteCount += MessageHeader.size + message.data.count
        frames.append(message)
    }

    package mutating func removeAll() {
        frames.removeAll()
        offset = 0
        byteCount = 0
    }

    /// Takes the first frame, and how many of its bytes are written.
    package mutating func popFirst() -> (frame: Message, written: Int)? {
        guard let frame = frames.popFirst() else { return nil }
        defer { offset = 0 }
        byteCount -= MessageHeader.size + frame.data.count - offset
        return (frame, offset)
    }

    /// Puts back a frame of which `written` bytes are out.
    package mutating func prepend(_ message: Message, written: Int) {
        byteCount += MessageHeader.size + message.data.count - written
        offset = written
        frames.prepend(message)
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
