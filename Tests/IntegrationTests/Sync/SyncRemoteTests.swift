//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite(
    "mitogen sync through ssh and sudo",
    .serialized,
    .needsTestbed,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .timeLimit(.minutes(2))
)
struct SyncRemoteTests {
    @Test("Files arrive as root's, and a change of one costs what has changed")
    func sudo() async throws {
        try await SyncTree.with { tree in
            let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
            try Files.write(content, to: "\(tree.source)/log")
            try tree.write("x", "folder/x")
            let options = ["--ssh-config", try Testbed.sshConfig, "--json"]
            let first = try await tree.sync(options, to: "ssh:tb-free@tb-bash+sudo")
            #expect(first.status == 0, "\(first.errors)")
            #expect(tree.isSame)
            try Files.write(content + [1, 2, 3], to: "\(tree.source)/log")
            let second = try await tree.sync(options, to: "ssh:tb-free@tb-bash+sudo")
            let end = try CommandLineTests.object(try #require(second.lines.last))
            #expect(second.status == 0 && end["sent_bytes"] as? Int ?? .max < 5000, "\(second.text) \(second.errors)")
            #expect(tree.isSame)
        }
    }

    @Test("What an account may not write is told with its path and the target")
    func permission() async throws {
        try await SyncTree.with { tree in
            try tree.write("x", "x")
            chmod(tree.directory, 0o755)
            let options = ["--ssh-config", try Testbed.sshConfig]
            let result = try await tree.sync(options, to: "ssh:tb-plain@tb-bash")
            #expect(result.status == 5, "\(result.errors)")
            #expect(result.errors.contains("ssh:tb-plain@tb-bash: \(tree.destination)"), "\(result.errors)")
            #expect(Files.names(in: tree.destination).isEmpty)
        }
    }
}
