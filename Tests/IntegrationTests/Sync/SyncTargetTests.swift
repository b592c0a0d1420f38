//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Mitogen
import MitogenFiles
import MitogenProtocol
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The side of a synchronisation that has the old files, asked for what the tool never asks.
@Suite("The target of a synchronisation", .timeLimit(.minutes(1)))
struct SyncTargetTests {
    /// Sends steps and collects the answers up to that to `.flush`.
    private func answers(to steps: [SyncStep], in folder: String) async throws -> [SyncEvent] {
        try await withFixtureRouter { router in
            var options = FileTransferOptions()
            options.isRecursive = true
            let function = SyncFiles(destination: Array(folder.utf8), isFolder: true, options: options)
            let context = try await router.local()
            var answers: [SyncEvent] = []
            for try await event in context.stream(function) {
                if case .ready(let handle) = event {
                    let sender = Sender<SyncStep>(to: context, handle: handle)
                    for step in steps + [.flush] { try await sender.send(step) }
                    continue
                }
                if case .flushed = event { break }
                answers.append(event)
            }
            return answers
        }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func file(_ path: String, size: Int) -> FileEntry {
        let time = FileTime(seconds: 1, nanoseconds: 0)
        let metadata = FileMetadata(mode: 0o644, userID: 0, groupID: 0, modified: time, accessed: time)
        return FileEntry(path: bytes(path), kind: .regular, size: size, metadata: metadata)
    }

    @Test(
        "No path leads out of the folder, by dots or by links",
        arguments: ["../outside", "way/file", "/etc/passwd", ""]
    )
    func paths(path: String) async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inside", 0o755)
            mkdir("\(directory)/away", 0o755)
            try Files.write(bytes("kept"), to: "\(directory)/outside")
            try Files.write(bytes("kept"), to: "\(directory)/away/file")
            symlink("\(directory)/away", "\(directory)/inside/way")
            let answers = try await answers(
                to: [
                    .sign(path: bytes(path)), .hash(path: bytes(path)), .remove(path: bytes(path), isFolder: false),
                    .remove(path: bytes(path), isFolder: true), .adjust(file(path, size: 0)),
                ],
                in: "\(directory)/inside"
            )
            #expect(answers.prefix(2) == [.unsigned, .hash(nil)])
            #expect(answers.count == 5)
            for case .failed(_, let failure) in answers { #expect(failure.reason != .other) }
            #expect(Files.text("\(directory)/outside") == "kept" && Files.text("\(directory)/away/file") == "kept")
        }
    }

    @Test("Operations that make no file, or another one, leave the old file and nothing else")
    func wrongOperations() async throws {
        try await withTemporaryDirectory { directory in
            let old = [UInt8](repeating: 7, count: 10_000)
            try Files.write(old, to: "\(directory)/file")
            let path = bytes("file")
            let wrong: [[UInt8]] = [[1, 0], [3, 99], [0xff], [3, 0], [9, 0, 2, 1, 2, 1], [9, 0]]
            for operations in wrong {
                let answers = try await answers(
                    to: [
                        .sign(path: path), .item(.entry(file("file", size: 10_000))), .patch(operations),
                        .item(.end(digest: [UInt8](repeating: 0, count: 32))),
                    ],
                    in: directory
                )
                guard case .signature(fileSize: 10_000, let records, isLast: true) = answers.first else {
                    Issue.record("\(answers)")
                    continue
                }
                #expect(records.count == 5 * 8)
                guard case .failed(entry: 0, let failure) = answers.last, answers.count == 2 else {
                    Issue.record("\(answers)")
                    continue
                }
                #expect(failure.reason == .checksumMismatch)
                #expect(Files.bytes("\(directory)/file") == old)
                #expect(Files.names(in: directory) == ["file"])
            }
        }
    }

    @Test("Operations without an entry, and an end without operations, do nothing")
    func outOfOrder() async throws {
        try await withTemporaryDirectory { directory in
            let answers = try await answers(
                to: [.patch([3, 0]), .item(.end(digest: [])), .item(.data([1]))],
                in: directory
            )
            #expect(answers.isEmpty, "\(answers)")
            #expect(Files.names(in: directory).isEmpty)
        }
    }
}
