//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenTesting
internal import Testing

/// What the compiler says to programs that use the library, in Swift 6 mode.
@Suite(
    "What programs can name",
    .timeLimit(.minutes(2)),
    .enabled("swiftc is on PATH") { try await Compiler.check("").status == .exited(0) }
)
struct PublicSurfaceTests {
    @Test(
        "A function or method whose result is not Codable does not conform; one with none, or a Codable one, does",
        arguments: [
            (result: "Plain", conforms: false), (result: "[Plain]", conforms: false), (result: "Void", conforms: true),
            (result: "[String: Int]?", conforms: true),
        ]
    )
    func output(result: String, conforms: Bool) async throws {
        let checked = try await Compiler.check(
            """
            import Mitogen
            struct Plain: Sendable {}
            struct Function: RemoteFunction {
                func run(in context: ExternalContext) async throws -> \(result) { fatalError() }
            }
            """
        )
        #expect((checked.status == .exited(0)) == conforms, "\(checked.errorText)")
        guard !conforms else { return }
        #expect(checked.errorText.contains("type 'Function' does not conform to protocol 'RemoteFunction'"))
        #expect(checked.errorText.contains("conformed to 'Decodable'") || result != "Plain")
    }

    @Test("The module's name is no obstacle: Mitogen::Timer is the library's, beside another one")
    func moduleSelector() async throws {
        let checked = try await Compiler.check(
            """
            import Mitogen
            struct Timer {}
            func stop(_ timer: Mitogen::Timer, _ own: Timer) { timer.cancel() }
            func code(of error: Mitogen::MitogenError) -> Bool { error.isConnectionFailure }
            """
        )
        #expect(checked.status == .exited(0), "\(checked.errorText)")
    }

    @Test(
        "Messages and values without a type come with the modules that declare them, not with Mitogen",
        arguments: [
            ("MitogenProtocol", "Message"), ("MitogenProtocol", "StandardHandle"), ("MitogenProtocol", "HandlePolicy"),
            ("MitogenPickle", "PickleValue"), ("MitogenPickle", "PickleDecoder"),
        ]
    )
    func imports(module: String, type: String) async throws {
        let use = "func use(_ it: \(type)) {}"
        let alone = try await Compiler.check("import Mitogen\n\(use)")
        #expect(alone.errorText.contains("cannot find type '\(type)' in scope"))
        let together = try await Compiler.check("import Mitogen\nimport \(module)\n\(use)")
        #expect(together.status == .exited(0), "\(together.errorText)")
    }

    @Test(
        "What is only for the package cannot be named",
        arguments: ["PeerInfo", "FramingError", "FunctionExecutor", "RoutingTable"]
    )
    func hidden(type: String) async throws {
        let checked = try await Compiler.check(
            "import Mitogen\nimport MitogenProtocol\nfunc use(_ it: \(type)) {}"
        )
        #expect(checked.errorText.contains("'\(type)'") && checked.status != .exited(0), "\(checked.errorText)")
    }
}

private enum Compiler {
    /// What the compiler says to a source file. It finds the modules beside the program of this test.
    static func check(_ source: String) async throws -> ProcessResult {
        let script = """
            built=$(dirname "$(readlink -f "/proc/$PPID/exe")")
            exec swiftc -typecheck -swift-version 6 -parse-as-library -I "$built/Modules" \
                -Xcc -fmodule-map-file="$built/CMitogenPlatform.build/module.modulemap" -
            """
        return try await withTestTree { tree in
            try await tree.context.run(["sh", "-c", script], stdin: .string(source))
        }
    }
}
