//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenServices
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("A master as a context")
    struct OwnCalls {}
}

extension LibraryTests.OwnCalls {
    @Test("Functions, chains and streams run in the master itself")
    func functions() async throws {
        try await withRouter { router in
            let here = router.myself()
            #expect(try await here.call(ProcessID()) == getpid())
            #expect(try await here.call(AddOnBroker(1, 2)) == 3)
            #expect(try await here.call(Echo([UInt8](repeating: 7, count: 300_000))).count == 300_000)
            let error = try await failure { try await here.call(Buy("milk")) }
            #expect(error.code == .callError && error.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "milk"))
            let late = try await failure {
                _ = try await here.call(Doze(milliseconds: 100_000), timeout: .milliseconds(50))
            }
            #expect(late.code == .timeoutError)
            let sum = try await here.withCallChain(isPipelined: true) { chain in
                try chain.callNoReply(Add(1, 1))
                return try await chain.call(Add(2, 2))
            }
            #expect(sum == 4)
            var values: [Int] = []
            for try await number in here.stream(Count(to: 1000)) { values.append(number.value) }
            #expect(values == Array(0..<1000))
        }
    }

    @Test("A context that a child names leads to no call in the master")
    func namedByChild() async throws {
        try await withFixtureRouter { router in
            let named = try await router.local().call(Echo(router.myself()))
            #expect(named.id == router.contextID)
            let call = try await failure { _ = try await named.call(ProcessID()) }
            #expect(call.code == .misuse && call.message.contains("named the program itself"))
            let command = try await failure { _ = try await named.run(["true"]) }
            #expect(command.code == .misuse)
            let values = try await failure { for try await _ in named.stream(Count(to: 1)) {} }
            #expect(values.code == .misuse)
        }
    }

    @Test("Commands run beside the master, and end with it")
    func commands() async throws {
        let start = ContinuousClock.now
        let pid = try await withRouter { router in
            let here = router.myself()
            let result = try await here.run(
                ["sh", "-c", "cat; echo $PPID >&2; exit 3"],
                stdin: .bytes(Array("in".utf8))
            )
            #expect(result.outputText == "in" && result.status == .exited(3))
            #expect(result.errorText == "\(getpid())\n")
            var pid: pid_t = 0
            let command = ["sh", "-c", "echo $$; exec sleep 1000"]
            let late = try await here.run(command, timeout: .milliseconds(200)) { piece in
                pid = Int32(String(decoding: piece.bytes, as: UTF8.self).filter(\.isNumber)) ?? pid
                return true
            }
            #expect(late.hasTimedOut)
            return pid
        }
        #expect(pid > 0 && !Processes.isRunning(pid))
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test("A service of the master is made on demand by itself, and a running function ends with the router")
    func services() async throws {
        let task = try await withRouter { router in
            #expect(try await router.myself().callService(Notebook.Write("own")) == 1)
            let call = try router.myself().startCall(Doze(milliseconds: 100_000))
            return Task { try await call.get() }
        }
        await #expect(throws: MitogenError.self) { _ = try await task.value }
    }
}
