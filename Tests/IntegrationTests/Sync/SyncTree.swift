//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A source and a destination for `mitogen sync`, with a hop that counts bytes between them.
struct SyncTree {
    let directory: String
    let relay: Relay

    var source: String { "\(directory)/source" }
    var destination: String { "\(directory)/destination" }

    static func with<Result>(_ body: (SyncTree) async throws -> Result) async throws -> Result {
        try await withTemporaryDirectory { directory in
            let tree = SyncTree(directory: directory, relay: Relay(in: directory))
            try Files.write(Array(tree.hops.utf8), to: "\(directory)/hops")
            try #require(chmod("\(directory)/hops", 0o600) == 0)
            mkdir(tree.source, 0o755)
            mkdir(tree.destination, 0o755)
            return try await body(tree)
        }
    }

    /// `counted` counts, `slow` lets 1 MB/s through, `nobody` is another account, `in:FOLDER` has another home.
    private var hops: String {
        let fixture = (try? Fixture.path) ?? ""
        return """
            [counted]
            command = \(fixture) relay files=\(directory)/relay -- {command}
            argument = none
            [slow]
            command = \(fixture) relay kbytes_per_s=1000 -- {command}
            argument = none
            [nobody]
            command = setpriv --reuid=65534 --regid=65534 --clear-groups {command}
            argument = none
            [in]
            command = sh -c 'mkdir -p "$0" && cd "$0" && HOME=$0 exec "$@"' \(directory)/{name} {command}
            argument = NAME

            """
    }

    func sync(
        _ arguments: [String],
        to target: String = "local",
        from sources: [String]? = nil,
        destination: String? = nil
    ) async throws -> ToolResult {
        var words = words(arguments, target, sources)
        if let destination { words[words.count - 1] = ":\(destination)" }
        return try await ToolProcess.run(words, environment: ["HOME": directory])
    }

    func start(_ arguments: [String], to target: String) throws -> ToolProcess {
        try ToolProcess(words(arguments, target, nil), environment: ["HOME": directory])
    }

    private func words(_ arguments: [String], _ target: String, _ sources: [String]?) -> [String] {
        ["sync", "--hops", "\(directory)/hops", "-t", target] + arguments + (sources ?? ["\(source)/"]) + [
            ":\(destination)"
        ]
    }

    /// The bytes that a connection alone costs, whose image is in the cache.
    func connectionCost(_ targets: String = "counted") async throws -> Int {
        for _ in 0..<2 {
            let words = ["run", "--hops", "\(directory)/hops", "-t", targets, "--", "true"]
            try #require(try await ToolProcess.run(words, environment: ["HOME": directory]).status == 0)
        }
        return relay.counts.sent + relay.counts.received
    }

    func write(_ text: String, _ path: String, in root: String? = nil, age: Int? = nil) throws {
        let file = "\(root ?? source)/\(path)"
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try Files.write(Array(text.utf8), to: file)
        if let age { try setAge(age, of: file) }
    }

    /// The time of the last change, in seconds before some day.
    func setAge(_ age: Int, of file: String) throws {
        let time = timespec(tv_sec: 1_700_000_000 - age, tv_nsec: 123_456_789)
        try #require(utimensat(AT_FDCWD, file, [time, time], AT_SYMLINK_NOFOLLOW) == 0)
    }

    /// Each path with its kind, permissions, time and content.
    func snapshot(_ root: String) -> [String: String] {
        var found: [String: String] = [:]
        for path in FileManager.default.enumerator(atPath: root)?.compactMap({ $0 as? String }) ?? [] {
            var status = stat()
            guard lstat("\(root)/\(path)", &status) == 0 else { continue }
            let time = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                found[path] = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/\(path)")) ?? "?"
            case S_IFDIR: found[path] = "folder \(status.st_mode & 0o7777) \(time)"
            default:
                found[path] = "\(status.st_mode & 0o7777) \(time) \(Files.bytes("\(root)/\(path)")?.hashValue ?? 0)"
            }
        }
        return found
    }

    var isSame: Bool { snapshot(source) == snapshot(destination) }
}
