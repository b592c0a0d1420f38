//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

extension LibraryTests {
    @Suite("Waiting and cancelling")
    struct PendingCalls {}
}

extension LibraryTests.PendingCalls {
    @Test("A result can be asked for again and again, by many")
    func repeated() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let call = try child.startCall(Doze(milliseconds: 50, result: 7))
            let results = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<10 { group.addTask { try await call.get() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results == Array(repeating: 7, count: 10))
            #expect(try await call.get() == 7)
            #expect(call.context.id == child.id)
        }
    }

    @Test("Running out of time ends the wait, not the function")
    func getTimeout() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let call = try child.startCall(Doze(milliseconds: 400, result: 7))
            let error = try await failure { _ = try await call.get(timeout: .milliseconds(50)) }
            #expect(error.code == .timeoutError)
            #expect(try await call.get(timeout: .seconds(5)) == 7)
        }
    }

    @Test("A cancelled wait ends, the function goes on")
    func waitCancelled() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let call = try child.startCall(Doze(milliseconds: 300, result: 7))
            let waiter = Task { try await failure { _ = try await call.get() } }
            try await Task.sleep(for: .milliseconds(30))
            waiter.cancel()
            #expect(try await waiter.value.code == .cancelled)
            #expect(try await call.get() == 7)
        }
    }

    @Test("A pending call that is cancelled ends every wait and the function", arguments: [false, true])
    func cancel(blocks: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let call = try child.startCall(ReportCancellation(path: path, blocks: blocks))
                let waiter = Task { try await failure { try await call.get() } }
                #expect(try await eventually { Files.text(path) == "started" })
                call.cancel()
                #expect(try await waiter.value.code == .cancelled)
                #expect(try await failure { try await call.get() }.code == .cancelled)
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
                call.cancel()
            }
        }
    }

    @Test("Cancelling the caller's task returns at once and cancels the function, however deep", arguments: [1, 3])
    func callerCancelled(depth: Int) async throws {
        try await withFixtureRouter { router in
            var context = try await router.local()
            for _ in 1..<depth { context = try await router.local(via: context) }
            let target = context
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let caller = Task { try await failure { try await target.call(ReportCancellation(path: path)) } }
                #expect(try await eventually { Files.text(path) == "started" })
                var error: MitogenError?
                let elapsed = try await duration {
                    caller.cancel()
                    error = try await caller.value
                }
                #expect(error?.code == .cancelled)
                #expect(elapsed < .milliseconds(200))
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
            }
        }
    }

    @Test("A task that is cancelled already calls nothing for long")
    func cancelledBefore() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let caller = Task {
                try? await Task.sleep(for: .seconds(100))
                return try await failure { _ = try await child.call(Doze(milliseconds: 100_000)) }
            }
            caller.cancel()
            #expect(try await caller.value.code == .cancelled)
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("A call's timeout cancels the function")
    func callTimeout() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "slow" }
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let error = try await failure {
                    try await child.call(ReportCancellation(path: path), timeout: .milliseconds(300))
                }
                #expect(error.code == .timeoutError)
                #expect(error.context == "slow")
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
            }
        }
    }

    @Test("A call that a function makes is cancelled with it")
    func nestedCallCancelled() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            try await withTemporaryDirectory { directory async throws in
                let path = "\(directory)/state"
                let caller = Task {
                    try await failure { try await child.call(ReportCancellationIn(nested, path: path)) }
                }
                #expect(try await eventually { Files.text(path) == "started" })
                caller.cancel()
                #expect(try await caller.value.code == .cancelled)
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
            }
        }
    }

    @Test("Cancelling the wait for all of several calls cancels their functions; one that fails does not")
    func allCancelled() async throws {
        try await withFixtureRouter { router in
            let (first, second) = (try await router.local(), try await router.local())
            try await withTemporaryDirectory { directory in
                let paths = ["\(directory)/first", "\(directory)/second"]
                let calls = [
                    try first.startCall(ReportCancellation(path: paths[0])),
                    try second.startCall(ReportCancellation(path: paths[1])),
                ]
                for path in paths { #expect(try await eventually { Files.text(path) == "started" }) }
                let lost = try (#require(router.context(id: 1234))).startCall(ReportCancellation(path: "/"))
                #expect(try await failure { try await Select.all([lost] + calls) }.code == .channelError)
                let waiter = Task { try await failure { try await Select.all(calls) } }
                for path in paths { #expect(Files.text(path) == "started") }
                waiter.cancel()
                #expect(try await waiter.value.code == .cancelled)
                for path in paths {
                    #expect(try await eventually(within: .seconds(5)) { Files.text(path) == "cancelled" })
                }
            }
        }
    }

    @Test("When the context goes, so does the function that it called elsewhere")
    func callerGone() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let pid = try await nested.call(ProcessID())
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let call = try nested.startCall(ReportCancellation(path: path))
                #expect(try await eventually { Files.text(path) == "started" })
                _ = try child.startCall(Crash(.kill))
                #expect(try await Processes.stillRunning([pid], after: .seconds(2)).isEmpty)
                #expect(try await failure { try await call.get() }.code == .channelError)
            }
        }
    }

    @Test("Results, timeouts and cancellations that race leave nothing behind")
    func races() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let call = Task {
                            try await child.call(Doze(milliseconds: number % 7), timeout: .milliseconds(number % 11))
                        }
                        if number.isMultiple(of: 3) {
                            try? await Task.sleep(for: .milliseconds(number % 5))
                            call.cancel()
                        }
                        _ = try? await call.value
                    }
                }
            }
            #expect(try await child.call(Add(1, 2)) == 3)
            #expect(router.dump().requests.isEmpty)
            let isIdle = try await eventually {
                let stock = try await child.call(TakeStock())
                return stock.requests.isEmpty && stock.functions.isEmpty
            }
            #expect(isIdle)
        }
    }
}
