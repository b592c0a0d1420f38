//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import MitogenServices
internal import Testing

extension PythonTests {
    /// What a Python context does that a Swift one would not.
    @Suite("Quirks")
    struct Quirks {
        @Test(
            "A function whose result cannot travel, or that ends its interpreter, fails alone",
            arguments: PythonPackage.all
        )
        func ends(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let other = try await router.local { $0.runtime = .python() }
                let swift = try await router.local()
                for (function, arguments, text, hasHint) in [
                    // Python's contexts end themselves with a signal.
                    ("lock", [], "ended with signal 15", true), ("function", [], "ended with signal 15", true),
                    ("module", [], "ended with signal 15", true), ("leave", [], "ended with signal 15", true),
                    ("end", [0], "it has ended", false), ("end", [9], "ended with exit status 9", false),
                ] as [(String, [PickleValue], String, Bool)] {
                    let python = try await router.local { $0.runtime = .python() }
                    let error = await #expect(throws: MitogenError.self) {
                        let _: PickleValue = try await python.call(named: "sample.quirks.\(function)", arguments)
                    }
                    #expect(error?.message.contains(text) == true, "\(function): \(String(describing: error))")
                    #expect(error?.code == .channelError)
                    #expect((error?.hint?.contains("pickle") == true) == hasHint, "\(function): \(error?.hint ?? "")")
                }
                for parent in [swift, other] {
                    let below = try await router.local(via: parent) { $0.runtime = .python() }
                    let error = await #expect(throws: MitogenError.self) {
                        let _: PickleValue = try await below.call(named: "sample.quirks.lock")
                    }
                    #expect(error?.hint?.contains("pickle") == true, "\(String(describing: error))")
                }
                // A Swift context has no such reason.
                let killed = await #expect(throws: MitogenError.self) {
                    let _: Bool? = try await router.local().call(named: "python.terminate")
                }
                #expect(killed?.message.contains("ended with signal 15") == true)
                #expect(killed?.hint == nil, "\(String(describing: killed))")
                let sum: Int = try await other.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
                #expect(try await swift.call(Add(1, 2)) == 3)
            }
        }

        @Test(
            "A result of a type that does not travel is an error here, and the context goes on",
            arguments: PythonPackage.all
        )
        func forbidden(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                let error = await #expect(throws: MitogenError.self) {
                    let _: PickleValue = try await python.call(named: "sample.quirks.numbers")
                }
                #expect(error?.message.contains("set") == true, "\(String(describing: error))")
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
            }
        }

        @Test("Dead messages end neither the loop of a Python context nor its pool", arguments: PythonPackage.all)
        func deadMessages(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                let sibling = try await router.local()
                let notebook = PythonServices.notebook
                let count: Int = try await python.callService(named: notebook, method: "count", timeout: .seconds(10))
                #expect(count == 0)
                for handle in [StandardHandle.callService, StandardHandle.callFunction] {
                    for _ in 0..<4 { try python.send(.dead("over", handle: handle)) }
                    try await sibling.call(SendDead(4, to: python, at: handle))
                }
                for _ in 0..<3 {
                    let again: Int = try await python.callService(
                        named: notebook,
                        method: "count",
                        timeout: .seconds(10)
                    )
                    #expect(again == 0)
                }
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2], timeout: .seconds(10))
                #expect(sum == 3)
            }
        }

        @Test("A pool that has ended is reported, and the context goes on")
        func stopped() async throws {
            try await withPythonContext(.current) { router, python in
                let _: Int = try await python.callService(named: PythonServices.notebook, method: "count")
                let _: Bool? = try await python.call(named: "sample.quirks.stop_pool")
                let error = await #expect(throws: MitogenError.self) {
                    let _: Int = try await python.callService(
                        named: PythonServices.notebook,
                        method: "count",
                        timeout: .seconds(1)
                    )
                }
                #expect(error?.code == .channelError && error?.message.contains("invalid handle") == true)
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
            }
        }

        @Test(
            "A method that is not to be answered is answered only if it fails or is refused",
            arguments: PythonPackage.all
        )
        func unanswered(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                func whisper(_ arguments: PickleDictionary, _ timeout: Duration) async throws -> PickleValue {
                    try await python.callService(
                        named: PythonServices.notebook,
                        method: "whisper",
                        arguments,
                        timeout: timeout
                    )
                }
                let refused = await #expect(throws: MitogenError.self) { try await whisper([:], .seconds(10)) }
                #expect(refused?.code == .callError, "\(String(describing: refused))")
                #expect(refused?.message.contains("Required argument 'fails' missing.") == true)
                let silent = await #expect(throws: MitogenError.self) {
                    try await whisper(["fails": false], .milliseconds(500))
                }
                #expect(silent?.code == .timeoutError, "\(String(describing: silent))")
                // Python answers None then, which says nothing of the failure.
                #expect(try await whisper(["fails": true], .seconds(10)) == .none)

                // The same here, where a failure is told.
                _ = try router.fileService
                func acknowledge(_ size: PickleValue) async throws -> String? {
                    try await python.call(named: "sample.peers.acknowledge", [router.myself().pickleValue, size])
                }
                #expect(try await acknowledge(1) == nil)
                #expect(try await acknowledge("much")?.contains("the arguments of acknowledge do not fit") == true)
            }
        }

        @Test("A Python context gets nothing that its own kind would not send", arguments: PythonPackage.all)
        func extensions(_ package: PythonPackage) async throws {
            var configuration = RouterConfiguration()
            configuration.keepAliveInterval = .milliseconds(100)
            try await withPythonContext(package, from: configuration) { router, python in
                let _: Bool? = try await python.call(named: "sample.quirks.watch")
                // What a Swift context would be told of: a deadline, a cancelled call, credit, parts, input of a command.
                let late = await #expect(throws: MitogenError.self) {
                    let _: Bool? = try await python.call(
                        named: "time.sleep",
                        [.float(0.5)],
                        timeout: .milliseconds(100)
                    )
                }
                #expect(late?.code == .timeoutError)
                let cancelled = Task {
                    let _: Bool? = try await python.call(named: "time.sleep", [.float(0.1)])
                }
                cancelled.cancel()
                _ = await cancelled.result
                let sender: Sender<Int> = try await python.call(named: "sample.quirks.open_receiver")
                for number in 0..<2000 { try await sender.send(number) }
                sender.close()
                let numbers: [Int] = try await python.call(named: "sample.quirks.take")
                #expect(numbers == Array(0..<2000))
                let bytes = PickleValue.bytes(PythonFiles.content(4 << 20))
                let echoed: PickleValue = try await python.call(named: "sample.parts.calls.echo", [bytes])
                #expect(echoed == bytes)
                if package.version == PythonPackage.current.version {
                    let below = try await router.local(via: python) { $0.executable = [FixtureProgram.path] }
                    #expect(
                        try await below.run(["cat"], stdin: .string("through Python")).outputText == "through Python"
                    )
                    try await below.shutdown()
                }
                let handles: [Int] = try await python.call(named: "sample.quirks.own_handles")
                #expect(handles == [])
            }
        }

        @Test("Long names and long texts of errors are cut", arguments: PythonPackage.all)
        func long(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                let named = try await router.local { $0.name = String(repeating: "n", count: 500) }
                #expect(named.name.count >= 500)
                let name: String = try await python.call(named: "sample.quirks.name", [named.pickleValue])
                #expect(name == String(named.name.prefix(99)))
                for count in [9_000, 10_000, 100_000] {
                    let error = await #expect(throws: MitogenError.self) {
                        let _: Bool? = try await python.call(named: "sample.quirks.fail_at_length", [.int(count)])
                    }
                    #expect(error?.code == .callError && error?.message.hasPrefix("builtins.ValueError: xxx") == true)
                    #expect((9_000..<10_100).contains(error?.message.count ?? 0), "\(count)")
                    let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                    #expect(sum == 3)
                }
            }
        }
    }
}
