//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

@Suite("Lines out of pieces")
struct LineSplitterTests {
    /// The lines of some pieces, as they are given out, and whether the end gave the last one.
    private func lines(_ pieces: [[UInt8]], longest: Int = 100) throws -> [String] {
        var splitter = LineSplitter(longest: longest)
        var lines: [String] = []
        for piece in pieces {
            splitter.add(piece)
            while let line = try splitter.next() { lines.append(line) }
        }
        splitter.end()
        while let line = try splitter.next() { lines.append(line) }
        return lines
    }

    @Test(
        "The same lines come out at every split",
        arguments: [
            ("", []), ("one", ["one"]), ("one\n", ["one"]), ("one\n\ntwo\r\n", ["one", "", "two"]), ("\n", [""]),
            ("a\rb\n\r\n", ["a\rb", ""]), ("é\né", ["é", "é"]), ("a\r", ["a"]),
        ] as [(String, [String])]
    )
    func splits(text: String, expected: [String]) throws {
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].map(Array.init)
                #expect(try lines(pieces) == expected)
            }
        }
        #expect(try lines(bytes.map { [$0] }) == expected)
    }

    @Test("A line may have as many bytes as was said, and no more, however it comes")
    func longest() throws {
        #expect(try lines([Array("12345\n12345".utf8)], longest: 5) == ["12345", "12345"])
        for pieces in [[Array("123456\n".utf8)], Array("1\n123456".utf8).map { [$0] }] {
            let error = #expect(throws: MitogenError.self) { try lines(pieces, longest: 5) }
            #expect(error?.code == .misuse && error?.message.contains("5 bytes") == true)
        }
    }

    @Test("What it is ended with is thrown once, after the last line")
    func failure() throws {
        var splitter = LineSplitter(longest: 10)
        splitter.add(Array("last".utf8))
        #expect(try splitter.next() == nil)
        splitter.end(with: MitogenError(.commandFailed, "has failed"))
        #expect(try splitter.next() == "last")
        let error = #expect(throws: MitogenError.self) { try splitter.next() }
        #expect(error?.code == .commandFailed)
        #expect(try splitter.next() == nil)
    }
}
