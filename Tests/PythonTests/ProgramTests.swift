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

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension PythonTests {
    /// Programs of one language in trees of the other.
    @Suite("Programs")
    struct Programs {
        /// Large messages go with one version only, as they take seconds.
        private func sizes(_ package: PythonPackage) -> [Int] {
            package.version == PythonPackage.current.version ? [1 << 20, 16 << 20] : [1 << 20]
        }

        @Test("A Python program attaches itself to a Swift tree", arguments: PythonPackage.all)
        func attachesItself(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let child = try await router.local()
                let listener = try UnixListener(router: router)
                var sizes = [1 << 20, 16 << 20]
                if package.version == PythonPackage.current.version { sizes.append(127 << 20) }
                let arguments = [listener.path, "\(child.id)"] + sizes.map { "\($0)" }
                try await package.run("attach.py", arguments, on: router)
            }
        }

        @Test("Swift programs are children of a Python master", arguments: PythonPackage.all)
        func childOfPython(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                // The older one's command does not tell what is needed for Python contexts below Swift ones.
                let isCurrent = package.version == PythonPackage.current.version
                let arguments = [FixtureProgram.path, isCurrent ? package.interpreter : "", isCurrent ? "50" : "2"]
                let largest = sizes(package) + (isCurrent ? [127 << 20] : [])
                try await package.run("master.py", arguments + largest.map { "\($0)" }, on: router)
            }
        }

        @Test("Large messages go to Python contexts and back", arguments: PythonPackage.all)
        func large(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { _, python in
                for size in sizes(package) { try await checkLarge(python, size) }
            }
        }

        @Test("A Swift program attaches itself to a Python tree", arguments: PythonPackage.all)
        func attachesToPython(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let path = "\(try UnixListener(router: router).path).python"
                let (end, ends) = AsyncStream.makeStream(of: [UInt8].self)
                try await router.myself().withOutput(
                    of: [package.interpreter, "\(PythonPackage.programs)/tree.py", path],
                    stdin: .stream(end),
                    environment: .inherited.updating(["PYTHONPATH": PythonPackage.module])
                ) { output in
                    for try await line in output.lines() {
                        let id = try #require(ContextID(line))
                        try await withRouter(unixSocket: path) { tree in
                            let context = try #require(tree.router.context(id: id))
                            try await check(context)
                            for size in sizes(package) { try await checkLarge(context, size) }
                            let master = try #require(tree.router.context(id: 0))
                            try await PythonServices.checkNotebook(of: master)
                            try await PythonFiles.check(of: master)
                        }
                        ends.finish()
                    }
                }
            }
        }

        private func checkLarge(_ context: Context, _ size: Int) async throws {
            var bytes = PythonFiles.content(1 << 16)
            while bytes.count < size { bytes += bytes.prefix(size - bytes.count) }
            let echoed: PickleValue = try await context.call(named: "sample.parts.calls.echo", [.bytes(bytes)])
            guard case .bytes(let back) = echoed else { throw MitogenError(.streamError, "no bytes came back") }
            let isSame = memcmp(back, bytes, min(back.count, size)) == 0
            #expect(back.count == size && isSame)
        }

        private func check(_ context: Context) async throws {
            let sum: Int = try await context.call(named: "sample.parts.calls.add", [20, 22])
            #expect(sum == 42)
            let call = try context.startCall(
                named: "sample.parts.calls.add",
                [1],
                keywordArguments: ["right": 2],
                as: Int.self
            )
            #expect(try await call.get() == 3)
            try context.callNoReply(named: "sample.parts.calls.say", ["unheard"])
            let echoed: PickleValue = try await context.call(
                named: "sample.parts.calls.echo",
                [["a": [1, 2.5, .none]]]
            )
            #expect(echoed == ["a": [1, 2.5, .none]])
            let error = await #expect(throws: MitogenError.self) {
                let _: Int = try await context.call(named: "sample.parts.calls.fail", ["too early"])
            }
            #expect(error?.code == .callError)
            #expect(error?.message.contains("ValueError: too early") == true)
        }
    }
}
