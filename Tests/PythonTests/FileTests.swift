//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files from one language's `FileService` to the other.
enum PythonFiles {
    /// None, one, around the size of a chunk and of 128 KiB, and more than the window of 1 MiB.
    static let sizes = [0, 1, (128 << 10) - 26, (128 << 10) - 1, 128 << 10, (128 << 10) + 1, 3 << 20 | 5]

    static func content(_ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    /// A folder that is removed afterwards.
    static func withFolder(_ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/mitogen-python-files-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { rmdir(folder) }
        try await body(folder)
    }

    /// A file that is removed afterwards.
    static func withFile(_ path: String, _ bytes: [UInt8], _ body: () async throws -> Void) async throws {
        let file = try #require(fopen(path, "w"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
        defer { unlink(path) }
        try await body()
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 8 << 20)
        return Array(buffer[..<fread(&buffer, 1, buffer.count, file)])
    }

    /// Gets files from the service of a Python context.
    static func check(of context: Context) async throws {
        try await withFolder { folder in
            for size in sizes {
                let content = content(size)
                try await withFile("\(folder)/there", content) {
                    let metadata = try await FileService.get(
                        ByteString("\(folder)/there"),
                        from: context,
                        to: ByteString("\(folder)/here")
                    )
                    #expect(metadata.size == size)
                    #expect(try bytes("\(folder)/here") == content, "\(size)")
                    unlink("\(folder)/here")
                }
            }
            let error = await #expect(throws: MitogenError.self) {
                try await FileService.get(
                    ByteString("\(folder)/none"),
                    from: context,
                    to: ByteString("\(folder)/here")
                )
            }
            #expect(
                error?.code == .callError && error?.message.contains("\(folder)/none") == true,
                "\(String(describing: error))"
            )
        }
    }
}

extension PythonTests {
    /// Files from one language's service to the other.
    @Suite("Files")
    struct Files {
        private struct Fetched: Decodable {
            var complete: Bool
            var size: Int
            var mode: UInt32
            var data: [UInt8]
        }

        @Test("A Python context fetches what is registered here, and nothing else", arguments: PythonPackage.all)
        func fromSwift(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                try await PythonFiles.withFolder { folder in
                    let service = try router.fileService
                    try service.register(ByteString("\(folder)/file"))
                    func fetch(_ name: String) async throws -> Fetched {
                        try await python.call(
                            named: "sample.files.fetch",
                            [router.myself().pickleValue, .string("\(folder)/\(name)")]
                        )
                    }
                    for size in PythonFiles.sizes {
                        let content = PythonFiles.content(size)
                        try await PythonFiles.withFile("\(folder)/file", content) {
                            let fetched = try await fetch("file")
                            #expect(fetched.complete && fetched.size == size && fetched.mode & 0o170000 == 0o100000)
                            #expect(fetched.data == content, "\(size)")
                        }
                    }
                    let error = await #expect(throws: MitogenError.self) { try await fetch("other") }
                    #expect(error?.code == .callError)
                    #expect(
                        error?.message.contains("Path '\(folder)/other' is not registered with FileService.") == true
                    )
                    // It is none that would end the context.
                    let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                    #expect(sum == 3)
                }
            }
        }

        @Test(
            "A Swift context gets files of a Python one, and a sibling only what is registered there",
            arguments: PythonPackage.all
        )
        func fromPython(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                try await PythonFiles.check(of: python)
                let sibling = try await router.local()
                try await PythonFiles.withFolder { folder in
                    let content = PythonFiles.content(2 << 20)
                    try await PythonFiles.withFile("\(folder)/there", content) {
                        let get = GetFile("\(folder)/there", from: python, to: "\(folder)/here")
                        let error = await #expect(throws: MitogenError.self) { try await sibling.call(get) }
                        #expect(error?.message.contains("is not registered with FileService.") == true)
                        let _: Bool? = try await python.callService(
                            named: "mitogen.service.FileService",
                            method: "register",
                            ["path": .string("\(folder)/there")]
                        )
                        #expect(try await sibling.call(get) == content.count)
                        #expect(try PythonFiles.bytes("\(folder)/here") == content)
                        unlink("\(folder)/here")
                        // Nothing of these is written, and more is on its way than the window; all are on one stream.
                        let lost = GetFile("\(folder)/there", from: python, to: "\(folder)/none/here")
                        await #expect(throws: MitogenError.self) { try await sibling.call(lost) }
                        for _ in 0..<2 {
                            let path = ByteString("\(folder)/there")
                            await #expect(throws: MitogenError.self) {
                                try await FileService.get(path, from: python, to: ByteString("\(folder)/none/here"))
                            }
                        }
                        #expect(try await sibling.call(get) == content.count)
                        #expect(try PythonFiles.bytes("\(folder)/here") == content)
                        unlink("\(folder)/here")
                    }
                }
            }
        }

        @Test("A Python context that acknowledges what it has not read does not fill the way to it")
        func unread() async throws {
            try await withPythonContext(.current) { router, python in
                try await PythonFiles.withFolder { folder in
                    let path = "\(folder)/large"
                    try #require(Kernel.makeSparseFile(path, size: 256 << 20))
                    defer { unlink(path) }
                    try router.fileService.register(ByteString(path))
                    let call = try python.startCall(
                        named: "sample.peers.acknowledge_unread",
                        [router.myself().pickleValue, .string(path), .float(1.5)],
                        as: Int.self
                    )
                    func queued() -> Int {
                        router.dump().streams.filter { $0.contextID == python.id }.map(\.bytesQueued).max() ?? 0
                    }
                    // What it imports first may take long.
                    var most = 0
                    let hasBegun = try await eventually(within: .seconds(30)) {
                        most = queued()
                        return most > 1 << 19
                    }
                    #expect(hasBegun)
                    for _ in 0..<150 {
                        try await Task.sleep(for: .milliseconds(10))
                        most = max(most, queued())
                    }
                    #expect(try await call.get() > 64 << 20)
                    #expect(most > 1 << 19 && most < 2 << 20, "\(most)")
                }
            }
        }

        @Test("A Python context that announces a file and sends nothing of it is not waited for")
        func silentPeer() async throws {
            try await withPythonContext(.current) { router, python in
                try await PythonFiles.withFolder { folder in
                    try await PythonFiles.withFile("\(folder)/there", PythonFiles.content(100)) {
                        let _: Bool? = try await python.call(named: "sample.files.stall")
                        let client = FileServiceClient(
                            path: ByteString("\(folder)/there"),
                            context: python,
                            patience: .milliseconds(100)
                        )
                        let result = await client.write(
                            to: ByteString("\(folder)/here").bytes,
                            preservesMetadata: false
                        )
                        let error = #expect(throws: MitogenError.self) { try result.get() }
                        #expect(
                            error?.code == .timeoutError && error?.message.contains("nothing came within") == true,
                            "\(String(describing: error))"
                        )
                        #expect(access("\(folder)/here", F_OK) != 0)
                    }
                }
            }
        }
    }
}
