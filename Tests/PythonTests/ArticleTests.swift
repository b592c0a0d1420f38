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
    /// The programs of the articles "Python peers" and "Coming from the Python Mitogen".
    @Suite("Article")
    struct ArticleTests {
        private static let catalog = "\(PythonPackage.root)/Sources/Mitogen/Documentation.docc"

        /// The code blocks of a language in an article.
        private static func blocks(_ language: String, of article: String) throws -> [[String]] {
            var blocks: [[String]] = []
            var block: [String]?
            for line in try text("\(catalog)/\(article).md").split(separator: "\n", omittingEmptySubsequences: false) {
                if block != nil, line == "```" {
                    blocks.append(block ?? [])
                    block = nil
                } else if line == "```\(language)" {
                    block = []
                } else {
                    block?.append(String(line))
                }
            }
            return blocks
        }

        private static func text(_ path: String) throws -> String {
            String(decoding: try PythonFiles.bytes(path), as: UTF8.self)
        }

        @Test("The article shows what is run here")
        func shown() throws {
            let tests = "\(PythonPackage.root)/Tests"
            let swift =
                try text("\(tests)/PythonTests/Article/Article.swift")
                + text("\(tests)/MitogenFixtures/ArticleFunctions.swift").replacing("public ", with: "")
                + text("\(tests)/MitogenFixtures/PythonFunctions.swift").replacing(
                    "            try Mit",
                    with: "try Mit"
                )
            let python = try ["master", "attach", "tree", "files"].map { name in
                try text("\(PythonPackage.programs)/article/\(name).py")
            }.joined(separator: "\n")
            try check("swift", of: "Interoperability", swift, count: 5, mostLines: 12)
            try check("python", of: "Interoperability", python, count: 4, mostLines: 12)
            let load = try text("\(PythonPackage.programs)/article/load.py")
            let calm = try text("\(tests)/MitogenFixtures/Calm.swift").replacing("internal ", with: "")
                // The fixture has another entry point.
                .replacing("struct Calm", with: "@main\nstruct Calm")
            try check("swift", of: "ComingFromPython", calm, count: 1, mostLines: 20)
            try check("python", of: "ComingFromPython", load, count: 1, mostLines: 20)
        }

        private func check(_ language: String, of article: String, _ text: String, count: Int, mostLines: Int) throws {
            let blocks = try Self.blocks(language, of: article)
            #expect(blocks.count == count)
            for block in blocks {
                #expect(block.filter { !$0.isEmpty }.count <= mostLines, "\(block)")
                #expect(("\n" + text).contains("\n" + block.joined(separator: "\n") + "\n"), "\(block)")
            }
        }

        private func text(_ path: String) throws -> String { try Self.text(path) }

        @Test("Python contexts of a Swift master", arguments: PythonPackage.all)
        func contexts(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                #expect(try await load(router).contains(": "))
                try await PythonFiles.withFolder { folder in
                    let python = try await router.local { $0.runtime = .python() }
                    try await PythonFiles.withFile("\(folder)/there", [1, 2, 3]) {
                        #expect(
                            try await count(python, ByteString("\(folder)/there"), here: ByteString("\(folder)/here"))
                                == 1
                        )
                        #expect(try PythonFiles.bytes("\(folder)/here") == [1, 2, 3])
                        try router.fileService.register(ByteString("\(folder)/there"))
                        let read: [UInt8] = try await python.call(
                            named: "article.files.read",
                            [router.myself().pickleValue, .string("\(folder)/there")]
                        )
                        #expect(read == [1, 2, 3])
                    }
                    _ = try await router.myself().run(["rm", "-f", "\(folder)/here"])
                }
            }
        }

        @Test(
            "Swift programs under a Python master, and a Python program in a Swift tree",
            arguments: PythonPackage.all
        )
        func programs(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                func output(_ program: String, _ arguments: String...) async throws -> Double? {
                    let result = try await router.myself().run(
                        [package.interpreter, "\(PythonPackage.programs)/article/\(program)"] + arguments,
                        environment: .inherited.updating(["PYTHONPATH": PythonPackage.module]),
                        throwsOnFailure: true
                    )
                    return Double(result.outputText.filter { $0 != "\n" })
                }
                let hours = try #require(try await output("master.py", FixtureProgram.path))
                let child = try await router.local()
                let listener = try UnixListener(router: router)
                let minutes = try #require(try await output("attach.py", listener.path, "\(child.id)"))
                #expect(abs(minutes / 60 - hours) < 0.1)
            }
        }

        @Test(
            "A program in both languages asks each host for its load, and stops a service where that is too high",
            arguments: PythonPackage.all
        )
        func calm(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let python = [package.interpreter, "\(PythonPackage.programs)/article/load.py"]
                let isCurrent = package.version == PythonPackage.current.version
                // The Swift one is the same with each version.
                for command in [python] + (isCurrent ? [[FixtureProgram.path, "calm"]] : []) {
                    let calm = try await log(of: command, package, router, load: "0.5")
                    #expect(calm == "ssh web1,sudo,ssh web2,sudo")
                    let stopped = "systemctl stop indexer"
                    let busy = try await log(of: command, package, router, load: "8.5")
                    #expect(busy == "ssh web1,sudo,\(stopped),ssh web2,sudo,\(stopped)")
                }
            }
        }

        /// What a program runs, where the tools of the folder `tools` are in the place of ssh, sudo and others.
        private func log(
            of command: [String],
            _ package: PythonPackage,
            _ router: Router,
            load: String
        ) async throws -> String {
            var lines = ""
            try await PythonFiles.withFolder { folder in
                let tools = "\(PythonPackage.programs)/tools"
                let result = try await router.myself().run(
                    command,
                    environment: .inherited.updating([
                        "PATH": "\(tools):/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": tools,
                        "HOME": folder, "TEST_LOG": "\(folder)/log", "TEST_LOAD": load,
                        "TEST_PYTHON": package.interpreter,
                    ])
                )
                #expect(result.status == .exited(0), "\(result.errorText)")
                lines = try text("\(folder)/log")
                // A Swift program keeps itself in the home folder.
                _ = try await router.myself().run(["rm", "-rf", folder])
            }
            return lines.split(separator: "\n").joined(separator: ",")
        }

        @Test("A Swift program in a Python tree", arguments: PythonPackage.all)
        func attached(_ package: PythonPackage) async throws {
            try await withPython(package) { router in
                let path = "\(try UnixListener(router: router).path).article"
                let (end, ends) = AsyncStream.makeStream(of: [UInt8].self)
                try await router.myself().withOutput(
                    of: [package.interpreter, "\(PythonPackage.programs)/article/tree.py", path],
                    stdin: .stream(end)
                ) { output in
                    for try await line in output.lines() {
                        #expect(try await process(path, try #require(ContextID(line))) > 1)
                        ends.finish()
                    }
                }
            }
        }
    }
}
