//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenFixtures
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("File services")
    struct FileServices {}
}

extension LibraryTests.FileServices {
    @Test("A child gets what is registered, and nothing else: not by '..', nor through links")
    func registered() async throws {
        try await withTemporaryDirectory { folder in
            for name in ["shared", "shared/sub", "private"] { mkdir("\(folder)/\(name)", 0o755) }
            try TestFiles.make("\(folder)/shared/sub/a", size: 3_000_000)
            try TestFiles.make("\(folder)/single", size: 10)
            try Files.write(Array("secret".utf8), to: "\(folder)/private/secret")
            symlink("../private", "\(folder)/shared/link")
            symlink("../private/secret", "\(folder)/shared/file-link")
            mkfifo("\(folder)/shared/fifo", 0o644)
            try await withFixtureRouter { router in
                let files = try router.fileService
                try files.registerPrefix(ByteString("\(folder)/shared"))
                try files.register(ByteString("\(folder)/single"))
                #expect(throws: MitogenError.self) { try files.register("relative") }
                let child = try await router.local(via: router.local())
                let here = router.myself()
                let size = try await child.call(GetFile("\(folder)/shared/sub/a", from: here, to: "\(folder)/got"))
                #expect(size == 3_000_000)
                #expect(try TestFiles.digest("\(folder)/got") == TestFiles.digest("\(folder)/shared/sub/a"))
                #expect(try await child.call(GetFile("\(folder)/single", from: here, to: "\(folder)/got")) == 10)
                for path in [
                    "private/secret", "shared/../private/secret", "shared/sub/../../private/secret", "sharedx",
                    "shared",
                ] {
                    let error = try await failure {
                        try await child.call(GetFile("\(folder)/\(path)", from: here, to: "\(folder)/stolen"))
                    }
                    let text = "\(error)"
                    #expect(
                        text.contains("is not registered with FileService.") || text.contains("is not a regular file."),
                        "\(text)"
                    )
                }
                for path in ["shared/link/secret", "shared/file-link", "shared/fifo", "shared/none"] {
                    let error = try await failure {
                        try await child.call(GetFile("\(folder)/\(path)", from: here, to: "\(folder)/stolen"))
                    }
                    let isRefused = "\(error)".contains("is not a regular file.")
                    #expect(
                        isRefused || [.isNotFolder, .fileError, .noSuchFile].contains(error.code),
                        "\(path): \(error)"
                    )
                }
                #expect(access("\(folder)/stolen", F_OK) != 0)
                // An ancestor may have everything.
                try await child.prepareService(FileService.self)
                try await FileService.get(
                    ByteString("\(folder)/private/secret"),
                    from: child,
                    to: ByteString("\(folder)/fetched")
                )
                #expect(Files.bytes("\(folder)/fetched") == Array("secret".utf8))
            }
        }
    }

    @Test("Who acknowledges nothing gets a window and no more, in the pieces that Python expects")
    func window() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 8 << 20)
            try await withFixtureRouter { router in
                try router.fileService.register(ByteString("\(folder)/a"))
                let child = try await router.local()
                let figures = try await child.call(HoardFile("\(folder)/a", from: router.myself()))
                // A piece goes as long as less than the window is under way.
                let most = (1 << 20) + 131_046
                #expect(figures.count == 3 && figures[0] == 8 << 20 && figures[2] == 131_046)
                #expect(figures[1] >= 1 << 20 && figures[1] <= most, "\(figures)")
                // Nor does it help to acknowledge more than there is.
                try TestFiles.make("\(folder)/small", size: 10)
                try router.fileService.register(ByteString("\(folder)/small"))
                let liar = try await router.local()
                let hoard = HoardFile("\(folder)/a", from: router.myself(), after: "\(folder)/small")
                let lies = try await liar.call(hoard)
                #expect(lies.count == 3 && lies[1] >= 1 << 20 && lies[1] <= most, "\(lies)")
                // Others are not held up by it.
                let other = try await router.local()
                let size = try await other.call(GetFile("\(folder)/a", from: router.myself(), to: "\(folder)/b"))
                #expect(size == 8 << 20)
            }
        }
    }

    @Test("100 files wait for one context, and no more; the library itself never asks for so many")
    func crowd() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 2 << 20)
            try TestFiles.make("\(folder)/b", size: 1000)
            try await withFixtureRouter { router in
                for name in ["a", "b"] { try router.fileService.register(ByteString("\(folder)/\(name)")) }
                let crowd = try await router.local()
                let refusal = try await crowd.call(CrowdFiles("\(folder)/a", 110, from: router.myself()))
                #expect(refusal.hasPrefix("100 ") && refusal.contains("ask for fewer at a time"), "\(refusal)")
                let other = try await router.local()
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<150 {
                        group.addTask {
                            try await other.call(
                                GetFile("\(folder)/b", from: router.myself(), to: "\(folder)/got\(number)")
                            )
                        }
                    }
                    for try await size in group { #expect(size == 1000) }
                }
            }
        }
    }

    @Test("A pushed file is there at every hop, and crosses each link once")
    func pushed() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 100_000)
            let content = try #require(Files.bytes("\(folder)/a"))
            try await withFixtureRouter { router in
                let fixture = try Fixture.path
                let relay = Relay(in: folder)
                let hop = try await router.local {
                    $0.executable = [fixture, "relay", "files=\(folder)/relay", "--", fixture]
                }
                let (one, two) = (try await router.local(via: hop), try await router.local(via: hop))
                let files = try router.pushFileService
                let before = relay.counts.sent
                for target in [one, two, hop, one] {
                    try await files.propagate(to: target, path: "/conf", source: ByteString("\(folder)/a"))
                }
                for target in [one, two, hop] { #expect(try await target.call(AwaitFile("/conf")) == content) }
                // Bytes take half as much again in Python's form.
                #expect(relay.counts.sent - before < 170_000)
                let missing = try await failure { try await files.propagate(to: one, path: "/no/such/file") }
                #expect(missing.code == .noSuchFile)
            }
        }
    }
}
