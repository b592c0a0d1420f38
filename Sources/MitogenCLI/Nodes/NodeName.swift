//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A name, taken apart at the numbers that may become a range.
///
/// The numbers of a target are those of the hosts of its ssh hops, and of the arguments of its other hops; a user and a port
/// are no part of a host.
struct NodeName: Hashable, Sendable {
    /// The digits of a number as they are written.
    struct Number: Hashable, Sendable {
        let digits: String
        let value: Int

        /// Whether it has zeros before it that the number does not need.
        var isPadded: Bool { self.digits.utf8.count > 1 && self.digits.utf8.first == UInt8(ascii: "0") }
    }

    /// More digits than that may be no `Int`, and belong to no number that somebody counts.
    private static let maximumDigits = 18

    /// The name as it is written.
    let text: String

    /// What stands around the numbers; one more than there are numbers.
    let texts: [String]

    /// The numbers, from left to right.
    let numbers: [Number]

    /// Takes a name or a target apart.
    init(_ text: String) {
        var texts: [[UInt8]] = [[]]
        var numbers: [Number] = []
        // Behind a backslash a bracket would be a part of the name.
        let hasBackslash = text.utf8.contains(UInt8(ascii: "\\"))
        for piece in Self.pieces(of: text) {
            guard piece.mayHaveNumbers, !hasBackslash else {
                texts[texts.count - 1] += piece.text.utf8
                continue
            }
            var rest = piece.text.utf8[...]
            while let byte = rest.first {
                let digits = rest.prefix(while: Self.isDigit)
                if let number = Self.number(digits) {
                    numbers.append(number)
                    texts.append([])
                    rest = rest[digits.endIndex...]
                } else {
                    // A number that is too long is text up to its end.
                    let count = max(1, digits.count)
                    texts[texts.count - 1] += digits.isEmpty ? [byte] : Array(digits)
                    rest = rest.dropFirst(count)
                }
            }
        }
        self.text = text
        self.texts = texts.map { String(decoding: $0, as: UTF8.self) }
        self.numbers = numbers
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ digits: Substring.UTF8View.SubSequence) -> Number? {
        guard (1...self.maximumDigits).contains(digits.count), let value = Int(Substring(digits)) else { return nil }
        return Number(digits: String(Substring(digits)), value: value)
    }

    private static func pieces(of text: String) -> [(text: Substring, mayHaveNumbers: Bool)] {
        var pieces: [(text: Substring, mayHaveNumbers: Bool)] = []
        for hop in TargetEscape.split(text[...], at: { $0 == UInt8(ascii: "+") }) {
            if hop.startIndex > text.startIndex { pieces.append(("+", false)) }
            var argument = hop
            var isHost = true
            if let colon = hop.utf8.firstIndex(of: UInt8(ascii: ":")), !TargetPattern.beginsWithHost(String(hop)) {
                let start = hop.utf8.index(after: colon)
                pieces.append((hop[..<start], false))
                argument = hop[start...]
                isHost = hop[..<colon] == HopKind.ssh.name
            } else if HopKind.known.contains(where: { $0.name == hop }) {
                pieces.append((hop, false))
                continue
            }
            guard isHost else {
                pieces.append((argument, true))
                continue
            }
            let host = SSHDestination.hostRange(in: argument)
            pieces.append((argument[..<host.lowerBound], false))
            // What is in brackets is an address.
            pieces.append((argument[host], argument[host].first != "["))
            pieces.append((argument[host.upperBound...], false))
        }
        return pieces
    }
}

extension NodeName: Comparable {
    /// The order of ClusterShell: by what stands around the numbers, then by each number's length and value.
    static func < (first: NodeName, second: NodeName) -> Bool {
        if first.texts != second.texts {
            let (left, right) = (first.texts.joined(separator: "%s"), second.texts.joined(separator: "%s"))
            return left == right ? first.text < second.text : left < right
        }
        for (left, right) in zip(first.numbers, second.numbers) where left != right {
            let (leftLength, rightLength) = (left.digits.utf8.count, right.digits.utf8.count)
            return leftLength == rightLength ? left.value < right.value : leftLength < rightLength
        }
        return false
    }
}
