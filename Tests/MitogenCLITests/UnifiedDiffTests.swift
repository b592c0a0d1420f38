//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Differences of two outputs")
struct UnifiedDiffTests {
    static func text(_ old: String, _ new: String) -> String {
        let diff = UnifiedDiff(from: Array(old.utf8), to: Array(new.utf8))
        return String(decoding: diff.lines.flatMap(\.text), as: UTF8.self)
    }

    /// What `patch` does with a difference.
    static func applied(_ diff: UnifiedDiff, to old: String) -> String {
        var lines = old.split(separator: "\n", omittingEmptySubsequences: false).map { "\($0)\n" }
        let last = lines.removeLast().dropLast()
        if !last.isEmpty { lines.append(String(last)) }
        var result: [String] = []
        var place = 0
        for line in diff.lines {
            let text = String(decoding: line.bytes, as: UTF8.self)
            switch line.kind {
            case .heading:
                let range = text.split(separator: " ")[1].dropFirst().split(separator: ",")
                let start = (Int(range[0]) ?? 0) - (range.count > 1 && range[1] == "0" ? 0 : 1)
                result += lines[place..<start]
                place = start
            case .common:
                result.append(lines[place])
                place += 1
            case .removed: place += 1
            case .added: result.append(text)
            }
        }
        return (result + lines[place...]).joined()
    }

    @Test(
        "Differences have the form of diff -u",
        arguments: [
            ("a\n", "a\n", ""), ("", "", ""), ("", "a\n", "@@ -0,0 +1 @@\n+a\n"), ("a\n", "", "@@ -1 +0,0 @@\n-a\n"),
            ("a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
            ("a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"),
            (
                "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
                "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"
            ),
            (
                "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\ny\n",
                "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-10\n+y\n"
            ),
        ]
    )
    func form(old: String, new: String, diff: String) {
        #expect(Self.text(old, new) == diff)
    }

    @Test("Whoever applies a difference gets the other text")
    func applies() {
        for _ in 0..<300 {
            let texts = (0..<2).map { _ in
                (0..<Int.random(in: 0...30)).map { _ in "\(Int.random(in: 0...4))\n" }.joined()
            }
            let diff = UnifiedDiff(from: Array(texts[0].utf8), to: Array(texts[1].utf8))
            #expect(Self.applied(diff, to: texts[0]) == texts[1])
        }
    }

    @Test("Texts that have nothing in common need no patience", .timeLimit(.minutes(1)))
    func large() {
        let old = (0..<50_000).map { "a\($0)\n" }.joined()
        let new = (0..<50_000).map { "b\($0)\n" }.joined()
        #expect(UnifiedDiff(from: Array(old.utf8), to: Array(new.utf8)).lines.count == 100_001)
    }
}
