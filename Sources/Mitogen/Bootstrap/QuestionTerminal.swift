//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The terminal that a tool asks on, by its master side, which on Linux has its settings in common with the other one.
struct QuestionTerminal: Sendable {
    let master: Int32

    private var settings: termios? {
        var settings = termios()
        return tcgetattr(master, &settings) == 0 ? settings : nil
    }

    /// Turns on ECHO and ICANON, as terminals of people have them: a tool that turns them off is about to ask for
    /// something.
    func prepare() {
        guard var settings else { return }
        settings.c_lflag |= tcflag_t(ECHO | ICANON)
        tcsetattr(master, TCSANOW, &settings)
    }

    /// Whether ECHO is off.
    var hidesInput: Bool { settings.map { $0.c_lflag & tcflag_t(ECHO) == 0 } ?? true }

    /// Turns off ECHO, so that a typed secret does not come back as output.
    func hideInput() {
        guard var settings, settings.c_lflag & tcflag_t(ECHO) != 0 else { return }
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(master, TCSANOW, &settings)
    }

    /// Passes everything on as it is.
    func makeRaw() {
        guard var settings else { return }
        cfmakeraw(&settings)
        tcsetattr(master, TCSANOW, &settings)
    }

    /// What can be seen of it, and of the tool that is the process `pid`.
    func sight(tool pid: Int32) -> TerminalSight {
        let flags = settings?.c_lflag ?? 0
        return TerminalSight(
            hidesInput: flags & tcflag_t(ECHO) == 0,
            takesLines: flags & tcflag_t(ICANON) != 0,
            toolHasChildren: Self.hasChildren(pid)
        )
    }

    /// Also true where the kernel does not tell (`CONFIG_PROC_CHILDREN`, `hidepid`).
    private static func hasChildren(_ pid: Int32) -> Bool {
        let file = cmitogen_open_for_reading("/proc/\(pid)/task/\(pid)/children")
        guard file >= 0 else { return true }
        defer { _ = systemClose(file) }
        var byte: UInt8 = 0
        return cmitogen_read(file, &byte, 1) != 0
    }
}
