//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenFakeSSH
internal import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A folder that only the user may enter (mode 0700), with this executable under the names `ssh`, `scp` and `sftp`, and
/// with the socket that those find beside themselves.
struct PrivateFolder: Sendable {
    private static let links = ["ssh", "scp", "sftp"]
    /// `sun_path` of unix(7) has room for so many bytes and a NUL.
    private static let longestSocketPath = 107

    let path: String
    /// The descriptor of the listening socket; it belongs to the caller.
    let listener: Int32

    private var socketPath: String { "\(path)/\(CMITOGEN_FAKESSH_SOCKET)" }

    /// Makes it, in `TMPDIR`, `/tmp`, `XDG_RUNTIME_DIR` or `/var/tmp`: the first that can be written to and whose name is
    /// not too long for a socket.
    ///
    /// - Throws: ``MitogenError`` with `.streamError`, or `.tooManyOpenFiles`.
    init() throws(MitogenError) {
        cmitogen_fakessh_link_client()
        path = try Self.make()
        do throws(MitogenError) {
            for name in Self.links {
                // This process's file also when it was replaced meanwhile.
                guard symlink("/proc/\(getpid())/exe", "\(path)/\(name)") == 0 else {
                    throw .system("cannot make the link \(path)/\(name)", errno: errno)
                }
            }
            listener = cmitogen_fakessh_listen("\(path)/\(CMITOGEN_FAKESSH_SOCKET)")
            if listener < 0 { throw .system("cannot listen in \(path)", errno: -listener) }
        } catch {
            Self.remove(path)
            throw error
        }
    }

    func remove() {
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        for name in links + [CMITOGEN_FAKESSH_SOCKET] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    private static func make() throws(MitogenError) -> String {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
        let places = [variable("TMPDIR"), "/tmp", variable("XDG_RUNTIME_DIR"), "/var/tmp"].compactMap(\.self)
        var failures: [String] = []
        for place in places where place.hasPrefix("/") {
            let template = "\(place)/\(CMITOGEN_FAKESSH_FOLDER)XXXXXX"
            guard template.utf8.count + CMITOGEN_FAKESSH_SOCKET.utf8.count < longestSocketPath else {
                failures.append("the name \(place) is too long for a socket in it")
                continue
            }
            var path = Array(template.utf8CString)
            let error = cmitogen_fakessh_make_folder(&path)
            if error == 0 { return String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }
            failures.append("\(place): \(String(cString: strerror(-error)))")
        }
        throw MitogenError(
            .streamError,
            "cannot make a folder for the program's ssh: \(failures.joined(separator: "; "))",
            hint: "set TMPDIR to a folder that can be written to"
        )
    }
}
