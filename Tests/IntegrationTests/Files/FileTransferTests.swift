//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
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
    @Suite("Files", .timeLimit(.minutes(2)))
    struct FileTransfers {}
}

extension LibraryTests.FileTransfers {
    @Test(
        "A file of every size arrives as it is, there and back",
        arguments: [0, 1, 4095, 4096, 65535, 65536, 65537, (128 << 20) - 1, (128 << 20) + 1]
    )
    func sizes(size: Int) async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: size)
            try await withFixtureRouter { router in
                let child = try await router.local()
                let report = try await child.push(ByteString("\(folder)/a"), to: ByteString("\(folder)/b"))
                #expect(report.bytes == size && report.entries == 1)
                try await child.fetch(ByteString("\(folder)/b"), to: ByteString("\(folder)/c"))
            }
            let expected = try TestFiles.digest("\(folder)/a")
            #expect(try TestFiles.digest("\(folder)/b") == expected)
            #expect(try TestFiles.digest("\(folder)/c") == expected)
            #expect(TestFiles.names(in: folder) == ["a", "b", "c"])
        }
    }

    @Test(
        "Over three hops, in every way, a file of every size arrives as it is",
        .enabled(if: LongTests.areOn, "takes minutes: scripts/test-transfers"),
        arguments: [0, 1, 4095, 4096, 65535, 65536, 65537, (128 << 20) - 1, 128 << 20, (128 << 20) + 1]
    )
    func sizesInEveryWay(size: Int) async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: size)
            let expected = try TestFiles.digest("\(folder)/a")
            try await withFixtureRouter { router in
                let far = try await router.local(via: router.local(via: router.local()))
                for (isResumable, writesInPlace) in [(false, false), (true, false), (false, true)] {
                    var options = FileTransferOptions()
                    (options.isResumable, options.writesInPlace) = (isResumable, writesInPlace)
                    for name in ["b", "c"] { try TestFiles.make("\(folder)/\(name)", size: 70_000, seed: 2) }
                    try await far.push(ByteString("\(folder)/a"), to: ByteString("\(folder)/b"), options: options)
                    try await far.fetch(ByteString("\(folder)/b"), to: ByteString("\(folder)/c"), options: options)
                    for name in ["b", "c"] { #expect(try TestFiles.digest("\(folder)/\(name)") == expected) }
                    #expect(TestFiles.names(in: folder) == ["a", "b", "c"])
                }
            }
        }
    }

    @Test(
        "Of files whose size does not tell what is in them, as the kernel's, all is transferred",
        arguments: ["/proc/version", "/proc/kallsyms", "/sys/kernel/mm/transparent_hugepage/enabled"]
            .filter { (path: String) in access(path, R_OK) == 0 }
    )
    func madeUp(path: String) async throws {
        let content = try #require(Files.bytes(path))
        try #require(!content.isEmpty)
        try await withTemporaryDirectory { folder in
            try await withFixtureRouter { router in
                let child = try await router.local()
                let pushed = try await FilePush(path, to: "\(folder)/pushed") { $0.isResumable = true }.run(on: [child])
                let fetch = FileFetch([ByteString(path)], to: ByteString("\(folder)/fetched"))
                let fetched = try await fetch.run(from: child) { _ in }
                #expect(pushed[0].failures.isEmpty && fetched.failures.isEmpty)
            }
            for name in ["pushed", "fetched"] {
                #expect(Files.bytes("\(folder)/\(name)") == content)
            }
        }
    }

    @Test("Holes are neither sent nor hashed: 5 GiB with 3 MiB of data take seconds and no space")
    func sparse() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: 1 << 20)
            let file = open("\(folder)/a", O_WRONLY)
            defer { close(file) }
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            #expect(pwrite(file, piece, piece.count, 3 << 30) == piece.count)
            #expect(pwrite(file, piece, piece.count, 5 << 30) == piece.count)
            #expect(ftruncate(file, (5 << 30) + (8 << 20)) == 0)
            let report = try await withFixtureRouter { router in
                let child = try await router.local()
                let report = try await child.push(ByteString("\(folder)/a"), to: ByteString("\(folder)/b"))
                try await child.fetch(ByteString("\(folder)/b"), to: ByteString("\(folder)/c"))
                return report
            }
            #expect(report.bytes < 4 << 20)
            for name in ["b", "c"] {
                let status = try TestFiles.status("\(folder)/\(name)")
                #expect(status.st_size == (5 << 30) + (8 << 20) && status.st_blocks * 512 < 4 << 20)
                var bytes = [UInt8](repeating: 0, count: 2)
                let copy = open("\(folder)/\(name)", O_RDONLY)
                defer { close(copy) }
                #expect(pread(copy, &bytes, 2, (3 << 30) + (1 << 20) - 1) == 2 && bytes == [7, 0])
            }
        }
    }

    /// A tree with everything that is kept.
    private func makeTree(_ root: String) throws {
        for folder in ["", "/sub", "/sub/deep", "/shut"] { #expect(mkdir(root + folder, 0o755) == 0) }
        try TestFiles.make("\(root)/file", size: 70_000)
        #expect(chmod("\(root)/file", 0o640) == 0)
        #expect(link("\(root)/file", "\(root)/sub/again") == 0)
        #expect(symlink("../file", "\(root)/sub/link") == 0)
        #expect(symlink("/nowhere", "\(root)/sub/broken") == 0)
        // "café" in Latin-1, which is no UTF-8.
        let odd = "\(root)/sub/deep/caf".utf8CString.dropLast() + [CChar(bitPattern: 0xe9), 0]
        let file = Array(odd).withUnsafeBufferPointer { name in
            name.baseAddress.map { open($0, O_CREAT | O_WRONLY, 0o644) } ?? -1
        }
        #expect(file >= 0)
        close(file)
        let times = [
            timespec(tv_sec: 1_000_000_000, tv_nsec: 123_456_789), timespec(tv_sec: 999, tv_nsec: 987_654_321),
        ]
        for name in ["/file", "/sub/link", "/shut"] {
            #expect(utimensat(AT_FDCWD, root + name, times, AT_SYMLINK_NOFOLLOW) == 0)
        }
        _ = TestFiles.setAttribute("user.colour", of: "\(root)/file", to: Array("blue".utf8))
        #expect(chmod("\(root)/shut", 0o500) == 0)
    }

    @Test(
        "A tree keeps links, hard links, permissions, times, attributes and names that are not UTF-8",
        arguments: [true, false]
    )
    func trees(pushes: Bool) async throws {
        try await withTemporaryDirectory { folder in
            try makeTree("\(folder)/tree")
            var options = FileTransferOptions()
            options.isRecursive = true
            options.preservesMetadata = true
            options.preservesAttributes = true
            let report = try await withFixtureRouter { router in
                let child = try await router.local(via: router.local())
                let (from, to) = (ByteString("\(folder)/tree"), ByteString("\(folder)/copy"))
                if pushes { return try await child.push(from, to: to, options: options) }
                return try await child.fetch(from, to: to, options: options)
            }
            #expect(report.failures.isEmpty)
            let copy = "\(folder)/copy"
            let (file, again) = (try TestFiles.status("\(copy)/file"), try TestFiles.status("\(copy)/sub/again"))
            #expect(file.st_ino == again.st_ino && file.st_nlink == 2)
            #expect(file.st_mode & 0o7777 == 0o640)
            #expect(file.st_mtim.tv_sec == 999 && file.st_mtim.tv_nsec == 987_654_321)
            #expect(file.st_atim.tv_nsec == 123_456_789)
            #expect(try TestFiles.digest("\(copy)/file") == TestFiles.digest("\(folder)/tree/file"))
            #expect(try TestFiles.status("\(copy)/sub/link").st_mtim.tv_nsec == 987_654_321)
            #expect(try TestFiles.status("\(copy)/shut").st_mtim.tv_sec == 999)
            #expect(try TestFiles.mode("\(copy)/shut") == 0o500)
            for name in ["/sub/link", "/sub/broken"] {
                var (a, b) = ([CChar](repeating: 0, count: 99), [CChar](repeating: 0, count: 99))
                #expect(readlink("\(folder)/tree\(name)", &a, 98) == readlink(copy + name, &b, 98) && a == b)
            }
            let names = try #require(opendir("\(copy)/sub/deep"))
            defer { closedir(names) }
            var found = 0
            while let entry = readdir(names) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
                if name == [0x63, 0x61, 0x66, 0xe9] { found += 1 }
            }
            #expect(found == 1)
            #expect(
                TestFiles.attribute("user.colour", of: "\(copy)/file")
                    == TestFiles.attribute("user.colour", of: "\(folder)/tree/file")
            )
        }
    }

    @Test("Where sources go is decided as by cp, and a slash at a source's end means what is in it")
    func destinations() async throws {
        try await withTemporaryDirectory { folder in
            try makeTree("\(folder)/tree")
            try Files.write([1], to: "\(folder)/one")
            mkdir("\(folder)/there", 0o755)
            try await withFixtureRouter { router in
                let child = try await router.local()
                func push(_ sources: [String], _ destination: String) async throws -> FileTransferReport {
                    var push = FilePush(
                        sources.map { ByteString("\(folder)/\($0)") },
                        to: ByteString("\(folder)/\(destination)")
                    )
                    push.options.isRecursive = true
                    return try #require(try await push.run(on: [child]).first)
                }
                _ = try await push(["one"], "there")
                _ = try await push(["one", "tree"], "new")
                _ = try await push(["tree/"], "contents")
                _ = try await push(["one"], "made/")
                let refused = try await push(["tree/"], "one")
                #expect(refused.failures.map(\.code) == [.isNotFolder] && !refused.isComplete)
                let missing = try await push(["one"], "no/where")
                #expect(missing.failures.map(\.code) == [.noSuchFile])
                let folderOverFile = try await push(["tree"], "one")
                #expect(
                    folderOverFile.failures.first?.code == .isNotFolder
                        || folderOverFile.failures.first?.code == .fileError
                )
            }
            for path in ["there/one", "new/one", "new/tree/sub/again", "contents/sub/again", "made/one"] {
                #expect(access("\(folder)/\(path)", F_OK) == 0, "\(path)")
            }
            #expect(Files.bytes("\(folder)/one") == [1])
        }
    }

    @Test("What is replaced keeps its permissions, owner and access control list; new files get those of the source")
    func replacing() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/source", size: 1000)
            #expect(chmod("\(folder)/source", 0o751) == 0)
            try Files.write([1], to: "\(folder)/old")
            #expect(chmod("\(folder)/old", 0o604) == 0)
            if isRoot { #expect(chown("\(folder)/old", 1234, 4321) == 0) }
            // Version 2; owner rw, user 77 r, group none, mask r, others r.
            let list: [UInt8] = [
                2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 77, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 16,
                0, 4, 0,
                255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
            ]
            let hasLists = TestFiles.setAttribute("system.posix_acl_access", of: "\(folder)/old", to: list)
            let before = try TestFiles.mode("\(folder)/old")
            try await withFixtureRouter { router in
                let child = try await router.local()
                for name in ["old", "new"] {
                    try await child.push(ByteString("\(folder)/source"), to: ByteString("\(folder)/\(name)"))
                }
            }
            let status = try TestFiles.status("\(folder)/old")
            #expect(status.st_size == 1000 && status.st_mode & 0o7777 == before)
            if isRoot { #expect(status.st_uid == 1234 && status.st_gid == 4321) }
            if hasLists {
                #expect(TestFiles.attribute("system.posix_acl_access", of: "\(folder)/old") == list)
            }
            let mask = cmitogen_file_mask()
            #expect(try TestFiles.mode("\(folder)/new") == 0o751 & ~mask)
        }
    }

    @Test("A hundred transfers at once over three hops")
    func many() async throws {
        try await withTemporaryDirectory { folder in
            try TestFiles.make("\(folder)/a", size: LongTests.pick(300_000, long: 16 << 20))
            try await withFixtureRouter { router in
                let far = try await router.local(via: router.local(via: router.local()))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<50 {
                        group.addTask {
                            try await far.push(ByteString("\(folder)/a"), to: ByteString("\(folder)/push\(index)"))
                        }
                        group.addTask {
                            try await far.fetch(ByteString("\(folder)/a"), to: ByteString("\(folder)/fetch\(index)"))
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let expected = try TestFiles.digest("\(folder)/a")
            for name in TestFiles.names(in: folder) { #expect(try TestFiles.digest("\(folder)/\(name)") == expected) }
            #expect(TestFiles.names(in: folder).count == 101)
        }
    }

    @Test("Several targets behind a hop: its link carries the data once, and each of theirs")
    func fanout() async throws {
        try await withTemporaryDirectory { folder in
            let size = 6 << 20
            try TestFiles.make("\(folder)/a", size: size)
            let expected = try TestFiles.digest("\(folder)/a")
            try await withFixtureRouter { router in
                let fixture = try Fixture.path
                let relay = Relay(in: folder)
                let hop = try await router.local {
                    $0.executable = [fixture, "relay", "files=\(folder)/relay", "--", fixture]
                }
                let (one, two) = (try await router.local(via: hop), try await router.local(via: hop))
                let three = try await router.local(via: two)
                let before = relay.counts.sent
                // The same name in all: each has a file system of its own in real life, and here a folder.
                var reports: [FileTransferReport] = []
                mkdir("\(folder)/to", 0o755)
                let push = FilePush("\(folder)/a", to: "\(folder)/to/a")
                reports = try await push.run(on: [one, two, three, one])
                let sent = relay.counts.sent - before
                #expect(reports.allSatisfy { $0.isComplete && $0.failures.isEmpty && $0.bytes == size })
                #expect(sent > size && sent < size + size / 4, "\(sent) bytes for \(size)")
                #expect(try TestFiles.digest("\(folder)/to/a") == expected)
                #expect(TestFiles.names(in: "\(folder)/to") == ["a"])
            }
        }
    }

    @Test("A target that dies, and one that stands still, drop out, and the others get everything")
    func dropOuts() async throws {
        try await withTemporaryDirectory { folder in
            let size = 24 << 20
            try TestFiles.make("\(folder)/a", size: size)
            let expected = try TestFiles.digest("\(folder)/a")
            try await withFixtureRouter { router in
                let hop = try await router.local()
                let (good, dies) = (try await router.local(via: hop), try await router.local(via: hop))
                let frozen = try await router.local()
                let (deadID, frozenID) = (try await dies.call(ProcessID()), try await frozen.call(ProcessID()))
                var push = FilePush("\(folder)/a", to: "\(folder)/b")
                push.patience = .seconds(1)
                let progress = TransferProgress()
                push.progress = progress
                try await Processes.stop(frozenID)
                defer { kill(frozenID, SIGKILL) }
                let (reports, time) = try await withThrowingTaskGroup(of: [FileTransferReport]?.self) { group in
                    let start = ContinuousClock.now
                    group.addTask { [push] in try await push.run(on: [good, dies, frozen]) }
                    group.addTask {
                        _ = try await eventually { progress.state.bytes > 1 << 20 }
                        kill(deadID, SIGKILL)
                        return nil
                    }
                    var reports: [FileTransferReport] = []
                    for try await result in group { reports = result ?? reports }
                    return (reports, ContinuousClock.now - start)
                }
                #expect(reports.map(\.isComplete) == [true, false, false])
                #expect(reports[0].failures.isEmpty)
                #expect(reports[1].failures.map(\.code) == [.channelError])
                #expect(reports[2].failures.map(\.code) == [.timeoutError])
                #expect(time < .seconds(20))
            }
            #expect(try TestFiles.digest("\(folder)/b") == expected)
            #expect(TestFiles.names(in: folder) == ["a", "b"])
        }
    }
}
