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
///
/// It is locked while its process lives. One that was killed leaves its folder behind, which the next one removes.
struct PrivateFolder: Sendable {
    private static let links = ["ssh", "scp", "sftp"]
    /// `sun_path` of unix(7) has room for so many bytes and a NUL.
    private static let longestSocketPath = 107

    let path: String
    /// The descriptor of the listening socket; it belongs to the caller.
    let listener: Int32
    /// The descriptor of the locked folder.
    private let lock: Int32

    private var socketPath: String { "\(path)/\(CMITOGEN_FAKESSH_SOCKET)" }

    /// Makes it, in `TMPDIR`, `/tmp`, `XDG_RUNTIME_DIR` or `/var/tmp`: the first that can be written to and whose name is
    /// not too long for a socket.
    ///
    /// - Throws: ``MitogenError`` with `.streamError`, or `.tooManyOpenFiles`.
    init() throws(MitogenError) {
        cmitogen_fakessh_link_client()
        path = try Self.make()
        lock = cmitogen_fakessh_lock_folder(path)
        do throws(MitogenError) {
            if lock < 0 { throw .system("cannot lock \(path)", errno: -lock) }
            for name in Self.links {
                // This process's file also when it was replaced meanwhile.
                guard symlink("/proc/\(getpid())/exe", "\(path)/\(name)") == 0 else {
                    throw .system("cannot make the link \(path)/\(name)", errno: errno)
                }
            }
            listener = cmitogen_fakessh_listen("\(path)/\(CMITOGEN_FAKESSH_SOCKET)")
            if listener < 0 { throw .system("cannot listen in \(path)", errno: -listener) }
        } catch {
            if lock >= 0 { Self.empty(lock) }
            rmdir(path)
            if lock >= 0 { close(lock) }
            throw error
        }
    }

    /// Removes it; to be called once.
    func remove() {
        Self.empty(lock)
        rmdir(path)
        close(lock)
    }

    /// Removes the folders below another one whose processes have ended without doing so.
    static func removeLeftovers(in place: String) {
        guard let directory = opendir(place) else { return }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(CMITOGEN_FAKESSH_FOLDER) { names.append(name) }
        }
        for name in names {
            let path = "\(place)/\(name)"
            // One without links may have been made in this moment, and not be locked yet: its process would find it locked.
            var status = stat()
            guard lstat("\(path)/\(links[0])", &status) == 0 else { continue }
            let lock = cmitogen_fakessh_lock_folder(path)
            guard lock >= 0 else { continue }
            defer { close(lock) }
            // Whoever else has removed it meanwhile has left nothing, and another folder has another name.
            empty(lock)
            rmdir(path)
        }
    }

    /// Removes what is in a folder that is locked, and in no other that may have its name by now. `rmdir` takes a path, but
    /// removes nothing that is not empty.
    private static func empty(_ folder: Int32) {
        // The first link goes last: by it others see that the folder is one.
        for name in [CMITOGEN_FAKESSH_SOCKET] + links.reversed() { unlinkat(folder, name, 0) }
    }

    private static func make() throws(MitogenError) -> String {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
        let places = [variable("TMPDIR"), "/tmp", variable("XDG_RUNTIME_DIR"), "/var/tmp"].compactMap(\.self)
        var failures: [String] = []
        for place in places where place.hasPrefix("/") {
            removeLeftovers(in: place)
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
