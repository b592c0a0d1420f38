//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// Writes to the standard output and standard error of the process.
package struct DescriptorSink: OutputSink {
    /// What is known about one stream.
    private struct Stream: Sendable {
        let descriptor: Int32
        let isTerminal: Bool
        let usesColor: Bool

        init(_ descriptor: Int32, environment: (String) -> String?) {
            self.descriptor = descriptor
            self.isTerminal = isatty(descriptor) == 1
            // https://no-color.org: the variable counts if it is not empty, whatever it holds.
            let refuses = !(environment("NO_COLOR") ?? "").isEmpty || environment("TERM") == "dumb"
            self.usesColor = self.isTerminal && !refuses
        }
    }

    private let stdout: Stream
    private let stderr: Stream

    /// Whether standard output and standard error are the same file or terminal.
    package let streamsShareDestination: Bool

    /// Creates a sink.
    ///
    /// - Parameters:
    ///   - stdout: The descriptor for output.
    ///   - stderr: The descriptor for errors.
    ///   - environment: Looks up environment variables.
    package init(
        stdout: Int32 = 1,
        stderr: Int32 = 2,
        environment: (String) -> String? = DescriptorSink.environmentVariable
    ) {
        self.stdout = Stream(stdout, environment: environment)
        self.stderr = Stream(stderr, environment: environment)
        self.streamsShareDestination = Self.isSameFile(stdout, stderr)
    }

    /// A variable of the environment of this process.
    package static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// Makes a write to a pipe that nobody reads an error instead of the end of the process.
    ///
    /// Call it once at the start: ``OutputError/brokenPipe(_:)`` is never seen otherwise.
    package static func ignoreBrokenPipeSignal() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Whether the descriptor of the stream is a terminal.
    package func isTerminal(_ stream: OutputStreamKind) -> Bool {
        self.state(of: stream).isTerminal
    }

    /// Whether the stream is a terminal and neither `NO_COLOR` nor `TERM=dumb` is set.
    package func usesColor(_ stream: OutputStreamKind) -> Bool {
        self.state(of: stream).usesColor
    }

    /// Whether the process group is the one that the terminal of standard error belongs to now.
    package var isInForeground: Bool {
        tcgetpgrp(self.stderr.descriptor) == getpgrp()
    }

    /// The size of the terminal of standard error.
    package var terminalSize: (rows: Int, columns: Int)? {
        var size = winsize()
        guard ioctl(self.stderr.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return nil
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Writes all bytes; waits if the descriptor is full, also where somebody made it non-blocking.
    package mutating func write(_ bytes: [UInt8], to stream: OutputStreamKind) throws(OutputError) {
        let descriptor = self.state(of: stream).descriptor
        let mayStop = self.state(of: stream).isTerminal
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                // With "stty tostop" a background job is stopped.
                JobControl.withStops(by: mayStop ? SIGTTOU : nil) {
                    Glibc.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
                }
            }
            if count >= 0 {
                written += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: Self.waitUntilWritable(descriptor)
            case EPIPE: throw .brokenPipe(stream)
            case let error: throw .writeFailed(stream, errno: error)
            }
        }
    }

    private func state(of stream: OutputStreamKind) -> Stream {
        switch stream {
        case .stdout: self.stdout
        case .stderr: self.stderr
        }
    }

    private static func waitUntilWritable(_ descriptor: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // Errors need no look: the write that follows has them as well.
        _ = poll(&entry, 1, -1)
    }

    private static func isSameFile(_ first: Int32, _ second: Int32) -> Bool {
        var status = (stat(), stat())
        guard fstat(first, &status.0) == 0, fstat(second, &status.1) == 0 else { return false }
        return status.0.st_dev == status.1.st_dev && status.0.st_ino == status.1.st_ino
    }
}
