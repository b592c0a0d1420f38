//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Values and bytes of a channel: what is under way, or what a receiver has dealt with.
package struct ChannelCredit: Sendable, Hashable {
    package var values: Int
    package var bytes: Int

    /// How much one context may have under way to one receiver without having been told that it was taken. One value
    /// may go beyond the bytes, so that a large one can be sent at all.
    package static let window = ChannelCredit(values: 256, bytes: 1 << 20)

    package init(values: Int = 0, bytes: Int = 0) {
        self.values = values
        self.bytes = bytes
    }

    /// Reads what a receiver has sent: two decimal numbers.
    package init?(parsing data: [UInt8]) {
        guard let (values, bytes) = Self.numbers(in: data) else { return nil }
        self.init(values: values, bytes: bytes)
    }

    package var data: [UInt8] { Array("\(values) \(bytes)".utf8) }

    package static func += (left: inout ChannelCredit, right: ChannelCredit) {
        left.values += right.values
        left.bytes += right.bytes
    }

    /// Two numbers, neither negative, with a space between.
    static func numbers(in data: [UInt8]) -> (Int, Int)? {
        guard data.count < 48 else { return nil }
        let words = data.split(separator: 0x20, omittingEmptySubsequences: false)
        guard words.count == 2,
            let first = Int(String(decoding: words[0], as: UTF8.self)), first >= 0,
            let second = Int(String(decoding: words[1], as: UTF8.self)), second >= 0
        else { return nil }
        return (first, second)
    }
}

/// What a sender asks before its first value: whether the receiver at a handle gives credit, and to which handle.
package struct ChannelOpening: Sendable, Hashable {
    package let handle: Handle
    package let returnHandle: Handle

    package init(handle: Handle, returnHandle: Handle) {
        self.handle = handle
        self.returnHandle = returnHandle
    }

    /// Reads the data of the question: two decimal numbers. Nil also if credit would go to a reserved handle.
    package init?(parsing data: [UInt8]) {
        guard let (first, second) = ChannelCredit.numbers(in: data),
            let handle = Handle(exactly: first), let returnHandle = Handle(exactly: second),
            returnHandle >= StandardHandle.firstFree
        else { return nil }
        self.init(handle: handle, returnHandle: returnHandle)
    }

    package var data: [UInt8] { Array("\(handle) \(returnHandle)".utf8) }
}
