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

/// What this process is called, and where it comes from.
package enum ProcessIdentity {
    /// `user@host:pid`, the name that contexts show by default (Mitogen semantics, section 7.1).
    static var `default`: String {
        "\(userName)@\(hostName):\(getpid())".map { $0 == "/" || $0 == "\\" ? "_" : $0 }.reduce(into: "") {
            $0.append($1)
        }
    }

    /// The user's name from `/etc/passwd`: a static program has no working `getpwuid`. The number if it is not there.
    package static let userName: String = {
        let id = String(geteuid())
        guard let file = fopen("/etc/passwd", "re") else { return id }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let fields = text.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == id { return String(fields[0]) }
        }
        return id
    }()

    package static let hostName: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    package static var processID: Int32 { getpid() }

    /// The memory that this process occupies, in bytes; nil where `/proc` does not tell.
    package static var residentMemory: Int64? {
        let bytes = cmitogen_resident_memory()
        return bytes < 0 ? nil : bytes
    }

    /// The command line. Where there is no /proc, Swift's runtime has none.
    static let arguments: [String] = {
        let known = CommandLine.arguments
        guard known.isEmpty else { return known }
        var vector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = cmitogen_arguments(&vector)
        return (0..<Int(count)).compactMap { index in vector?[index].map { String(cString: $0) } }
    }()

    /// The running program's file. Through /proc it is found even if the file was replaced or removed.
    package static let executablePath: String =
        access("/proc/self/exe", X_OK) == 0 ? "/proc/self/exe" : arguments.first ?? ""

    /// The last part of the program's path.
    static let programName: String = {
        let path = arguments.first ?? "mitogen"
        return path.split(separator: "/").last.map(String.init) ?? path
    }()

    /// The environment as `NAME=VALUE`.
    package static var environment: [ByteString] {
        var result: [ByteString] = []
        guard var entry = cmitogen_environment() else { return result }
        while let text = entry.pointee {
            result.append(ByteString(cString: text))
            entry += 1
        }
        return result
    }
}
