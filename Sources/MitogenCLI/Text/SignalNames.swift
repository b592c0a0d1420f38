//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Names of Linux signals.
package enum SignalNames {
    // Numbers of x86, arm and riscv; Linux on mips, sparc, parisc and alpha counts differently.
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]

    /// The name of a signal, such as "SIGTERM"; "signal 99" for a number without a name.
    package static func name(of number: Int32) -> String {
        switch number {
        case 1...31: "SIG\(self.names[Int(number) - 1])"
        case 34: "SIGRTMIN"
        case 35...64: "SIGRTMIN+\(number - 34)"
        default: "signal \(number)"
        }
    }
}
