//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Checks a type name from the wire before the runtime's demangler sees it, which strings can crash (measured with
/// `"$"` and `"Si_SS$tD"`).
///
/// Accepted is the subset of Swift's mangling that the names of remote functions need: modules and nominal types as
/// length-prefixed identifiers with their kind, generic arguments, the standard library's abbreviations, and the two
/// ways in which the compiler shortens repetitions (`0A5Inner`: words; `AA`: earlier modules and types), all with
/// bounded length and nesting. Operators, functions, extensions and symbolic references are not accepted.
package enum FunctionName {
    /// The longest accepted name, in bytes.
    package static let maximumLength = 1024
    private static let maximumDepth = 8
    private static let maximumIdentifier = 128

    /// Whether `name` is a mangled type name of the accepted form.
    package static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count <= maximumLength else { return false }
        var parser = Parser(bytes: bytes)
        return parser.parseType(depth: 0) && parser.isAtEnd
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }
        var current: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func take(_ byte: Character) -> Bool {
            guard let value = byte.asciiValue, current == value else { return false }
            position += 1
            return true
        }

        /// A nominal type: its module or an earlier type, then `identifier kind` once or more, then generic arguments.
        mutating func parseType(depth: Int) -> Bool {
            guard depth < maximumDepth else { return false }
            if take("S") {
                guard let byte = current, "iubdfSaDh".utf8.contains(byte) else { return false }
                position += 1
            } else {
                let isType = current == UInt8(ascii: "A")
                guard isType ? parseSubstitution() : take("s") || parseIdentifier() else { return false }
                guard parseNesting(atLeast: isType ? 0 : 1) else { return false }
            }
            guard parseGenericArguments(depth: depth) else { return false }
            while take("S") {  // `Sg` makes what stands before it optional
                guard take("g") else { return false }
            }
            return true
        }

        private mutating func parseNesting(atLeast minimum: Int) -> Bool {
            var levels = 0
            while let byte = current, isDigit(byte) {
                guard levels < maximumDepth, parseIdentifier(), takeKind() else { return false }
                levels += 1
            }
            return levels >= minimum
        }

        /// `A`, lower case letters, one upper case letter: modules and types that were named before.
        private mutating func parseSubstitution() -> Bool {
            position += 1
            var letters = 0
            while let byte = current, isLower(byte), letters < maximumDepth {
                position += 1
                letters += 1
            }
            guard let byte = current, isUpper(byte) else { return false }
            position += 1
            return true
        }

        /// `y` types `G`; `_` separates the lists of nested generic types, which may be empty.
        private mutating func parseGenericArguments(depth: Int) -> Bool {
            guard take("y") else { return true }
            var count = 0
            while let byte = current, byte != UInt8(ascii: "G") {
                count += 1
                guard count <= 2 * maximumDepth else { return false }
                if take("_") { continue }
                guard parseType(depth: depth + 1) else { return false }
            }
            return count > 0 && take("G")
        }

        private mutating func takeKind() -> Bool {
            take("V") || take("C") || take("O")
        }

        /// A length and so many characters; after a `0`, references to words of earlier identifiers stand in front;
        /// after `00`, the characters are Punycode.
        private mutating func parseIdentifier() -> Bool {
            var needsCharacters = true
            if take("0") {
                if !take("0") {
                    while let byte = current, isLower(byte) { position += 1 }
                    if let byte = current, isUpper(byte) {
                        position += 1
                        needsCharacters = false
                        if take("0") { return true }
                    }
                }
            }
            guard let byte = current, isDigit(byte) else { return !needsCharacters }
            var length = 0
            while let byte = current, isDigit(byte), length <= maximumIdentifier {
                length = length * 10 + Int(byte - UInt8(ascii: "0"))
                position += 1
            }
            guard (1...maximumIdentifier).contains(length), position + length <= bytes.count else { return false }
            for byte in bytes[position..<position + length] where !isIdentifier(byte) { return false }
            position += length
            return true
        }

        private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        private func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
        private func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

        private func isIdentifier(_ byte: UInt8) -> Bool {
            isDigit(byte) || isLower(byte) || isUpper(byte) || byte == UInt8(ascii: "_")
        }
    }
}
