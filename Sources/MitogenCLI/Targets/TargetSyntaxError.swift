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
    /// A bracket is no list of numbers, ranges and words.
    case badRange(target: String, NodePatternError)
    /// Two operators follow each other, or one stands at an end; targets are counted from 1, and the separator is the
    /// operator that has nothing.
    case emptyListEntry(list: String, position: Int, separator: Character = ",")
    /// A group cannot be used.
    case badGroup(target: String, group: String, problem: String)
    /// An inventory describes the host in a way that cannot be used.
    case badHost(name: String, problem: String)
    /// The ranges stand for several targets where one is expected.
    case severalTargets(target: String, count: Int)
    /// There would be more targets than `limit`; `target` is the one with which they are too many.
    case tooManyTargets(target: String, count: Int, limit: Int)
    /// A line of a file has commas.
    case severalOnLine(line: String)
    /// A line of a file has more than one word.
    case severalWords(line: String)
    /// What is between two commas is no target.
    indirect case notInList(TargetSyntaxError)
}

extension TargetSyntaxError: CustomStringConvertible {
    /// The message, on one line and harmless to print.
    package var description: String {
        switch self {
        case .emptyTarget(let known):
            return "a target may not be empty; it is written as in \(known.prefix(2).joined(separator: ", "))"
        case .emptyHop(let target, let position):
            return "target \(Self.quoted(target)) has nothing at hop \(position); hops are joined by a single '+'"
        case .unknownHop(let name, let target, let suggestion, let known):
            let place = name == target ? "" : " in target \(Self.quoted(target))"
            // What follows a '+' may be the rest of a name.
            let escape = target.hasPrefix(name) ? "" : "; a '+' that is part of a name is written '\\+'"
            let host = known.contains { $0.hasPrefix(HopKind.ssh.name) } ? "; a host is written ssh:HOST" : ""
            let hint = suggestion.map { "; did you mean \(Self.quoted($0))?" } ?? "\(escape)\(host);"
            return "unknown hop \(Self.quoted(name))\(place)\(hint) 'mitogen help targets' lists the known ones"
        case .unexpectedArgument(let hop, let argument):
            return "hop \(Self.quoted(hop)) takes no argument, but \(Self.quoted(argument)) follows it"
        case .missingArgument(let hop, let usage):
            return "hop \(Self.quoted(hop)) needs an argument: \(usage)"
        case .emptyArgument(let hop, let usage):
            return "nothing follows the colon of hop \(Self.quoted(hop)): \(usage)"
        case .invalidArgument(let hop, let placeholder, let argument, let problem):
            return "hop \(Self.quoted("\(hop):\(argument)")) is not valid: \(placeholder) \(problem)"
        case .badRange(let target, let error):
            let problem = TerminalSanitizer.visible(error.problem)
            return "target \(Self.quoted(target)) has a bad range \(Self.quoted(error.bracket)): \(problem)"
        case .emptyListEntry(let list, let position, let separator):
            return "\(Self.quoted(list)) has nothing as target \(position); targets are separated by a single "
                + "'\(separator)'"
        case .badGroup(let target, let group, let problem):
            let place = target == group ? "" : " of target \(Self.quoted(target))"
            return "group \(Self.quoted(group))\(place): \(TerminalSanitizer.visible(problem))"
        case .badHost(let name, let problem):
            return "host \(Self.quoted(name)) cannot be used: \(TerminalSanitizer.visible(problem))"
        case .severalTargets(let target, let count):
            return "target \(Self.quoted(target)) stands for \(Self.number(count)), but only one is expected here"
        case .tooManyTargets(let target, let count, let limit):
            let all = count > limit ? "stands for \(Self.number(count))" : "is one too many"
            return "target \(Self.quoted(target)) \(all); a run has at most \(limit) targets"
        case .severalOnLine(let line):
            return "\(Self.quoted(line)) has an operator such as ','; a hosts file has one target on each line"
        case .severalWords(let line):
            return "\(Self.quoted(line)) has more than one word; a hosts file has one target on each line, written "
                + "[USER@]HOST[:PORT]"
        case .notInList(let error):
            return "\(error) (a comma separates targets; one that is part of a name is written '\\,')"
        }
    }

    private static func quoted(_ text: String) -> String {
        "'\(TerminalSanitizer.visible(text))'"
    }

    private static func number(_ count: Int) -> String {
        count == .max ? "more targets than can be counted" : "\(count) targets"
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
