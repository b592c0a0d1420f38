//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenFixtures
internal import MitogenProtocol
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Files that cannot be transferred", .timeLimit(.minutes(2)))
    struct FileFailures {}
}

/// Does something when the first data comes.
private final class MeddlingSink: FileSink {
    private let meddle: @Sendable () -> Void
    private let sent = Mutex<[FileItem]>([])

    init(_ meddle: @escaping @Sendable () -> Void) {
        self.meddle = meddle
    }

    var items: [FileItem] { sent.withLock { $0 } }

    var hasReaders: Bool { true }
    func wantsData(of entry: Int) -> Bool { true }
    func offset(of entry: Int) async throws(MitogenError) -> Int? { 0 }
    func send(_ item: FileItem) async throws(MitogenError) {
        if case .data = item { meddle() }
        sent.withLock { $0.append(item) }
    }
}

extension LibraryTests.FileFailures {
    /// Pushes a file and gives the failure.
    private func failure(
        pushing source: String,
        to destination: String,
        _ configure: (inout FileTransferOptions) -> Void = { _ in }
    ) async throws -> MitogenError {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let push = FilePush(source, to: destination, configure)
            let report = try #require(try await push.run(on: [child]).first)
            return try #require(report.failures.first)
        }
    }

    @Test(
        "A full disk: a precise error, nothing left, the old file whole, another target goes on",
        .enabled(if: isRoot, "mounts")
    )
    func diskFull() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/small", 0o755)
            try #require(mount("tmpfs", "\(folder)/small", "tmpfs", 0, "size=2m") == 0)
            defer { umount2("\(folder)/small", Int32(MNT_DETACH)) }
            try Files.write([1], to: "\(folder)/small/b")
            try TestFiles.make("\(folder)/a", size: 30 << 20)
            let error = try await failure(pushing: "\(folder)/a", to: "\(folder)/small/b")
            #expect(error.code == .diskFull)
            #expect(
                error.description.contains("\(folder)/small/b: cannot write it: No space left on device"),
                "\(error)"
            )
            #expect(error.context?.hasPrefix("local.") == true)
            #expect(Files.bytes("\(folder)/small/b") == [1])
            #expect(TestFiles.names(in: "\(folder)/small") == ["b"])
            let fetched = try await withFixtureRouter { router in
                try await FileFetch([ByteString("\(folder)/a")], to: ByteString("\(folder)/small/b")).run(
                    from: router.local()
                )
            }
            #expect(fetched.failures.map(\.code) == [.diskFull])
            #expect(TestFiles.names(in: "\(folder)/small") == ["b"])
        }
    }

    @Test(
        "A file that something is mounted on, and one in a read-only folder: the error names --in-place, which works",
        .enabled(if: isRoot, "mounts")
    )
    func inPlace() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 5000)
            for name in ["mounted", "under"] { try Files.write([1, 2, 3], to: "\(folder)/\(name)") }
            try #require(mount("\(folder)/under", "\(folder)/mounted", nil, UInt(MS_BIND), nil) == 0)
            defer { umount2("\(folder)/mounted", Int32(MNT_DETACH)) }
            let busy = try await failure(pushing: "\(folder)/a", to: "\(folder)/mounted")
            #expect(busy.code == .fileError && busy.hint?.contains("`writesInPlace`") == true, "\(busy)")
            #expect(TestFiles.names(in: folder) == ["a", "mounted", "under"])
            #expect(Files.bytes("\(folder)/under") == [1, 2, 3])

            mkdir("\(folder)/ro", 0o755)
            try Files.write([9], to: "\(folder)/ro/file")
            try #require(mount("\(folder)/ro", "\(folder)/ro", nil, UInt(MS_BIND), nil) == 0)
            try #require(mount(nil, "\(folder)/ro", nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0)
            defer { umount2("\(folder)/ro", Int32(MNT_DETACH)) }
            let readOnly = try await failure(pushing: "\(folder)/a", to: "\(folder)/ro/file")
            #expect(readOnly.code == .readOnlyFileSystem, "\(readOnly)")
            try #require(mount("\(folder)/under", "\(folder)/ro/file", nil, UInt(MS_BIND), nil) == 0)
            defer { umount2("\(folder)/ro/file", Int32(MNT_DETACH)) }
            let inside = try await failure(pushing: "\(folder)/a", to: "\(folder)/ro/file")
            #expect(inside.hint?.contains("`writesInPlace`") == true, "\(inside)")
            try await withFixtureRouter { router in
                let child = try await router.local()
                for name in ["mounted", "ro/file"] {
                    let report = try await FilePush("\(folder)/a", to: "\(folder)/\(name)") { $0.writesInPlace = true }
                        .run(on: [child])
                    #expect(report.first?.failures.isEmpty == true)
                    #expect(try TestFiles.digest("\(folder)/under") == TestFiles.digest("\(folder)/a"))
                }
            }
        }
    }

    @Test(
        "A file of somebody else's in a sticky folder: the error names --in-place only if that works",
        .enabled(if: isRoot, "accounts"),
        arguments: [false, true]
    )
    func stickyFolder(isWritable: Bool) async throws {
        try await withTemporaryDirectory { folder in
            #expect(chmod(folder, 0o755) == 0)
            try TestFiles.make("\(folder)/a", size: 5000)
            mkdir("\(folder)/sticky", 0o755)
            try Files.write([1], to: "\(folder)/sticky/a")
            #expect(chmod("\(folder)/sticky", 0o1777) == 0)
            #expect(chmod("\(folder)/sticky/a", isWritable ? 0o666 : 0o644) == 0)
            let fixture = try Fixture.path
            try await withFixtureRouter { router in
                let nobody = try await router.local {
                    $0.executable = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", fixture]
                }
                let report = try await FilePush("\(folder)/a", to: "\(folder)/sticky/a").run(on: [nobody])[0]
                let error = try #require(report.failures.first)
                #expect(error.message.contains("Operation not permitted"), "\(error)")
                #expect((error.hint?.contains("`writesInPlace`") == true) == isWritable, "\(error)")
                #expect(TestFiles.names(in: "\(folder)/sticky") == ["a"])
            }
        }
    }

    @Test("A folder, a FIFO, a device, a missing file and a folder in the place of a file are refused by name")
    func refused() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/sub", 0o755)
            mkdir("\(folder)/sub/a", 0o755)
            mkfifo("\(folder)/fifo", 0o644)
            try Files.write([1], to: "\(folder)/a")
            let cases: [(String, String, MitogenError.Code, String)] = [
                ("sub", "new", .isFolder, "`isRecursive`"), ("fifo", "new", .fileError, "FIFO"),
                ("none", "new", .noSuchFile, "none"),
                ("a", "sub", .isFolder, "sub/a: is a folder"), ("a", "fifo", .fileError, "FIFO"),
            ]
            for (source, destination, code, text) in cases {
                let error = try await failure(pushing: "\(folder)/\(source)", to: "\(folder)/\(destination)")
                #expect(error.code == code && error.description.contains(text), "\(source) to \(destination): \(error)")
            }
            let device = try await failure(pushing: "/dev/zero", to: "\(folder)/new")
            #expect(device.code == .fileError, "\(device)")
            let replaced = try await failure(pushing: "\(folder)/a", to: "/dev/null")
            #expect(replaced.code == .fileError, "\(replaced)")
            #expect(TestFiles.names(in: folder) == ["a", "fifo", "sub"])
        }
    }

    @Test("A file that is written to while it is read is not transferred, and the others are")
    func changing() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 1 << 20)
            try Files.write([1], to: "\(folder)/b")
            let sink = MeddlingSink {
                let file = open("\(folder)/a", O_WRONLY | O_APPEND)
                _ = write(file, "x", 1)
                close(file)
            }
            let source = FileSource(
                roots: ["a", "gone", "b"].map { Array("\(folder)/\($0)".utf8) },
                options: FileTransferOptions()
            )
            try await source.send(to: sink)
            mkdir("\(folder)/to", 0o755)
            let writer = try TreeWriter(
                path: Array("\(folder)/to".utf8),
                isFolder: true,
                options: FileTransferOptions()
            )
            var failures: [FileFailure] = []
            for item in sink.items {
                if case .sourceFailed(let failure) = writer.take(item) { failures.append(failure) }
            }
            #expect(failures.map(\.reason) == [.changed, .noSuchFile])
            #expect(failures.first?.text == "\(folder)/a: was changed while it was read")
            #expect(TestFiles.names(in: "\(folder)/to") == ["b"])
        }
    }

    @Test("Content that differs from its SHA-256, or from its size, is dropped")
    func checksum() async throws {
        try await withTemporaryDirectory { folder in
            try Files.write([1], to: "\(folder)/a")
            let entry = FileEntry(path: Array("a".utf8), kind: .regular, size: 3, metadata: .plain)
            for items in [
                [.data([1, 2, 3]), .end(digest: [UInt8](repeating: 0, count: 32))], [.data([1, 2, 3, 4])],
                [.data([1]), .end(digest: [UInt8](repeating: 0, count: 32))],
            ] as [[FileItem]] {
                let writer = try TreeWriter(path: Array(folder.utf8), isFolder: true, options: FileTransferOptions())
                _ = writer.take(.entry(entry))
                var failures: [FileFailure] = []
                for item in items { if case .failed(let failure) = writer.take(item) { failures.append(failure) } }
                #expect(failures.map(\.reason) == [.checksumMismatch])
            }
            #expect(Files.bytes("\(folder)/a") == [1])
            #expect(TestFiles.names(in: folder) == ["a"])
        }
    }

    @Test("Paths that lead out of the folder are not written, nor through links in it")
    func unsafePaths() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/in", 0o755)
            mkdir("\(folder)/out", 0o755)
            symlink("../out", "\(folder)/in/link")
            let writer = try TreeWriter(
                path: Array("\(folder)/in".utf8),
                isFolder: true,
                options: FileTransferOptions()
            )
            for path in ["../out/x", "/etc/x", "a/../../x", "link/x", "./x", "a//b", ".."] {
                let entry = FileEntry(path: Array(path.utf8), kind: .regular, size: 0, metadata: .plain)
                guard case .failed = writer.take(.entry(entry)) else {
                    Issue.record("\(path) was accepted")
                    continue
                }
            }
            var hard = FileEntry(path: Array("hard".utf8), kind: .hardLink, size: 0, metadata: .plain)
            hard.target = Array("link/../../out/secret".utf8)
            if case .failed = writer.take(.entry(hard)) {
            } else {
                Issue.record("a hard link to elsewhere was accepted")
            }
            #expect(TestFiles.names(in: "\(folder)/out").isEmpty)
            #expect(TestFiles.names(in: "\(folder)/in") == ["link"])
        }
    }

    @Test("A folder that is swapped for a link while it is read does not lead out, however often")
    func swapped() async throws {
        try await withTemporaryDirectory { folder in
            for name in ["tree", "tree/sub", "secret"] { mkdir("\(folder)/\(name)", 0o755) }
            try Files.write(Array("secret".utf8), to: "\(folder)/secret/file")
            try Files.write(Array("public".utf8), to: "\(folder)/tree/sub/file")
            symlink("../secret", "\(folder)/tree/link")
            let isOver = OneShot<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // In turns the folder, nothing and the link have the name.
                    while isOver.outcome == nil {
                        rename("\(folder)/tree/sub", "\(folder)/tree/kept")
                        rename("\(folder)/tree/link", "\(folder)/tree/sub")
                        rename("\(folder)/tree/sub", "\(folder)/tree/link")
                        rename("\(folder)/tree/kept", "\(folder)/tree/sub")
                    }
                }
                group.addTask {
                    defer { isOver.resolve(.success(())) }
                    var options = FileTransferOptions()
                    options.isRecursive = true
                    var reached = 0
                    for _ in 0..<LongTests.pick(500, long: 10_000) {
                        var walker = TreeWalker(
                            root: Array("\(folder)/tree".utf8),
                            options: options,
                            accounts: MitogenFiles.Accounts()
                        )
                        while let step = walker.next() {
                            guard case .entry(let entry) = step, entry.kind == .regular, var file = walker.file else {
                                continue
                            }
                            reached += 1
                            let content = try file.nextBytes(atMost: 100)
                            #expect(content == Array("public".utf8), "\(FilePath.visible(entry.path))")
                        }
                        _ = try? FileReader(
                            Array("\(folder)/tree/sub/file".utf8),
                            below: Array("\(folder)/tree".utf8)
                        ).status
                    }
                    #expect(reached > 0)
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "Folders that cannot be given their owner are told, and keep nothing that is in or after them from being written",
        .enabled(if: isRoot, "owners")
    )
    func folderMetadata() async throws {
        try await withTemporaryDirectory { folder in
            #expect(chmod(folder, 0o777) == 0)
            for path in ["tree", "tree/a", "tree/a/deep", "tree/b", "tree/c"] {
                mkdir("\(folder)/\(path)", 0o755)
                try TestFiles.make("\(folder)/\(path)/file", size: 1000)
                #expect(
                    chown("\(folder)/\(path)", 1234, 1234) == 0 && chown("\(folder)/\(path)/file", 65534, 65534) == 0
                )
            }
            let fixture = try Fixture.path
            try await withFixtureRouter { router in
                let nobody = try await router.local {
                    $0.executable = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", fixture]
                }
                var options = FileTransferOptions()
                (options.isRecursive, options.preservesMetadata, options.owner) = (true, true, .numbers)
                var push = FilePush("\(folder)/tree", to: "\(folder)/copy")
                push.options = options
                let report = try await within(.seconds(20)) { [push] in try await push.run(on: [nobody])[0] }
                #expect(report.failures.count == 5 && report.failures.allSatisfy { $0.code == .permissionDenied })
                for path in ["", "a/", "a/deep/", "b/", "c/"] {
                    #expect(Files.bytes("\(folder)/copy/\(path)file")?.count == 1000, "\(path)")
                }
            }
        }
    }

    @Test("A transfer that is cancelled leaves nothing, and the old file")
    func cancelled() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 200 << 20)
            mkdir("\(folder)/to", 0o755)
            try Files.write([1], to: "\(folder)/to/a")
            try await withFixtureRouter { router in
                let child = try await router.local()
                for pushes in [true, false] {
                    let progress = TransferProgress()
                    let task = Task {
                        if pushes {
                            var push = FilePush("\(folder)/a", to: "\(folder)/to/a")
                            push.progress = progress
                            _ = try await push.run(on: [child])
                        } else {
                            var fetch = FileFetch([ByteString("\(folder)/a")], to: ByteString("\(folder)/to/a"))
                            fetch.progress = progress
                            _ = try await fetch.run(from: child)
                        }
                    }
                    #expect(try await eventually { progress.state.bytes > 4 << 20 })
                    task.cancel()
                    let error = try await #require(throws: MitogenError.self) { try await task.value }
                    #expect(error.code == .cancelled)
                    #expect(Files.bytes("\(folder)/to/a") == [1])
                    #expect(TestFiles.names(in: "\(folder)/to") == ["a"])
                }
                // The context goes on.
                #expect(try await child.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("A hard link to a file that could not be written is no link to the old one, and is told")
    func hardLinks() async throws {
        try await withTemporaryDirectory { folder in
            for name in ["tree", "copy", "copy/tree"] { mkdir("\(folder)/\(name)", 0o755) }
            // "a" is a folder there, and "dir" is a file.
            try Files.write([2], to: "\(folder)/tree/a")
            link("\(folder)/tree/a", "\(folder)/tree/b")
            mkdir("\(folder)/tree/dir", 0o755)
            try Files.write([3], to: "\(folder)/tree/dir/c")
            link("\(folder)/tree/dir/c", "\(folder)/tree/e")
            try Files.write([4], to: "\(folder)/tree/y")
            link("\(folder)/tree/y", "\(folder)/tree/z")
            try Files.write([1], to: "\(folder)/copy/tree/dir")
            for name in ["b", "e"] { try Files.write([1], to: "\(folder)/copy/tree/\(name)") }
            mkdir("\(folder)/copy/tree/a", 0o755)
            try await withFixtureRouter { router in
                var push = FilePush("\(folder)/tree", to: "\(folder)/copy")
                push.options.isRecursive = true
                let report = try await push.run(on: [router.local()])[0]
                let told = report.failures.map(\.message)
                #expect(told.count == 4, "\(told)")
                #expect(told.contains { $0.hasPrefix("\(folder)/copy/tree/b: is another name of") }, "\(told)")
                #expect(told.contains { $0.hasPrefix("\(folder)/copy/tree/e: is another name of") }, "\(told)")
            }
            for name in ["b", "e", "dir"] { #expect(Files.bytes("\(folder)/copy/tree/\(name)") == [1], "\(name)") }
            for name in ["y", "z"] { #expect(Files.bytes("\(folder)/copy/tree/\(name)") == [4]) }
        }
    }

    @Test("Of the names of a file that was changed while it was read, the second is a file of its own")
    func brokenLinks() async throws {
        try await withTemporaryDirectory { folder in
            mkdir("\(folder)/tree", 0o755)
            try TestFiles.make("\(folder)/tree/a", size: 1 << 20)
            link("\(folder)/tree/a", "\(folder)/tree/b")
            link("\(folder)/tree/a", "\(folder)/tree/c")
            let isChanged = OneShot<Void>()
            let sink = MeddlingSink {
                guard isChanged.resolve(.success(())) else { return }
                let file = open("\(folder)/tree/a", O_WRONLY | O_APPEND)
                _ = write(file, "x", 1)
                close(file)
            }
            var options = FileTransferOptions()
            options.isRecursive = true
            try await FileSource(roots: [Array("\(folder)/tree/".utf8)], options: options).send(to: sink)
            var kinds: [FileEntry.Kind] = []
            var failures = 0
            for item in sink.items {
                if case .entry(let entry) = item, entry.kind != .folder { kinds.append(entry.kind) }
                if case .broken = item { failures += 1 }
            }
            #expect(failures == 1 && kinds == [.regular, .regular, .hardLink], "\(kinds)")
        }
    }
}
