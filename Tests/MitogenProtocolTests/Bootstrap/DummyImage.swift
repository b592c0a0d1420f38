//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol

/// A small static program that stands for an image: it reads one line, answers with the beginning of a frame and what
/// it knows about itself, and ends.
struct DummyImage: Sendable {
    let content: [UInt8]
    let compressed: [UInt8]
    /// Empty where there is no xz.
    let compressedMore: [UInt8]
    let sha256: String

    /// Nil where no C compiler can make it.
    static let shared: DummyImage? = make()

    var image: BootstrapImage {
        BootstrapImage(
            key: sha256,
            size: content.count,
            platform: TargetPlatform(system: Tool.output("uname", "-s"), machine: Tool.output("uname", "-m"))
        )
    }

    private static let source = #"""
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>
        int main(int count, char **arguments) {
            char line[4096] = "", program[4096] = "";
            const char *extra = getenv("MITOGEN_UNLINK"), *root = getenv("SWIFT_ROOT");
            if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) strcpy(program, "-");
            mode_t mask = umask(0);
            if (extra) unlink(extra);
            if (!fgets(line, sizeof line, stdin)) return 3;
            printf("MJ%c%d %s %s %s %03o %s %s", 0, count, count > 1 ? arguments[1] : "-", extra ? extra : "-",
                   root ? root : "-", (unsigned)mask, program, line);
            fflush(stdout);
            while (fgets(line, sizeof line, stdin)) {}
            return 0;
        }
        """#

    private static func make() -> DummyImage? {
        guard let folder = try? TemporaryFolder(), Tool.path("gcc") != nil else { return nil }
        defer { folder.remove() }
        let program = folder.path + "/image"
        guard (try? source.write(toFile: program + ".c", atomically: false, encoding: .utf8)) != nil else { return nil }
        _ = Tool.output("gcc", "-static", "-Os", "-o", program, program + ".c")
        guard let content = FileManager.default.contents(atPath: program) else { return nil }
        _ = Tool.output("gzip", "-9k", program)
        guard let compressed = FileManager.default.contents(atPath: program + ".gz") else { return nil }
        _ = Tool.output("xz", "-k", program)
        let more = FileManager.default.contents(atPath: program + ".xz") ?? Data()
        let hash = Tool.output("sha256sum", program).prefix(64)
        return DummyImage(
            content: Array(content),
            compressed: Array(compressed),
            compressedMore: Array(more),
            sha256: String(hash)
        )
    }

    func content(_ compression: ImageCompression) -> [UInt8] {
        switch compression {
        case .none: content
        case .gzip: compressed
        case .xz: compressedMore
        }
    }
}

/// Programs of this machine.
enum Tool {
    static func path(_ name: String) -> String? {
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// What a program prints, without the line end; empty if it is not there or fails.
    static func output(_ name: String, _ arguments: String...) -> String { output(name, arguments) }

    static func output(_ name: String, _ arguments: [String]) -> String {
        guard let path = path(name) else { return "" }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return "" }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return "" }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// Whether this process may mount file systems of its own.
    static let canMount = getuid() == 0 && Tool.output("unshare", "-m", "echo", "yes") == "yes"
}

/// A folder that is there for one test.
struct TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/mitogen-boot-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755]
        )
    }

    func make(_ name: String, mode: Int = 0o755) throws -> String {
        let folder = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, mode_t(mode))
        return folder
    }

    /// Everything below it, hidden files too.
    func files(_ name: String = "") -> [String] {
        (try? FileManager.default.subpathsOfDirectory(atPath: "\(path)/\(name)"))?.sorted() ?? []
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
