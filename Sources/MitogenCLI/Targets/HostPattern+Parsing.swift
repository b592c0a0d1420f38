//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What is wrong with a bracket in the name of a host.
package struct HostPatternError: Error, Hashable, Sendable {
    /// The bracket as it is written, or what there is of it.
    package let bracket: String

    /// What is wrong and what is expected, as the end of a sentence.
    package let problem: String
}

extension HostPattern {
    private static let open = UInt8(ascii: "[")
    private static let close = UInt8(ascii: "]")
    private static let form = "expected is [1-20], [01-20], [1-4,7] or [a,b]"
    /// More digits than that are no number of a host, and might be none that fits into an `Int`.
    private static let maximumDigits = 18

    /// Parses the name of a host; everything outside of brackets is taken as it is.
    package init(parsing text: Substring) throws(HostPatternError) {
        var parts: [Part] = []
        var rest = text
        while let start = rest.utf8.firstIndex(where: Self.isBracket) {
            guard rest.utf8[start] == Self.open else {
                throw HostPatternError(bracket: String(rest[...start]), problem: "there is no '[' before ']'")
            }
            let inside = rest[rest.utf8.index(after: start)...]
            guard let end = inside.utf8.firstIndex(where: Self.isBracket) else {
                throw HostPatternError(bracket: String(rest[start...]), problem: "there is no ']'; \(Self.form)")
            }
            guard inside.utf8[end] == Self.close else {
                throw HostPatternError(bracket: String(rest[start...]), problem: "brackets cannot hold brackets")
            }
            if start > rest.startIndex { parts.append(.text(String(rest[..<start]))) }
            let bracket = rest[start...end]
            rest = rest[rest.utf8.index(after: end)...]
            let isAddress = inside[..<end].utf8.count { $0 == UInt8(ascii: ":") } >= 2
            if isAddress {
                guard bracket.utf8.count == text.utf8.count else {
                    throw HostPatternError(
                        bracket: String(bracket),
                        problem: "an IPv6 address in brackets is the whole host"
                    )
                }
                parts.append(.text(String(bracket)))
            } else {
                parts.append(.choice(try Self.items(inside[..<end], in: bracket)))
            }
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.init(parts: parts)
    }

    private static func isBracket(_ byte: UInt8) -> Bool { byte == self.open || byte == self.close }

    private static func items(_ list: Substring, in bracket: Substring) throws(HostPatternError) -> [Item] {
        var items: [Item] = []
        for entry in list.split(separator: ",", omittingEmptySubsequences: false) {
            do throws(Problem) {
                items.append(try self.item(entry))
            } catch {
                throw HostPatternError(bracket: String(bracket), problem: error.text)
            }
        }
        // Mostly it is the heading of a group in an inventory, which names no host.
        if items.count == 1, case .word(let word) = items[0], !self.isNumber(Substring(word)) {
            throw HostPatternError(bracket: String(bracket), problem: "a list has more than one word; \(self.form)")
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
        let (first, last) = (entry[..<dash], entry[entry.index(after: dash)...])
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
        return .numbers(lower...upper, width: isPadded ? first.utf8.count : 0)
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func hasLeadingZero(_ number: Substring) -> Bool {
        number.utf8.count > 1 && number.utf8.first == UInt8(ascii: "0")
    }
}
