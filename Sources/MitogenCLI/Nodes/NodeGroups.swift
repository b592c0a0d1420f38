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
        /// Where it is, for messages: the name of a file.
        let place: String
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
            place: String? = nil,
            isNamedOnly: Bool = false,
            members: @escaping @Sendable (String) throws(ArgumentError) -> [String]?,
            list: @escaping @Sendable () throws(ArgumentError) -> [String]?,
            all: @escaping @Sendable () throws(ArgumentError) -> [String]? = { () throws(ArgumentError) in nil }
        ) {
            self.name = name
            self.place = place ?? name
            self.isNamedOnly = isNamedOnly
            self.members = members
            self.list = list
            self.all = all
        }

        /// A source whose groups are all known.
        init(name: String, place: String? = nil, groups: [String: [String]], all: [String]? = nil) {
            let names = groups.keys.sorted()
            self.init(
                name: name,
                place: place,
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

    /// What is wrong with hosts that an inventory describes so that they cannot be used, by their names.
    private let problems: [String: ArgumentError]

    /// Whether they come from inventories that the command line or the configuration names. The user's own files count only
    /// where a group is named, so the name of a host that they describe is not read alone.
    var isNamed = true

    /// How deep groups may lie in groups, and how many may be asked for to answer one question.
    private static let maximumDepth = 64
    private static let maximumCount = 10_000

    init(sources: [Source], targets: [String: String] = [:], problems: [String: ArgumentError] = [:]) {
        self.sources = sources
        self.targets = targets
        self.problems = problems
    }

    /// Whether an inventory describes any host.
    var hasHosts: Bool { !self.targets.isEmpty || !self.problems.isEmpty }

    /// Whether an inventory describes a host.
    func describes(host: String) -> Bool { self.targets[host] != nil || self.problems[host] != nil }

    /// The target of a host; nil if no inventory describes it.
    ///
    /// - Throws: ``TargetSyntaxError/badHost(name:problem:)`` if the host is described so that it cannot be used.
    func target(ofHost host: String) throws(TargetSyntaxError) -> String? {
        if let target = self.targets[host] { return target }
        if let problem = self.problems[host] { throw .badHost(name: host, problem: problem.description) }
        return nil
    }

    /// The groups that one question has asked for.
    private struct Search {
        /// The names in groups that are known already, by source and group.
        var found: [String: [String]] = [:]
        /// The groups that are being looked for.
        var open: [String] = []
        /// How many groups were asked for.
        var count = 0
    }

    /// The names of the members of a group, in the order of its source, each once.
    ///
    /// - Parameters:
    ///   - group: The group with its sign: `@web`, `@slurm:gpu`, `@rack[1-2]`, `@*` for all.
    ///   - target: The target that it stands in, for messages.
    /// - Throws: ``TargetSyntaxError``.
    func names(in group: String, of target: String) throws(TargetSyntaxError) -> [String] {
        do throws(ArgumentError) {
            var search = Search()
            return try self.names(in: group, &search)
        } catch {
            throw .badGroup(target: target, group: group, problem: error.description)
        }
    }

    /// The names that an expression stands for, each once, in the order in which they are written.
    ///
    /// - Throws: ``ArgumentError``.
    func names(inExpression text: String) throws(ArgumentError) -> [String] {
        var search = Search()
        return try self.names(inExpression: text, &search, source: nil)
    }

    /// - Parameter source: The source of groups that are named without one; nil for all.
    private func names(
        inExpression text: String,
        _ search: inout Search,
        source: Source?
    ) throws(ArgumentError) -> [String] {
        let expression: NodeSetExpression
        do throws(TargetSyntaxError) {
            expression = try NodeSetExpression(parsing: text)
        } catch {
            throw ArgumentError(error.description)
        }
        var names = NodeSet()
        for term in expression.terms {
            names.combine(with: try self.names(inOperand: term.text, &search, source: source), term.operation)
        }
        return names.names
    }

    private func names(
        inOperand text: String,
        _ search: inout Search,
        source: Source?
    ) throws(ArgumentError) -> [String] {
        if text.utf8.first == UInt8(ascii: "@") {
            let name = TargetEscape.split(text[...]) { $0 == UInt8(ascii: "+") }[0]
            let rest = text[name.endIndex...]
            // Groups in a group are those of its own source.
            let group = source.map { Self.qualified(String(name), source: $0) } ?? String(name)
            do throws(ArgumentError) {
                return try self.names(in: group, &search).map { $0 + rest }
            } catch {
                let shown = TerminalSanitizer.visible(String(name))
                throw ArgumentError("group '\(shown)': \(error.description)", isAboutFile: error.isAboutFile)
            }
        }
        guard !text.isEmpty else { throw ArgumentError("a name of a node may not be empty") }
        return try Self.expanded(text)
    }

    private static func expanded(_ text: String) throws(ArgumentError) -> [String] {
        let pattern = try self.pattern(text)
        guard pattern.count <= NodeSet.limit else {
            throw ArgumentError(
                "'\(TerminalSanitizer.visible(text))': it stands for more than \(NodeSet.limit) names"
            )
        }
        return pattern.names
    }

    /// An operand that names no group.
    static func pattern(_ text: String) throws(ArgumentError) -> NodePattern {
        do throws(NodePatternError) {
            return try NodePattern(parsing: text[...], as: .text)
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

    private func names(in group: String, _ search: inout Search) throws(ArgumentError) -> [String] {
        let reference = group.dropFirst()
        let colon = reference.firstIndex(of: ":")
        let sourceName = colon.map { String(reference[..<$0]) }
        let name = String(colon.map { reference[reference.index(after: $0)...] } ?? reference)
        let sources = try self.sources(named: sourceName)
        guard name != "*" else { return try self.all(of: sources, &search) }
        guard !name.isEmpty else { throw ArgumentError("the name of a group follows '@'") }
        var names = NodeSet()
        for single in try Self.expanded(name) {
            names.combine(with: try self.names(inGroup: single, of: sources, &search), .union)
        }
        return names.names
    }

    /// The names in one group, which are found once, however many groups contain it.
    private func names(
        inGroup name: String,
        of sources: [Source],
        _ search: inout Search
    ) throws(ArgumentError) -> [String] {
        let key = sources.map(\.name).joined(separator: ",") + ":" + name
        if let known = search.found[key] { return known }
        guard !search.open.contains(key), search.open.count < Self.maximumDepth else {
            throw ArgumentError("it contains itself")
        }
        search.count += 1
        guard search.count <= Self.maximumCount else {
            throw ArgumentError("it needs more than \(Self.maximumCount) groups")
        }
        guard let found = try self.members(of: name, in: sources) else { throw try self.unknown(name, sources) }
        search.open.append(key)
        var names = NodeSet()
        for member in found.members {
            names.combine(with: try self.names(inExpression: member, &search, source: found.source), .union)
        }
        search.open.removeLast()
        search.found[key] = names.names
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

    private func all(of sources: [Source], _ search: inout Search) throws(ArgumentError) -> [String] {
        let key = sources.map(\.name).joined(separator: ",") + ":*"
        guard !search.open.contains(key) else { throw ArgumentError("it contains itself") }
        search.open.append(key)
        defer { search.open.removeLast() }
        var names = NodeSet()
        for source in sources {
            if let all = try source.all() {
                for text in all {
                    names.combine(with: try self.names(inExpression: text, &search, source: source), .union)
                }
                continue
            }
            for group in try source.list() ?? [] {
                names.combine(with: try self.names(inGroup: group, of: [source], &search), .union)
            }
        }
        guard !names.isEmpty else {
            guard !sources.isEmpty else { throw Self.noGroups }
            let places = NodeSet(sources.map { "'\($0.place)'" }).names.joined(separator: ", ")
            throw ArgumentError("there are no groups in \(places); name an inventory with -i")
        }
        return names.names
    }

    private static func qualified(_ member: String, source: Source) -> String {
        guard member.first == "@", !member.contains(":") else { return member }
        return "@\(source.name):\(member.dropFirst())"
    }

    /// Where groups are looked for without an inventory, and what else there is.
    private static var noGroups: ArgumentError {
        ArgumentError(
            "there are no groups: neither ~/.config/mitogen/groups.conf nor a groups.conf of ClusterShell is there; name an "
                + "inventory with -i"
        )
    }

    private func unknown(_ name: String, _ sources: [Source]) throws(ArgumentError) -> ArgumentError {
        guard !sources.isEmpty else { return Self.noGroups }
        let places = NodeSet(sources.map { "'\($0.place)'" }).names.joined(separator: ", ")
        var known: [String] = []
        for source in sources { known += try source.list() ?? [] }
        if let near = Suggestion.nearest(to: name, in: known) {
            return ArgumentError("there is no such group in \(places); did you mean '@\(near)'?")
        }
        let shown = known.prefix(10).map { "@\($0)" }.joined(separator: ", ")
        let rest = known.count > 10 ? " and \(known.count - 10) more" : ""
        return ArgumentError(
            "there is no such group in \(places)" + (known.isEmpty ? "" : "; known are \(shown)\(rest)")
        )
    }
}
