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

/// Asks for a password on the terminal, which does not show what is typed.
///
/// A signal that ends or stops the process finds the terminal as it was: the signals are taken here, and sent again when
/// the terminal is restored, as readpassphrase(3) of OpenBSD does.
struct PasswordPrompt: ~Copyable {
    /// What the keys of a terminal, its end, and people send to end or stop a process; and its going on.
    private static let signals = [SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGTSTP, SIGCONT]

    private let terminal: Int32
    private let arrivals: Int32
    private let settings: termios
    private let mask: sigset_t

    /// Takes the terminal of this process. To be called before any other thread is made.
    ///
    /// - Throws: ``ArgumentError`` if there is none.
    init() throws(ArgumentError) {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else {
            throw ArgumentError("there is no terminal to ask for the password; give a password file instead")
        }
        var settings = termios()
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        guard tcgetattr(terminal, &settings) == 0 else {
            close(terminal)
            throw ArgumentError("cannot use the terminal")
        }
        let arrivals = cmitogen_signal_descriptor(Self.signals, Int32(Self.signals.count))
        guard arrivals >= 0 else {
            close(terminal)
            throw ArgumentError("cannot wait for signals: \(String(cString: strerror(-arrivals)))")
        }
        self.terminal = terminal
        self.arrivals = arrivals
        self.settings = settings
        self.mask = mask
    }

    deinit {
        // What has arrived meanwhile has its effect now.
        var mask = self.mask
        pthread_sigmask(SIG_SETMASK, &mask, nil)
        close(self.arrivals)
        close(self.terminal)
    }

    /// Asks.
    ///
    /// - Returns: The line that was typed, without its end; empty at the end of the input.
    func ask(_ prompt: String) -> [UInt8] {
        var silent = self.settings
        silent.c_lflag &= ~tcflag_t(ECHO)
        while true {
            // In the background this stops the process until it is in the foreground again.
            self.set(silent)
            self.write(prompt)
            let line = self.readLine()
            self.set(self.settings)
            self.write("\n")
            switch line {
            case .success(let bytes): return bytes
            // A process that was stopped asks again when it goes on.
            case .failure(let signal): self.deliver(signal.number)
            }
        }
    }

    private struct Signal: Error {
        let number: Int32
    }

    private func readLine() -> Result<[UInt8], Signal> {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var watched = [self.terminal, self.arrivals].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            _ = poll(&watched, 2, -1)
            let number = cmitogen_signal_read(self.arrivals)
            if number != 0 { return .failure(Signal(number: number)) }
            guard watched[0].revents != 0 else { continue }
            // A terminal gives a line at a time.
            let count = cmitogen_read(self.terminal, &buffer, buffer.count)
            guard count > 0 else { return .success(line) }
            line += buffer[..<count]
            if line.last == UInt8(ascii: "\n") { return .success(line.dropLast()) }
        }
    }

    /// Has a signal do what it would have done, and returns when the process goes on.
    private func deliver(_ number: Int32) {
        guard number != SIGCONT else { return }
        var only = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, number)
        kill(getpid(), number)
        pthread_sigmask(SIG_UNBLOCK, &only, nil)
        pthread_sigmask(SIG_BLOCK, &only, nil)
        // That the process goes on is no news here.
        while case let next = cmitogen_signal_read(self.arrivals), next != 0 {
            if next != SIGCONT { return self.deliver(next) }
        }
    }

    private func set(_ settings: termios) {
        var settings = settings
        tcsetattr(self.terminal, TCSAFLUSH, &settings)
    }

    private func write(_ text: String) {
        _ = cmitogen_write_all(self.terminal, text, text.utf8.count)
    }
}
