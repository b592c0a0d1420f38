//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A process that a test starts by itself, without the library: the fixture as the master of a tree of its own.
final class HelperProcess: Sendable {
    private struct State {
        var text = ""
        var status: Int32?
    }

    let pid: Int32
    private let output: Int32
    private let state = Mutex(State())

    /// Starts a program; what it writes to its standard output is read.
    init(_ arguments: [String]) throws {
        var ends: [Int32] = [0, 0]
        guard cmitogen_pipe(&ends, true) == 0 else { throw TestFailure("cannot make a pipe") }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        // The threads of a test's executor block all signals, which the helper is not to inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        guard posix_spawnp(&pid, arguments[0], &actions, &attributes, &pointers, environ) == 0 else {
            close(ends[0])
            throw TestFailure("cannot start \(arguments[0])")
        }
        self.pid = pid
        output = ends[0]
    }

    /// Starts the fixture as a master.
    static func fixture(_ arguments: String..., pinned: Bool = false) throws -> HelperProcess {
        let pin = pinned ? ["taskset", "-c", "0"] : []
        return try HelperProcess(pin + [Fixture.path] + arguments)
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            var raw: Int32 = 0
            waitpid(pid, &raw, 0)
        }
        close(output)
    }

    /// The raw wait status, once it has ended.
    var status: Int32? {
        state.withLock { state in
            if let status = state.status { return status }
            var raw: Int32 = 0
            if waitpid(pid, &raw, WNOHANG) == pid { state.status = raw }
            return state.status
        }
    }

    /// The lines written so far.
    var lines: [String] {
        state.withLock { state in
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = read(output, &buffer, buffer.count)
                if count <= 0 { break }
                state.text += String(decoding: buffer.prefix(count), as: UTF8.self)
            }
            return state.text.split(separator: "\n").map(String.init)
        }
    }

    /// The process ids that it has told.
    var pids: [Int32] {
        lines.compactMap { $0.hasPrefix("pid ") ? Int32($0.dropFirst(4)) : nil }
    }

    /// Waits until a line was written so many times.
    func wait(for line: String, times: Int = 1, within limit: Duration = .seconds(20)) async throws {
        let isThere = try await eventually(within: limit) { lines.count { $0 == line } >= times }
        guard isThere else { throw TestFailure("no line '\(line)' within \(limit), only: \(lines)") }
    }

    /// Waits for its end; returns the exit status, or 128 and the signal.
    func waitForEnd(within limit: Duration = .seconds(20)) async throws -> Int32 {
        guard try await eventually(within: limit, { status != nil }), let status else {
            throw TestFailure("it has not ended within \(limit): \(lines)")
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    func signal(_ number: Int32) {
        state.withLock { if $0.status == nil { kill(pid, number) } }
    }
}
