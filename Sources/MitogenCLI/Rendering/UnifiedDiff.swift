//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What must be changed in one text to get another, in the form of `diff -u`.
struct UnifiedDiff: Hashable, Sendable {
    /// A line of the result.
    struct Line: Hashable, Sendable {
        enum Kind: Character, Hashable, Sendable {
            case heading = "@"
            case common = " "
            case removed = "-"
            case added = "+"
        }

        let kind: Kind
        /// The line with its end, where it has one.
        let bytes: [UInt8]
    }

    /// How many lines that do not change are shown around those that do.
    private static let context = 3
    /// How many lines are compared one by one; larger pieces are shown as replaced, as the time grows with the square.
    private static let limit = 2000

    /// The lines; none if the texts are equal.
    let lines: [Line]

    /// Compares two texts.
    init(from old: [UInt8], to new: [UInt8]) {
        let (old, new) = (Self.split(old), Self.split(new))
        self.lines = Self.hunks(Self.changes(from: old, to: new))
    }

    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0a) {
            lines.append(rest[...end])
            rest = rest[(end + 1)...]
        }
        return rest.isEmpty ? lines : lines + [rest]
    }

    /// All lines of both texts, in order.
    private static func changes(from old: [ArraySlice<UInt8>], to new: [ArraySlice<UInt8>]) -> [Line] {
        let shorter = min(old.count, new.count)
        let before = (0..<shorter).first { old[$0] != new[$0] } ?? shorter
        let after =
            (0..<(shorter - before)).first { old[old.count - 1 - $0] != new[new.count - 1 - $0] } ?? shorter - before
        let (removed, added) = (old[before..<(old.count - after)], new[before..<(new.count - after)])
        return old[..<before].map { Line(kind: .common, bytes: Array($0)) }
            + self.middle(Array(removed), Array(added))
            + old[(old.count - after)...].map { Line(kind: .common, bytes: Array($0)) }
    }

    private static func middle(_ old: [ArraySlice<UInt8>], _ new: [ArraySlice<UInt8>]) -> [Line] {
        guard old.count <= self.limit, new.count <= self.limit else {
            return old.map { Line(kind: .removed, bytes: Array($0)) } + new.map { Line(kind: .added, bytes: Array($0)) }
        }
        var removed: Set<Int> = []
        var added: Set<Int> = []
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var lines: [Line] = []
        var (place, newPlace) = (0, 0)
        while place < old.count || newPlace < new.count {
            if place < old.count, removed.contains(place) {
                lines.append(Line(kind: .removed, bytes: Array(old[place])))
                place += 1
            } else if newPlace < new.count, added.contains(newPlace) {
                lines.append(Line(kind: .added, bytes: Array(new[newPlace])))
                newPlace += 1
            } else {
                lines.append(Line(kind: .common, bytes: Array(old[place])))
                place += 1
                newPlace += 1
            }
        }
        return lines
    }

    /// The lines near a change, with a heading above each group of them.
    private static func hunks(_ lines: [Line]) -> [Line] {
        var result: [Line] = []
        var (oldLine, newLine) = (1, 1)
        var place = 0
        while let first = lines[place...].firstIndex(where: { $0.kind != .common }) {
            // Changes with few lines between them are shown together.
            var last = first
            while let next = lines[(last + 1)...].firstIndex(where: { $0.kind != .common }),
                next - last <= 2 * self.context
            { last = next }
            let start = max(place, first - self.context)
            let end = min(lines.count, last + 1 + self.context)
            (oldLine, newLine) = (oldLine + start - place, newLine + start - place)
            let hunk = lines[start..<end]
            let oldCount = hunk.count { $0.kind != .added }
            let newCount = hunk.count { $0.kind != .removed }
            let ranges = "-\(self.range(oldLine, oldCount)) +\(self.range(newLine, newCount))"
            result.append(Line(kind: .heading, bytes: Array("@@ \(ranges) @@\n".utf8)))
            result += hunk
            (oldLine, newLine) = (oldLine + oldCount, newLine + newCount)
            place = end
        }
        return result
    }

    private static func range(_ start: Int, _ count: Int) -> String {
        // An empty range stands behind the line before it.
        count == 1 ? "\(start)" : "\(count == 0 ? start - 1 : start),\(count)"
    }
}

extension UnifiedDiff.Line {
    /// The line as `diff -u` writes it.
    var text: [UInt8] {
        guard self.kind != .heading else { return self.bytes }
        var text = Array(String(self.kind.rawValue).utf8) + self.bytes
        if text.last != 0x0a { text += "\n\\ No newline at end of file\n".utf8 }
        return text
    }
}
