//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

@Suite(
    "Looking into trees with the tool",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct DiagnosisCommandTests {
    @Test("mitogen tree shows the contexts on the way as a tree")
    func tree() async throws {
        let process = try ToolProcess(["tree", "-t", "local+local:b+local:c", "-t", "local+local:d"])
        let result = try await process.wait()
        #expect(result.status == 0 && result.errors.isEmpty)
        let first = result.lines.map { line in
            String(line.prefix { $0 != "l" && $0 != "t" && $0 != "C" })
        }
        #expect(first == ["", "", "└─ ", "   ├─ ", "   │  └─ ", "   └─ "])
        #expect(result.lines[0].split(separator: " ").first == "CONTEXT")
        #expect(result.lines[1].hasPrefix("this process "))
        #expect(result.lines.dropFirst(2).allSatisfy { $0.contains(" ms ") && $0.contains(" MiB ") })
        #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
    }

    @Test("mitogen tree --json writes an object for each context")
    func treeForPrograms() async throws {
        let result = try await ToolProcess.run(["tree", "--json", "-t", "local+local:b+local:c"])
        #expect(result.status == 0)
        let objects = try result.lines.map(CommandLineTests.object)
        #expect(
            objects.map { $0["target"] as? String } == [nil, "local", "local+local:b", "local+local:b+local:c"]
        )
        // Who makes the contexts hands out blocks of numbers, so they need not follow each other.
        let ids = objects.compactMap { $0["id"] as? Int }
        #expect(ids.count == 4 && Set(ids).count == 4 && ids[0] == 0)
        #expect(objects.map { $0["parent"] as? Int } == [nil] + ids.dropLast().map(Optional.some))
        #expect(Set(objects.compactMap { $0["pid"] as? Int }).count == 4)
        #expect(Set(objects.compactMap { $0["host"] as? String }).count == 1)
        #expect(objects.allSatisfy { ($0["memory_bytes"] as? Int ?? 0) > 100_000 && $0["user"] is String })
        #expect(objects.dropFirst().allSatisfy { $0["call_p50_ms"] as? Double ?? 0 > 0 })
        #expect(objects.allSatisfy { $0["ok"] as? Bool == true && $0["version"] as? String == "0.1.0" })
    }

    @Test("mitogen doctor --json writes an object for each hop, with the version of its schema")
    func doctorForPrograms() async throws {
        let result = try await ToolProcess.run(["doctor", "--json", "local+local:[a,b]"])
        #expect(result.status == 0)
        let objects = try result.lines.map(CommandLineTests.object)
        let targets = ["local", "local+local:a", "local", "local+local:b"]
        #expect(objects.map { $0["target"] as? String } == targets)
        #expect(objects.allSatisfy { $0["schema"] as? Int == 1 && $0["ok"] as? Bool == true })
        #expect(objects.allSatisfy { $0["stages_ms"] is [String: Any] && $0["pid"] is Int })
    }

    @Test("A hop that fails has its place in the tree, and the others are shown")
    func unreachable() async throws {
        let targets = ["-t", "ssh:nobody@127.0.0.1:1+local", "-t", "local"]
        let text = try await ToolProcess.run(["tree"] + targets)
        #expect(text.status == 4)
        #expect(text.text.contains("not reached: connectionRefused"))
        #expect(text.lines.contains { $0.hasPrefix("└─ local ") })
        let json = try await ToolProcess.run(["tree", "--json"] + targets)
        let objects = try json.lines.map(CommandLineTests.object)
        #expect(objects.map { $0["ok"] as? Bool } == [true, false, true])
        #expect((objects[1]["error"] as? [String: Any])?["code"] as? String == "connectionRefused")
        #expect(try await ToolProcess.run(["tree", "-t", "nowhere"]).status == 2)
    }

    @Test("MITOGEN_LOG_LEVEL shows the library's log on standard error")
    func logLevels() async throws {
        let arguments = ["run", "-t", "local:here", "--", "true"]
        let debug = try await ToolProcess.run(arguments, environment: ["MITOGEN_LOG_LEVEL": "debug"])
        #expect(debug.status == 0)
        #expect(debug.errors.contains(" D mitogen: context 1 is connected as here\n"))
        #expect(!debug.errors.contains("mitogen.io"))
        let io = try await ToolProcess.run(arguments, environment: ["MITOGEN_LOG_LEVEL": "Io"])
        #expect(io.errors.contains(" D mitogen.io: 0 to 1, handle 101 (CALL_FUNCTION), reply to "))
        #expect(io.errors.contains(" bytes from here: delivered here\n"))
        let error = try await ToolProcess.run(arguments, environment: ["MITOGEN_LOG_LEVEL": "ERROR"])
        #expect(error.errors.isEmpty)
        let unknown = try await ToolProcess.run(arguments, environment: ["MITOGEN_LOG_LEVEL": "l\u{1b}oud"])
        #expect(unknown.status == 0)
        #expect(unknown.errors.hasPrefix("mitogen: MITOGEN_LOG_LEVEL=l\\u{1b}oud is ignored: "))
    }
}
