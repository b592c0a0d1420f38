//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A Python `dict`: pairs in the order they were added, with any hashable value as key.
///
/// Python keeps insertion order and a writer follows it (Mitogen wire protocol, section 2.2), so the order is kept;
/// two dictionaries are equal whatever their order is. A key that is set again keeps its place, as in Python.
public struct PickleDictionary: Sendable {
    /// Up to this many pairs a search from front to back is faster than hashing.
    private static let searchedLinearly = 16

    /// The pairs in insertion order.
    private(set) var entries: [Element]

    /// Where each key is; only kept for dictionaries that are too large to search.
    private var index: [PickleValue: Int]?

    /// An empty dictionary.
    public init() {
        self.entries = []
    }

    /// A dictionary of pairs; of equal keys the last value and the first place win.
    public init(_ pairs: some Sequence<Element>) {
        self.init()
        entries.reserveCapacity(pairs.underestimatedCount)
        for (key, value) in pairs {
            updateValue(value, forKey: key)
        }
    }

    /// The value of a key. Assigning `nil` removes the pair.
    public subscript(key: PickleValue) -> PickleValue? {
        get { position(of: key).map { entries[$0].value } }
        set {
            if let newValue {
                updateValue(newValue, forKey: key)
            } else {
                removeValue(forKey: key)
            }
        }
    }

    /// The value of a text key. Assigning `nil` removes the pair.
    public subscript(name: String) -> PickleValue? {
        get { position(of: name).map { entries[$0].value } }
        set { self[.string(name)] = newValue }
    }

    /// Sets the value of a key, at the place of the key if it is there, else at the end.
    public mutating func updateValue(_ value: PickleValue, forKey key: PickleValue) {
        if let position = position(of: key) {
            entries[position].value = value
        } else {
            entries.append((key: key, value: value))
            indexLast()
        }
    }

    /// Removes a pair, if it is there. Takes time in proportion to the size of the dictionary.
    public mutating func removeValue(forKey key: PickleValue) {
        guard let position = position(of: key) else {
            return
        }
        entries.remove(at: position)
        index = nil
        indexLast()
    }

    /// Makes room for a number of pairs.
    mutating func reserveCapacity(_ capacity: Int) {
        entries.reserveCapacity(capacity)
    }

    /// Where the pair of a text key is.
    func position(of name: String) -> Int? {
        guard index == nil else {
            return position(of: .string(name))
        }
        return entries.firstIndex { entry in
            guard case .string(let text) = entry.key else {
                return false
            }
            return text.hasSameBytes(as: name)
        }
    }

    /// Where the pair of a key is.
    func position(of key: PickleValue) -> Int? {
        if let index {
            return index[key]
        }
        if case .string(let name) = key {
            return position(of: name)
        }
        return entries.firstIndex { $0.key == key }
    }

    private mutating func indexLast() {
        guard entries.count > Self.searchedLinearly else {
            return
        }
        guard index == nil else {
            index?[entries[entries.count - 1].key] = entries.count - 1
            return
        }
        var index: [PickleValue: Int] = [:]
        index.reserveCapacity(entries.count * 2)
        for (position, entry) in entries.enumerated() {
            index[entry.key] = position
        }
        self.index = index
    }
}
