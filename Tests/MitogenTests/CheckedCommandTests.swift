//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenTesting
internal import Testing

@Suite("Commands that are checked", .timeLimit(.minutes(1)))
struct CheckedCommandTests {
    @Test("A command that succeeds gives its output, one that fails throws with the end of what it said")
    func checked() async throws {
        try await withTestTree { tree in
            let child = tree.context
            let text = try await child.run(["tr", "a-z", "A-Z"], stdin: .string("é and a")).checked().outputText
            #expect(text == "é AND A")
            let script = "i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo line $i >&2; done; exit 4"
            let failed = try await child.run(["sh", "-c", script])
            let error = #expect(throws: MitogenError.self) { try failed.checked() }
            #expect(error?.code == .commandFailed && error?.context == "child")
            #expect(error?.message.contains("sh") == true && error?.message.contains("4") == true)
            #expect(error?.diagnostics == (11...30).map { "line \($0)" })
            let late = try await child.run(["sleep", "100"], timeout: .milliseconds(50))
            let timeout = #expect(throws: MitogenError.self) { try late.checked() }
            #expect(timeout?.message.contains("its time was over") == true)
        }
    }

    @Test("A function runs commands beside it, which have no more time than it has")
    func inFunction() async throws {
        try await withTestTree { tree in
            let here = tree.node.externalContext()
            #expect(here.here.id == tree.context.id)
            #expect(try await here.run(["echo", "beside"]).checked().outputText == "beside\n")
            var pieces: [UInt8] = []
            let result = try await here.run(["sh", "-c", "echo one; echo two"]) { piece in
                pieces += piece.bytes
                return true
            }
            #expect(result.status == .exited(0) && pieces == Array("one\ntwo\n".utf8))
            let lines = try await here.withOutput(of: ["sh", "-c", "echo one; echo two"], throwsOnFailure: true) {
                output in
                try await output.lines().reduce(into: [String]()) { $0.append($1) }
            }
            #expect(lines == ["one", "two"])
            #expect(try await here.runScript(Array("echo $1".utf8), arguments: ["three"]).outputText == "three\n")
        }
    }
}
