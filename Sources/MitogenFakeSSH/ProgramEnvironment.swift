//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// The variables by which programs find the ssh of a folder.
enum ProgramEnvironment {
    /// What to set for a program.
    ///
    /// Most look for `ssh` in `PATH`; scp and sftp of the folder start the real ones with `-S`. rsync and git have
    /// variables that would lead to another ssh; one that is an argument of theirs still wins.
    ///
    /// - Parameters:
    ///   - folder: The path of the folder.
    ///   - path: What `PATH` is without it; nil if it is not set.
    static func variables(folder: String, path: ByteString?) -> [ByteString: ByteString] {
        let ssh = "\(folder)/ssh"
        let rest = path?.bytes ?? Array("/usr/local/bin:/usr/bin:/bin".utf8)
        return [
            "PATH": ByteString(bytes: Array("\(folder):".utf8) + rest),
            "RSYNC_RSH": ByteString(quoted(ssh)),
            "GIT_SSH": ByteString(ssh),
            // A shell reads it. It wins over core.sshCommand of git's configuration, which GIT_SSH does not.
            "GIT_SSH_COMMAND": ByteString(quoted(ssh)),
            "GIT_SSH_VARIANT": "ssh",
            // As the Python implementation sets it.
            "SSH_PATH": ByteString(ssh),
        ]
    }

    /// Quotes as a shell has them, which rsync reads as well; none where none are needed.
    static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            "/-_.+,:@%".utf8.contains(byte) || byte >= 0x80
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        if isPlain { return path }
        return "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// The variables of an ssh's environment that it was told to pass on, by patterns of ssh_config(5) with `*` and `?`.
    static func selected(
        from environment: [ByteString],
        _ patterns: [String]
    ) -> [(name: ByteString, value: ByteString)] {
        environment.compactMap { entry in
            let name = entry.bytes.prefix { $0 != UInt8(ascii: "=") }
            guard name.count < entry.bytes.count, !name.isEmpty,
                patterns.contains(where: { matches(name, Array($0.utf8)[...]) })
            else { return nil }
            return (ByteString(bytes: Array(name)), ByteString(bytes: Array(entry.bytes.dropFirst(name.count + 1))))
        }
    }

    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        let rest = pattern.dropFirst()
        switch first {
        case UInt8(ascii: "*"):
            return (name.startIndex...name.endIndex).contains { matches(name[$0...], rest) }
        case UInt8(ascii: "?"): return !name.isEmpty && matches(name.dropFirst(), rest)
        default: return name.first == first && matches(name.dropFirst(), rest)
        }
    }
}
