//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Looking for texts in bytes. The standard library's own search of strings would bring the regular expression engine
/// into every payload.
enum ByteSearch {
    /// A text's bytes, its ASCII letters in lower case.
    static func folded(_ text: String) -> [UInt8] { text.utf8.map(folded) }

    static func folded(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }

    /// Where `part` begins in `bytes`.
    static func index(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = part.first, bytes.count >= part.count else { return nil }
        return (bytes.startIndex...(bytes.endIndex - part.count)).first { index in
            bytes[index] == first && bytes[index..<(index + part.count)].elementsEqual(part)
        }
    }

    /// Whether a line begins with one of some texts in lower case, behind spaces, in whatever case.
    static func begins(_ line: some Sequence<UInt8>, withOneOf starts: [[UInt8]]) -> Bool {
        guard let longest = starts.lazy.map(\.count).max() else { return false }
        let start = line.lazy.drop { $0 == 0x0D || $0 == 0x20 }.prefix(longest).map(folded)
        return starts.contains { start.starts(with: $0) }
    }

    /// Whether `text` has `part` somewhere, in whatever case.
    static func contains(_ text: String, _ part: String) -> Bool {
        index(of: folded(part), in: folded(text)[...]) != nil
    }
}
