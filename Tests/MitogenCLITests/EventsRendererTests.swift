//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

@testable import MitogenCLI

@Suite("Events as JSON lines")
struct EventsRendererTests {
    static func objects(_ events: [(Int, RunEvent)], _ paths: [String: [String]] = [:]) throws -> [[String: Any]] {
        var renderer = EventsRenderer(labels: ["a", "b"], paths: paths)
        var sink = MemorySink.files
        for (milliseconds, event) in events {
            renderer.advance(to: .milliseconds(milliseconds))
            try renderer.handle(event, to: &sink)
        }
        #expect(sink.stderr.isEmpty)
        return try sink.stdout.split(separator: "\n").map(CommandObject.object)
    }

    enum CommandObject {
        static func object(_ line: Substring) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test("Every event has its time; those of a target have its name and its hops")
    func members() throws {
        let objects = try Self.objects(
            [
                (1, .started(target: "a")), (2, output("a", .stdout, "x\n")), (3, output("a", .stderr, "é")),
                (1500, finished("a", .signaled(9))), (1501, finished("b", GroupRendererTests.refused)), (1502, .ended),
            ],
            ["a": ["ssh:a", "sudo"]]
        )
        #expect(
            objects.compactMap { $0["event"] as? String }
                == ["run", "started", "stdout", "stderr", "exit", "unreachable", "end"]
        )
        #expect(objects[0]["schema"] as? Int == EventsRenderer.schemaVersion && objects[0]["targets"] as? Int == 2)
        #expect(objects.compactMap { $0["time"] as? Double } == [0.001, 0.001, 0.002, 0.003, 1.5, 1.501, 1.502])
        #expect(objects[1...4].allSatisfy { $0["path"] as? [String] == ["ssh:a", "sudo"] })
        #expect(objects[1...4].allSatisfy { $0["target"] as? String == "a" })
        #expect(objects[2]["data"] as? String == "x\n" && objects[3]["data"] as? String == "é")
        #expect(objects[4]["status"] as? Int == 137 && objects[4]["signal"] as? Int == 9)
        #expect(objects[4]["error"] is NSNull && objects[4]["duration_ms"] as? Int == 12)
        #expect(objects[5]["hop"] as? String == "ssh:web1" && objects[5]["path"] as? [String] == ["b"])
        let error = try #require(objects[5]["error"] as? [String: Any])
        #expect(error["code"] as? String == "connect_failed")
        #expect(objects[6]["exit"] as? Int == 1 && objects[6]["unreachable"] as? Int == 1)
    }

    @Test(
        "Other ends are told with the code of their error",
        arguments: [
            (.exited(3), "exit", nil), (.timedOut, "failed", "timeout"), (.interrupted, "failed", "interrupted"),
            (.skipped, "skipped", "skipped"), (.failed(FailureReport(code: "c", message: "m")), "failed", "c"),
        ] as [(RunOutcome, String, String?)]
    )
    func ends(outcome: RunOutcome, name: String, code: String?) throws {
        let objects = try Self.objects([(0, finished("a", outcome))])
        #expect(objects[1]["event"] as? String == name)
        #expect((objects[1]["error"] as? [String: Any])?["code"] as? String == code)
    }

    @Test("Characters stay whole, and what is no text is base64")
    func pieces() throws {
        let bytes = Array("aé€😀b".utf8)
        for cut in 0...bytes.count {
            let parts = [Array(bytes[..<cut]), Array(bytes[cut...])]
            let events = parts.map { (0, RunEvent.output(target: "a", stream: .stdout, bytes: $0)) }
            let objects = try Self.objects(events + [(0, finished("a"))])
            #expect(objects.compactMap { $0["data"] as? String }.joined() == "aé€😀b")
            #expect(objects.allSatisfy { $0["data_base64"] == nil })
        }
        let broken = RunEvent.output(target: "a", stream: .stdout, bytes: [0x61, 0xff])
        let open = RunEvent.output(target: "a", stream: .stderr, bytes: [0xe2, 0x82])
        let objects = try Self.objects([(0, broken), (0, open), (0, finished("a"))])
        #expect(objects.compactMap { $0["data_base64"] as? String } == ["Yf8=", "4oI="])
    }
}
