//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

@testable import MitogenCLI

@Suite("JSON output")
struct JSONRendererTests {
    /// What a reader finds in one line.
    static func parse(_ text: String) throws -> [String: Any] {
        #expect(text.hasSuffix("}\n"))
        #expect(text.dropLast().allSatisfy { !$0.isNewline })
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test(
        "An object has all keys, in this order",
        arguments: [
            (.exited(0), "0", "null", "null"),
            (.exited(7), "7", "null", "null"),
            (.exited(137), "137", "null", "null"),
            (.signaled(9), "137", "9", "null"),
            (.timedOut, "null", "null", #"{"code":"timeout","message":"the command did not end in time","hop":null}"#),
            (.interrupted, "null", "null", #"{"code":"interrupted","message":"the run was interrupted","hop":null}"#),
            (
                .unreachable(FailureReport(code: "c", message: "a \"b\"\n", hop: "ssh:h\\")), "null", "null",
                #"{"code":"c","message":"a \"b\"\n","hop":"ssh:h\\"}"#
            ),
        ] as [(RunOutcome, String, String, String)]
    )
    func object(outcome: RunOutcome, status: String, signal: String, error: String) throws {
        let event = finished("local:a", outcome, try captured((.stdout, "o\n"), (.stderr, "e")))
        let text = try show([.started(target: "local:a"), event, .ended], with: JSONRenderer()).all
        let expected =
            #"{"target":"local:a","exit_status":\#(status),"signal":\#(signal),"stdout":"o\n","stderr":"e","#
            + #""error":\#(error),"duration_ms":12}"# + "\n"
        #expect(text == expected)
        #expect(try Self.parse(text).keys.count == 7)
    }

    @Test("Every character survives, and none can disturb a terminal")
    func everyCharacter() throws {
        let values = Array(0...0x2fff) + [0xd7ff, 0xe000, 0xfeff, 0xffff, 0x1f600, 0x10ffff]
        let text = String(String.UnicodeScalarView(values.compactMap { Unicode.Scalar(UInt32($0)) }))
        let json = try show([finished("a", .exited(0), try captured((.stdout, text)))], with: JSONRenderer()).stdout
        let parsed = try #require(try Self.parse(json)["stdout"] as? String)
        #expect(Array(parsed.unicodeScalars) == Array(text.unicodeScalars))
        #expect(json.dropLast().unicodeScalars.allSatisfy { !TerminalSanitizer.isHarmful($0.value) && $0 != "\n" })
    }

    @Test(
        "Strings are escaped",
        arguments: [
            ("", #""""#), ("\"\\/", #""\"\\/""#), ("\u{8}\t\n\u{c}\r", #""\b\t\n\f\r""#),
            ("\u{0}\u{1b}\u{7f}\u{9b}", #""\u0000\u001b\u007f\u009b""#),
            ("\u{2028}\u{2029}\u{202e}\u{2066}", #""\u2028\u2029\u202e\u2066""#), ("é😀", "\"é😀\""),
        ]
    )
    func strings(text: String, json: String) {
        #expect(String(decoding: JSONStringEscaper.string(text), as: UTF8.self) == json)
    }

    @Test("What is not UTF-8 is base64", arguments: 0...7)
    func base64(count: Int) throws {
        let input = (0..<count).map { UInt8(255 - $0 * 29) }
        var spool = OutputSpool(threshold: 8)
        for byte in input { try spool.append([byte], to: .stderr) }
        let json = try show([finished("a", .exited(0), spool.finish())], with: JSONRenderer()).stdout
        let object = try Self.parse(json)
        if count == 0 {
            #expect(object["stderr"] as? String == "")
        } else {
            #expect(object["stderr"] == nil)
            #expect(object["stderr_base64"] as? String == Data(input).base64EncodedString())
        }
        #expect(object["stdout"] as? String == "")
    }

    @Test("Large output is written in pieces, and a character may be cut by them", arguments: [true, false])
    func large(isText: Bool) throws {
        var spool = OutputSpool(threshold: 1 << 10)
        let piece = Array("größe €\u{1b}\n".utf8) + (isText ? [] : [0xff])
        var expected: [UInt8] = []
        for _ in 0..<20_000 {
            try spool.append(piece, to: .stdout)
            expected += piece
        }
        let sink = try show([finished("a", .exited(0), spool.finish())], with: JSONRenderer())
        #expect(sink.entries.count > 3)
        #expect(sink.entries.allSatisfy { $0.bytes.count < 1 << 20 })
        let object = try Self.parse(sink.stdout)
        if isText {
            #expect(object["stdout"] as? String == String(decoding: expected, as: UTF8.self))
        } else {
            #expect((object["stdout_base64"] as? String).flatMap { Data(base64Encoded: $0) } == Data(expected))
        }
    }
}
