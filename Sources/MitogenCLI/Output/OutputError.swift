//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// The two streams a command writes to.
package enum OutputStreamKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Standard output.
    case stdout
    /// Standard error.
    case stderr

    /// The name that is used in messages and as a key of the JSON output.
    package var name: String {
        switch self {
        case .stdout: "stdout"
        case .stderr: "stderr"
        }
    }
}

/// Why output could not be kept or written.
package enum OutputError: Error, Hashable, Sendable {
    /// What was tried with a temporary file.
    package enum FileOperation: String, Hashable, Sendable {
        /// The file was to be made.
        case create
        /// Output was to be put into it.
        case write
        /// Output was to be read back.
        case read
    }

    /// Nobody reads this stream of ours any more.
    ///
    /// A program usually ends silently then, with ``RunExitStatus/brokenPipe``.
    case brokenPipe(OutputStreamKind)
    /// Writing to this stream of ours failed.
    case writeFailed(OutputStreamKind, errno: Int32)
    /// A file for the output of a target, or the directory for it, cannot be made or written.
    case outputFile(path: String, errno: Int32)
    /// The temporary file for large output failed.
    case temporaryFile(FileOperation, directory: String, errno: Int32)
}

extension OutputError: CustomStringConvertible {
    /// The message for people.
    package var description: String {
        switch self {
        case .brokenPipe(let stream):
            return "nobody reads \(stream.name) any more"
        case .writeFailed(let stream, let errno):
            return "cannot write to \(stream.name): \(Self.message(errno))"
        case .outputFile(let path, let errno):
            return "cannot write '\(TerminalSanitizer.visible(path))': \(Self.message(errno))"
        case .temporaryFile(let operation, let directory, let errno):
            let place = TerminalSanitizer.visible(directory)
            let hint = errno == ENOSPC || errno == EDQUOT ? " (set TMPDIR to a directory with more space)" : ""
            return "cannot \(operation.rawValue) a temporary file for large output in '\(place)': "
                + Self.message(errno) + hint
        }
    }

    private static func message(_ errno: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(errno, &buffer, buffer.count) == 0 else { return "error \(errno)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
