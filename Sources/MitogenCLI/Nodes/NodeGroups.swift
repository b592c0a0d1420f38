//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The groups that `@NAME` means, and what an inventory says of the hosts in them.
///
/// A value of closures, because groups can come from files, and from commands that are run when a group is asked for.
package struct NodeGroups: Sendable {
    /// Where groups come from: a file, or the section of a ClusterShell configuration.
    package struct Source: Sendable {
        /// What stands before the colon of `@SOURCE:GROUP`.
        let name: String
        /// Whether it is only asked where it is named.
        let isNamedOnly: Bool
        /// The members of a group, as node sets; nil if there is no such group.
        let members: @Sendable (_ group: String) throws(ArgumentError) -> [String]?
        /// The names of all groups; nil if the source cannot list them.
        let list: @Sendable () throws(ArgumentError) -> [String]?
        /// What `@*` means; nil if it is the members of all groups.
        let all: @Sendable () throws(ArgumentError) -> [String]?

        init(
            name: String,
            isNamedOnly: Bool = false,
            members: @escaping @Sendable (String) throws(ArgumentError) -> [String]?,
            list: @escaping @Sendable () throws(ArgumentError) -> [String]?,
            all: @escaping @Sendable () throws(ArgumentError) -> [String]? = { () throws(ArgumentError) in nil }
        ) {
            self.name = name
            self.isNamedOnly = isNamedOnly
            self.members = members
            self.list = list
            self.all = all
        }

        /// A source whose groups are all known.
        init(name: String, groups: [String: [String]], all: [String]? = nil) {
            let names = groups.keys.sorted()
            self.init(
                name: name,
                members: { (group) throws(ArgumentError) in groups[group] },
                list: { () throws(ArgumentError) in names },
                all: { () throws(ArgumentError) in all }
            )
        }
    }

    /// No groups.
    package static let none = NodeGroups(sources: [])

    /// Where groups are looked for, in this order, if no source is named.
    let sources: [Source]

    /// The targets of hosts that an inventory describes, by their names.
    let targets: [String: String]

    /// How deep groups may lie in groups: who goes further goes in a circle.
    private static let maximumDepth = 64

    init(sources: [Source], targets: [String: String] = [:]) {
        self.sources = sources
        self.targets = targets
    }

    /// The names of the members of a group, in the order of its source, each once.
    ///
    /// - Parameters:
    ///   - group: The group with its sign: `@web`, `@slurm:gpu`, `@rack[1-2]`, `@*` for all.
    ///   - target: The target that it stands in, for messages.
    /// - Throws: ``TargetSyntaxError``.
    func names(in group: String, of target: String) throws(TargetSyntaxError) -> [String] {
        do throws(ArgumentError) {
            return try self.names(in: group, depth: 0)
        } catch {
            throw .badGroup(target: target, group: group, problem: error.description)
        }
    }

    /// The names that an expression stands for, each once, in the order in which they are written.
    ///
    /// - Throws: ``ArgumentError``.
    func names(inExpression text: String) throws(ArgumentError) -> [String] {
        try self.names(inExpression: text, depth: 0)
    }

    private func names(inExpression text: String, depth: Int) throws(ArgumentError) -> [String] {
        let expression: NodeSetExpression
        do throws(TargetSyntaxError) {
            expression = try NodeSetExpression(parsing: text)
        } catch {
            throw ArgumentError(error.description)
        }
        var names = NodeSet()
        for term in expression.terms {
            names.combine(with: try self.names(inOperand: term.text, depth: depth), term.operation)
        }
        return names.names
    }

    private func names(inOperand text: String, depth: Int) throws(ArgumentError) -> [String] {
        if text.utf8.first == UInt8(ascii: "@") {
            let name = TargetEscape.split(text[...]) { $0 == UInt8(ascii: "+") }[0]
            let rest = text[name.endIndex...]
            return try self.names(in: String(name), depth: depth).map { $0 + rest }
        }
        guard !text.isEmpty else { throw ArgumentError("a name of a node may not be empty") }
        return try Self.expanded(text)
    }

    private static func expanded(_ text: String) throws(ArgumentError) -> [String] {
        do throws(NodePatternError) {
            let pattern = try NodePattern(parsing: text[...], as: .text)
            guard pattern.count <= NodeSet.limit else {
                throw NodePatternError(bracket: text, problem: "it stands for more than \(NodeSet.limit) names")
            }
            return pattern.names
        } catch {
            let shown = (text: TerminalSanitizer.visible(text), bracket: TerminalSanitizer.visible(error.bracket))
            let problem = TerminalSanitizer.visible(error.problem)
            throw ArgumentError(
                shown.text == shown.bracket
                    ? "'\(shown.text)': \(problem)" : "'\(shown.text)' has a bad range '\(shown.bracket)': \(problem)"
            )
        }
    }

    // MARK: Groups

    private func names(in group: String, depth: Int) throws(ArgumentError) -> [String] {
        guard depth < Self.maximumDepth else { throw ArgumentError("it contains itself") }
        let reference = group.dropFirst()
        let colon = reference.firstIndex(of: ":")
        let sourceName = colon.map { String(reference[..<$0]) }
        let name = String(colon.map { reference[reference.index(after: $0)...] } ?? reference)
        let sources = try self.sources(named: sourceName)
        guard name != "*" else { return try self.all(of: sources, depth: depth) }
        guard !name.isEmpty else { throw ArgumentError("the name of a group follows '@'") }
        var names = NodeSet()
        for single in try Self.expanded(name) {
            guard let found = try self.members(of: single, in: sources) else { throw try self.unknown(single, sources) }
            for member in found.members {
                // Groups in a group are those of its own source.
                let text = Self.qualified(member, source: found.source)
                names.combine(with: try self.names(inExpression: text, depth: depth + 1), .union)
            }
        }
        return names.names
    }

    private func sources(named name: String?) throws(ArgumentError) -> [Source] {
        guard let name else { return self.sources.filter { !$0.isNamedOnly } }
        let found = self.sources.filter { $0.name == name }
        guard found.isEmpty else { return found }
        let known = self.sources.map(\.name)
        throw ArgumentError(
            "no source of groups is called '\(name)'"
                + (known.isEmpty ? "; there are none" : "; known are \(known.joined(separator: ", "))")
        )
    }

    private func members(
        of name: String,
        in sources: [Source]
    ) throws(ArgumentError) -> (members: [String], source: Source)? {
        for source in sources {
            if let members = try source.members(name) { return (members, source) }
        }
        return nil
    }

    private func all(of sources: [Source], depth: Int) throws(ArgumentError) -> [String] {
        var names = NodeSet()
        for source in sources {
            if let all = try source.all() {
                for text in all {
                    let qualified = Self.qualified(text, source: source)
                    names.combine(with: try self.names(inExpression: qualified, depth: depth + 1), .union)
                }
                continue
            }
            for group in try source.list() ?? [] {
                names.combine(with: try self.names(in: "@\(source.name):\(group)", depth: depth + 1), .union)
            }
        }
        guard !names.isEmpty else { throw ArgumentError("there are no groups: name an inventory with -i") }
        return names.names
    }

    private static func qualified(_ member: String, source: Source) -> String {
        guard member.first == "@", !member.contains(":") else { return member }
        return "@\(source.name):\(member.dropFirst())"
    }

    private func unknown(_ name: String, _ sources: [Source]) throws(ArgumentError) -> ArgumentError {
        guard !sources.isEmpty else {
            return ArgumentError(
                "there are no groups: name an inventory with -i, or write ~/.config/mitogen/groups.conf"
            )
        }
        var known: [String] = []
        for source in sources { known += try source.list() ?? [] }
        if let near = Suggestion.nearest(to: name, in: known) {
            return ArgumentError("there is no such group; did you mean '@\(near)'?")
        }
        let shown = known.prefix(10).map { "@\($0)" }.joined(separator: ", ")
        let rest = known.count > 10 ? " and \(known.count - 10) more" : ""
        return ArgumentError("there is no such group" + (known.isEmpty ? "" : "; known are \(shown)\(rest)"))
    }
}
