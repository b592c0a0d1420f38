//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What is wrong with a bracket in a name.
package struct NodePatternError: Error, Hashable, Sendable {
    /// The bracket as it is written, or what there is of it.
    package let bracket: String

    /// What is wrong and what is expected, as the end of a sentence.
    package let problem: String
}

extension NodePattern {
    private static let open = UInt8(ascii: "[")
    private static let close = UInt8(ascii: "]")
    private static let form = "expected is [1-20], [01-20], [0-20/2], [1-4,7] or [a,b]"
    /// More digits than that are no number of a host, and might be none that fits into an `Int`.
    private static let maximumDigits = 18

    /// What is parsed.
    package enum Meaning: Hashable, Sendable {
        /// A host, of which an address in brackets can only be the whole.
        case host
        /// The argument of a hop, whose backslashes are taken away as ``TargetEscape`` says.
        case argument
        /// A whole target or a name, whose backslashes stay.
        case text
    }

    /// Parses a name. Brackets with a backslash before them are none.
    package init(parsing text: Substring, as meaning: Meaning = .host) throws(NodePatternError) {
        func literal(_ text: Substring) -> Part {
            .text(meaning == .text ? String(text) : TargetEscape.unescaped(text))
        }

        var parts: [Part] = []
        var rest = text
        while let start = TargetEscape.firstIndex(in: rest, where: Self.isBracket) {
            guard rest.utf8[start] == Self.open else {
                throw NodePatternError(bracket: String(rest[...start]), problem: "there is no '[' before ']'")
            }
            let inside = rest[rest.utf8.index(after: start)...]
            guard let end = inside.utf8.firstIndex(where: Self.isBracket) else {
                throw NodePatternError(bracket: String(rest[start...]), problem: "there is no ']'; \(Self.form)")
            }
            guard inside.utf8[end] == Self.close else {
                throw NodePatternError(bracket: String(rest[start...]), problem: "brackets cannot hold brackets")
            }
            if start > rest.startIndex { parts.append(literal(rest[..<start])) }
            let bracket = rest[start...end]
            rest = rest[rest.utf8.index(after: end)...]
            let isAddress = inside[..<end].utf8.count { $0 == UInt8(ascii: ":") } >= 2
            if isAddress {
                guard meaning != .host || bracket.utf8.count == text.utf8.count else {
                    throw NodePatternError(
                        bracket: String(bracket),
                        problem: "an IPv6 address in brackets is the whole host"
                    )
                }
                parts.append(.text(String(bracket)))
            } else {
                parts.append(.choice(try Self.items(inside[..<end], in: bracket)))
            }
        }
        if !rest.isEmpty { parts.append(literal(rest)) }
        self.init(parts: parts)
    }

    private static func isBracket(_ byte: UInt8) -> Bool { byte == self.open || byte == self.close }

    private static func items(_ list: Substring, in bracket: Substring) throws(NodePatternError) -> [Item] {
        var items: [Item] = []
        for entry in list.split(separator: ",", omittingEmptySubsequences: false) {
            do throws(Problem) {
                items.append(try self.item(entry))
            } catch {
                throw NodePatternError(bracket: String(bracket), problem: error.text)
            }
        }
        // Mostly it is the heading of a group in an inventory, which names no host.
        if items.count == 1, case .word(let word) = items[0], !self.isNumber(Substring(word)) {
            throw NodePatternError(bracket: String(bracket), problem: "a list has more than one word; \(self.form)")
        }
        return items
    }

    private struct Problem: Error {
        let text: String
    }

    private static func item(_ entry: Substring) throws(Problem) -> Item {
        guard !entry.isEmpty else { throw Problem(text: "it has an empty entry; \(self.form)") }
        guard let dash = entry.firstIndex(of: "-") else {
            if let wrong = entry.first(where: { ":@".contains($0) || $0.isWhitespace }) {
                throw Problem(text: "it may not hold '\(wrong)'; \(self.form)")
            }
            return .word(String(entry))
        }
        let (first, rest) = (entry[..<dash], entry[entry.index(after: dash)...])
        let slash = rest.firstIndex(of: "/")
        let last = rest[..<(slash ?? rest.endIndex)]
        guard self.isNumber(first), self.isNumber(last) else {
            throw Problem(text: "'\(entry)' is not a range of two numbers; \(self.form)")
        }
        guard first.utf8.count <= self.maximumDigits, last.utf8.count <= self.maximumDigits,
            let lower = Int(first), let upper = Int(last)
        else {
            throw Problem(text: "'\(entry)' has a number of more than \(self.maximumDigits) digits")
        }
        let isPadded = self.hasLeadingZero(first) || self.hasLeadingZero(last)
        guard !isPadded || first.utf8.count == last.utf8.count else {
            throw Problem(
                text: "the numbers of '\(entry)' have leading zeros and need equally many digits, as in 01-20"
            )
        }
        guard lower <= upper else {
            throw Problem(text: "'\(entry)' begins with the larger number; expected is \(last)-\(first)")
        }
        let step =
            try slash.map { (slash) throws(Problem) in try self.step(rest[slash...].dropFirst(), of: entry) } ?? 1
        return .numbers(lower...upper, step: step, width: isPadded ? first.utf8.count : 0)
    }

    private static func step(_ text: Substring, of entry: Substring) throws(Problem) -> Int {
        guard self.isNumber(text), text.utf8.count <= self.maximumDigits, let step = Int(text), step > 0 else {
            throw Problem(text: "the step of '\(entry)' is not a number from 1; \(self.form)")
        }
        return step
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func hasLeadingZero(_ number: Substring) -> Bool {
        number.utf8.count > 1 && number.utf8.first == UInt8(ascii: "0")
    }
}
