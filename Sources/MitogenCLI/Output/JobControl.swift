//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc

/// The control of jobs by a shell (termios(3), "TOSTOP"; POSIX, "Terminal Access Control").
enum JobControl {
    /// Uses a terminal as a thread that does not block the signal which stops background jobs.
    ///
    /// The library's threads block all signals. For such a thread the kernel makes an error, EIO, of reading in the
    /// background, and lets it write whatever the terminal's settings are.
    ///
    /// - Parameter signal: SIGTTIN or SIGTTOU; nil if `body` uses no terminal.
    static func withStops<Value>(by signal: Int32?, _ body: () -> Value) -> Value {
        guard let signal else { return body() }
        var only = sigset_t()
        var before = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, signal)
        pthread_sigmask(SIG_UNBLOCK, &only, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        return body()
    }
}
