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

    /// The hop as it is written in a target.
    package var canonicalText: String {
        self.argument.map { "\(self.kind):\($0)" } ?? self.kind
    }

    /// Parses one hop of `target`.
    fileprivate init(parsing text: Substring, in target: String, kinds: [HopKind]) throws(TargetSyntaxError) {
        // Only the first colon separates: later ones belong to the argument, as in `ssh:host:22`.
        let colon = text.firstIndex(of: ":")
        let name = String(text[..<(colon ?? text.endIndex)])
        let argument = colon.map { String(text[text.index(after: $0)...]) }

        guard let kind = kinds.first(where: { $0.name == name }) else {
            throw .unknownHop(
                name: name,
                target: target,
                suggestion: Suggestion.nearest(to: name, in: kinds.map(\.name)),
                known: kinds.map(\.usage)
            )
        }
        try Self.check(argument, for: kind)
        self.init(kind: name, argument: argument)
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

/// Where a command shall run: a chain of hops joined by `+`.
///
/// `local+local:b` is a child named "b" of a child of this process.
package struct TargetSpecification: Hashable, Sendable {
    /// The hops, from this machine outwards; never empty.
    package let hops: [Hop]

    /// Parses what was given to `--target`.
    ///
    /// - Parameters:
    ///   - text: The target.
    ///   - kinds: The kinds of hops that may be used.
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed the target.
    package init(parsing text: String, kinds: [HopKind] = HopKind.known) throws(TargetSyntaxError) {
        guard !text.isEmpty else { throw .emptyTarget(known: kinds.map(\.usage)) }
        var hops: [Hop] = []
        for part in text.split(separator: "+", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw .emptyHop(target: text, position: hops.count + 1) }
            hops.append(try Hop(parsing: part, in: text, kinds: kinds))
        }
        self.hops = hops
    }

    /// The target as a text that parses to an equal value.
    package var canonicalText: String {
        self.hops.map(\.canonicalText).joined(separator: "+")
    }

    /// Names for targets under which their results are shown: no two are equal.
    ///
    /// The first use of a target has the target's text; the next ones are numbered, as in `local#2`.
    package static func labels(for targets: [TargetSpecification]) -> [String] {
        let texts = targets.map(\.canonicalText)
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

extension TargetSpecification: CustomStringConvertible {
    /// The canonical text.
    package var description: String { self.canonicalText }
}
