//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The targets of a run, collected from the command line and from files.
///
/// A target that ranges or files name is there once, however many of them name it, as for other tools of this kind.
/// One that is written out on the command line more than once, and in no range or file, is there as often.
package struct TargetSelection: Sendable {
    /// How many targets a run may have.
    package static let limit = 10_000

    /// The targets, in the order in which they were added.
    package private(set) var targets: [TargetSpecification] = []

    /// Targets that inventories have under another name than the equal one in `targets`, for which they stand in if that one
    /// is excluded.
    private var others: [TargetSpecification: [TargetSpecification]] = [:]

    private var known: Set<TargetSpecification> = []
    /// Those of `known` that came from a range or a file first.
    private var single: Set<TargetSpecification> = []

    /// Creates a selection without targets.
    package init() {}

    /// Hosts of inventories that are left out because they lead to the same place as one before.
    var merged: [String] {
        self.targets.flatMap { target in
            (self.others[target] ?? []).compactMap(\.inventoryName).filter { $0 != target.inventoryName }
        }
    }

    /// Adds what was given to `--target`: targets with commas and other operators of sets between them.
    ///
    /// Operators concern what stands before them in the same list. A plain host behind `!` or `&` matches all targets with
    /// an ssh hop to it, as for ``TargetExclusions``.
    package mutating func add(
        list: String,
        kinds: [HopKind] = HopKind.known,
        groups: NodeGroups = .none
    ) throws(TargetSyntaxError) {
        let expression = try NodeSetExpression(parsing: list)
        do throws(TargetSyntaxError) {
            guard !expression.isList else {
                for term in expression.terms {
                    let pattern = try TargetPattern(parsing: term.text, kinds: kinds, groups: groups)
                    try self.add(pattern, isOnce: pattern.hasRanges)
                }
                return
            }
            let targets = try Self.targets(of: expression, kinds: kinds, groups: groups)
            try self.add(targets, isOnce: true) { (count) throws(TargetSyntaxError) in
                throw .tooManyTargets(target: list, count: count, limit: Self.limit)
            }
        } catch {
            throw expression.terms.count > 1 ? error.inList : error
        }
    }

    /// The targets that an expression leaves, each once.
    private static func targets(
        of expression: NodeSetExpression,
        kinds: [HopKind],
        groups: NodeGroups
    ) throws(TargetSyntaxError) -> [TargetSpecification] {
        var targets: [TargetSpecification] = []
        for term in expression.terms {
            switch term.operation {
            case .union:
                let others = try TargetPattern(parsing: term.text, kinds: kinds, groups: groups)
                targets += try others.targets(limit: self.limit)
            case .difference, .intersection:
                let matcher = try TargetExclusions(single: term.text, kinds: kinds, groups: groups)
                let keeps = term.operation == .intersection
                targets.removeAll { matcher.matching($0).isEmpty == keeps }
            case .symmetricDifference:
                let pattern = try TargetPattern(parsingTargetOrHost: term.text, kinds: kinds, groups: groups)
                let others = try pattern.targets(limit: self.limit)
                // A plain host is the same as every target with a hop to it, as for `!` and `&`.
                let matcher = try TargetExclusions(eachOf: pattern, groups: groups)
                let matching = targets.map { matcher.matching($0) }
                let found = matching.reduce(into: Set<Int>()) { $0.formUnion($1) }
                targets = zip(targets, matching).filter { $1.isEmpty }.map { $0.0 }
                let new = others.enumerated().filter { !found.contains($0.offset) }.map(\.element)
                targets += new
            }
        }
        return targets
    }

    /// Adds the targets of a file.
    ///
    /// - Throws: ``ArgumentError`` with the file's name and the line.
    package mutating func add(
        _ file: HostsFile,
        kinds: [HopKind] = HopKind.known,
        groups: NodeGroups = .none
    ) throws(ArgumentError) {
        for line in file.lines {
            do throws(TargetSyntaxError) {
                try self.add(try line.pattern(kinds: kinds, groups: groups), isOnce: true)
            } catch {
                throw ArgumentError("\(file.shownName):\(line.number): \(error)", isAboutFile: true)
            }
        }
    }

    private mutating func add(_ pattern: TargetPattern, isOnce: Bool) throws(TargetSyntaxError) {
        try self.add(try pattern.targets(limit: Self.limit), isOnce: isOnce) { (_) throws(TargetSyntaxError) in
            throw .tooManyTargets(target: pattern.text, count: pattern.count, limit: Self.limit)
        }
    }

    private mutating func add(
        _ targets: [TargetSpecification],
        isOnce: Bool,
        whenTooMany: (Int) throws(TargetSyntaxError) -> Void
    ) throws(TargetSyntaxError) {
        for target in targets {
            let (isNew, first) = self.known.insert(target)
            if isNew {
                if isOnce { self.single.insert(target) }
            } else if isOnce || self.single.contains(target) {
                self.note(target, besides: first)
                continue
            }
            if self.targets.count >= Self.limit { try whenTooMany(targets.count) }
            self.targets.append(target)
        }
    }

    private mutating func note(_ target: TargetSpecification, besides first: TargetSpecification) {
        guard target.places != first.places, self.others[first]?.contains(where: { $0.places == target.places }) != true
        else { return }
        self.others[first, default: []].append(target)
    }

    /// Removes targets. What is excluded under one name stays if it is there under another one.
    ///
    /// - Returns: The exclusions that no target has matched, as they were written.
    package mutating func remove(_ exclusions: TargetExclusions) -> [String] {
        var used: Set<Int> = []
        func isKept(_ target: TargetSpecification) -> Bool {
            let matching = exclusions.matching(target)
            used.formUnion(matching)
            return matching.isEmpty
        }
        self.others = self.others.mapValues { $0.filter(isKept) }
        self.targets = self.targets.compactMap { target in
            isKept(target) ? target : self.others[target]?.first
        }
        return exclusions.texts.indices.filter { !used.contains($0) }.map { exclusions.texts[$0] }
    }
}

extension TargetSyntaxError {
    /// The error with a word about commas, where a comma may have been meant as a part of a name.
    var inList: TargetSyntaxError {
        if case .unknownHop = self { .notInList(self) } else { self }
    }
}
