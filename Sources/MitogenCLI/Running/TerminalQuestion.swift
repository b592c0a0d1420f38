//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A question that is answered with yes or no at the terminal of this process.
struct TerminalQuestion: ~Copyable {
    /// How long a key is waited for before it is looked whether the answer is still wanted.
    private static let interval: Int32 = 100

    private let terminal: Int32

    /// Opens the terminal, before the question is shown; nil if there is none.
    init?() {
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return nil }
        // What was typed before the question can be seen is no answer to it.
        tcflush(terminal, TCIFLUSH)
        self.terminal = terminal
    }

    deinit { close(self.terminal) }

    /// Waits for a line that says yes.
    ///
    /// - Parameter isGivenUp: Whether nobody waits for the answer any more.
    /// - Returns: Whether it says so. Everything else is a no, the end of the input too.
    func isAnsweredWithYes(isGivenUp: () -> Bool = { false }) -> Bool {
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256)
        while !isGivenUp() {
            var entry = pollfd(fd: self.terminal, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, Self.interval) > 0 else { continue }
            let count = read(self.terminal, &buffer, buffer.count)
            guard count > 0 else { return false }
            line += buffer[..<count]
            if line.last == UInt8(ascii: "\n") { return Self.isYes(line.dropLast()) }
        }
        return false
    }

    static func isYes(_ line: some Sequence<UInt8>) -> Bool {
        let answer = String(decoding: Array(line), as: UTF8.self).lowercased().split(separator: " ").joined()
        return answer == "y" || answer == "yes"
    }
}
