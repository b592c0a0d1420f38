//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a sender asks before its first value: whether the receiver at a handle gives credit, and to which handle.
package struct ChannelOpening: Sendable, Hashable {
    /// What one context may have under way to one receiver. One value may go beyond the bytes, so that a large one can be
    /// sent at all.
    package static let window = Credit(items: 256, bytes: 1 << 20)

    package let handle: Handle
    package let returnHandle: Handle

    package init(handle: Handle, returnHandle: Handle) {
        self.handle = handle
        self.returnHandle = returnHandle
    }

    /// Reads the data of the question: two decimal numbers. Nil also if credit would go to a reserved handle.
    package init?(parsing data: [UInt8]) {
        guard let (first, second) = Credit.numbers(in: data),
            let handle = Handle(exactly: first), let returnHandle = Handle(exactly: second),
            returnHandle >= StandardHandle.firstFree
        else { return nil }
        self.init(handle: handle, returnHandle: returnHandle)
    }

    package var data: [UInt8] { Array("\(handle) \(returnHandle)".utf8) }
}
