//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension FunctionNameChecker {
    /// The longest run of characters in an identifier.
    private static let maximumRun = 128
    /// The demangler remembers no more words.
    private static let maximumWords = 26

    /// A length and so many characters. After a `0`, letters stand for words of earlier identifiers, the last one in
    /// upper case, and characters may stand between and after them; after `00`, the characters are Punycode.
    mutating func identifier() -> Bool {
        var takesWords = false
        var isPunycode = false
        if take("0") {
            isPunycode = take("0")
            takesWords = !isPunycode
        }
        var isEmpty = true
        repeat {
            while takesWords, let byte = current, byte.isLetter {
                position += 1
                takesWords = byte.isLower
                guard Int(byte - UInt8(ascii: byte.isLower ? "a" : "A")) < wordCount else { return false }
                isEmpty = false
            }
            if take("0") { break }
            guard let count = natural(), characters(count, isPunycode: isPunycode) else { return false }
            isEmpty = false
        } while takesWords
        guard !isEmpty else { return false }
        stack.append(.identifier)
        substitutions.append(.identifier)
        return true
    }

    private mutating func characters(_ count: Int, isPunycode: Bool) -> Bool {
        if isPunycode { _ = take("_") }
        guard (1...Self.maximumRun).contains(count), count <= bytes.count - position else { return false }
        let run = bytes[position..<position + count]
        guard run.allSatisfy({ $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") }) else { return false }
        if !isPunycode { countWords(in: run) }
        position += count
        return true
    }

    /// Words start with a letter and end before `_` and at a change from another character to an upper case letter.
    private mutating func countWords(in run: ArraySlice<UInt8>) {
        var start: Int?
        for index in run.startIndex...run.endIndex {
            let byte = index < run.endIndex ? run[index] : UInt8(ascii: "_")
            if let first = start,
                byte == UInt8(ascii: "_") || (byte.isUpper && !run[index - 1].isUpper)
            {
                if index - first >= 2, wordCount < Self.maximumWords { wordCount += 1 }
                start = nil
            }
            if start == nil, byte != UInt8(ascii: "_"), !byte.isDigit { start = index }
        }
    }

    /// The number that stands next; nil if there is none, or one that is too large for anything.
    mutating func natural() -> Int? {
        var number: Int?
        while let byte = current, byte.isDigit {
            number = (number ?? 0) * 10 + Int(byte - UInt8(ascii: "0"))
            guard let value = number, value <= FunctionName.maximumSize else { return nil }
            position += 1
        }
        return number
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { isLower || isUpper }
    var isLower: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
    var isUpper: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
}
