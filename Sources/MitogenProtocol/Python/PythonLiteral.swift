//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A value as Python writes it in source code, of the kinds that a configuration has.
enum PythonLiteral {
    case number(Int)
    /// `True`, `False` or `None`.
    case name(String)
    /// A text, as it is written.
    case text(String)
    /// A list or a tuple.
    case list([PythonLiteral], isTuple: Bool = false)
    case dictionary([(key: String, value: PythonLiteral)])

    init?(_ text: Substring) {
        var rest = text.drop { $0.isWhitespace }
        guard let value = Self.take(&rest, depth: 0), rest.allSatisfy(\.isWhitespace) else { return nil }
        self = value
    }

    /// As Python writes it.
    var text: String {
        switch self {
        case .number(let number): return "\(number)"
        case .name(let name): return name
        case .text(let text): return text
        case .list(let items, let isTuple):
            let inner = items.map(\.text).joined(separator: ", ")
            return isTuple ? "(\(inner)\(items.count == 1 ? "," : ""))" : "[\(inner)]"
        case .dictionary(let items):
            return "{\(items.map { "'\($0.key)': \($0.value.text)" }.joined(separator: ", "))}"
        }
    }

    private static func take(_ rest: inout Substring, depth: Int) -> PythonLiteral? {
        guard depth < 16, let first = rest.first else { return nil }
        switch first {
        case "[": return items(&rest, end: "]", depth).map { .list($0) }
        case "(": return items(&rest, end: ")", depth).map { .list($0, isTuple: true) }
        case "{": return dictionary(&rest, depth)
        case "'", "\"": return string(&rest).map { .text($0) }
        case "u", "b":
            rest.removeFirst()
            return string(&rest).map { .text(String(first) + $0) }
        default:
            let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" }
            rest = rest.dropFirst(word.count)
            if let number = Int(word) { return .number(number) }
            // Python 2 marks large numbers.
            if word.last == "L", let number = Int(word.dropLast()) { return .number(number) }
            return ["True", "False", "None"].contains(word) ? .name(String(word)) : nil
        }
    }

    /// Takes items up to a bracket, which begin behind another one.
    private static func items(_ rest: inout Substring, end: Character, _ depth: Int) -> [PythonLiteral]? {
        rest.removeFirst()
        var items: [PythonLiteral] = []
        while true {
            skip(&rest)
            if rest.first == end {
                rest.removeFirst()
                return items
            }
            guard let item = take(&rest, depth: depth + 1) else { return nil }
            items.append(item)
        }
    }

    private static func dictionary(_ rest: inout Substring, _ depth: Int) -> PythonLiteral? {
        rest.removeFirst()
        var items: [(key: String, value: PythonLiteral)] = []
        while true {
            skip(&rest)
            if rest.first == "}" {
                rest.removeFirst()
                return .dictionary(items)
            }
            if rest.first == "u" { rest.removeFirst() }
            guard let key = string(&rest)?.dropFirst().dropLast() else { return nil }
            skip(&rest)
            guard let value = take(&rest, depth: depth + 1) else { return nil }
            items.append((String(key), value))
        }
    }

    private static func skip(_ rest: inout Substring) {
        rest = rest.drop { $0.isWhitespace || $0 == "," || $0 == ":" }
    }

    /// Takes a text with its quotes, as it is written.
    private static func string(_ rest: inout Substring) -> String? {
        guard let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
        var text = String(rest.removeFirst())
        while let next = rest.popFirst() {
            text.append(next)
            if next == quote { return text }
            if next == "\\" { text.append(rest.popFirst() ?? "\\") }
        }
        return nil
    }
}
