//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import Glibc

/// A program on a terminal of its own, as one that a person has started there.
final class TerminalSession {
    let pid: Int32
    private let terminal: Int32
    private var said: [UInt8] = []
    private var status: Int32?

    /// - Parameters:
    ///   - environment: Variables besides the usual ones, or in their places.
    ///   - size: The rows and columns of the terminal; it has none by default, as a serial line.
    init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        size: (rows: UInt16, columns: UInt16)? = nil
    ) throws {
        var path = [CChar](repeating: 0, count: 128)
        let terminal = cmitogen_open_terminal(&path, path.count)
        guard terminal >= 0 else { throw ToolProcess.Failure(what: "cannot open a pseudo-terminal") }
        self.terminal = terminal
        var settings = termios()
        tcgetattr(terminal, &settings)
        settings.c_iflag |= tcflag_t(ICRNL)
        settings.c_oflag |= tcflag_t(OPOST | ONLCR)
        settings.c_lflag |= tcflag_t(ISIG | ICANON | ECHO)
        tcsetattr(terminal, TCSANOW, &settings)
        if let size {
            var window = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
            _ = ioctl(terminal, UInt(TIOCSWINSZ), &window)
        }
        var argv = ([program] + arguments).map { strdup($0) } + [nil]
        let usual = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "TERM": "xterm", "PS1": "$ "]
        let variables = usual.merging(environment) { _, new in new }.map { "\($0.key)=\($0.value)" }
        var envp = variables.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var stage: Int32 = 0
        pid = program.withCString { program in
            argv.withUnsafeMutableBufferPointer { argv in
                envp.withUnsafeMutableBufferPointer { envp in
                    path.withUnsafeBufferPointer { path in
                        var what = cmitogen_spawn()
                        what.path = program
                        what.terminal = path.baseAddress
                        what.arguments = UnsafePointer(argv.baseAddress)
                        what.environment = UnsafePointer(envp.baseAddress)
                        what.descriptors = (-2, -2, -2)
                        return cmitogen_spawn(&what, &stage)
                    }
                }
            }
        }
        guard pid > 0 else { throw ToolProcess.Failure(what: "cannot start \(program): \(pid)") }
    }

    /// An interactive shell, which controls jobs and leaves the terminal's settings to those that change them.
    static func shell() throws -> TerminalSession {
        try TerminalSession("/bin/dash", ["-i"])
    }

    deinit {
        // Whatever is left loses its terminal.
        close(terminal)
        if status == nil {
            kill(pid, SIGKILL)
            var raw: Int32 = 0
            waitpid(pid, &raw, 0)
        }
    }

    func type(_ text: String) {
        _ = cmitogen_write_all(terminal, text, text.utf8.count)
    }

    /// Whether the terminal shows what is typed.
    var hasEcho: Bool {
        var settings = termios()
        return tcgetattr(terminal, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// What the terminal has shown.
    var text: String {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(terminal, &buffer, buffer.count), count > 0 { said += buffer[..<count] }
        return String(decoding: said, as: UTF8.self)
    }

    /// Waits until the terminal has shown a text so many times.
    func wait(for expected: String, times: Int = 1) async throws {
        guard try await eventually({ self.text.ranges(of: expected).count >= times }) else {
            throw ToolProcess.Failure(what: "the terminal does not show '\(expected)': \(text)")
        }
    }

    /// Waits for the end of the program; the raw wait status.
    func waitForEnd() async throws -> Int32 {
        var raw: Int32 = 0
        guard try await eventually({ cmitogen_reap(self.pid, &raw) == 1 }) else {
            throw ToolProcess.Failure(what: "it has not ended: \(text)")
        }
        status = raw
        return raw
    }
}
