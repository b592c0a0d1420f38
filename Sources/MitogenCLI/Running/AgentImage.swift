//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen

/// The program that the tool starts as its contexts: `mitogen-agent`, in the same directory as the tool.
enum AgentImage {
    static let name = "mitogen-agent"

    /// The path of the program.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` and what to do about it.
    static func locate() throws(MitogenError) -> String {
        let path = "\(try self.ownDirectory())/\(self.name)"
        if access(path, X_OK) == 0 { return path }
        throw self.unusable(path, errno: errno)
    }

    /// Why the file cannot be used.
    static func unusable(_ path: String, errno code: Int32) -> MitogenError {
        guard code == EACCES else {
            return MitogenError(
                .imageUnusable,
                "cannot find \(path)",
                hint: "install mitogen and mitogen-agent of the same version in one directory"
            )
        }
        return MitogenError(
            .imageUnusable,
            "\(path) is not executable",
            hint: "make it so (chmod +x), and see to it that its file system is not mounted with noexec"
        )
    }

    private static func ownDirectory() throws(MitogenError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        // A file that was replaced while it runs has " (deleted)" at its end, which goes with the last part.
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, let slash = buffer[..<count].lastIndex(of: CChar(UInt8(ascii: "/"))) else {
            throw .system("cannot find out where this program is (/proc/self/exe)", errno: errno, .imageUnusable)
        }
        return String(decoding: buffer[..<slash].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
