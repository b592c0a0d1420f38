//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a ``NumberTable`` finds values by.
protocol NumberedKey: Hashable, Sendable {
    var number: UInt32 { get }
}

extension UInt32: NumberedKey {
    var number: UInt32 { self }
}

extension LinkID: NumberedKey {
    var number: UInt32 { rawValue }
}

/// A table by numbers that are mostly handed out in order, such as handles and the ids of contexts.
///
/// A value is in the slot that the lower bits of its number say, so finding it takes no hash, which was a tenth of what a
/// call costs. Where two numbers have the same lower bits, the later one is in a dictionary, unless half of the slots
/// are used: then the table grows. Peers choose some of the numbers; none of their choices makes the table slow.
///
/// It is not for other modules, where it would not be specialised: an access then takes as much as a hash.
struct NumberTable<Key: NumberedKey, Value: Sendable>: Sendable {
    struct Slot: Sendable {
        let key: Key
        var value: Value

        mutating func change<Result>(_ body: (inout Value) -> Result) -> Result { body(&value) }

        init(key: Key, value: Value) {
            self.key = key
            self.value = value
        }
    }

    var slots: ContiguousArray<Slot?>
    var used = 0
    var others: [Key: Value] = [:]
    private let leastCapacity: Int

    /// - Parameter capacity: How many slots there are at least; a power of two.
    init(capacity: Int = 8) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0)
        leastCapacity = capacity
        slots = ContiguousArray(repeating: nil, count: capacity)
    }

    var count: Int { used + others.count }
    var isEmpty: Bool { count == 0 }

    func place(of key: Key) -> Int {
        Int(truncatingIfNeeded: key.number) & (slots.count - 1)
    }

    subscript(key: Key) -> Value? {
        get {
            let place = place(of: key)
            if let slot = slots[place], slot.key == key { return slot.value }
            return others.isEmpty ? nil : others[key]
        }
        set {
            if let newValue { insert(newValue, for: key) } else { removeValue(forKey: key) }
        }
    }

    /// Whether there is a value, without a copy of it.
    @_optimize(speed)
    func contains(_ key: Key) -> Bool {
        slots[place(of: key)]?.key == key || !others.isEmpty && others[key] != nil
    }

    /// Whether the next value with this number has a slot of its own.
    func hasRoom(for key: Key) -> Bool {
        slots[place(of: key)] == nil
    }

    /// Changes a value where it is; nil if there is none.
    @_optimize(speed)
    @discardableResult
    mutating func update<Result>(_ key: Key, _ body: (inout Value) -> Result) -> Result? {
        let place = place(of: key)
        if slots[place]?.key == key { return slots[place]?.change(body) }
        guard !others.isEmpty, let index = others.index(forKey: key) else { return nil }
        return body(&others.values[index])
    }

    @_optimize(speed)
    mutating func insert(_ value: Value, for key: Key) {
        let place = place(of: key)
        if let slot = slots[place] {
            if slot.key == key {
                slots[place]?.value = value
                return
            }
            guard others[key] == nil, used * 2 >= slots.count else {
                others[key] = value
                return
            }
            rebuild(capacity: slots.count * 2)
            return insert(value, for: key)
        }
        if !others.isEmpty { others[key] = nil }
        slots[place] = Slot(key: key, value: value)
        used += 1
    }

    @_optimize(speed)
    @discardableResult
    mutating func removeValue(forKey key: Key) -> Value? {
        let place = place(of: key)
        guard slots[place]?.key == key else { return others.isEmpty ? nil : others.removeValue(forKey: key) }
        let slot = slots[place].take()
        used -= 1
        if slots.count > leastCapacity, count * 8 < slots.count { rebuild(capacity: slots.count / 2) }
        return slot?.value
    }

    mutating func removeAll() {
        self = NumberTable(capacity: leastCapacity)
    }

    private mutating func rebuild(capacity: Int) {
        let (old, rest) = (slots, others)
        slots = ContiguousArray(repeating: nil, count: capacity)
        used = 0
        others = [:]
        for slot in old { if let slot { insert(slot.value, for: slot.key) } }
        for (key, value) in rest { insert(value, for: key) }
    }

    /// The numbers, in no order.
    var keys: [Key] { slots.compactMap { $0?.key } + Array(others.keys) }
    var values: [Value] { slots.compactMap { $0?.value } + Array(others.values) }
    var pairs: [(key: Key, value: Value)] {
        slots.compactMap { slot in slot.map { ($0.key, $0.value) } } + others.map { ($0.key, $0.value) }
    }
}
