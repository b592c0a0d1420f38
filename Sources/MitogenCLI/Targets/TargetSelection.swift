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

    private var known: Set<TargetSpecification> = []
    /// Those of `known` that came from a range or a file first.
    private var single: Set<TargetSpecification> = []

    /// Creates a selection without targets.
    package init() {}

    /// Adds what was given to `--target`: one or more targets with commas between them.
    package mutating func add(list: String, kinds: [HopKind] = HopKind.known) throws(TargetSyntaxError) {
        let entries = try Self.entries(of: list)
        for entry in entries {
            do throws(TargetSyntaxError) {
                let pattern = try TargetPattern(parsing: entry, kinds: kinds)
                try self.add(pattern, isOnce: pattern.hasRanges)
            } catch {
                throw entries.count > 1 ? error.inList : error
            }
        }
    }

    /// Adds the targets of a file.
    ///
    /// - Throws: ``ArgumentError`` with the file's name and the line.
    package mutating func add(_ file: HostsFile, kinds: [HopKind] = HopKind.known) throws(ArgumentError) {
        for line in file.lines {
            do throws(TargetSyntaxError) {
                try self.add(try line.pattern(kinds: kinds), isOnce: true)
            } catch {
                throw ArgumentError("\(file.shownName):\(line.number): \(error)", isAboutFile: true)
            }
        }
    }

    private mutating func add(_ pattern: TargetPattern, isOnce: Bool) throws(TargetSyntaxError) {
        for target in try pattern.targets(limit: Self.limit) {
            if self.known.insert(target).inserted {
                if isOnce { self.single.insert(target) }
            } else if isOnce || self.single.contains(target) {
                continue
            }
            guard self.targets.count < Self.limit else {
                throw .tooManyTargets(target: pattern.text, count: pattern.count, limit: Self.limit)
            }
            self.targets.append(target)
        }
    }

    /// Removes targets.
    ///
    /// - Returns: The exclusions that no target has matched, as they were written.
    package mutating func remove(_ exclusions: TargetExclusions) -> [String] {
        var used: Set<Int> = []
        self.targets.removeAll { target in
            let matching = exclusions.matching(target)
            used.formUnion(matching)
            return !matching.isEmpty
        }
        return exclusions.texts.indices.filter { !used.contains($0) }.map { exclusions.texts[$0] }
    }

    /// Splits at the commas that stand outside of brackets.
    static func entries(of list: String) throws(TargetSyntaxError) -> [String] {
        var depth = 0
        let entries = TargetEscape.split(list[...]) { byte in
            switch byte {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth = max(0, depth - 1)
            default: break
            }
            return byte == UInt8(ascii: ",") && depth == 0
        }
        if entries.count > 1, let position = entries.firstIndex(where: \.isEmpty) {
            throw .emptyListEntry(list: list, position: position + 1)
        }
        return entries.map(String.init)
    }
}

extension TargetSyntaxError {
    /// The error with a word about commas, where a comma may have been meant as a part of a name.
    var inList: TargetSyntaxError {
        if case .unknownHop = self { .notInList(self) } else { self }
    }
}
