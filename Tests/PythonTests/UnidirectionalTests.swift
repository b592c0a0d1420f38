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
internal import Testing

extension PythonTests {
    /// Only ancestors and descendants talk.
    @Suite("Unidirectional mode")
    struct Unidirectional {
        private static let handle: Handle = 5000

        private func listen(_ context: Context, isPython: Bool) async throws {
            if isPython {
                let arguments: [PickleValue] = [.int(Int(Self.handle))]
                let _: Bool? = try await context.call(named: "sample.peers.listen", arguments)
            } else {
                _ = try await context.call(Listen(at: Self.handle))
            }
        }

        private func ask(_ target: Context, from context: Context, isPython: Bool) async throws -> String {
            guard isPython else { return try await context.call(Ask(target.id, Self.handle, "hello")) }
            return try await context.call(
                named: "sample.peers.ask",
                [target.pickleValue, .int(Int(Self.handle)), "hello"]
            )
        }

        /// No two of these contexts, which are below `via`, reach each other. Their names say what they are.
        private func checkSeparation(_ contexts: [(Context, isPython: Bool)], via: ContextID) async throws {
            for (context, isPython) in contexts { try await listen(context, isPython: isPython) }
            for (left, isPython) in contexts {
                for (right, _) in contexts where right.id != left.id {
                    let error = await #expect(throws: MitogenError.self) {
                        _ = try await ask(right, from: left, isPython: isPython)
                    }
                    let text =
                        "routing mode prevents forward of message from context \(left.id) to context \(right.id)"
                        + " via context \(via)"
                    #expect(error?.message.contains(text) == true, "\(String(describing: error))")
                }
                // From above it is heard.
                let question = Message(handle: Self.handle, data: [1, 2])
                #expect(try await left.request(question, timeout: .seconds(10)).data == [1, 2])
            }
        }

        @Test("Python contexts of a unidirectional master reach only who is above them", arguments: PythonPackage.all)
        func master(_ package: PythonPackage) async throws {
            var configuration = RouterConfiguration()
            configuration.isUnidirectional = true
            try await withPythonContext(package, from: configuration) { router, python in
                let beside = try await router.local { $0.runtime = .python() }
                let swift = try await router.local()
                try await checkSeparation([(python, true), (beside, true), (swift, false)], via: 0)
                let sum: Int = try await python.call(named: "sample.helper.add", [1, 2])
                #expect(sum == 3)
                let receiver = try Receiver<Int>(router: router)
                let sender = receiver.makeSender().pickleValue
                let call = try python.startCall(named: "sample.parts.calls.send", [sender, 100], as: Bool?.self)
                var numbers: [Int] = []
                for try await number in receiver { numbers.append(number) }
                #expect(numbers == Array(0..<100))
                _ = try await call.get()
                try await checkBelow(python, router, package)
            }
        }

        @Test("One Python context can be made unidirectional, with all that is below it")
        func single() async throws {
            try await withPythonContext(.current) { router, loose in
                let strict = try await router.local { options in
                    options.runtime = .python()
                    options.isUnidirectional = true
                }
                try await listen(strict, isPython: true)
                #expect(try await ask(strict, from: loose, isPython: true) == "hello")
                try await checkBelow(strict, router, .current)
            }
        }

        /// What a master starts through a context is as strict as that, two levels down, whatever the options say.
        private func checkBelow(_ python: Context, _ router: Router, _ package: PythonPackage) async throws {
            var via = python
            for _ in 0..<2 {
                let left = try await router.local(via: via) { $0.runtime = .python() }
                let right = try await router.local(via: via) { options in
                    options.runtime = .python()
                    options.isUnidirectional = false
                }
                var contexts = [(left, isPython: true), (right, isPython: true)]
                if package.version == PythonPackage.current.version {
                    let swift = try await router.local(via: via) { $0.executable = [FixtureProgram.path] }
                    #expect(try await swift.call(WhoAmI()).isUnidirectional)
                    contexts.append((swift, isPython: false))
                }
                try await checkSeparation(contexts, via: via.id)
                via = left
            }
        }

        @Test(
            "Swift contexts of a unidirectional Python master reach only who is above them",
            arguments: PythonPackage.all
        )
        func pythonMaster(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let isCurrent = package.version == PythonPackage.current.version
                try await package.run(
                    "oneway.py",
                    [FixtureProgram.path, isCurrent ? package.interpreter : ""],
                    on: router
                )
            }
        }
    }
}
