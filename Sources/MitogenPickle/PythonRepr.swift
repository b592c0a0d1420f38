//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Texts and bytes in the notation of Python's `repr`, which Mitogen's error texts use.
enum PythonRepr {
    /// Bytes shown at most; the rest is only counted.
    private static let shownBytes = 64

    /// A text in quotes: single ones, unless the text has single and no double quotes.
    static func text(_ text: String) -> String {
        let quote: Unicode.Scalar = text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'"
        var result = String(quote)
        for scalar in text.unicodeScalars {
            append(scalar, quote: quote, to: &result)
        }
        return result + String(quote)
    }

    /// A bytes literal.
    static func bytes(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(shownBytes)
        let quote: Unicode.Scalar = shown.contains(0x27) && !shown.contains(0x22) ? "\"" : "'"
        var result = "b" + String(quote)
        for byte in shown {
            byte < 0x80 ? append(Unicode.Scalar(byte), quote: quote, to: &result) : appendHex(byte, to: &result)
        }
        result += String(quote)
        return bytes.count > shown.count ? "\(result)… (\(bytes.count) bytes)" : result
    }

    /// Two hexadecimal digits.
    static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return byte < 0x10 ? "0\(digits)" : digits
    }

    private static func append(_ scalar: Unicode.Scalar, quote: Unicode.Scalar, to result: inout String) {
        switch scalar {
        case quote, "\\":
            result.unicodeScalars.append("\\")
            result.unicodeScalars.append(scalar)
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\0"..<" ", "\u{7F}"..."\u{A0}", "\u{AD}": appendHex(UInt8(truncatingIfNeeded: scalar.value), to: &result)
        default: result.unicodeScalars.append(scalar)
        }
    }

    private static func appendHex(_ byte: UInt8, to result: inout String) {
        result += "\\x\(hex(byte))"
    }
}
