//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes names as short as node sets can: `web[01-12,14-20]`.
///
/// What is folded stands for the same names, with the zeros before their numbers. ``text(_:order:autostep:)`` in the order
/// ``Order/written`` stands for them in the same order, so that it can be pasted into a command line.
enum NodeSetFolding {
    /// In which order the names are folded.
    enum Order: Hashable, Sendable {
        /// In the order in which they are given, which only lets neighbours share a bracket.
        case written
        /// In the order of ClusterShell, whatever order they are given in.
        case sorted
    }

    /// One folded piece: what stands around the brackets, and the numbers of each.
    private struct Entry {
        let texts: [String]
        var numbers: [[NodeName.Number]]

        func isMergeable(with other: Entry, at dimension: Int) -> Bool {
            self.texts == other.texts
                && self.numbers.indices.allSatisfy { $0 == dimension || self.numbers[$0] == other.numbers[$0] }
        }
    }

    /// What entries have in common that differ in one dimension only.
    private struct Key: Hashable {
        let texts: [String]
        let numbers: [[NodeName.Number]]
    }

    /// Folds names.
    ///
    /// - Parameters:
    ///   - names: The names; those that are there twice count once.
    ///   - order: The order of the result.
    ///   - autostep: How many numbers with equal distances become `a-b/step`; nil for none, as in ClusterShell.
    static func text(_ names: [String], order: Order, autostep: Int? = nil) -> String {
        self.folded(names, order: order, autostep: autostep).joined(separator: ",")
    }

    /// The pieces between the commas.
    static func folded(_ names: [String], order: Order, autostep: Int? = nil) -> [String] {
        var known: Set<String> = []
        var parsed = names.filter { known.insert($0).inserted }.map(NodeName.init)
        if order == .sorted { parsed.sort() }
        var entries = parsed.map { name in Entry(texts: name.texts, numbers: name.numbers.map { [$0] }) }
        let dimensions = entries.map(\.numbers.count).max() ?? 0
        var isChanged = true
        while isChanged {
            let count = entries.count
            // The last bracket changes fastest where a node set is expanded.
            for dimension in stride(from: dimensions - 1, through: 0, by: -1) {
                entries = order == .sorted ? self.merged(entries, dimension) : self.mergedNeighbours(entries, dimension)
            }
            // Numbers of a dimension that was folded before may have become alike. In a fixed order they may not be
            // folded the other way round.
            isChanged = order == .sorted && entries.count < count
        }
        return entries.map { self.text(of: $0, autostep: autostep) }
    }

    /// Joins neighbours that differ in one number.
    private static func mergedNeighbours(_ entries: [Entry], _ dimension: Int) -> [Entry] {
        var result: [Entry] = []
        for entry in entries {
            if dimension < entry.numbers.count, let last = result.last, last.isMergeable(with: entry, at: dimension) {
                result[result.count - 1].numbers[dimension] += entry.numbers[dimension]
            } else {
                result.append(entry)
            }
        }
        return result
    }

    /// Joins all that differ in one dimension.
    private static func merged(_ entries: [Entry], _ dimension: Int) -> [Entry] {
        var result: [Entry] = []
        var places: [Key: Int] = [:]
        for entry in entries {
            guard dimension < entry.numbers.count else {
                result.append(entry)
                continue
            }
            var others = entry.numbers
            others[dimension] = []
            let key = Key(texts: entry.texts, numbers: others)
            if let place = places[key] {
                result[place].numbers[dimension] += entry.numbers[dimension]
            } else {
                places[key] = result.count
                result.append(entry)
            }
        }
        for place in result.indices where dimension < result[place].numbers.count {
            result[place].numbers[dimension].sort {
                ($0.digits.utf8.count, $0.value) < ($1.digits.utf8.count, $1.value)
            }
        }
        return result
    }

    private static func text(of entry: Entry, autostep: Int?) -> String {
        var text = entry.texts[0]
        for (numbers, next) in zip(entry.numbers, entry.texts.dropFirst()) {
            text += numbers.count == 1 ? numbers[0].digits : "[\(self.ranges(numbers, autostep: autostep))]"
            text += next
        }
        return text
    }

    // MARK: Ranges

    /// The list in a bracket: ranges where numbers follow each other, the numbers themselves elsewhere.
    private static func ranges(_ numbers: [NodeName.Number], autostep: Int?) -> String {
        var texts: [String] = []
        var start = 0
        while start < numbers.count {
            let run = self.run(in: numbers, from: start)
            let first = numbers[start].digits
            let last = numbers[start + run.count - 1].digits
            if run.count >= 2, run.step == 1 {
                texts.append("\(first)-\(last)")
                start += run.count
            } else if let autostep, run.count >= max(3, autostep) {
                texts.append("\(first)-\(last)/\(run.step)")
                start += run.count
            } else {
                texts.append(first)
                start += 1
            }
        }
        return texts.joined(separator: ",")
    }

    /// How many numbers from a place on have the same distance to the one before, and agree about zeros.
    private static func run(in numbers: [NodeName.Number], from start: Int) -> (count: Int, step: Int) {
        guard start + 1 < numbers.count else { return (1, 1) }
        let step = numbers[start + 1].value - numbers[start].value
        guard step > 0 else { return (1, 1) }
        var isPadded = numbers[start].isPadded
        var end = start + 1
        while end < numbers.count, numbers[end].value - numbers[end - 1].value == step {
            let agrees = numbers[end].digits.utf8.count == numbers[start].digits.utf8.count
            guard agrees || (!isPadded && !numbers[end].isPadded) else { break }
            isPadded = isPadded || numbers[end].isPadded
            end += 1
        }
        return (end - start, step)
    }
}
