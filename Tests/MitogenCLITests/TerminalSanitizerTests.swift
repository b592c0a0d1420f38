//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Terminal sanitizer")
struct TerminalSanitizerTests {
    /// Input and what of it is shown.
    static let cases: [([UInt8], String)] = [
        (Array("plain\ttext\n".utf8), "plain\ttext\n"),
        (Array("größe € 😀\n".utf8), "größe € 😀\n"),
        (Array("\u{1b}[31mred\u{1b}[0m".utf8), "^[[31mred^[[0m"),
        (Array("\u{1b}]0;title\u{07}".utf8), "^[]0;title^G"),
        (Array("\u{00}\u{08}\u{0b}\u{0c}\u{1f}\u{7f}".utf8), "^@^H^K^L^_^?"),
        (Array("\u{80}\u{9b}31m\u{9f}\u{a0}".utf8), "\\u{80}\\u{9b}31m\\u{9f}\u{a0}"),
        ([0x61, 0x9b, 0x33, 0x31, 0x6d], "a\\x9b31m"),
        (Array("a\u{202a}b\u{202e}c\u{2066}d\u{2069}e".utf8), "a\\u{202a}b\\u{202e}c\\u{2066}d\\u{2069}e"),
        (Array("\u{2029}\u{202f}\u{2065}\u{206a}\u{200f}".utf8), "\u{2029}\u{202f}\u{2065}\u{206a}\u{200f}"),
        (Array("dos\r\nline\r\n".utf8), "dos\nline\n"),
        (Array("10%\r20%\r\r\nx\r".utf8), "10%^M20%^M\nx^M"),
        (Array("\r\u{1b}\r".utf8) + [0xff, 0x0d, 0xc3], "^M^[^M\\xff^M\\xc3"),
        // An overlong slash, a surrogate, a value above the last one, a lone continuation.
        (
            [0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0x80],
            "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\x80"
        ),
        // Characters that break off before another one begins.
        ([0xe2, 0x82, 0x41, 0xf0, 0x9f, 0x98, 0xc3, 0xa9, 0xe2, 0x0a], "\\xe2\\x82A\\xf0\\x9f\\x98é\\xe2\n"),
        ([0xe0, 0x9f, 0xbf, 0xf0, 0x8f, 0xbf, 0xbf], "\\xe0\\x9f\\xbf\\xf0\\x8f\\xbf\\xbf"),
        ([0xf1, 0x80, 0x80, 0x80, 0xf4, 0x8f, 0xbf, 0xbf], "\u{40000}\u{10ffff}"),
        ([0xf0, 0x9f, 0x98], "\\xf0\\x9f\\x98"),
        ([], ""),
    ]

    @Test("Harmful characters are shown, wherever the input is cut", arguments: cases)
    func everySplit(input: [UInt8], expected: String) {
        for first in 0...input.count {
            for second in first...input.count {
                var sanitizer = TerminalSanitizer(isActive: true)
                var result = sanitizer.sanitize(Array(input[..<first]))
                result += sanitizer.sanitize(Array(input[first..<second]))
                result += sanitizer.sanitize(Array(input[second...]))
                result += sanitizer.finish()
                #expect(String(decoding: result, as: UTF8.self) == expected, "cut at \(first) and \(second)")
            }
        }
    }

    @Test("Nothing that a terminal obeys is left of any two bytes")
    func everyPair() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                var sanitizer = TerminalSanitizer(isActive: true)
                let result = sanitizer.sanitize([first, second]) + sanitizer.finish()
                let isHarmless = String(validating: result, as: UTF8.self)?.unicodeScalars.allSatisfy {
                    !TerminalSanitizer.isHarmful($0.value)
                }
                #expect(isHarmless == true, "\(first) \(second)")
            }
        }
    }

    @Test("A sanitizer that is not active changes nothing", arguments: cases)
    func inactive(input: [UInt8], _: String) {
        var sanitizer = TerminalSanitizer(isActive: false)
        #expect(sanitizer.sanitize(input) + sanitizer.finish() == input)
    }

    @Test("A sanitizer can be used again after its end")
    func reuse() {
        var sanitizer = TerminalSanitizer(isActive: true)
        #expect(sanitizer.sanitize([0x61, 0x0d]) == [0x61])
        #expect(sanitizer.finish() == Array("^M".utf8))
        #expect(sanitizer.finish() == [])
        #expect(sanitizer.sanitize([0xe2, 0x82]) == [])
        #expect(sanitizer.finish() == Array("\\xe2\\x82".utf8))
        #expect(sanitizer.sanitize([0xac]) == Array("\\xac".utf8))
    }

    @Test(
        "A text becomes one line",
        arguments: [("a\nb\tc", "a\\nb\\tc"), ("\u{1b}\u{2028}é", "^[\\u{2028}é"), ("x\r\ny", "x^M\\ny")]
    )
    func visible(text: String, line: String) {
        #expect(TerminalSanitizer.visible(text) == line)
    }

    @Test(
        "Scalars are decoded and encoded",
        arguments: [0x24, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff] as [UInt32]
    )
    func scalars(value: UInt32) throws {
        var encoded: [UInt8] = []
        UTF8StreamDecoder.append(value, to: &encoded)
        let scalar = try #require(Unicode.Scalar(value))
        #expect(encoded == Array(String(Character(scalar)).utf8))

        var decoder = UTF8StreamDecoder()
        var elements: [UTF8StreamDecoder.Element] = []
        for byte in encoded { decoder.decode(byte) { elements.append($0) } }
        #expect(elements == [.scalar(value)])
        #expect(decoder.isIdle)
    }
}
