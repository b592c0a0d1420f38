//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Reading images, and sending them through the tools of this machine.
enum ImageFiles {
    /// Where compressed images are kept, by the rules that a target's cache has; nil if the user has no such folder and
    /// cannot have one.
    static var cacheDirectory: String? {
        guard let home = getenv("HOME"), cmitogen_cache_directory(home) == 0 else { return nil }
        return String(cString: home) + "/.cache/mitogen"
    }

    /// Nil if the file cannot be read.
    static func contents(of path: String) -> [UInt8]? {
        guard let descriptor = open(path) else { return nil }
        defer { _ = systemClose(descriptor) }
        return readAll(descriptor)
    }

    /// Nil if the file cannot be read.
    static func open(_ path: String) -> Int32? {
        let descriptor = cmitogen_open_for_reading(path)
        return descriptor >= 0 ? descriptor : nil
    }

    /// What a tool makes of a file, which is closed then; nil if the tool is not there or fails.
    static func filter(_ input: Int32, _ tool: [String], _ broker: Broker) async -> [UInt8]? {
        defer { _ = systemClose(input) }
        var pipe: [Int32] = [0, 0]
        guard cmitogen_pipe(&pipe, false) >= 0 else { return nil }
        let process = try? SpawnedProcess(
            SpawnRequest(
                arguments: tool,
                environment: ProcessIdentity.environment,
                directory: nil,
                descriptors: (.descriptor(input), .descriptor(pipe[1]), .null)
            ),
            broker: broker
        )
        _ = systemClose(pipe[1])
        let output = process == nil ? nil : readAll(pipe[0])
        _ = systemClose(pipe[0])
        guard let process, let output else { return nil }
        return await process.waitUntilEnded() == .exited(0) ? output : nil
    }

    /// A file without a name, open at its beginning: a tool reads it by itself while its output is read here.
    static func temporary(_ bytes: [UInt8]) -> Int32? {
        let memory = cmitogen_memory_file()
        guard let file = memory >= 0 ? fdopen(memory, "w+") : tmpfile() else { return nil }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count, fflush(file) == 0 else { return nil }
        rewind(file)
        let descriptor = cmitogen_duplicate(fileno(file), 3)
        return descriptor >= 0 ? descriptor : nil
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = cmitogen_read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes += buffer[..<count]
        }
    }
}
