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

/// A process that ends this context's commands if the context ends before its time, even by SIGKILL.
///
/// It knows the process groups of the commands that run, and learns of the context's end by a pipe whose other end only the
/// context has. A command that has ended by itself is not its concern any more, whatever that has left behind.
struct CommandGuard: Sendable {
    let pid: pid_t
    /// What commands join it with.
    let descriptor: Int32

    /// Starts it.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`, or `.tooManyOpenFiles`.
    init() throws(MitogenError) {
        var output: Int32 = 0
        pid = cmitogen_guard_start(&output)
        guard pid > 0 else {
            let error = MitogenError.system("cannot make the process that guards commands", errno: -pid, .spawnError)
            let limits: Hint = "the limits are pids.max of the cgroup, ulimit -u, and vm.overcommit_memory"
            throw MitogenError(error.code, error.message, hint: error.advice ?? limits)
        }
        descriptor = output
    }

    /// False if it was ended, or takes nothing.
    var isThere: Bool { cmitogen_guard_tell(descriptor, 0) == 0 }

    func follow(_ pid: pid_t) {
        _ = cmitogen_guard_tell(descriptor, pid)
    }

    /// False if the guard does not take it.
    func forget(_ pid: pid_t) -> Bool {
        cmitogen_guard_tell(descriptor, -pid) == 0
    }

    /// Ends the guard, and no command.
    func end() {
        cmitogen_guard_end(pid, descriptor)
    }
}
