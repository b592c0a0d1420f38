//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `--exclude` takes away from the targets.
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

    /// Parses what was given to `--exclude`, each one or more exclusions with commas between them.
    ///
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed it.
    package init(_ lists: [String], kinds: [HopKind] = HopKind.known) throws(TargetSyntaxError) {
        for list in lists {
            for text in try TargetSelection.entries(of: list) { try self.add(text, kinds: kinds) }
        }
    }

    private mutating func add(_ text: String, kinds: [HopKind]) throws(TargetSyntaxError) {
        let pattern = try TargetPattern(parsingTargetOrHost: text, kinds: kinds)
        let isHost = TargetPattern.beginsWithHost(text, kinds: kinds)
        for target in try pattern.targets(limit: TargetSelection.limit) {
            if isHost, target.hops.count == 1, let argument = target.hops[0].argument {
                self.hosts[SSHDestination(argument), default: []].append(self.texts.count)
            } else {
                self.targets[target, default: []].append(self.texts.count)
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
