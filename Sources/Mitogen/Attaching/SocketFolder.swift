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

/// A folder for Unix sockets that only this process's user can enter.
package struct SocketFolder: Sendable, Hashable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// The folder that is used where none is named: `mitogen-UID` in `MITOGEN_RUNTIME_DIR`, or in `/tmp`.
    package static var usual: SocketFolder {
        let parent = getenv("MITOGEN_RUNTIME_DIR").map { String(cString: $0) } ?? ""
        return SocketFolder(path: "\(parent.isEmpty ? "/tmp" : parent)/mitogen-\(geteuid())")
    }

    /// Checks that the folder is this user's own and closed to others.
    ///
    /// - Parameter creates: Whether one that is missing is made, with mode 0700.
    /// - Returns: False if it is missing.
    /// - Throws: ``MitogenError`` with `.notPermitted` if others can enter it, or it is another user's.
    package func check(creates: Bool) throws(MitogenError) -> Bool {
        var owner: UInt32 = 0
        var mode: UInt32 = 0
        let result = cmitogen_private_folder(path, creates, &owner, &mode)
        switch -result {
        case 0: return true
        case ENOENT where !creates: return false
        case EPERM:
            let isOwn = owner == geteuid()
            let problem =
                isOwn
                ? "others may enter it (mode \(String(mode, radix: 8)))"
                : "it belongs to the user with the number \(owner)"
            throw MitogenError(
                .notPermitted,
                "the folder \(path) is not safe for a socket: \(problem)",
                hint: isOwn ? "chmod 700 \(path)" : "use a folder of your own"
            )
        default: throw .system("cannot use the folder \(path)", errno: -result)
        }
    }

    /// The folder that a file lies in.
    static func ofFile(_ path: String) -> SocketFolder {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return SocketFolder(path: ".") }
        return SocketFolder(path: slash == path.startIndex ? "/" : String(path[..<slash]))
    }
}
