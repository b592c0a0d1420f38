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

extension LibraryTests {
    @Suite("Attempts behind other contexts")
    struct ProxiedAttempts {}
}

extension LibraryTests.ProxiedAttempts {
    @Test(
        "A `via` context that stands still does not keep connectTimeout from ending the wait",
        arguments: [false, true]
    )
    func frozenVia(isNested: Bool) async throws {
        try await withFixtureRouter({ $0.shutdownTimeout = .seconds(1) }) { router in
            let between = isNested ? try await router.local() : nil
            let via = try await router.local(via: between) { $0.name = "via" }
            let pid = try await via.call(ProcessID())
            try await Processes.stop(pid)
            defer { kill(pid, SIGKILL) }
            let start = ContinuousClock.now
            let error = try await failure { try await router.local(via: via) { $0.connectTimeout = .seconds(0.5) } }
            #expect(error.code == .timeoutError && error.context == via.name, "\(error)")
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }

    @Test("An attempt behind another context fails there first, with what is known there")
    func slowVia() async throws {
        try await withFixtureRouter { router in
            let via = try await router.local { $0.name = "via" }
            let start = ContinuousClock.now
            let error = try await failure {
                try await router.local(via: via) {
                    $0.executable = ["/bin/sh", "-c", "echo here I stand >&2; exec sleep 1000"]
                    $0.connectTimeout = .seconds(0.5)
                }
            }
            #expect(error.code == .timeoutError && error.context?.hasPrefix("via → ") == true, "\(error)")
            #expect(ContinuousClock.now - start < .seconds(3))
        }
    }

    @Test("What an attempt has made whose caller has given it up is ended, though the answer was on its way")
    func lateSuccess() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let between = try await router.local { $0.name = "between" }
                let via = try await router.local(via: between) { $0.name = "via" }
                let (pid, viaPID) = (try await between.call(ProcessID()), try await via.call(ProcessID()))
                let gate = "\(directory)/gate"
                let program = try Fixture.path
                let attempt = Task {
                    try await router.local(via: via) {
                        let wait = "touch \(gate); while [ -e \(gate) ]; do sleep 0.01; done; exec \(program) \"$@\""
                        $0.executable = ["/bin/sh", "-c", wait, "sh"]
                        $0.connectTimeout = .seconds(3)
                    }
                }
                #expect(try await eventually { access(gate, F_OK) == 0 })
                let made = try #require(Processes.children(of: viaPID).first)
                try await Processes.stop(pid)
                defer { kill(pid, SIGCONT) }
                unlink(gate)
                // It takes its title when it is configured, and has greeted when it has a second thread.
                #expect(try await eventually { Files.names(in: "/proc/\(made)/task").count > 1 })
                let result = await attempt.result
                #expect { try result.get() } throws: { ($0 as? MitogenError)?.code == .timeoutError }
                #expect(Processes.isRunning(made))
                kill(pid, SIGCONT)
                #expect(try await Processes.stillRunning([made], after: .seconds(5)) == [])
                #expect(try await via.call(Add(1, 2)) == 3)
            }
        }
    }
}
