//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Items and bytes of a flow: what is under way, what a receiver has taken, or what a sender may still send.
///
/// A flow is what goes from one sender to one receiver: the values of a channel or a stream, a command's output, the
/// parts of a large message.
package struct Credit: Sendable, Hashable {
    package var items: Int
    package var bytes: Int

    /// What a sender may have under way to a receiver without having been asked for more.
    package static let first = 16 << 10

    package init(items: Int = 0, bytes: Int = 0) {
        self.items = items
        self.bytes = bytes
    }

    /// Reads what a receiver has sent: two decimal numbers.
    package init?(parsing data: [UInt8]) {
        guard let (items, bytes) = Self.numbers(in: data) else { return nil }
        self.init(items: items, bytes: bytes)
    }

    package var data: [UInt8] { Array("\(items) \(bytes)".utf8) }

    package static func += (left: inout Credit, right: Credit) {
        left.items += right.items
        left.bytes += right.bytes
    }

    package static func -= (left: inout Credit, right: Credit) {
        left.items -= right.items
        left.bytes -= right.bytes
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
