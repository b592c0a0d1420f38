//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// Objects of one kind, such as the streams of a router, by their numbers.
struct NumberedObjects<Object: AnyObject & Sendable>: Sendable {
    private var table = ObjectTable()

    var count: Int { table.count }

    subscript(number: UInt32) -> Object? {
        // Nothing else is ever put in.
        get { table[number].map { unsafeDowncast($0, to: Object.self) } }
        set { table[number] = newValue }
    }

    subscript(link: LinkID) -> Object? {
        get { self[link.rawValue] }
        set { self[link.rawValue] = newValue }
    }

    @discardableResult
    mutating func removeValue(forKey number: UInt32) -> Object? {
        defer { self[number] = nil }
        return self[number]
    }

    var keys: [UInt32] { table.pairs.map(\.key) }
    var values: [Object] { table.pairs.map { unsafeDowncast($0.value, to: Object.self) } }
    var pairs: [(key: UInt32, value: Object)] {
        table.pairs.map { ($0.key, unsafeDowncast($0.value, to: Object.self)) }
    }
}
