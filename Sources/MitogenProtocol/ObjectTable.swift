//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Objects by numbers; see ``NumberTable``, which other modules use in this form.
package struct ObjectTable: Sendable {
    package typealias Object = any AnyObject & Sendable

    private var table = NumberTable<UInt32, Object>()

    package init() {}

    package var count: Int { table.count }

    package subscript(number: UInt32) -> Object? {
        get { table[number] }
        set { table[number] = newValue }
    }

    package var pairs: [(key: UInt32, value: Object)] { table.pairs }
}

/// What is known about contexts.
package struct PeerTable: Sendable {
    private var table = NumberTable<ContextID, PeerInfo>()

    package init() {}

    package var isEmpty: Bool { table.isEmpty }

    package subscript(id: ContextID) -> PeerInfo? {
        get { table[id] }
        set { table[id] = newValue }
    }
}
