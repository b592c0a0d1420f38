//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Escapes text for a JSON string while it comes in pieces.
///
/// Besides what JSON asks for, everything is escaped that a terminal might obey and the two separators that
/// JavaScript takes for line ends, so that the output is safe to print and stays on one line for every reader.
struct JSONStringEscaper: Sendable {
    private var decoder = UTF8StreamDecoder()

    /// Appends the escaped form of the next piece.
    mutating func escape(_ bytes: [UInt8], into result: inout [UInt8]) {
        for byte in bytes {
            if (0x20..<0x7f).contains(byte), byte != 0x22, byte != 0x5c, self.decoder.isIdle {
                result.append(byte)
            } else {
                self.decoder.decode(byte) { Self.append($0, to: &result) }
            }
        }
    }

    /// Appends what the end of the text leaves behind.
    mutating func finish(into result: inout [UInt8]) {
        self.decoder.finish { Self.append($0, to: &result) }
    }

    /// The text as a JSON string, with its quotes.
    static func string(_ text: String) -> [UInt8] {
        var escaper = JSONStringEscaper()
        var result: [UInt8] = [UInt8(ascii: "\"")]
        escaper.escape(Array(text.utf8), into: &result)
        result.append(UInt8(ascii: "\""))
        return result
    }

    private static func append(_ element: UTF8StreamDecoder.Element, to result: inout [UInt8]) {
        guard case .scalar(let value) = element else {
            result += "\\ufffd".utf8
            return
        }
        switch value {
        case 0x22: result += "\\\"".utf8
        case 0x5c: result += "\\\\".utf8
        case 0x08: result += "\\b".utf8
        case 0x09: result += "\\t".utf8
        case 0x0a: result += "\\n".utf8
        case 0x0c: result += "\\f".utf8
        case 0x0d: result += "\\r".utf8
        case _ where (0x2028...0x2029).contains(value) || TerminalSanitizer.isHarmful(value):
            let digits = String(value, radix: 16)
            result += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
        default: UTF8StreamDecoder.append(value, to: &result)
        }
    }
}

/// Encodes bytes as base64 while they come in pieces.
struct Base64StreamEncoder: Sendable {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private var bits: UInt32 = 0
    private var held = 0

    /// Appends the characters that the next piece completes.
    mutating func encode(_ bytes: [UInt8], into result: inout [UInt8]) {
        for byte in bytes {
            self.bits = self.bits << 8 | UInt32(byte)
            self.held += 1
            if self.held == 3 { self.flush(characters: 4, into: &result) }
        }
    }

    /// Appends the last characters and the padding.
    mutating func finish(into result: inout [UInt8]) {
        guard self.held > 0 else { return }
        let padding = 3 - self.held
        self.bits <<= UInt32(8 * padding)
        self.flush(characters: 4 - padding, into: &result)
        result += String(repeating: "=", count: padding).utf8
    }

    private mutating func flush(characters: Int, into result: inout [UInt8]) {
        for index in 0..<characters {
            result.append(Self.alphabet[Int(self.bits >> UInt32(18 - 6 * index) & 0x3f)])
        }
        self.bits = 0
        self.held = 0
    }
}
