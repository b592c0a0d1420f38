//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests.Commands {
    /// Runs a script that tells process ids, and goes on when there are so many.
    private func running(
        _ script: String,
        telling count: Int,
        in context: Context,
        _ body: ([Int32]) async throws -> Void
    ) async throws -> MitogenError {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/pids"
            return try await withThrowingTaskGroup(of: MitogenError.self) { group in
                group.addTask {
                    try await failure {
                        _ = try await context.run(["sh", "-c", script], environment: ["FILE": path])
                    }
                }
                var pids: [Int32] = []
                let isThere = try await eventually {
                    pids = (Files.text(path) ?? "").split(separator: "\n").compactMap { Int32($0) }
                    return pids.count == count
                }
                try #require(isThere)
                try await body(pids)
                return try #require(try await group.next())
            }
        }
    }

    @Test(
        "A context that is killed takes its commands along, with all that they started",
        arguments: [
            "sleep 1000 & echo $! >>$FILE; echo $$ >>$FILE; wait",
            "trap '' TERM; sh -c 'echo $$ >>$FILE; while :; do sleep 1; done' & echo $$ >>$FILE; while :; do sleep 1; done",
        ]
    )
    func contextKilled(script: String) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let context = try await router.local(via: child)
            let pid = try await context.call(ProcessID())
            var commands: [Int32] = []
            var guards: [Int32] = []
            let error = try await running(script, telling: 2, in: context) { pids in
                commands = pids
                guards = Processes.guards(of: pid)
                kill(pid, SIGKILL)
            }
            #expect(error.code == .channelError)
            #expect(error.message.contains("SIGKILL") && error.message.contains("is not known"), "\(error)")
            #expect(!error.message.contains("RunProcess"))
            #expect(guards.count == 1)
            #expect(try await Processes.stillRunning(commands + guards, after: .seconds(2)).isEmpty)
        }
    }

    @Test(
        "What a command leaves in the background lives on, also when the context is killed",
        arguments: [true, false]
    )
    func backgroundLivesOn(isKilled: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            let script = "sleep 1000 >/dev/null 2>&1 & echo $!"
            let left = try #require(Int32(try await child.run(["sh", "-c", script]).outputText.dropLast()))
            defer { kill(left, SIGKILL) }
            let guards = Processes.guards(of: pid)
            if isKilled { kill(pid, SIGKILL) } else { try await child.shutdown(waits: true) }
            #expect(try await Processes.stillRunning(guards + [pid], after: .seconds(2)).isEmpty)
            // It would have had its TERM and its KILL by now.
            try await Task.sleep(for: .milliseconds(700))
            #expect(Processes.isRunning(left))
        }
    }

    @Test("A context has one guard, from its first command to its end, whatever becomes of that")
    func oneGuard() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            #expect(Processes.guards(of: pid).isEmpty)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try await child.run(["true"]) } }
                try await group.waitForAll()
            }
            let first = Processes.guards(of: pid)
            #expect(first.count == 1)
            // Nothing of the context may stay open in it.
            #expect(Files.names(in: "/proc/\(first[0])/fd").count == 1)
            // One that is ended, or stands still, is replaced, and keeps no command from running.
            kill(first[0], SIGKILL)
            #expect(try await child.run(["echo", "on"]).outputText == "on\n")
            let second = Processes.guards(of: pid).filter(Processes.isRunning)
            #expect(second.count == 1 && second != first)
            kill(second[0], SIGSTOP)
            #expect(try await child.run(["echo", "on"]).outputText == "on\n")
            try await child.shutdown(waits: true)
            #expect(try await Processes.stillRunning(first + second + [pid], after: .seconds(1)).isEmpty)
        }
    }

    @Test("A command that was started under a guard that is gone is ended with its context")
    func replacedGuard() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let pid = try await child.call(ProcessID())
            var commands: [Int32] = []
            _ = try await running("echo $$ >>$FILE; sleep 1000", telling: 1, in: child) { pids in
                commands = pids
                kill(try #require(Processes.guards(of: pid).first), SIGKILL)
                _ = try await child.run(["true"])
                kill(pid, SIGKILL)
            }
            #expect(try await Processes.stillRunning(commands, after: .seconds(2)).isEmpty)
        }
    }
}
