//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One hop as it is written, which stands for many where its argument has ranges or names a group.
struct HopPattern: Hashable, Sendable {
    let kind: String
    private let argument: Argument

    /// One of the places that it stands for: mostly one hop.
    struct Step: Hashable, Sendable {
        let hops: [Hop]
        /// The name that an inventory has for its host; nil if no inventory describes it.
        var host: String?
        /// The hop with that name.
        var text = ""
    }

    private enum Argument: Hashable {
        /// What followed the colon, where it stands for itself; nil if there was no colon.
        case single(String?)
        /// Names, and what stands around them.
        case several(before: String, NodePattern, after: String)
        /// The members of a group: the hops to each, which are several where an inventory describes the member.
        case members([Step])
    }

    /// Parses one hop of `target`.
    init(
        parsing text: Substring,
        in target: String,
        kinds: [HopKind],
        groups: NodeGroups
    ) throws(TargetSyntaxError) {
        // Only the first colon separates: later ones belong to the argument, as in `ssh:host:22`.
        let colon = text.utf8.firstIndex(of: UInt8(ascii: ":"))
        let name = text[..<(colon ?? text.endIndex)]
        var argument = colon.map { text[text.utf8.index(after: $0)...] }
        guard let kind = kinds.first(where: { $0.name == name }) else {
            throw .unknownHop(
                name: String(name),
                target: target,
                suggestion: Suggestion.nearest(to: String(name), in: kinds.map(\.name)),
                known: kinds.map(\.usage)
            )
        }
        if kind.name == HopKind.ssh.name, let uri = try argument.flatMap(SSHURI.destination) { argument = uri[...] }
        self.kind = kind.name
        guard let argument else {
            self.argument = .single(nil)
            try Self.check(nil, for: kind)
            return
        }
        if let place = GroupPlace(in: argument) {
            self.argument = try Self.members(of: place, of: kind, in: target, groups)
        } else if TargetEscape.firstIndex(in: argument, where: Self.isBracket) != nil {
            self.argument = try Self.several(argument, of: kind, in: target)
        } else {
            self.argument = .single(TargetEscape.unescaped(argument))
        }
        for argument in self.checkedArguments { try Self.check(argument, for: kind) }
    }

    /// How many hops it stands for; `Int.max` if they are more than that.
    var count: Int {
        switch self.argument {
        case .single: 1
        case .several(_, let pattern, _): pattern.count
        case .members(let members): members.count
        }
    }

    /// Whether it stands for others than itself.
    var hasRanges: Bool {
        switch self.argument {
        case .single: false
        case .several(_, let pattern, _): pattern.hasRanges
        case .members: true
        }
    }

    /// What it stands for, in the order in which it is written.
    var steps: [Step] {
        switch self.argument {
        case .single(let argument): [Step(hops: [Hop(kind: self.kind, argument: argument)])]
        case .several(let before, let pattern, let after):
            pattern.names.map { Step(hops: [Hop(kind: self.kind, argument: before + $0 + after)]) }
        case .members(let members): members
        }
    }

    /// The arguments that are checked. Words in brackets differ in all but their form; of very many names it is the first,
    /// as too many targets are refused anyway.
    private var checkedArguments: [String] {
        switch self.argument {
        case .single(let argument): [argument].compactMap(\.self)
        case .several(let before, let pattern, let after):
            (pattern.count <= TargetSelection.limit ? pattern.names : [pattern.firstName]).map { before + $0 + after }
        case .members(let members): members.flatMap(\.hops).filter { $0.kind == self.kind }.compactMap(\.argument)
        }
    }

    private static func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") }

    // MARK: Ranges

    private static func several(
        _ argument: Substring,
        of kind: HopKind,
        in target: String
    ) throws(TargetSyntaxError) -> Argument {
        // Before it is taken apart, as its words go into an argument that is not looked at again.
        if let problem = HopKind.controlCharacterProblem(String(argument)) {
            throw .invalidArgument(
                hop: kind.name,
                placeholder: kind.placeholder,
                argument: String(argument),
                problem: problem
            )
        }
        let isSSH = kind.name == HopKind.ssh.name
        let whole = argument.startIndex..<argument.endIndex
        let range = isSSH ? SSHDestination.hostRange(in: argument) : whole
        let user = argument[..<range.lowerBound]
        if let bracket = TargetEscape.firstIndex(in: user, where: self.isBracket) {
            throw .badRange(
                target: target,
                NodePatternError(bracket: String(user[bracket...].dropLast()), problem: "only the host can have ranges")
            )
        }
        do throws(NodePatternError) {
            return .several(
                before: TargetEscape.unescaped(user),
                try NodePattern(parsing: argument[range], as: isSSH ? .host : .argument),
                after: String(argument[range.upperBound...])
            )
        } catch {
            throw .badRange(target: target, error)
        }
    }

    // MARK: Groups

    private static func members(
        of place: GroupPlace,
        of kind: HopKind,
        in target: String,
        _ groups: NodeGroups
    ) throws(TargetSyntaxError) -> Argument {
        var members: [Step] = []
        for member in try groups.names(in: place.group, of: target) {
            let host = TargetEscape.unescaped(member[...])
            if kind.name == HopKind.ssh.name, let known = try groups.target(ofHost: host) {
                let name = "\(kind.name):\(place.before)\(TargetEscape.escaped(host[...]))\(place.after)"
                members.append(
                    Step(hops: try Self.hops(to: host, known, place, in: target), host: host, text: name)
                )
                continue
            }
            guard !member.utf8.contains(where: { "+:".utf8.contains($0) }) else {
                throw .badGroup(
                    target: target,
                    group: place.group,
                    problem: "'\(member)' is no plain name; write \(place.group) where a target begins"
                )
            }
            let argument = TargetEscape.unescaped(place.before) + host + String(place.after)
            members.append(Step(hops: [Hop(kind: kind.name, argument: argument)]))
        }
        return .members(members)
    }

    /// The hops to a host as its inventory describes it, with the user and the port that stand around the group.
    private static func hops(
        to host: String,
        _ known: String,
        _ place: GroupPlace,
        in target: String
    ) throws(TargetSyntaxError) -> [Hop] {
        func error(_ problem: String) -> TargetSyntaxError {
            .badGroup(target: target, group: place.group, problem: "host '\(host)' \(problem)")
        }
        var hops = try TargetSpecification(parsing: known).hops
        guard let last = hops.lastIndex(where: { !$0.isBecome }), hops[last].kind == HopKind.ssh.name,
            let argument = hops[last].argument
        else { throw error("is reached by '\(known)', not by ssh; write \(place.group) where a target begins") }
        let own = SSHDestination(argument)
        let user = place.before.isEmpty ? nil : TargetEscape.unescaped(place.before.dropLast())
        let port = Int(place.after.dropFirst())
        if let user, let other = own.user, user != other {
            throw error("has the user '\(other)' in its inventory, not '\(user)'")
        }
        if let port, let other = own.port, port != other {
            throw error("has the port \(other) in its inventory, not \(port)")
        }
        let name = own.host.contains(":") ? "[\(own.host)]" : own.host
        hops[last] = Hop(
            kind: HopKind.ssh.name,
            argument: ((user ?? own.user).map { "\($0)@" } ?? "") + name
                + ((port ?? own.port).map { ":\($0)" } ?? "")
        )
        return hops
    }

    private static func check(_ argument: String?, for kind: HopKind) throws(TargetSyntaxError) {
        guard let argument else {
            if case .required = kind.argument { throw .missingArgument(hop: kind.name, usage: kind.usage) }
            return
        }
        if case .none = kind.argument { throw .unexpectedArgument(hop: kind.name, argument: argument) }
        if argument.isEmpty { throw .emptyArgument(hop: kind.name, usage: kind.usage) }
        if let problem = HopKind.controlCharacterProblem(argument) ?? kind.problem(argument) {
            throw .invalidArgument(
                hop: kind.name,
                placeholder: kind.placeholder,
                argument: argument,
                problem: problem
            )
        }
    }
}

/// Where the argument of a hop names a group: `@web`, `deploy@@web:22`.
private struct GroupPlace {
    let before: Substring
    /// With its sign.
    let group: String
    let after: Substring

    init?(in argument: Substring) {
        let bytes = argument.utf8
        let sign = UInt8(ascii: "@")
        var start = argument.startIndex
        if bytes.first != sign {
            guard let first = bytes.indices.first(where: { bytes[$0] == sign }),
                case let second = bytes.index(after: first), second < bytes.endIndex, bytes[second] == sign
            else { return nil }
            start = second
        }
        let rest = argument[start...]
        var end = rest.endIndex
        // A colon may also stand between a source and a group.
        if let colon = rest.utf8.lastIndex(of: UInt8(ascii: ":")),
            case let port = rest.utf8[rest.utf8.index(after: colon)...], !port.isEmpty,
            port.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        {
            end = colon
        }
        self.before = argument[..<start]
        self.group = String(rest[..<end])
        self.after = rest[end...]
    }
}
