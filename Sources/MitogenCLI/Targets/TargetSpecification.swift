//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One step of a target: a kind of connection and what it connects to.
package struct Hop: Hashable, Sendable {
    /// The name of the hop's ``HopKind``.
    package let kind: String

    /// What followed the colon.
    package let argument: String?

    /// Creates a hop without checking it against a table of kinds.
    package init(kind: String, argument: String? = nil) {
        self.kind = kind
        self.argument = argument
    }

    /// Whether it leads to another user of the same machine.
    var isBecome: Bool { ["sudo", "su", "doas"].contains(self.kind) }

    /// The hop as it is written in a target.
    package var canonicalText: String {
        guard let argument else { return self.kind }
        guard self.kind == HopKind.ssh.name else {
            return "\(self.kind):\(TargetEscape.escaped(argument[...]))"
        }
        // The brackets of an address are no ranges.
        let host = argument.utf8.lastIndex(of: UInt8(ascii: "@")) ?? argument.startIndex
        return "\(self.kind):\(TargetEscape.escaped(argument[..<host]))\(argument[host...])"
    }
}

/// Where a command shall run: a chain of hops joined by `+`.
///
/// `local+local:b` is a child named "b" of a child of this process.
package struct TargetSpecification: Sendable {
    /// The hops, from this machine outwards; never empty.
    package let hops: [Hop]

    /// The hosts of inventories by which it was named, in the order of its hops.
    let places: [InventoryPlace]

    /// Creates a target from hops, of which there must be one at least, without checking them.
    init(hops: [Hop], places: [InventoryPlace] = []) {
        self.hops = hops
        self.places = places
    }

    /// Parses a single target.
    ///
    /// - Parameters:
    ///   - text: The target.
    ///   - kinds: The kinds of hops that may be used.
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed the target, also if it has
    ///   commas or ranges and stands for several.
    package init(parsing text: String, kinds: [HopKind] = HopKind.known) throws(TargetSyntaxError) {
        let terms = try NodeSetExpression(parsing: text).terms
        guard terms.count == 1 else { throw .severalTargets(target: text, count: terms.count) }
        let pattern = try TargetPattern(parsing: text, kinds: kinds)
        guard pattern.count == 1 else { throw .severalTargets(target: text, count: pattern.count) }
        self = try pattern.targets(limit: 1)[0]
    }

    /// The target as a text that parses to an equal value.
    package var canonicalText: String {
        self.hops.map(\.canonicalText).joined(separator: "+")
    }

    /// What an inventory calls it, with the hops around that; nil if it is named by its hops.
    var inventoryName: String? { self.places.isEmpty ? nil : self.places.text(of: self.hops) }

    /// The name under which it is shown: what an inventory calls it where `-t` reads that as the same place, or else its
    /// hops.
    package var label: String {
        guard self.places.allSatisfy(\.isReadable), let inventoryName else { return self.canonicalText }
        return inventoryName
    }

    /// The target that its first hops lead to.
    func prefix(_ count: Int) -> TargetSpecification {
        TargetSpecification(
            hops: Array(self.hops.prefix(count)),
            places: self.places.filter { $0.hops.upperBound <= count }
        )
    }

    /// Names for targets under which their results are shown: no two are equal.
    ///
    /// The first use of a target has its ``label``; the next ones are numbered, as in `local#2`.
    package static func labels(for targets: [TargetSpecification]) -> [String] {
        let texts = targets.map(\.label)
        // A name may itself end in "#2", so a number is only given where it meets no other target.
        let reserved = Set(texts)
        var used: Set<String> = []
        var lastNumber: [String: Int] = [:]
        return texts.map { text in
            guard !used.insert(text).inserted else { return text }
            var number = lastNumber[text, default: 1] + 1
            while reserved.contains("\(text)#\(number)") { number += 1 }
            lastNumber[text] = number
            return "\(text)#\(number)"
        }
    }
}

// Two names of an inventory that lead to the same place are one target.
extension TargetSpecification: Hashable {
    package static func == (first: Self, second: Self) -> Bool { first.hops == second.hops }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.hops) }
}

extension TargetSpecification: CustomStringConvertible {
    /// The canonical text.
    package var description: String { self.canonicalText }
}
