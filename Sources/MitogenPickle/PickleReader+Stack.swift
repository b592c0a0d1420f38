//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleReader {
    /// The first place of the stack that opcodes may touch: what is below the last mark belongs to others.
    private var base: Int { marks.last ?? 0 }

    /// What a value counts towards ``PickleLimits/memoryBytes``.
    private static let valueCost = 48
    /// What a container, a text or data of its own on the heap counts in addition.
    private static let heapCost = 64
    /// What a memo entry counts.
    static let memoCost = 112
    /// How many values may be on the stack: here one takes most memory, and picklers append to lists in batches.
    private static let longestStack = 1 << 16

    /// Adds a value without parts to the stack.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of its text or data.
    ///   - inlineBytes: How many of them fit into the value itself: up to 15 of a text.
    mutating func push(_ value: PickleValue, bytes: Int = 0, inlineBytes: Int = 0) throws(PickleError) {
        var slot = PickleSlot()
        slot.bytes = bytes
        if bytes > inlineBytes { overhead += Self.heapCost }
        try push(value, slot)
    }

    /// Adds an empty list or dictionary to the stack.
    mutating func push(open value: PickleValue) throws(PickleError) {
        var slot = PickleSlot()
        slot.state = .open
        slot.depth = 1
        try push(value, slot)
    }

    /// Adds a value to the stack and accounts for it.
    mutating func push(_ value: PickleValue, _ slot: PickleSlot) throws(PickleError) {
        try charge(items: slot.items, bytes: slot.bytes)
        guard stack.count < Self.longestStack else {
            throw PickleError(.limitExceeded, "more than \(Self.longestStack) values are in one tuple or batch")
        }
        stack.append(value, slot)
    }

    mutating func charge(items: Int, bytes: Int, overhead: Int = 0) throws(PickleError) {
        itemCount += items
        byteCount += bytes
        self.overhead += overhead
        guard itemCount <= limits.memoryBytes / Self.valueCost - self.overhead / Self.valueCost else {
            throw PickleError(.limitExceeded, "the values take more than \(limits.memoryBytes) bytes of memory")
        }
        guard itemCount <= limits.itemCount else {
            throw PickleError(.limitExceeded, "the message has more than \(limits.itemCount) values")
        }
        guard byteCount <= limits.totalBytes else {
            throw PickleError(.limitExceeded, "the values have more than \(limits.totalBytes) bytes")
        }
    }

    /// Starts a group of items. Each open one is a level of nesting of the value to come.
    mutating func pushMark() throws(PickleError) {
        guard marks.count <= limits.depth else {
            throw depthError
        }
        marks.append(stack.count)
    }

    /// Ends a group of items and returns where it starts.
    mutating func popMark() throws(PickleError) -> Int {
        guard let mark = marks.popLast() else {
            throw PickleError(.malformed, "there is no MARK for the opcode")
        }
        return mark
    }

    /// Where the last values of the stack start.
    func top(_ count: Int) throws(PickleError) -> Int {
        guard stack.count - base >= count else {
            throw PickleError(.malformed, "the stack has too few values for the opcode")
        }
        return stack.count - count
    }

    /// Notes that a value becomes part of another one, or the result. From here on it does not change.
    ///
    /// - Returns: Its slot.
    mutating func settle(at position: Int) throws(PickleError) -> PickleSlot {
        let slot = stack.slots[position]
        guard slot.state != .global else {
            throw PickleError(.malformed, "a class or function is not a value")
        }
        if slot.memoIndex >= 0 {
            memo.settle(stack.values[position], slot, at: position)
        }
        return slot
    }

    /// Accounts for the values from a place of the stack on as they become parts of a container.
    ///
    /// - Returns: The slot of the container.
    private mutating func settle(from start: Int, into container: PickleSlot) throws(PickleError) -> PickleSlot {
        var container = container
        for position in start..<stack.count {
            container.absorb(try settle(at: position))
        }
        guard Int(container.depth) <= limits.depth else {
            throw depthError
        }
        return container
    }

    mutating func makeTuple(from start: Int) throws(PickleError) {
        let slot = try settle(from: start, into: PickleSlot())
        // The items are counted already; only the tuple itself is new.
        try charge(items: 1, bytes: 0, overhead: Self.heapCost)
        let items = Array(stack.values[start...])
        stack.removeLast(items.count)
        stack.append(.tuple(items), slot)
    }

    mutating func appendItems(from start: Int) throws(PickleError) {
        let target = try openContainer(below: start)
        guard case .list(var items) = stack.takeValue(at: target) else {
            throw PickleError(.malformed, "items are appended to a dict")
        }
        if items.isEmpty { try charge(items: 0, bytes: 0, overhead: Self.heapCost) }
        stack.slots[target] = try settle(from: start, into: stack.slots[target])
        items.append(contentsOf: stack.values[start...])
        stack.values[target] = .list(items)
        stack.removeLast(stack.count - start)
    }

    mutating func setItems(from start: Int) throws(PickleError) {
        let target = try openContainer(below: start)
        guard case .dictionary(var pairs) = stack.takeValue(at: target) else {
            throw PickleError(.malformed, "pairs are set in a list")
        }
        guard (stack.count - start).isMultiple(of: 2) else {
            throw PickleError(.malformed, "a key has no value")
        }
        stack.slots[target] = try settle(from: start, into: stack.slots[target])
        // An entry takes about twice what two values of a list do.
        try charge(items: 0, bytes: 0, overhead: Self.heapCost * (1 + (stack.count - start) / 2))
        if pairs.isEmpty {
            pairs.reserveCapacity((stack.count - start) / 2)
        }
        for position in stride(from: start, to: stack.count, by: 2) {
            let key = stack.values[position]
            guard key.isHashableInPython else {
                throw PickleError(.invalidValue, "a \(key.kind) cannot be a key")
            }
            pairs.updateValue(stack.values[position + 1], forKey: key)
        }
        stack.values[target] = .dictionary(pairs)
        stack.removeLast(stack.count - start)
    }

    /// The place of the container that a group of items is for.
    private func openContainer(below start: Int) throws(PickleError) -> Int {
        guard start > base else {
            throw PickleError(.malformed, "there is no container for the items")
        }
        switch stack.slots[start - 1].state {
        case .open: return start - 1
        case .shared: throw PickleError(.malformed, "a container contains itself, or changes after it was referred to")
        default: throw PickleError(.malformed, "items are added to something that is not an open list or dict")
        }
    }

    private var depthError: PickleError {
        PickleError(.limitExceeded, "values are nested deeper than \(limits.depth) levels")
    }
}
