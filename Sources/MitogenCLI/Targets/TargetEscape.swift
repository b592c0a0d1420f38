//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The backslash in a target: before `+`, `,`, `!`, `&`, `^`, `[`, `]` and itself it makes that a part of a name. Before anything else it
/// is one itself, as in `DOMAIN\user`.
enum TargetEscape {
    private static let backslash = UInt8(ascii: "\\")

    private static func isSpecial(_ byte: UInt8) -> Bool { #"+,!&^[]\"#.utf8.contains(byte) }

    /// The bytes of a text with their places, and whether a backslash stands before each that is not itself left out.
    private static func bytes(of text: Substring) -> [(place: Substring.Index, byte: UInt8, isEscaped: Bool)] {
        var result: [(place: Substring.Index, byte: UInt8, isEscaped: Bool)] = []
        var place = text.startIndex
        while place < text.endIndex {
            let next = text.utf8.index(after: place)
            if text.utf8[place] == Self.backslash, next < text.endIndex, Self.isSpecial(text.utf8[next]) {
                result.append((next, text.utf8[next], true))
                place = text.utf8.index(after: next)
            } else {
                result.append((place, text.utf8[place], false))
                place = next
            }
        }
        return result
    }

    /// Splits at the bytes that `isSeparator` is true for, of those that stand without a backslash.
    static func split(_ text: Substring, at isSeparator: (UInt8) -> Bool) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        for (place, byte, isEscaped) in Self.bytes(of: text) where !isEscaped && isSeparator(byte) {
            parts.append(text[start..<place])
            start = text.utf8.index(after: place)
        }
        return parts + [text[start...]]
    }

    /// Where the first such byte stands without a backslash.
    static func firstIndex(in text: Substring, where isWanted: (UInt8) -> Bool) -> Substring.Index? {
        Self.bytes(of: text).first { !$0.isEscaped && isWanted($0.byte) }?.place
    }

    /// The text without the backslashes that only say what follows them.
    static func unescaped(_ text: Substring) -> String {
        // Only ASCII bytes are left out, so what is valid stays valid.
        String(decoding: Self.bytes(of: text).map(\.byte), as: UTF8.self)
    }

    /// A name as it is written in a target.
    static func escaped(_ name: Substring) -> String {
        let bytes = Array(name.utf8)
        var result: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isMisread =
                switch byte {
                case UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: "&"), UInt8(ascii: "^"),
                    UInt8(ascii: "["), UInt8(ascii: "]"):
                    true
                case Self.backslash: index + 1 < bytes.count && Self.isSpecial(bytes[index + 1])
                default: false
                }
            if isMisread { result.append(Self.backslash) }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }
}
