//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// First in, first out, on an array whose front is cut off now and then.
///
/// A collections package would do as well, but its deque and heap add 130 KB to every payload (measured).
struct Queue<Element: Sendable>: Sendable {
    private var storage: [Element?] = []
    private var head = 0

    var count: Int { storage.count - head }
    var isEmpty: Bool { head == storage.count }
    var first: Element? { isEmpty ? nil : storage[head] }

    mutating func append(_ element: Element) {
        storage.append(element)
    }

    /// Adds at the end, and now and then drops what is obsolete: at counts that are powers of two, so that it costs
    /// little however long the queue is.
    mutating func append(_ element: Element, dropping isObsolete: (Element) -> Bool) {
        if count >= 16, count.nonzeroBitCount == 1 {
            storage = storage[head...].filter { $0.map { !isObsolete($0) } ?? false }
            head = 0
        }
        append(element)
    }

    mutating func prepend(_ element: Element) {
        if head > 0 {
            head -= 1
            storage[head] = element
        } else {
            storage.insert(element, at: 0)
        }
    }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = storage[head].take()
        head += 1
        if head == storage.count {
            storage.removeAll(keepingCapacity: storage.capacity <= 1024)
            head = 0
        } else if head >= 16, head > storage.count / 2 {
            // Soon, as one that is never empty, such as that of a busy flow, keeps room for all before it.
            storage.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Takes out what matches, in order.
    mutating func remove(where isObsolete: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        storage = storage[head...].filter { element in
            guard let element, isObsolete(element) else { return element != nil }
            removed.append(element)
            return false
        }
        head = 0
        return removed
    }

    mutating func removeAll() {
        storage = []
        head = 0
    }

    /// Takes out everything, in order.
    mutating func takeAll() -> [Element] {
        defer { removeAll() }
        return storage[head...].compactMap { $0 }
    }
}
