//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// What is held, for whom and for how long: a value that decides what is to be closed, and when to look again.
///
/// Times are nanoseconds of the monotonic clock.
struct HoldTable: Sendable {
    struct Node: Sendable {
        let text: String
        let parent: String?
        let since: Int64
        /// Whether it was asked for. What was not is there for what is behind it.
        var isTarget = false
        /// How long it stays without being used; nil for ever.
        var idleLimit: Int64?
        /// The programs that use it.
        var users: Set<ContextID> = []
        /// How many requests are making it, or what is behind it.
        var pins = 0
        var lastUse: Int64
        var renewals = 0
        var loss: String?
    }

    private(set) var nodes: [String: Node] = [:]

    var isEmpty: Bool { self.nodes.isEmpty }

    /// Somebody begins to make the hops of a target; until ``end(_:)`` they are not closed.
    mutating func begin(_ path: [(key: String, text: String)], at now: Int64) {
        var parent: String?
        for hop in path {
            self.nodes[hop.key, default: Node(text: hop.text, parent: parent, since: now, lastUse: now)].pins += 1
            parent = hop.key
        }
    }

    /// That is over.
    mutating func end(_ keys: [String]) {
        for key in keys { self.nodes[key]?.pins -= 1 }
    }

    /// A target was made, and is to be held.
    mutating func hold(_ key: String, for limit: Int64?, at now: Int64) {
        self.nodes[key]?.isTarget = true
        self.nodes[key]?.idleLimit = limit
        self.nodes[key]?.lastUse = now
    }

    /// A program uses hops, until it leaves.
    mutating func use(_ keys: some Sequence<String>, by user: ContextID, at now: Int64) {
        for key in keys {
            self.nodes[key]?.users.insert(user)
            self.nodes[key]?.lastUse = now
        }
    }

    mutating func leave(_ user: ContextID, at now: Int64) {
        for key in self.nodes.keys where self.nodes[key]?.users.remove(user) != nil {
            self.nodes[key]?.lastUse = now
        }
    }

    mutating func lose(_ key: String, reason: String) { self.nodes[key]?.loss = reason }

    mutating func renew(_ key: String) { self.nodes[key]?.renewals += 1 }

    /// Takes out what has not been used for so long as it may, and what nobody needs then.
    ///
    /// - Returns: The keys of what is to be closed.
    mutating func collect(at now: Int64) -> [String] {
        for key in self.nodes.keys {
            guard let expiry = self.expiry(of: key), expiry <= now else { continue }
            self.nodes[key]?.isTarget = false
        }
        var closed: [String] = []
        while true {
            let parents = Set(self.nodes.values.compactMap(\.parent))
            let unneeded = self.nodes.filter { key, node in
                !node.isTarget && node.users.isEmpty && node.pins == 0 && !parents.contains(key)
            }
            if unneeded.isEmpty { return closed }
            for key in unneeded.keys { self.nodes[key] = nil }
            closed += unneeded.keys
        }
    }

    /// When ``collect(at:)`` will find something next, if nothing happens until then.
    var nextExpiry: Int64? { self.nodes.keys.compactMap(self.expiry).min() }

    private func expiry(of key: String) -> Int64? {
        guard let node = self.nodes[key], node.isTarget, node.users.isEmpty, node.pins == 0 else { return nil }
        return node.idleLimit.map { node.lastUse.addingReportingOverflow($0) }.flatMap {
            $0.overflow ? nil : $0.partialValue
        }
    }
}
