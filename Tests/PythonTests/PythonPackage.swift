//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPython
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A version of the Python package, in a virtual environment that `scripts/test` has made.
struct PythonPackage: Sendable, CustomTestStringConvertible {
    let version: String

    static let current = PythonPackage(version: "0.3.54")
    /// It knows one encoding of messages only, and has another first stage.
    static let old = PythonPackage(version: "0.3.27")
    static let all = [current, old]

    static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    static let programs = "\(root)/Tests/PythonTests/Programs"
    static let module = "\(root)/Python"

    static var areThere: Bool { all.allSatisfy { access($0.interpreter, X_OK) == 0 } }

    var interpreter: String { "\(Self.root)/.build/python/\(version)/bin/python" }
    var testDescription: String { version }

    /// Runs one of the programs, which has to print `done` at the end.
    func run(_ program: String, _ arguments: [String], on router: Router) async throws {
        let result = try await router.myself().run(
            [interpreter, "\(Self.programs)/\(program)"] + arguments,
            environment: .inherited.updating(["PYTHONPATH": Self.module])
        )
        #expect(result.status == .exited(0), "\(result.errorText)\n\(result.outputText)")
        #expect(result.outputText.hasSuffix("done\n"))
    }
}

/// The static program that the tests start as their Swift contexts.
enum FixtureProgram {
    static var path: String {
        let bundle = CommandLine.arguments[0]
        return bundle.lastIndex(of: "/").map { String(bundle[..<$0]) + "/mitogen-fixture" } ?? "./mitogen-fixture"
    }
}

/// Runs a test with a master whose Python is one of the versions, and whose other contexts run the fixture.
func withPython<Result>(
    _ package: PythonPackage,
    _ configure: (inout PythonConfiguration) -> Void = { _ in },
    from configuration: RouterConfiguration = RouterConfiguration(),
    _ body: (Router) async throws -> Result
) async throws -> Result {
    var configuration = configuration
    configuration.image = .file(FixtureProgram.path)
    return try await withRouter(configuration: configuration) { router in
        try router.configurePython { python in
            python.interpreter = package.interpreter
            python.searchPath = [PythonPackage.programs]
            configure(&python)
        }
        return try await body(router)
    }
}

/// Runs a test with a Python context of such a master.
func withPythonContext<Result>(
    _ package: PythonPackage,
    _ configure: (inout PythonConfiguration) -> Void = { _ in },
    from configuration: RouterConfiguration = RouterConfiguration(),
    _ body: (Router, Context) async throws -> Result
) async throws -> Result {
    try await withPython(package, configure, from: configuration) { router in
        try await body(router, try await router.local { $0.runtime = .python() })
    }
}

/// Tests with real Python peers.
@Suite(
    "Python",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: PythonPackage.areThere, "scripts/test makes the virtual environments")
)
enum PythonTests {}
