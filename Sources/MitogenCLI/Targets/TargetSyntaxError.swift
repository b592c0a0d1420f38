//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Why a text is not a target, in words for the person who typed it.
package enum TargetSyntaxError: Error, Hashable, Sendable {
    /// The text has no characters.
    case emptyTarget(known: [String])
    /// Two joining signs follow each other, or one stands at an end; hops are counted from 1.
    case emptyHop(target: String, position: Int)
    /// No kind of hop has this name; `known` are the ways to write those that exist.
    case unknownHop(name: String, target: String, suggestion: String?, known: [String])
    /// The hop takes no argument.
    case unexpectedArgument(hop: String, argument: String)
    /// The hop needs an argument.
    case missingArgument(hop: String, usage: String)
    /// Nothing follows the colon.
    case emptyArgument(hop: String, usage: String)
    /// The argument has a form that the hop does not take.
    case invalidArgument(hop: String, placeholder: String, argument: String, problem: String)
}

extension TargetSyntaxError: CustomStringConvertible {
    /// The message, on one line and harmless to print.
    package var description: String {
        switch self {
        case .emptyTarget(let known):
            return "a target may not be empty; known hops: \(Self.list(known))"
        case .emptyHop(let target, let position):
            return "target \(Self.quoted(target)) has nothing at hop \(position); hops are joined by a single '+'"
        case .unknownHop(let name, let target, let suggestion, let known):
            let hint = suggestion.map { "; did you mean \(Self.quoted($0))?" } ?? ";"
            let place = name == target ? "" : " in target \(Self.quoted(target))"
            return "unknown hop \(Self.quoted(name))\(place)\(hint) known hops: \(Self.list(known))"
        case .unexpectedArgument(let hop, let argument):
            return "hop \(Self.quoted(hop)) takes no argument, but \(Self.quoted(argument)) follows it"
        case .missingArgument(let hop, let usage):
            return "hop \(Self.quoted(hop)) needs an argument: \(usage)"
        case .emptyArgument(let hop, let usage):
            return "nothing follows the colon of hop \(Self.quoted(hop)): \(usage)"
        case .invalidArgument(let hop, let placeholder, let argument, let problem):
            return "hop \(Self.quoted("\(hop):\(argument)")) is not valid: \(placeholder) \(problem)"
        }
    }

    private static func quoted(_ text: String) -> String {
        "'\(TerminalSanitizer.visible(text))'"
    }

    private static func list(_ known: [String]) -> String {
        known.isEmpty ? "none" : known.joined(separator: ", ")
    }
}

/// Finds what somebody may have meant.
enum Suggestion {
    /// The candidate nearest to `word`, if it is near enough to be a slip of the fingers.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let typed = word.lowercased()
        let limit = typed.count <= 3 ? 1 : 2
        // A long word cannot be near a short one, and comparing it would cost its length for nothing.
        return
            candidates
            .filter { abs($0.count - typed.count) <= limit }
            .map { (name: $0, distance: self.editDistance(typed, $0.lowercased())) }
            .filter { $0.distance <= limit }
            .min { $0.distance < $1.distance }?
            .name
    }

    /// How many characters must be added, removed or replaced to make one word of the other.
    static func editDistance(_ first: String, _ second: String) -> Int {
        let second = Array(second)
        var previous = Array(0...second.count)
        for (row, character) in first.enumerated() {
            var current = [row + 1]
            for (column, other) in second.enumerated() {
                let replaced = previous[column] + (character == other ? 0 : 1)
                current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[second.count]
    }
}
