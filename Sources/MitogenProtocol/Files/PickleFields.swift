//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// Reads the fields of a tuple one after the other: the form of the values that are sent for each file.
package struct PickleFields: ~Copyable {
    private let items: [PickleValue]
    private var next = 0

    package init(_ value: PickleValue) throws(PickleError) {
        guard case .tuple(let items) = value else { throw Self.mismatch("a tuple") }
        self.items = items
    }

    private static func mismatch(_ expected: String) -> PickleError {
        PickleError(.typeMismatch, "expected \(expected)")
    }

    package mutating func value() throws(PickleError) -> PickleValue {
        guard next < items.count else { throw Self.mismatch("another field") }
        next += 1
        return items[next - 1]
    }

    package mutating func integer() throws(PickleError) -> Int {
        guard case .int(let number) = try value() else { throw Self.mismatch("int") }
        return number
    }

    package mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self
    ) throws(PickleError) -> Number {
        guard let number = Number(exactly: try integer()) else { throw Self.mismatch("a smaller int") }
        return number
    }

    package mutating func bool() throws(PickleError) -> Bool {
        guard case .bool(let bool) = try value() else { throw Self.mismatch("bool") }
        return bool
    }

    package mutating func text() throws(PickleError) -> String {
        guard let text = try optionalText() else { throw Self.mismatch("text") }
        return text
    }

    package mutating func optionalText() throws(PickleError) -> String? {
        switch try value() {
        case .string(let text): return text
        case .none: return nil
        default: throw Self.mismatch("text or None")
        }
    }

    package mutating func bytes() throws(PickleError) -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw Self.mismatch("bytes") }
        return bytes
    }

    package mutating func optionalBytes() throws(PickleError) -> [UInt8]? {
        switch try value() {
        case .bytes(let bytes): return bytes
        case .none: return nil
        default: throw Self.mismatch("bytes or None")
        }
    }

    package mutating func list() throws(PickleError) -> [PickleValue] {
        switch try value() {
        case .list(let items), .tuple(let items): return items
        default: throw Self.mismatch("list")
        }
    }
}
