//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Makes the output of a command harmless for the terminal it is shown on.
///
/// What a terminal would obey instead of show becomes visible: `^[` for an escape, `\x9b` for a byte that is not
/// UTF-8, `\u{202e}` for a character that changes the direction of writing. The escape of a sequence is shown and
/// its other bytes are plain text then. Newlines and tabs stay, a carriage return before a newline goes, any other is
/// shown. The result does not depend on how the input is cut into pieces.
///
/// Use one value for each stream of each target.
package struct TerminalSanitizer: Sendable {
    /// Whether anything is changed; `false` passes all bytes through.
    package let isActive: Bool

    private var decoder = UTF8StreamDecoder()
    private var holdsCarriageReturn = false

    /// Creates a sanitizer at the start of a stream.
    package init(isActive: Bool) {
        self.isActive = isActive
    }

    /// The harmless form of the next piece of the stream.
    ///
    /// Up to three bytes may be held back until the next piece or ``finish()`` tells what they are.
    package mutating func sanitize(_ bytes: [UInt8]) -> [UInt8] {
        guard self.isActive else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            if (0x20..<0x7f).contains(byte), self.decoder.isIdle, !self.holdsCarriageReturn {
                result.append(byte)
            } else {
                // The decoder is taken out so that handling its results may change `self`.
                var decoder = self.decoder
                decoder.decode(byte) { self.handle($0, &result) }
                self.decoder = decoder
            }
        }
        return result
    }

    /// What was held back at the end of the stream; the value can be used for another stream then.
    package mutating func finish() -> [UInt8] {
        var result: [UInt8] = []
        var decoder = self.decoder
        decoder.finish { self.handle($0, &result) }
        self.decoder = decoder
        self.releaseCarriageReturn(&result)
        return result
    }

    private mutating func handle(_ element: UTF8StreamDecoder.Element, _ result: inout [UInt8]) {
        switch element {
        case .scalar(0x0a):
            self.holdsCarriageReturn = false
            result.append(0x0a)
        case .scalar(0x0d):
            self.releaseCarriageReturn(&result)
            self.holdsCarriageReturn = true
        case .scalar(let value):
            self.releaseCarriageReturn(&result)
            Self.appendVisible(value, to: &result)
        case .invalid(let byte):
            self.releaseCarriageReturn(&result)
            result += "\\x\(String(byte, radix: 16))".utf8
        }
    }

    private mutating func releaseCarriageReturn(_ result: inout [UInt8]) {
        if self.holdsCarriageReturn { result += "^M".utf8 }
        self.holdsCarriageReturn = false
    }
}

extension TerminalSanitizer {
    /// Whether a terminal may obey the scalar value or be confused by it; false for newline and tab.
    package static func isHarmful(_ value: UInt32) -> Bool {
        switch value {
        case 0x09, 0x0a: false
        case 0x00..<0x20, 0x7f...0x9f, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    /// A text of ours or of another machine, with its lines, such as hints and what a tool has said, as harmless ones.
    package static func visibleLines(_ text: String) -> String {
        text.split(separator: "\n").map { self.visible(String($0)) }.joined(separator: "\n  ")
    }

    /// A text of ours or of another machine as one harmless line, for headings and messages.
    package static func visible(_ text: String) -> String {
        var result: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n".utf8
            case "\t": result += "\\t".utf8
            case "\u{2028}", "\u{2029}": result += "\\u{\(String(scalar.value, radix: 16))}".utf8
            default: self.appendVisible(scalar.value, to: &result)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func appendVisible(_ value: UInt32, to result: inout [UInt8]) {
        if !self.isHarmful(value) {
            UTF8StreamDecoder.append(value, to: &result)
        } else if value < 0x80 {
            result.append(UInt8(ascii: "^"))
            result.append(UInt8(truncatingIfNeeded: value) ^ 0x40)
        } else {
            result += "\\u{\(String(value, radix: 16))}".utf8
        }
    }
}
