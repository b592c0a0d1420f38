//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleDictionary: Sequence {
    /// One pair.
    public typealias Element = (key: PickleValue, value: PickleValue)

    /// How many pairs there are.
    public var count: Int { entries.count }

    /// Whether there are no pairs.
    public var isEmpty: Bool { entries.isEmpty }

    /// How many pairs there are, for algorithms that make room in advance.
    public var underestimatedCount: Int { entries.count }

    /// The keys in insertion order.
    public var keys: [PickleValue] { entries.map(\.key) }

    /// The values in insertion order.
    public var values: [PickleValue] { entries.map(\.value) }

    /// Goes through the pairs in insertion order.
    public func makeIterator() -> IndexingIterator<[Element]> {
        entries.makeIterator()
    }
}

extension PickleDictionary: ExpressibleByDictionaryLiteral {
    /// A dictionary of pairs; of equal keys the last value wins, as in Python.
    public init(dictionaryLiteral elements: (PickleValue, PickleValue)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}

extension PickleDictionary: Hashable {
    /// Whether both have the same pairs, in any order.
    public static func == (lhs: PickleDictionary, rhs: PickleDictionary) -> Bool {
        lhs.count == rhs.count
            && lhs.entries.allSatisfy { entry in
                rhs.position(of: entry.key).map { rhs.entries[$0].value == entry.value } ?? false
            }
    }

    /// Feeds the pairs to the hasher in a way that does not depend on their order.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for (key, value) in entries {
            var pair = Hasher()
            pair.combine(key)
            pair.combine(value)
            sum &+= pair.finalize()
        }
        hasher.combine(entries.count)
        hasher.combine(sum)
    }
}

extension PickleDictionary: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The dictionary in Python's notation; secrets show as `[secret]`.
    public var description: String {
        "{\(entries.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// The pairs, without how they are stored.
    public var customMirror: Mirror {
        Mirror(self, unlabeledChildren: entries, displayStyle: .dictionary, ancestorRepresentation: .suppressed)
    }
}
