//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

@testable internal import MitogenProtocol

@Suite("The program of a Python context")
struct PythonProgramTests {
    private static let configuration = ChildConfiguration(
        parentIDs: [3, 0],
        contextID: 7,
        debug: false,
        profiling: true,
        unidirectional: false,
        maxMessageSize: 1 << 20,
        logLevel: 20,
        version: "",
        remoteName: "name",
        image: "",
        ancestors: []
    )

    private static func program(_ text: String = "the text") -> PythonProgram {
        PythonProgram(
            text: Array(text.utf8),
            head: ["-c", "code", "text"],
            tail: [],
            settings: "'version': (0, 3, 54)"
        )
    }

    @Test("What is made here is what a child reads", arguments: [0, 1, 65535, 65536, 200_000])
    func program(_ size: Int) throws {
        let text = String(repeating: "x", count: size)
        let stage = Self.program(text).stage(interpreter: ["python3"], name: "a b", for: Self.configuration)
        #expect(stage.words == ["python3", "-c", "code", "text", "a_b", "\(stage.program.count)"])
        let parent = try PythonParent(stage.program, words: Array(stage.words.dropFirst()))
        #expect(parent.configuration.parentIDs == [3, 0])
        #expect(parent.configuration.contextID == 7)
        #expect(parent.configuration.profiling && !parent.configuration.debug && !parent.configuration.unidirectional)
        #expect(parent.configuration.maxMessageSize == 1 << 20)
        #expect(parent.configuration.remoteName == "a_b")
        #expect(parent.program == Self.program(text))
    }

    @Test("A program is not read before it is whole")
    func pieces() throws {
        let stage = Self.program().stage(interpreter: ["python3"], name: "x", for: Self.configuration)
        for count in 0..<stage.program.count {
            #expect(throws: PythonParent.Failure.self) {
                try PythonParent(Array(stage.program.prefix(count)), words: [])
            }
        }
        #expect(try PythonParent(stage.program, words: []).program == nil)
    }

    @Test("What Python's zlib has compressed is read, repetitions included")
    func compressed() throws {
        let bytes: [UInt8] = [
            0x78, 0xda, 0x4b, 0x4c, 0x4a, 0x4e, 0x84, 0x20, 0x24, 0x90, 0x04, 0x00, 0x60, 0x90, 0x08,
            0x61,
        ]
        let text = try ZlibStream.decompress(bytes, limit: 100)
        #expect(String(decoding: text, as: UTF8.self) == "abcabcabcaaaaaaaaaaaab")
    }

    @Test("A stream that is damaged is refused")
    func damaged() {
        var bytes: [UInt8] = [0x78, 0xda, 0x4b, 0x4c, 0x4a, 0x06, 0x00, 0x02, 0x4d, 0x01, 0x27]
        #expect(throws: Never.self) { try ZlibStream.decompress(bytes, limit: 10) }
        #expect(throws: ZlibStream.Failure.self) { try ZlibStream.decompress(bytes, limit: 2) }
        // The seventh byte is half unused.
        for index in bytes.indices where index != 6 {
            bytes[index] ^= 0x10
            #expect(throws: ZlibStream.Failure.self) { try ZlibStream.decompress(bytes, limit: 10) }
            bytes[index] ^= 0x10
        }
    }

    @Test(
        "Python's literals are read and written",
        arguments: [
            "{'a': 1, 'b': [1, (2,), ()], 'c': None}", "[True, False, -5]", "{'t': 'it\\'s', 'u': \"a\"}", "(1, 'x')",
        ]
    )
    func literals(_ text: String) {
        #expect(PythonLiteral(text[...])?.text == text)
    }

    @Test("What is no literal is refused", arguments: ["", "{", "[1", "{'a'}", "name", "1 2", "{1: 2}", "'open"])
    func malformed(_ text: String) {
        #expect(PythonLiteral(text[...]) == nil)
    }

    @Test("Nothing that is nested without end is read")
    func nested() {
        #expect(PythonLiteral(String(repeating: "[", count: 100_000)[...]) == nil)
    }

    @Test("The marks of the first stage are found behind other words", arguments: [("MITO000", 0), ("x MITO002\r", 2)])
    func marks(_ line: String, _ number: Int) {
        let all: [PythonStage.Progress] = [.waits, .starts, .isReady]
        #expect(PythonStage.progress(in: Array(line.utf8)) == all[number])
        #expect(PythonStage.progress(in: Array("\(line)x".utf8)) == nil)
    }

    @Test(
        "A shell's characters in the interpreter's command are refused",
        arguments: ["a\"b", "$x", "a'b", "a`b", "a\\b"]
    )
    func words(_ word: String) {
        #expect(throws: MitogenError.self) {
            try FirstStage(
                program: .python(PythonStage(words: [word])),
                usesCache: false,
                remoteName: "x",
                random: "0123456789abcdefghij"
            )
        }
    }
}
