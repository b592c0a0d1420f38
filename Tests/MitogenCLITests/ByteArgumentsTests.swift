//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import ArgumentParser
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Words of the command line as bytes")
struct ByteArgumentsTests {
    @Test(
        "Every word comes back as it was",
        arguments: [
            [], Array("plain é €😀".utf8), [0xe9], Array("caf".utf8) + [0xe9], Array(1...255), [0xf0, 0x9f, 0x98],
            // The characters that stand for bytes, and half of one.
            Array("\u{10f780}\u{10f7ff}\u{10f77f}\u{10f800}".utf8), [0xf4, 0x8f, 0x9f], [0xed, 0xa0, 0x80],
        ] as [[UInt8]]
    )
    func roundTrip(bytes: [UInt8]) {
        #expect(ByteArguments.bytes(of: ByteArguments.escaped(bytes)).bytes == bytes)
    }

    @Test("Words that are UTF-8 are strings as usual")
    func plain() {
        for text in ["", "a=b", "é", "\u{301}", "\r\n", "😀"] {
            #expect(Array(ByteArguments.escaped(Array(text.utf8)).utf8) == Array(text.utf8))
        }
    }

    @Test("The command, --env and --cwd take bytes")
    func accepted() throws {
        let odd = ByteArguments.escaped([0xe9])
        let words = ["run", "--env=A=\(odd)", "--env", "\(odd)=\(odd)", "--cwd", odd, "--", "ls", odd]
        let command = try MitogenCommand.parseAsRoot(words)
        try ByteArguments.check(words, of: command)
        let options = try #require(command as? RunCommand).options()
        let byte = ByteString(bytes: [0xe9])
        #expect(options.environment == ["A": byte, byte: byte])
        #expect(options.directory == byte)
        #expect(options.command == ["ls", byte])
    }

    @Test(
        "Other options refuse them, and show which",
        arguments: [
            ["run", "-t", "local:?", "--", "?"], ["doctor", "local:?"], ["run", "--ssh-option=X=?", "--", "ls"],
        ]
    )
    func refused(words: [String]) throws {
        let words = words.map { ByteArguments.escaped($0.utf8.map { $0 == UInt8(ascii: "?") ? 0xe9 : $0 }) }
        let command = try MitogenCommand.parseAsRoot(words)
        let error = #expect(throws: ValidationError.self) { try ByteArguments.check(words, of: command) }
        let message = ByteArguments.visible(error?.message ?? "")
        #expect(message.contains("\\xe9' is not UTF-8"))
    }
}
