//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenFixtures

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What the kernel tells about processes and files.
enum Kernel {
    /// Whether a process exists and is not only waiting to be reaped.
    static func isRunning(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0, let file = fopen("/proc/\(pid)/stat", "r") else { return false }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let text = String(decoding: buffer[..<fread(&buffer, 1, buffer.count, file)], as: UTF8.self)
        // The name, in parentheses, may contain anything.
        guard let end = text.lastIndex(of: ")") else { return false }
        return text[text.index(after: end)...].first { $0 != " " } != "Z"
    }

    /// What this process has open in a folder.
    static func openFiles(in folder: String) -> [String] {
        directoryEntries("/proc/self/fd").compactMap { name in
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(name)", &buffer, buffer.count)
            let target = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
            return target.hasPrefix("\(folder)/") ? target : nil
        }
    }

    /// Makes a file of so many zero bytes, none of which takes room.
    static func makeSparseFile(_ path: String, size: Int) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        return ftruncate(file, off_t(size)) == 0
    }
}

/// Asks again and again until the condition holds. False when the time is over.
func eventually(
    within limit: Duration = .seconds(10),
    _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        if ContinuousClock.now >= end { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
}
