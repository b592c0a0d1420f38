//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A name that may stand for many: `web[01-20]`, `web[1-4,7]`, `web[0-30/10]`, `[db,web][1-2]`.
///
/// A bracket holds a list of numbers, ranges of numbers with or without a step, and words. One that holds two colons is an
/// IPv6 address and stands for itself. This is the node set of ClusterShell without its operators, with words besides.
package struct NodePattern: Hashable, Sendable {
    /// One entry of the list in a bracket.
    enum Item: Hashable, Sendable {
        /// A word or a single number, as it is written.
        case word(String)
        /// Every `step`-th number of a range, with leading zeros up to `width` digits.
        case numbers(ClosedRange<Int>, step: Int, width: Int)

        /// How many words it stands for; at most `Int.max`.
        var count: Int {
            switch self {
            case .word: 1
            case .numbers(let range, let step, _): (range.upperBound - range.lowerBound) / step + 1
            }
        }

        var words: [String] {
            switch self {
            case .word(let word): [word]
            case .numbers(let range, let step, let width):
                stride(from: range.lowerBound, through: range.upperBound, by: step).map { number in
                    Self.padded(number, width: width)
                }
            }
        }

        /// The first of the words.
        var firstWord: String {
            switch self {
            case .word(let word): word
            case .numbers(let range, _, let width): Self.padded(range.lowerBound, width: width)
            }
        }

        private static func padded(_ number: Int, width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
    }

    /// A piece of the name.
    enum Part: Hashable, Sendable {
        case text(String)
        case choice([Item])
    }

    let parts: [Part]

    init(parts: [Part]) {
        self.parts = parts
    }

    /// Whether the name stands for others than itself.
    package var hasRanges: Bool {
        self.parts.contains { if case .choice = $0 { true } else { false } }
    }

    /// How many names there are, found without making one; `Int.max` if they are more than that.
    package var count: Int {
        self.parts.reduce(1) { count, part in
            guard case .choice(let items) = part else { return count }
            return count.saturatingProduct(items.reduce(0) { $0.saturatingSum($1.count) })
        }
    }

    /// The names, in the order in which they are written; the last bracket changes fastest.
    ///
    /// A name comes as often as it is written. Look at ``count`` first: there may be very many.
    package var names: [String] {
        self.parts.reduce(into: [""]) { names, part in
            switch part {
            case .text(let text): names = names.map { $0 + text }
            case .choice(let items):
                let words = items.flatMap(\.words)
                names = names.flatMap { name in words.map { name + $0 } }
            }
        }
    }

    /// The first of the names.
    package var firstName: String {
        self.parts.map { part in
            switch part {
            case .text(let text): text
            case .choice(let items): items.first?.firstWord ?? ""
            }
        }.joined()
    }
}

extension Int {
    /// The sum, or `Int.max` where that is too large; of numbers that are not negative.
    func saturatingSum(_ other: Int) -> Int {
        let (sum, overflows) = self.addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    /// The product, or `Int.max` where that is too large; of numbers that are not negative.
    func saturatingProduct(_ other: Int) -> Int {
        let (product, overflows) = self.multipliedReportingOverflow(by: other)
        return overflows ? .max : product
    }
}
