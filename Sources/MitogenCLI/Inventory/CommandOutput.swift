//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// What a command of this machine writes, for sources of groups and inventory programs.
enum CommandOutput {
    private static let maximumSize = 64 << 20
    /// How long a command may take.
    private static let maximumDuration = Duration.seconds(30)
    /// How many milliseconds output is waited for before it is looked whether the command has ended.
    private static let interval: Int32 = 50

    /// Runs a command by `/bin/sh`, with nothing to read, and gives what it writes to standard output; what it writes to
    /// standard error is the user's to see.
    ///
    /// It waits for the command, so it may only be called before other threads are made.
    ///
    /// - Returns: The output, and the exit status, which is 128 and the signal's number if a signal ended it.
    /// - Parameter limit: How long it may take.
    /// - Throws: ``ArgumentError`` if there is no process for it, it writes too much, or it takes too long.
    static func of(
        _ command: String,
        limit: Duration = Self.maximumDuration
    ) throws(ArgumentError) -> (bytes: [UInt8], status: Int32) {
        // The shell tells its number first, as popen() does not tell it.
        guard let stream = popen("echo $$; exec </dev/null; \(command)", "re") else {
            throw ArgumentError("cannot run '\(command)': \(String(cString: strerror(errno)))", isAboutFile: true)
        }
        let deadline = ContinuousClock.now + limit
        var output = Output(descriptor: fileno(stream))
        var isLate = false
        while output.bytes.count <= self.maximumSize, !output.hasEnded {
            guard ContinuousClock.now < deadline else {
                isLate = true
                if let shell = output.shell { kill(shell, SIGKILL) }
                break
            }
            output.readMore(waiting: self.interval)
        }
        if output.bytes.count > self.maximumSize, let shell = output.shell { kill(shell, SIGKILL) }
        let status = pclose(stream)
        guard !isLate else {
            throw ArgumentError("'\(command)' takes longer than \(limit); it was ended", isAboutFile: true)
        }
        let bytes = output.bytes
        guard bytes.count <= self.maximumSize else {
            throw ArgumentError("'\(command)' writes more than \(self.maximumSize >> 20) MiB", isAboutFile: true)
        }
        let signal = status & 0x7f
        return (bytes, signal == 0 ? (status >> 8) & 0xff : 128 + signal)
    }

    /// What a shell writes, whose first line is the number of its process.
    private struct Output {
        let descriptor: Int32
        private(set) var shell: pid_t?
        private(set) var bytes: [UInt8] = []
        /// Whether the shell is at its end. What it has left running may hold the pipe open.
        private(set) var hasEnded = false
        private var isClosed = false
        private var buffer = [UInt8](repeating: 0, count: 1 << 16)

        init(descriptor: Int32) {
            self.descriptor = descriptor
        }

        mutating func readMore(waiting milliseconds: Int32) {
            // Looked at before the pipe, so that all it has written is there.
            let isOver = self.shellHasEnded
            var entry = pollfd(fd: self.isClosed ? -1 : self.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, isOver ? 0 : milliseconds) > 0 else {
                self.hasEnded = isOver
                return
            }
            let count = read(self.descriptor, &self.buffer, self.buffer.count)
            if count < 0, errno == EINTR { return }
            guard count > 0 else {
                self.isClosed = true
                self.hasEnded = isOver || self.shell == nil
                return
            }
            self.bytes += self.buffer[..<count]
            if self.shell == nil, let end = self.bytes.firstIndex(of: UInt8(ascii: "\n")) {
                self.shell = pid_t(String(decoding: self.bytes[..<end], as: UTF8.self))
                self.bytes.removeFirst(end + 1)
            }
        }

        private var shellHasEnded: Bool {
            guard let shell else { return false }
            var info = siginfo_t()
            // Its status is left for pclose().
            return waitid(P_PID, id_t(shell), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
        }
    }
}
