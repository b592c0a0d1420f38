//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Patterns of --exclude")
struct WildcardPatternTests {
    @Test(
        "A pattern matches as rsync's do",
        arguments: [
            ("*.o", "a.o", true), ("*.o", "deep/a.o", true), ("*.o", "a.o/b", false), ("*.o", "a.oo", false),
            ("/a", "a", true), ("/a", "b/a", false), ("a", "b/a", true), ("a", "ba", false),
            ("a/b", "a/b", true), ("a/b", "x/a/b", true), ("/a/b", "x/a/b", false), ("a/b", "xa/b", false),
            ("a*c", "abc", true), ("a*c", "ab/c", false), ("a**c", "ab/c", true), ("**/c", "a/b/c", true),
            ("a/**", "a/b/c", true), ("a/**", "a", false), ("a/***", "a", false), ("?", "a", true),
            ("a?b", "a/b", false),
            ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[^a]", "/", false),
            ("[]a]", "]", true), ("[a-]", "-", true), ("\\*", "*", true), ("\\*", "a", false), ("*", "anything", true),
        ]
    )
    func matching(pattern: String, path: String, expected: Bool) throws {
        let parsed = try WildcardPattern(parsing: Array(pattern.utf8))
        #expect(parsed.matches(Array(path.utf8), isFolder: false) == expected)
    }

    @Test("A pattern with a slash at its end is for folders only", arguments: ["tmp/", "/tmp/", "/tmp/***"])
    func folders(pattern: String) throws {
        let parsed = try WildcardPattern(parsing: Array(pattern.utf8))
        #expect(parsed.matches(Array("tmp".utf8), isFolder: true))
        #expect(!parsed.matches(Array("tmp".utf8), isFolder: false))
    }

    @Test("Names need not be UTF-8")
    func bytes() throws {
        #expect(try WildcardPattern(parsing: [0xff, 0x2a]).matches([0xff, 0xfe], isFolder: false))
    }

    @Test("What cannot be meant is refused", arguments: ["", "/", "[a", "[z-a]", "[[:alpha:]]"])
    func refused(pattern: String) {
        #expect(throws: ArgumentError.self) { try WildcardPattern(parsing: Array(pattern.utf8)) }
    }

    @Test("A pattern of many stars does not take exponential time")
    func manyStars() throws {
        let pattern = try WildcardPattern(parsing: Array(String(repeating: "*a", count: 60).utf8))
        let path = [UInt8](repeating: UInt8(ascii: "a"), count: 200) + [UInt8(ascii: "b")]
        #expect(!pattern.matches(path, isFolder: false))
    }
}
