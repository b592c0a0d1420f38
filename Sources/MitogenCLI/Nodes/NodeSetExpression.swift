//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A list of node sets with operators between them, as ClusterShell writes it: `web[1-20]!web7`, `@rack1&@db`.
///
/// Operators are all of the same rank and taken from left to right: `a,b!a,c` is b and c.
struct NodeSetExpression: Hashable, Sendable {
    /// What an operand does to what stands before it.
    enum Operator: Character, Hashable, Sendable, CaseIterable {
        case union = ","
        case difference = "!"
        case intersection = "&"
        case symmetricDifference = "^"
    }

    /// An operand, and what it does to what stands before it.
    struct Term: Hashable, Sendable {
        let operation: Operator
        let text: String
    }

    /// The expression as it is written.
    let text: String

    /// The operands, of which there is one at least. The first one is united with nothing.
    let terms: [Term]

    /// Whether it is no more than a list with commas.
    var isList: Bool { self.terms.allSatisfy { $0.operation == .union } }

    /// Splits at the operators that stand outside of brackets and have no backslash before them.
    ///
    /// - Throws: ``TargetSyntaxError/emptyListEntry(list:position:separator:)``. An empty text is one empty operand.
    init(parsing text: String) throws(TargetSyntaxError) {
        var depth = 0
        var operators: [Operator] = [.union]
        let parts = TargetEscape.split(text[...]) { byte in
            switch byte {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth = max(0, depth - 1)
            default: break
            }
            guard depth == 0, let found = Operator(rawValue: Character(Unicode.Scalar(byte))) else { return false }
            operators.append(found)
            return true
        }
        // Spaces around an operator are for the reader's eyes.
        let texts = parts.map { part in
            parts.count > 1 ? String(part.trimmingSpaces) : String(part)
        }
        if texts.count > 1, let position = texts.firstIndex(where: \.isEmpty) {
            // What is missing at the beginning is missing before the operator that follows.
            let separator = operators[position == 0 ? 1 : position]
            throw .emptyListEntry(list: text, position: position + 1, separator: separator.rawValue)
        }
        self.text = text
        self.terms = zip(operators, texts).map { Term(operation: $0, text: $1) }
    }
}

extension Substring {
    /// The text without the spaces around it.
    var trimmingSpaces: Substring {
        var text = self.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
