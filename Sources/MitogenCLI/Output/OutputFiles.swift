//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A file for the output of each target, as `--output-dir` and `--error-dir` want it.
struct OutputFiles: Sendable {
    private let directories: [OutputStreamKind: String]

    /// Makes the directories, if they are not there; to be called before anything is connected.
    ///
    /// - Parameters:
    ///   - labels: The targets that there will be files for.
    /// - Throws: ``ArgumentError`` for a directory or a file that cannot be made.
    init(output: String?, errors: String?, labels: [String]) throws(ArgumentError) {
        var directories: [OutputStreamKind: String] = [:]
        directories[.stdout] = output
        directories[.stderr] = errors
        self.directories = directories
        for (option, directory) in [("--output-dir", output), ("--error-dir", errors)] {
            guard let directory else { continue }
            let shown = "\(option) '\(TerminalSanitizer.visible(directory))'"
            guard mkdir(directory, 0o777) == 0 || errno == EEXIST else {
                let hint = errno == ENOENT ? "; the directory that it is in has to be there" : ""
                throw ArgumentError("\(shown) cannot be made: \(String(cString: strerror(errno)))\(hint)")
            }
            var status = stat()
            guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw ArgumentError("\(shown) is no directory")
            }
            guard access(directory, W_OK | X_OK) == 0 else {
                throw ArgumentError("\(shown) cannot be written to: \(String(cString: strerror(errno)))")
            }
            for label in labels {
                let problem: String
                if Self.name(for: label).utf8.count > NAME_MAX {
                    problem = "is too long for the name of a file"
                } else if stat("\(directory)/\(Self.name(for: label))", &status) == 0,
                    status.st_mode & S_IFMT == S_IFDIR
                {
                    problem = "is a directory there"
                } else {
                    continue
                }
                throw ArgumentError("\(shown): the target '\(TerminalSanitizer.visible(label))' \(problem)")
            }
        }
    }

    /// The name of the file for a target: its label, with `%2f` for what a name of a file cannot have.
    static func name(for label: String) -> String {
        var name = ""
        for scalar in label.unicodeScalars {
            switch scalar {
            case "/": name += "%2f"
            case "%": name += "%25"
            case "." where name.isEmpty: name += "%2e"
            default: name.unicodeScalars.append(scalar)
            }
        }
        return name
    }

    /// Makes the files of a target, empty.
    func begin(_ label: String) throws(OutputError) {
        for directory in Set(self.directories.values) {
            try self.write([], to: directory, of: label, flags: O_CREAT | O_TRUNC)
        }
    }

    /// Adds output to the file of a target.
    func add(_ bytes: [UInt8], of stream: OutputStreamKind, from label: String) throws(OutputError) {
        guard let directory = self.directories[stream] else { return }
        try self.write(bytes, to: directory, of: label, flags: O_APPEND | O_CREAT)
    }

    private func write(
        _ bytes: [UInt8],
        to directory: String,
        of label: String,
        flags: Int32
    ) throws(OutputError) {
        let path = "\(directory)/\(Self.name(for: label))"
        // Others may write to the directory: a link would lead elsewhere, and a pipe without a reader would never open.
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0o666)
        guard descriptor >= 0 else { throw .outputFile(path: path, errno: errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .outputFile(path: path, errno: errno) }
            rest = rest.dropFirst(count)
        }
    }
}
