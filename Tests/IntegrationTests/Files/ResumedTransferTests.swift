//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Transfers that are resumed", .timeLimit(.minutes(2)))
    struct ResumedTransfers {}
}

extension LibraryTests.ResumedTransfers {
    @Test(
        "A transfer whose target is killed goes on from there, with at most a window sent twice",
        arguments: LongTests.pick([20, 70], long: Array(stride(from: 10, through: 90, by: 10)))
    )
    func resumed(percent: Int) async throws {
        try await withTemporaryDirectory { folder in
            let size = LongTests.pick(32 << 20, long: 256 << 20)
            try TestFiles.make("\(folder)/a", size: size)
            mkdir("\(folder)/to", 0o755)
            try Files.write([1], to: "\(folder)/to/a")
            try await withFixtureRouter { router in
                let child = try await router.local()
                let pid = try await child.call(ProcessID())
                var push = FilePush("\(folder)/a", to: "\(folder)/to/a") { $0.isResumable = true }
                let progress = TransferProgress()
                push.progress = progress
                async let reports = push.run(on: [child])
                #expect(try await eventually { progress.state.bytes > size * percent / 100 })
                kill(pid, SIGKILL)
                let first = try #require(try await reports.first)
                let sent = progress.state.bytes
                #expect(first.failures.map(\.code) == [.channelError])
                let text = "a: the connection was lost: process \(pid) ended with signal 9 (SIGKILL)"
                #expect(first.failures.first?.message == text)
                #expect(try TestFiles.status("\(folder)/to/a").st_size == 1)
                #expect(TestFiles.names(in: "\(folder)/to").count == 2)

                let other = try await router.local()
                let second = try #require(try await push.run(on: [other]).first)
                #expect(second.failures.isEmpty && second.isComplete)
                #expect(
                    second.bytes <= size - sent + (1 << 20) + 2 * FileItem.pieceSize + 4096,
                    "\(second.bytes) after \(sent)"
                )
                #expect(second.bytes > 0)
            }
            #expect(TestFiles.names(in: "\(folder)/to") == ["a"])
            #expect(try TestFiles.digest("\(folder)/to/a") == TestFiles.digest("\(folder)/a"))
        }
    }

    @Test(
        "A fetch goes on from where it was cut",
        arguments: LongTests.pick([50], long: Array(stride(from: 10, through: 90, by: 10)))
    )
    func resumedFetch(percent: Int) async throws {
        try await withTemporaryDirectory { folder in
            let size = LongTests.pick(16 << 20, long: 128 << 20)
            try TestFiles.make("\(folder)/a", size: size)
            try await withFixtureRouter { router in
                let child = try await router.local()
                let pid = try await child.call(ProcessID())
                var fetch = FileFetch([ByteString("\(folder)/a")], to: ByteString("\(folder)/b"))
                fetch.options.isResumable = true
                let progress = TransferProgress()
                fetch.progress = progress
                async let cut = fetch.run(from: child)
                #expect(try await eventually { progress.state.bytes > size / 100 * percent })
                kill(pid, SIGKILL)
                let failures = try await cut.failures
                #expect(failures.map(\.code) == [.channelError])
                let text = "a: the connection was lost: process \(pid) ended with signal 9 (SIGKILL)"
                #expect(failures.first?.message == text)
                let report = try await fetch.run(from: router.local())
                #expect(report.isComplete && report.failures.isEmpty)
                #expect(report.bytes < size - size / 100 * percent + 4096, "\(report.bytes)")
            }
            #expect(TestFiles.names(in: folder) == ["a", "b"])
            #expect(try TestFiles.digest("\(folder)/b") == TestFiles.digest("\(folder)/a"))
        }
    }

    /// What becomes of the first of two attempts while the second waits for it.
    enum End: CaseIterable {
        case completes
        case fails
        case stays
    }

    @Test(
        "A file whose first attempt has not ended waits for that, and says so if it does not end",
        arguments: End.allCases
    )
    func overlapping(end: End) async throws {
        try await withTemporaryDirectory { folder in
            let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7 >> 3) }
            var hash = Hash()
            hash.update(content)
            let digest = hash.finish()
            var entry = FileEntry(path: Array("a".utf8), kind: .regular, size: content.count, metadata: .plain)
            entry.digest = digest
            @Sendable func writer() throws -> TreeWriter {
                var options = FileTransferOptions()
                options.isResumable = true
                return try TreeWriter(path: Array(folder.utf8), isFolder: true, options: options)
            }
            let first = try writer()
            guard case .offset(0) = first.take(.entry(entry)) else {
                Issue.record("the first attempt has not begun")
                return
            }
            _ = first.take(.data(Array(content[..<60_000])))
            let second = Task { [entry] in
                let second = try writer()
                var (offset, failures): (Int?, [FileFailure]) = (nil, [])
                if case .offset(let known) = second.take(.entry(entry)) { offset = known }
                let start = offset ?? 0
                for item in [.start(offset: start), .data(Array(content[start...])), .end(digest: digest)] as [FileItem]
                {
                    if case .failed(let failure) = second.take(item) { failures.append(failure) }
                }
                return (offset, failures)
            }
            // Now the second attempt has opened the partial copy.
            try await Task.sleep(for: .milliseconds(300))
            switch end {
            case .completes:
                for item in [.data(Array(content[60_000...])), .end(digest: digest)] as [FileItem] {
                    guard case .none = first.take(item) else {
                        Issue.record("the first attempt has failed")
                        return
                    }
                }
            case .fails: _ = first.take(.end(digest: digest))
            case .stays: break
            }
            let (offset, failures) = try await second.value
            if end == .stays {
                #expect(offset == nil)
            } else {
                #expect(offset == 0 && failures.isEmpty, "\(failures.map(\.text))")
                #expect(Files.bytes("\(folder)/a") == content)
                #expect(TestFiles.names(in: folder) == ["a"])
            }
            first.drop()
        }
    }
}

extension FileMetadata {
    /// That of a file which nobody looks at closely.
    static var plain: FileMetadata {
        let time = FileTime(seconds: 0, nanoseconds: 0)
        return FileMetadata(mode: 0o644, userID: 0, groupID: 0, modified: time, accessed: time)
    }
}
