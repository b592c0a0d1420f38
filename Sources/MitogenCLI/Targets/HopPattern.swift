//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One hop as it is written, which stands for many where the host of ssh has ranges.
struct HopPattern: Hashable, Sendable {
    let kind: String
    /// What followed the colon, where it has no ranges.
    private let argument: String?
    /// The host of ssh, and what stands around it, where it has brackets.
    private let host: Host?

    private struct Host: Hashable {
        let before: String
        let pattern: HostPattern
        let after: String
    }

    /// Parses one hop of `target`.
    init(parsing text: Substring, in target: String, kinds: [HopKind]) throws(TargetSyntaxError) {
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
        if kind.name == HopKind.ssh.name, let argument,
            TargetEscape.firstIndex(in: argument, where: Self.isBracket) != nil
        {
            let host = try Self.host(of: argument, in: target)
            try Self.check(host.before + host.pattern.firstName + host.after, for: kind)
            self.argument = nil
            self.host = host
        } else {
            self.argument = argument.map(TargetEscape.unescaped)
            self.host = nil
            try Self.check(self.argument, for: kind)
        }
    }

    /// How many hops it stands for; `Int.max` if they are more than that.
    var count: Int { self.host?.pattern.count ?? 1 }

    /// Whether it stands for others than itself.
    var hasRanges: Bool { self.host?.pattern.hasRanges ?? false }

    /// The hops, in the order in which they are written.
    var hops: [Hop] {
        guard let host else { return [Hop(kind: self.kind, argument: self.argument)] }
        return host.pattern.names.map { Hop(kind: self.kind, argument: host.before + $0 + host.after) }
    }

    private static func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") }

    private static func host(
        of argument: Substring,
        in target: String
    ) throws(TargetSyntaxError) -> Host {
        // Before the host is taken apart, as its words go into an argument that is not looked at again.
        if let problem = HopKind.controlCharacterProblem(String(argument)) {
            throw .invalidArgument(
                hop: HopKind.ssh.name,
                placeholder: HopKind.ssh.placeholder,
                argument: String(argument),
                problem: problem
            )
        }
        let range = SSHDestination.hostRange(in: argument)
        let user = argument[..<range.lowerBound]
        if let bracket = TargetEscape.firstIndex(in: user, where: self.isBracket) {
            throw .badRange(
                target: target,
                HostPatternError(bracket: String(user[bracket...].dropLast()), problem: "only the host can have ranges")
            )
        }
        do throws(HostPatternError) {
            let pattern = try HostPattern(parsing: argument[range])
            return Host(
                before: TargetEscape.unescaped(user),
                pattern: pattern,
                after: String(argument[range.upperBound...])
            )
        } catch {
            throw .badRange(target: target, error)
        }
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
