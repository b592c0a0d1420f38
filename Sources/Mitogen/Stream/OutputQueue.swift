//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import DequeModule
package import MitogenProtocol

/// The frames that wait to be written to a stream, and how far the first one has got.
package struct OutputQueue: Sendable {
    private var frames = Deque<Message>()
    /// How many bytes of the first frame, header included, are written.
    private var offset = 0
    /// How many bytes wait.
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { frames.isEmpty }

    /// Adds a frame of which the first `written` bytes are already out.
    package mutating func append(_ message: consuming Message, written: Int = 0) {
        byteCount += MessageHeader.size + message.data.count - written
        if frames.isEmpty { offset = written }
        frames.append(message)
    }

    package mutating func removeAll() {
        frames.removeAll()
        offset = 0
        byteCount = 0
    }

    /// Lets `write` take bytes, frame by frame, until it takes less than it was offered.
    ///
    /// - Parameter write: Gets the rest of a frame in two parts; returns how many bytes it took, or a negative errno.
    /// - Returns: The negative errno that `write` returned, else 0.
    package mutating func drain(_ write: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int) -> Int {
        while let frame = frames.first {
            let total = MessageHeader.size + frame.data.count
            let count = Self.write(frame, from: offset, write)
            if count < 0 { return count }
            byteCount -= count
            offset += count
            guard offset == total else { return 0 }
            frames.removeFirst()
            offset = 0
        }
        return 0
    }

    /// Offers a frame from `offset` on to `write`, as header and data, neither of them copied together.
    package static func write(
        _ frame: borrowing Message,
        from offset: Int,
        _ write: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int
    ) -> Int {
        frame.header.withBytes { header in
            frame.data.withUnsafeBytes { data in
                if offset < header.count {
                    return write(UnsafeRawBufferPointer(rebasing: header[offset...]), data)
                }
                let rest = UnsafeRawBufferPointer(rebasing: data[(offset - header.count)...])
                return write(rest, UnsafeRawBufferPointer(start: nil, count: 0))
            }
        }
    }
}
