//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A target as it is written, which stands for many where it has ranges or groups: `ssh:web[1-20]+sudo`, `@web+sudo`.
package struct TargetPattern: Hashable, Sendable {
    /// Hops with ranges, as one text or one member of a group gives them.
    struct Chain: Hashable, Sendable {
        let hops: [HopPattern]
        /// Whether it is written as the name of a host alone, without `ssh:` before it.
        let isPlainHost: Bool
        /// The name of the host, where an inventory describes it and nothing follows it.
        var inventoryHost: String?
        /// The name of the host that the first hops lead to, where an inventory describes it.
        var beginning: Beginning?

        /// A host that an inventory describes.
        struct Beginning: Hashable, Sendable {
            let host: String
            let hopCount: Int
            /// Whether the name alone is read as this host, and not as another place.
            let isReadable: Bool
        }

        var count: Int { self.hops.reduce(1) { $0.saturatingProduct($1.count) } }

        /// The targets; the last hop changes fastest.
        var targets: [TargetSpecification] {
            let chains = self.hops.reduce([[]]) { (chains: [[HopPattern.Step]], pattern) in
                let steps = pattern.steps
                return chains.flatMap { chain in steps.map { chain + [$0] } }
            }
            return chains.map(self.target)
        }

        private func target(of steps: [HopPattern.Step]) -> TargetSpecification {
            let hops = steps.flatMap(\.hops)
            var places: [InventoryPlace] = []
            if let beginning {
                places.append(
                    InventoryPlace(
                        host: beginning.host,
                        text: TargetEscape.escaped(beginning.host[...]),
                        hops: 0..<beginning.hopCount,
                        of: hops,
                        isReadable: beginning.isReadable
                    )
                )
            }
            var start = 0
            for step in steps {
                let range = start..<(start + step.hops.count)
                start = range.upperBound
                guard let host = step.host else { continue }
                // A hop by ssh is read as what ssh makes of the name.
                let isReadable = step.text == step.hops.map(\.canonicalText).joined(separator: "+")
                places.append(
                    InventoryPlace(host: host, text: step.text, hops: range, of: hops, isReadable: isReadable)
                )
            }
            return TargetSpecification(hops: hops, places: places)
        }
    }

    /// The target as it is written.
    package let text: String

    let chains: [Chain]

    /// Whether it may stand for several, be it that it stands for one.
    package let hasRanges: Bool

    /// Parses an operand of `--target`.
    ///
    /// - Parameters:
    ///   - text: The target.
    ///   - kinds: The kinds of hops that may be used.
    ///   - groups: What `@NAME` means, and the hosts that may be named without `ssh:`.
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed the target.
    package init(
        parsing text: String,
        kinds: [HopKind] = HopKind.known,
        groups: NodeGroups = .none
    ) throws(TargetSyntaxError) {
        try self.init(text, kinds, groups, allowsHost: false)
    }

    /// Parses what stands in a file of hosts or behind `--exclude`: a target, or one that begins with a plain host.
    ///
    /// What begins with the name of a kind of hop is a target: a host of such a name is written `ssh:sudo`.
    package init(
        parsingTargetOrHost text: String,
        kinds: [HopKind] = HopKind.known,
        groups: NodeGroups = .none
    ) throws(TargetSyntaxError) {
        try self.init(text, kinds, groups, allowsHost: true)
    }

    private init(
        _ text: String,
        _ kinds: [HopKind],
        _ groups: NodeGroups,
        allowsHost: Bool
    ) throws(TargetSyntaxError) {
        guard !text.isEmpty else { throw .emptyTarget(known: kinds.map(\.usage)) }
        self.text = text
        let first = TargetEscape.split(text[...]) { $0 == UInt8(ascii: "+") }[0]
        let rest = text[first.endIndex...]
        if first.utf8.first == UInt8(ascii: "@") {
            let members = try groups.names(in: String(first), of: text)
            self.chains = try Self.chains(of: members, rest, text, kinds, groups)
            self.hasRanges = true
        } else if let hosts = try Self.inventoryHosts(first, kinds, groups) {
            self.chains = try Self.chains(of: hosts, rest, text, kinds, groups)
            self.hasRanges = hosts.count != 1
        } else {
            let isHost = allowsHost && Self.beginsWithHost(text, kinds: kinds)
            let full = isHost ? "\(HopKind.ssh.name):\(text)" : text
            let hops = try Self.hops(full, in: text, kinds, groups)
            self.chains = [Chain(hops: hops, isPlainHost: isHost && hops.count == 1)]
            self.hasRanges = hops.contains(where: \.hasRanges)
        }
    }

    /// How many targets it stands for, found without making one; `Int.max` if they are more than that.
    package var count: Int { self.chains.reduce(0) { $0.saturatingSum($1.count) } }

    /// The targets, in the order in which they are written; the last hop changes fastest.
    ///
    /// - Parameter limit: How many may be made.
    /// - Throws: ``TargetSyntaxError/tooManyTargets(target:count:limit:)``, before any is made.
    package func targets(limit: Int) throws(TargetSyntaxError) -> [TargetSpecification] {
        guard self.count <= limit else {
            throw .tooManyTargets(target: self.text, count: self.count, limit: limit)
        }
        return self.chains.flatMap(\.targets)
    }

    private static func hops(
        _ text: String,
        in target: String,
        _ kinds: [HopKind],
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> [HopPattern] {
        var hops: [HopPattern] = []
        for part in TargetEscape.split(text[...], at: { $0 == UInt8(ascii: "+") }) {
            guard !part.isEmpty else { throw .emptyHop(target: target, position: hops.count + 1) }
            hops.append(try HopPattern(parsing: part, in: target, kinds: kinds, groups: groups))
        }
        return hops
    }
}

// MARK: Groups and inventories

extension TargetPattern {
    /// The chains for names of nodes, with more hops behind each.
    private static func chains(
        of names: [String],
        _ rest: Substring,
        _ target: String,
        _ kinds: [HopKind],
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> [Chain] {
        var chains: [Chain] = []
        for name in names {
            let host = TargetEscape.unescaped(name[...])
            let known = try groups.target(ofHost: host)
            let isHost = known == nil && self.beginsWithHost(name, kinds: kinds)
            let text = (known ?? (isHost ? "\(HopKind.ssh.name):\(name)" : name)) + rest
            let hops = try self.hops(text, in: "\(name)\(rest)", kinds, groups)
            let count = known.map { TargetEscape.split($0[...]) { $0 == UInt8(ascii: "+") }.count }
            let shown = TargetEscape.escaped(host[...])
            let isReadable =
                known != nil && groups.isNamed && (try? self.inventoryHosts(shown[...], kinds, groups)) == [shown]
            chains.append(
                Chain(
                    hops: hops,
                    isPlainHost: isHost && hops.count == 1,
                    inventoryHost: known != nil && rest.isEmpty ? host : nil,
                    beginning: count.map { count in
                        Chain.Beginning(host: host, hopCount: count, isReadable: isReadable)
                    }
                )
            )
        }
        return chains
    }

    /// The names that the first hop stands for, if an inventory describes them all.
    private static func inventoryHosts(
        _ first: Substring,
        _ kinds: [HopKind],
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> [String]? {
        guard groups.hasHosts, !first.isEmpty, self.beginsWithHost(String(first), kinds: kinds),
            let pattern = try? NodePattern(parsing: first, as: .text), pattern.count <= TargetSelection.limit
        else { return nil }
        let names = pattern.names
        return names.allSatisfy { groups.describes(host: TargetEscape.unescaped($0[...])) } ? names : nil
    }

    /// Whether a text begins with a plain host, such as `web1` or `deploy@web1:2222`.
    static func beginsWithHost(_ text: String, kinds: [HopKind] = HopKind.known) -> Bool {
        let first = TargetEscape.split(text[...]) { $0 == UInt8(ascii: "+") }[0]
        let name = first.prefix { $0 != ":" }
        if first.isEmpty || kinds.contains(where: { $0.name == name }) { return false }
        // What has something else than a port behind a colon is rather the name of a hop that does not exist.
        let host = SSHDestination.hostRange(in: first)
        let isPort = first[host.upperBound...].utf8.dropFirst().allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ":")
        }
        return isPort || name.contains("@") || SSHDestination.isBareAddress(first)
    }
}
