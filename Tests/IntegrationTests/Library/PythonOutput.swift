//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Mitogen
internal import MitogenPython
internal import Testing

extension LibraryTests {
    @Suite(
        "Output of Python contexts",
        .enabled(if: PythonWithMitogen.isThere, "scripts/test makes the virtual environment")
    )
    struct PythonOutput {
        @Test("What a Python context logs and prints is logged here, also through a copy of the program")
        func output() async throws {
            try await withFixtureRouter { router in
                try router.configurePython { $0.interpreter = PythonWithMitogen.path }
                let copy = try await router.local { $0.name = "copy" }
                for (via, name) in [(nil, "snake"), (copy, "copy.snake")] as [(Context?, String)] {
                    let python = try await router.local(via: via) { options in
                        options.name = "snake"
                        options.runtime = .python()
                    }
                    let _: Bool? = try await python.call(named: "builtins.print", ["printed"])
                    let _: Bool? = try await python.call(named: "logging.warning", ["logged: %s", "a warning"])
                    #expect(try await CapturedLog.waitForLine(of: "stdout.[\(name)]") { $0 == "printed" })
                    let warned = try await eventually {
                        CapturedLog.all.contains {
                            $0.label.hasSuffix("[\(name)]") && $0.level == .warning && $0.message == "logged: a warning"
                        }
                    }
                    #expect(warned)
                }
            }
        }
    }
}
