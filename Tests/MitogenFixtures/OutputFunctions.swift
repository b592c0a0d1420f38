//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Prints a text to standard output with Swift's own means.
public struct PrintText: RemoteFunction {
    public var text: String
    public var terminator: String

    public init(_ text: String, terminator: String = "\n") {
        self.text = text
        self.terminator = terminator
    }

    public func run(in context: ExternalContext) async throws {
        print(text, terminator: terminator)
    }
}

/// Writes a text to a descriptor.
public struct WriteText: RemoteFunction {
    public var descriptor: Int32
    public var text: String

    public init(_ text: String, to descriptor: Int32) {
        self.descriptor = descriptor
        self.text = text
    }

    public func run(in context: ExternalContext) async throws {
        writeAll(descriptor, Array(text.utf8))
    }
}

/// Writes lines of 1,024 bytes each to a descriptor.
public struct WriteLines: RemoteFunction {
    public var descriptor: Int32
    public var count: Int

    public init(_ count: Int, to descriptor: Int32) {
        self.descriptor = descriptor
        self.count = count
    }

    public func run(in context: ExternalContext) async throws {
        for number in 0..<count {
            let head = "line \(number) "
            writeAll(descriptor, Array((head + String(repeating: "x", count: 1023 - head.utf8.count) + "\n").utf8))
        }
    }
}

/// Prints as long as the process lives.
public struct PrintForever: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        while true { print("and again") }
    }
}

/// Logs without end, as fast as it can.
public struct LogForever: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        let logger = Logger(label: "forever")
        while !Task.isCancelled { logger.info("and again") }
    }
}

/// Starts a program that inherits the standard descriptors, and waits for it.
public struct SpawnInherited: RemoteFunction {
    public var arguments: [String]

    public init(_ arguments: [String]) {
        self.arguments = arguments
    }

    public func run(in context: ExternalContext) async throws -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, arguments[0], nil, nil, &pointers, nil) == 0 else { return -1 }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }
}

/// What the standard descriptors are.
public struct DescribeDescriptors: RemoteFunction {
    public struct Report: Codable, Sendable {
        public var areBlocking: [Bool]
        public var input: String
        public var bytesRead: Int
    }

    public init() {}

    public func run(in context: ExternalContext) async throws -> Report {
        var byte: UInt8 = 0
        return Report(
            areBlocking: (0...2).map { fcntl($0, F_GETFL) & O_NONBLOCK == 0 },
            input: linkTarget("/proc/self/fd/0"),
            bytesRead: read(0, &byte, 1)
        )
    }
}

/// Closes standard input, output and error.
public struct CloseStandardDescriptors: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        for descriptor: Int32 in 0...2 { close(descriptor) }
    }
}

/// Logs one record at every level.
public struct LogAtEveryLevel: RemoteFunction {
    public var label: String

    public init(label: String) {
        self.label = label
    }

    public func run(in context: ExternalContext) async throws {
        let logger = Logger(label: label)
        for level in Logger.Level.allCases { logger.log(level: level, "at \(level)", metadata: ["key": "value"]) }
    }
}

func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count <= 0 { return }
        rest = rest.dropFirst(count)
    }
}

func linkTarget(_ path: String) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
