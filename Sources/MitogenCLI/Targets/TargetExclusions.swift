//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `--exclude`, and the operators `!` and `&` of `--target`, look for among the targets.
///
/// A plain host, with ranges, a user or a port if need be, matches every target that has a hop by ssh to it: `web1`
/// matches `ssh:web1`, `ssh:deploy@web1:2222` and `ssh:web1+sudo`; `deploy@web1` only the second. A host of an inventory
/// also matches every target that goes by the hops that lead to it there, whatever follows them, but not what the inventory
/// has under another name there. Everything else matches the target that is written alike.
package struct TargetExclusions: Hashable, Sendable {
    /// The exclusions as they were written.
    package private(set) var texts: [String] = []

    /// An exclusion, and the name of the host of an inventory that it was written as, if it was.
    private struct Match: Hashable {
        let position: Int
        let name: String?

        /// Whether it is about a hop of a target, at which an inventory may have a host.
        func concerns(_ target: TargetSpecification, at hop: Int) -> Bool {
            guard let name else { return true }
            return !target.places.hasOther(than: name, at: hop)
        }
    }

    /// Which exclusions name a host, and which a target.
    private var hosts: [SSHDestination: [Match]] = [:]
    private var targets: [TargetSpecification: [Match]] = [:]
    /// Hosts of inventories, by the first hop to them.
    private var machines: [Machine.Key: [Machine: [Match]]] = [:]
    /// Hosts of inventories by their names.
    private var names: [String: [Int]] = [:]

    /// Parses what was given to `--exclude`, each one or more exclusions with commas between them, or an expression.
    ///
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed it.
    package init(
        _ lists: [String],
        kinds: [HopKind] = HopKind.known,
        groups: NodeGroups = .none
    ) throws(TargetSyntaxError) {
        for list in lists {
            let expression = try NodeSetExpression(parsing: list)
            guard !expression.isList else {
                for term in expression.terms { try self.add(term.text, kinds: kinds, groups: groups) }
                continue
            }
            // Hosts and targets that other operands do not take away again.
            var entries: [Entry] = []
            for term in expression.terms {
                let others = try Self.entries(of: term.text, kinds: kinds, groups: groups)
                Self.combine(&entries, with: others, term.operation)
            }
            self.add(entries, list)
        }
    }

    /// Parses one operand of an expression.
    init(single text: String, kinds: [HopKind], groups: NodeGroups) throws(TargetSyntaxError) {
        try self.add(text, kinds: kinds, groups: groups)
    }

    /// Parses one operand of an expression, whose targets are looked for one by one.
    init(eachOf pattern: TargetPattern, groups: NodeGroups) throws(TargetSyntaxError) {
        for entries in try Self.entries(of: pattern, groups) { self.add(entries, pattern.text) }
    }

    /// What one exclusion leaves out.
    private struct Entry: Hashable {
        enum Form: Hashable {
            case host(SSHDestination)
            case target(TargetSpecification)
            case machine(Machine)
            /// Whatever an inventory has under the name.
            case name
        }

        let form: Form
        /// The name of the host of an inventory that it was written as, if it was.
        var name: String?
    }

    private static func entries(
        of text: String,
        kinds: [HopKind],
        groups: NodeGroups
    ) throws(TargetSyntaxError) -> [Entry] {
        let pattern = try TargetPattern(parsingTargetOrHost: text, kinds: kinds, groups: groups)
        return try Self.entries(of: pattern, groups).flatMap { $0 }
    }

    /// The entries for each target of a pattern.
    private static func entries(
        of pattern: TargetPattern,
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> [[Entry]] {
        guard pattern.count <= TargetSelection.limit else {
            throw .tooManyTargets(target: pattern.text, count: pattern.count, limit: TargetSelection.limit)
        }
        var entries: [[Entry]] = []
        for chain in pattern.chains {
            for target in chain.targets {
                entries.append(try Self.entries(of: target, chain, groups))
            }
        }
        return entries
    }

    private static func entries(
        of target: TargetSpecification,
        _ chain: TargetPattern.Chain,
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> [Entry] {
        if chain.isPlainHost, let argument = target.hops[0].argument {
            let named = SSHDestination(argument)
            // With a user or a port before or behind it, a host of an inventory is looked for as well.
            guard let known = try groups.target(ofHost: named.host) else { return [Entry(form: .host(named))] }
            let machine = Machine(try TargetSpecification(parsing: known), user: named.user, port: named.port)
            return [Entry(form: .host(named), name: named.host)]
                + (machine.map { [Entry(form: .machine($0), name: named.host)] } ?? [])
        }
        guard let host = chain.inventoryHost else {
            return [Entry(form: .target(target), name: target.places.last?.host)]
        }
        let forms: [Entry.Form?] = [
            .name, .host(SSHDestination(user: nil, host: host, port: nil)), .target(target),
            Machine(target).map { .machine($0) },
        ]
        return forms.compactMap(\.self).map { Entry(form: $0, name: host) }
    }

    private static func combine(
        _ entries: inout [Entry],
        with others: [Entry],
        _ operation: NodeSetExpression.Operator
    ) {
        let (known, other) = (Set(entries), Set(others))
        switch operation {
        case .union: entries += others.filter { !known.contains($0) }
        case .difference: entries.removeAll { other.contains($0) }
        case .intersection: entries.removeAll { !other.contains($0) }
        case .symmetricDifference:
            entries.removeAll { other.contains($0) }
            entries += others.filter { !known.contains($0) }
        }
    }

    private mutating func add(_ text: String, kinds: [HopKind], groups: NodeGroups) throws(TargetSyntaxError) {
        self.add(try Self.entries(of: text, kinds: kinds, groups: groups), text)
    }

    private mutating func add(_ entries: [Entry], _ text: String) {
        for entry in entries {
            let match = Match(position: self.texts.count, name: entry.name)
            switch entry.form {
            case .host(let host): self.hosts[host, default: []].append(match)
            case .target(let target): self.targets[target, default: []].append(match)
            case .machine(let machine): self.machines[machine.key, default: [:]][machine, default: []].append(match)
            case .name: self.names[entry.name ?? "", default: []].append(match.position)
            }
        }
        self.texts.append(text)
    }

    /// The exclusions that match a target, as positions in ``texts``.
    func matching(_ target: TargetSpecification) -> Set<Int> {
        var found: Set<Int> = []
        func add(_ matches: [Match]?, at hop: Int) {
            for match in matches ?? [] where match.concerns(target, at: hop) { found.insert(match.position) }
        }
        for place in target.places { found.formUnion(self.names[place.host] ?? []) }
        add(self.targets[target], at: target.places.last?.machine ?? 0)
        if !self.machines.isEmpty {
            for start in target.hops.indices {
                for (machine, matches) in self.machines[Machine.Key(target.hops[start])] ?? [:]
                where machine.matches(target.hops, at: start) {
                    add(matches, at: start + machine.hopCount - 1)
                }
            }
        }
        guard !self.hosts.isEmpty else { return found }
        for (index, hop) in target.hops.enumerated() where hop.kind == HopKind.ssh.name {
            guard let argument = hop.argument else { continue }
            let destination = SSHDestination(argument)
            // What an exclusion leaves out, it leaves open.
            for user in Set([destination.user, nil]) {
                for port in Set([destination.port, nil]) {
                    add(self.hosts[SSHDestination(user: user, host: destination.host, port: port)], at: index)
                }
            }
        }
        return found
    }
}

/// The hops that lead to a machine, as an inventory describes it, without the change of a user at their end.
private struct Machine: Hashable, Sendable {
    /// What is looked up: the kind of a hop, and the host or the argument.
    struct Key: Hashable, Sendable {
        let kind: String
        let name: String?

        init(_ hop: Hop) {
            self.kind = hop.kind
            self.name = hop.kind == HopKind.ssh.name ? hop.argument.map { SSHDestination($0).host } : hop.argument
        }
    }

    private let hops: [Hop]
    /// The user that is asked for; nil for every one.
    private let user: String?
    /// The port that is asked for; nil for that of the inventory.
    private let port: Int?

    /// Nil for a host that is this machine itself, of which every target would be a part.
    init?(_ target: TargetSpecification, user: String? = nil, port: Int? = nil) {
        guard let last = target.hops.lastIndex(where: { !$0.isBecome }) else { return nil }
        self.hops = Array(target.hops[...last])
        self.user = user
        self.port = port
        if self.hops.allSatisfy({ $0.kind == HopKind.local.name }) { return nil }
    }

    var key: Key { Key(self.hops[0]) }

    var hopCount: Int { self.hops.count }

    /// Whether these hops go by the machine, from one of them on.
    func matches(_ others: [Hop], at start: Int) -> Bool {
        // Only a machine that is reached by ssh is the same one from elsewhere.
        guard start == 0 || self.hops[0].kind == HopKind.ssh.name, others.count - start >= self.hops.count else {
            return false
        }
        for (index, hop) in self.hops.enumerated() {
            let other = others[start + index]
            guard Key(hop) == Key(other) else { return false }
            guard hop.kind == HopKind.ssh.name, let argument = hop.argument, let otherArgument = other.argument else {
                continue
            }
            let (own, found) = (SSHDestination(argument), SSHDestination(otherArgument))
            let isLast = index == self.hops.count - 1
            // What is left open, stands for all.
            if let port = (isLast ? self.port : nil) ?? own.port, port != found.port { return false }
            if isLast, let user = self.user, user != found.user { return false }
        }
        return true
    }
}
