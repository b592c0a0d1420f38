//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// What a command of this machine writes, for sources of groups and inventory programs.
enum CommandOutput {
    private static let maximumSize = 64 << 20

    /// Runs a command by `/bin/sh`, with nothing to read, and gives what it writes to standard output; what it writes to
    /// standard error is the user's to see.
    ///
    /// It waits for the command, so it may only be called before other threads are made.
    ///
    /// - Returns: The output, and the exit status, which is 128 and the signal's number if a signal ended it.
    /// - Throws: ``ArgumentError`` if there is no process for it, or it writes too much.
    static func of(_ command: String) throws(ArgumentError) -> (bytes: [UInt8], status: Int32) {
        guard let stream = popen("exec </dev/null; \(command)", "re") else {
            throw ArgumentError("cannot run '\(command)': \(String(cString: strerror(errno)))", isAboutFile: true)
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 {
            bytes += buffer[..<count]
            if bytes.count > self.maximumSize { break }
        }
        let status = pclose(stream)
        guard bytes.count <= self.maximumSize else {
            throw ArgumentError("'\(command)' writes more than \(self.maximumSize >> 20) MiB", isAboutFile: true)
        }
        let signal = status & 0x7f
        return (bytes, signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }
}
