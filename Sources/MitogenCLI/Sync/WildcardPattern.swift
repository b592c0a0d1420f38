//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A pattern for paths, as rsync's `--exclude` has it (rsync(1), "PATTERN MATCHING RULES").
///
/// `*` stands for anything but a slash, `**` for anything, `?` for one byte that is no slash, `[a-z]` and `[!a-z]` for one
/// of some bytes; a backslash takes its meaning from the next one. A pattern that begins with a slash begins at the root of
/// the transfer; others begin at any part of a path, and end at its end. One that ends with a slash is for folders.
package struct WildcardPattern: Sendable, Hashable {
    private enum Token: Sendable, Hashable {
        case byte(UInt8)
        case anyByte
        case anyBytes
        case anything
        case oneOf([ClosedRange<UInt8>], isInverted: Bool)
    }

    private static let slash = UInt8(ascii: "/")

    package let text: String
    private let isAnchored: Bool
    private let isForFolders: Bool
    private let tokens: [Token]

    /// - Throws: ``ArgumentError``.
    package init(parsing text: [UInt8]) throws(ArgumentError) {
        self.text = TerminalSanitizer.visible(String(decoding: text, as: UTF8.self))
        var rest = text[...]
        isAnchored = rest.first == Self.slash
        while rest.first == Self.slash { rest = rest.dropFirst() }
        // What rsync writes for a folder and all that is in it; the one comes with the other here.
        if rest.suffix(4).elementsEqual("/***".utf8) { rest = rest.dropLast(3) }
        isForFolders = rest.last == Self.slash
        while rest.last == Self.slash { rest = rest.dropLast() }
        guard !rest.isEmpty else { throw ArgumentError("the pattern '\(self.text)' of --exclude matches nothing") }
        tokens = try Self.tokens(rest, self.text)
    }

    private static func tokens(_ text: ArraySlice<UInt8>, _ shown: String) throws(ArgumentError) -> [Token] {
        var tokens: [Token] = []
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"):
                var count = 1
                while rest.first == byte {
                    rest = rest.dropFirst()
                    count += 1
                }
                tokens.append(count == 1 ? .anyBytes : .anything)
            case UInt8(ascii: "?"): tokens.append(.anyByte)
            case UInt8(ascii: "["): tokens.append(try set(&rest, shown))
            case UInt8(ascii: "\\"): tokens.append(.byte(rest.popFirst() ?? byte))
            default: tokens.append(.byte(byte))
            }
        }
        return tokens
    }

    private static func set(_ rest: inout ArraySlice<UInt8>, _ shown: String) throws(ArgumentError) -> Token {
        let isInverted = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isInverted { rest = rest.dropFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "]"), !ranges.isEmpty { return .oneOf(ranges, isInverted: isInverted) }
            guard byte != UInt8(ascii: "[") || rest.first != UInt8(ascii: ":") else {
                throw ArgumentError(
                    "the pattern '\(shown)' of --exclude has a class like [:alpha:], which is not supported"
                )
            }
            let low = byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte
            guard rest.first == UInt8(ascii: "-"), let high = rest.dropFirst().first, high != UInt8(ascii: "]") else {
                ranges.append(low...low)
                continue
            }
            rest = rest.dropFirst(2)
            guard low <= high else {
                throw ArgumentError("the pattern '\(shown)' of --exclude has a range whose end is before its start")
            }
            ranges.append(low...high)
        }
        throw ArgumentError("the pattern '\(shown)' of --exclude has a '[' without a ']'")
    }

    /// - Parameters:
    ///   - path: Below the root of the transfer, without a slash at its beginning.
    ///   - isFolder: Whether it is a folder.
    package func matches(_ path: [UInt8], isFolder: Bool) -> Bool {
        guard isFolder || !isForFolders else { return false }
        // All places of the pattern that the path so far can have led to: no pattern takes longer than its length for each
        // byte.
        var places = [Bool](repeating: false, count: tokens.count + 1)
        places[0] = true
        skipEmpty(&places)
        for byte in path {
            var next = [Bool](repeating: false, count: places.count)
            for (place, token) in tokens.enumerated() where places[place] { step(token, byte, from: place, &next) }
            if !isAnchored, byte == Self.slash { next[0] = true }
            skipEmpty(&next)
            places = next
        }
        return places[tokens.count]
    }

    private func step(_ token: Token, _ byte: UInt8, from place: Int, _ next: inout [Bool]) {
        switch token {
        case .byte(let expected): if byte == expected { next[place + 1] = true }
        case .anyByte: if byte != Self.slash { next[place + 1] = true }
        case .anyBytes: if byte != Self.slash { next[place] = true }
        case .anything: next[place] = true
        case .oneOf(let ranges, let isInverted):
            if byte != Self.slash, ranges.contains(where: { $0.contains(byte) }) != isInverted {
                next[place + 1] = true
            }
        }
    }

    /// `*` and `**` stand for nothing as well.
    private func skipEmpty(_ places: inout [Bool]) {
        for (place, token) in tokens.enumerated() where places[place] && (token == .anyBytes || token == .anything) {
            places[place + 1] = true
        }
    }
}
