//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `--exclude`, and the operators `!` and `&` of `--target`, look for among the targets.
///
/// A plain host, with ranges, a user or a port if need be, matches every target that has a hop by ssh to it: `web1`
/// matches `ssh:web1`, `ssh:deploy@web1:2222` and `ssh:web1+sudo`; `deploy@web1` only the second. Everything else
/// matches the target that is written alike.
package struct TargetExclusions: Hashable, Sendable {
    /// The exclusions as they were written.
    package private(set) var texts: [String] = []

    /// Which exclusions name a host, and which a target.
    private var hosts: [SSHDestination: [Int]] = [:]
    private var targets: [TargetSpecification: [Int]] = [:]

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

    /// What one exclusion leaves out.
    private enum Entry: Hashable {
        case host(SSHDestination)
        case target(TargetSpecification)
    }

    private static func entries(
        of text: String,
        kinds: [HopKind],
        groups: NodeGroups
    ) throws(TargetSyntaxError) -> [Entry] {
        let pattern = try TargetPattern(parsingTargetOrHost: text, kinds: kinds, groups: groups)
        guard pattern.count <= TargetSelection.limit else {
            throw .tooManyTargets(target: text, count: pattern.count, limit: TargetSelection.limit)
        }
        return pattern.chains.flatMap { chain in
            chain.targets.map { target in
                if chain.isPlainHost, let argument = target.hops[0].argument {
                    .host(SSHDestination(argument))
                } else {
                    .target(target)
                }
            }
        }
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
            switch entry {
            case .host(let host): self.hosts[host, default: []].append(self.texts.count)
            case .target(let target): self.targets[target, default: []].append(self.texts.count)
            }
        }
        self.texts.append(text)
    }

    /// The exclusions that match a target, as positions in ``texts``.
    func matching(_ target: TargetSpecification) -> Set<Int> {
        var found = Set(self.targets[target] ?? [])
        guard !self.hosts.isEmpty else { return found }
        for hop in target.hops where hop.kind == HopKind.ssh.name {
            guard let argument = hop.argument else { continue }
            let destination = SSHDestination(argument)
            // What an exclusion leaves out, it leaves open.
            for user in Set([destination.user, nil]) {
                for port in Set([destination.port, nil]) {
                    let named = SSHDestination(user: user, host: destination.host, port: port)
                    found.formUnion(self.hosts[named] ?? [])
                }
            }
        }
        return found
    }
}
