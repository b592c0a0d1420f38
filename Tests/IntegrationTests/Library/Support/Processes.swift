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

/// What the kernel tells about processes.
enum Processes {
    /// Whether a process exists and is not only waiting to be reaped.
    static func isRunning(_ pid: Int32) -> Bool {
        guard let state = state(of: pid) else { return false }
        return state != "Z" && state != "X"
    }

    /// The letter for a process's state; nil if there is no such process.
    static func state(of pid: Int32) -> Character? {
        // The name, in parentheses, may contain anything.
        guard let stat = Files.text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        return stat[stat.index(after: end)...].first { $0 != " " }
    }

    /// Stops a process, and waits until it stands: its first thread gets the signal, and the others go on until that has
    /// run.
    static func stop(_ pid: Int32) async throws {
        kill(pid, SIGSTOP)
        guard try await eventually({ state(of: pid) == "T" }) else { throw TestFailure("\(pid) does not stop") }
        try await Task.sleep(for: .milliseconds(50))
    }

    static func name(of pid: Int32) -> String {
        String((Files.text("/proc/\(pid)/comm") ?? "").prefix { $0 != "\n" })
    }

    /// What `ps` shows.
    static func title(of pid: Int32) -> String {
        String((Files.text("/proc/\(pid)/cmdline") ?? "").prefix { $0 != "\0" })
    }

    /// The children of a process, the dead ones that nobody has reaped included, but not the guard of its commands.
    static func children(of pid: Int32) -> [Int32] {
        allChildren(of: pid).filter { name(of: $0) != "mitogen-guard" }
    }

    /// The process that guards the commands of a context.
    static func guards(of pid: Int32) -> [Int32] {
        allChildren(of: pid).filter { name(of: $0) == "mitogen-guard" }
    }

    private static func allChildren(of pid: Int32) -> [Int32] {
        Files.names(in: "/proc/\(pid)/task").flatMap { task in
            (Files.text("/proc/\(pid)/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }

    /// Waits until none of them runs any more; returns those that do.
    static func stillRunning(_ pids: [Int32], after limit: Duration) async throws -> [Int32] {
        _ = try await eventually(within: limit) { !pids.contains(where: isRunning) }
        return pids.filter(isRunning)
    }

    /// The time that it has used, in hundredths of a second.
    static func processorTime(of pid: Int32) -> Int {
        let fields = statistics(of: pid)
        return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
    }

    static func session(of pid: Int32) -> Int32? {
        let fields = statistics(of: pid)
        return fields.count > 3 ? Int32(fields[3]) : nil
    }

    /// What tells it from later processes with the same number.
    static func startTime(of pid: Int32) -> Int? {
        let fields = statistics(of: pid)
        return fields.count > 19 ? Int(fields[19]) : nil
    }

    /// Who it runs as.
    static func user(of pid: Int32) -> UInt32? {
        var status = stat()
        return stat("/proc/\(pid)", &status) == 0 ? status.st_uid : nil
    }

    /// Every process there is.
    static var all: [Int32] { Files.names(in: "/proc").compactMap { Int32($0) } }

    /// The kernel's figures of a process, from its state on.
    private static func statistics(of pid: Int32) -> [Substring] {
        guard let stat = Files.text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return [] }
        return stat[stat.index(after: end)...].split(separator: " ")
    }
}

enum Files {
    /// Where a symbolic link leads; empty if there is none.
    static func linkTarget(_ path: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    static func bytes(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return result }
            result += buffer.prefix(count)
        }
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
        guard file >= 0 else { throw TestFailure("cannot write \(path)") }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { throw TestFailure("cannot write \(path)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Removes a folder and everything below it.
    static func removeTree(_ path: String) {
        for name in names(in: path) {
            // What is no empty folder says so.
            if unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
        }
        rmdir(path)
    }

    static func names(in directory: String) -> [String] {
        directoryEntries(directory)
    }
}

/// Makes a directory, and removes it and all that is in it when the body is done.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/mitogen-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestFailure("cannot make a temporary directory") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { Files.removeTree(path) }
    return try await body(path)
}

/// This process.
let selfPID = getpid()
