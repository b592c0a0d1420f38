//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests.Commands {
    /// Every byte that an argument can have.
    private static let all = ByteString(bytes: Array(1...255))

    @Test("Arguments, variables and the directory reach a command byte by byte", arguments: [1, 2])
    func bytes(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            let argument = try await context.run(["printf", "%s", Self.all])
            #expect(argument.standardOutput == Self.all.bytes)
            let variables: [ByteString: ByteString] = ["PLAIN": "é", ByteString(bytes: [0x58, 0xe9]): Self.all]
            let environment = try await context.run(["env", "-0"], environment: .inherited.updating(variables))
                .standardOutput
            let entries = environment.split(separator: 0).map(Array.init)
            #expect(entries.contains([0x58, 0xe9, 0x3d] + Self.all.bytes))
            #expect(entries.contains(Array("PLAIN=é".utf8)))
        }
    }

    @Test("A file whose name is not UTF-8 is the one that is meant")
    func fileNames() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let folder = ByteString(bytes: Array(directory.utf8) + [0x2f, 0xe9])
                let (meant, other) = (ByteString(bytes: [0x61, 0xff]), ByteString("a\u{fffd}"))
                #expect(try await child.run(["mkdir", folder]).status.isSuccess)
                #expect(try await child.run(["touch", meant, other], workingDirectory: folder).status.isSuccess)
                #expect(try await child.run(["rm", meant], workingDirectory: folder).status.isSuccess)
                let left = try await child.run(["ls"], workingDirectory: folder).standardOutput
                #expect(left == other.bytes + [0x0a])
                var streamed: [UInt8] = []
                _ = try await child.run(["pwd"], workingDirectory: folder) { piece in
                    streamed += piece.bytes
                    return true
                }
                #expect(streamed == folder.bytes + [0x0a])
                let missing = ByteString(bytes: folder.bytes + [0x2f, 0xfe])
                let error = try await failure { _ = try await child.run(["true"], workingDirectory: missing) }
                #expect(error.message.contains("/\\xe9/\\xfe"), "\(error)")
            }
        }
    }

    @Test("A command inherits variables that are not UTF-8")
    func inheritedBytes() async throws {
        let name: [UInt8] = Array("MITOGEN_TEST_BYTES".utf8)
        let value: [CChar] = [0x61, -1, 0x62, 0]
        setenv(String(decoding: name, as: UTF8.self), value, 1)
        defer { unsetenv(String(decoding: name, as: UTF8.self)) }
        try await withFixtureRouter { router in
            let child = try await router.local()
            let output = try await child.run(["env", "-0"]).standardOutput
            #expect(output.split(separator: 0).contains { Array($0) == name + [0x3d, 0x61, 0xff, 0x62] })
        }
    }

    @Test(
        "Bytes are shown as text where they are",
        arguments: [("caf\u{e9}", nil), ("caf\\xe9\\x1b", [99, 97, 102, 0xe9])]
    )
    func description(text: String, bytes: [UInt8]?) {
        let string = bytes.map { ByteString(bytes: $0) } ?? ByteString(text)
        #expect(string.description == (bytes == nil ? text : "caf\\xe9"))
    }
}
