//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Files and folders that tests transfer.
enum TestFiles {
    /// Writes a file whose content repeats nowhere within a few megabytes.
    static func make(_ path: String, size: Int, seed: UInt64 = 1) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw TestFailure("cannot write \(path)") }
        defer { close(file) }
        var words = [UInt64](repeating: 0, count: 128 << 10)
        var state = seed
        for start in stride(from: 0, to: size, by: 1 << 20) {
            if start < 8 << 20 {
                for index in words.indices {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    words[index] = state
                }
            }
            words[0] = UInt64(start)
            let count = min(1 << 20, size - start)
            guard words.withUnsafeBytes({ write(file, $0.baseAddress, count) }) == count else {
                throw TestFailure("cannot write \(path)")
            }
        }
    }

    static func digest(_ path: String) throws -> String {
        var reader = try FileReader(path: Array(path.utf8))
        var hash = Hash()
        while let bytes = try reader.nextBytes(atMost: 1 << 20) { hash.update(bytes) }
        return ContentDigest.text(hash.finish())
    }

    static func status(_ path: String) throws -> stat {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw TestFailure("\(path) is missing: \(errno)") }
        return status
    }

    /// Sets an extended attribute. False where the file system has none.
    static func setAttribute(_ name: String, of path: String, to value: [UInt8]) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        return cmitogen_file_set_attribute(file, name, value, value.count) == 0
    }

    static func attribute(_ name: String, of path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var value = [UInt8](repeating: 0, count: 256)
        let count = cmitogen_file_get_attribute(file, name, &value, value.count)
        return count < 0 ? nil : Array(value.prefix(count))
    }

    static func mode(_ path: String) throws -> UInt32 { try status(path).st_mode & 0o7777 }

    /// What is in a folder, with what a transfer may have left.
    static func names(in folder: String) -> [String] { Files.names(in: folder).sorted() }
}

extension FilePush {
    init(_ source: String, to destination: String, _ configure: (inout FileTransferOptions) -> Void = { _ in }) {
        self.init([ByteString(source)], to: ByteString(destination))
        configure(&options)
    }
}

/// Tests that change owners or mount something.
let isRoot = geteuid() == 0
