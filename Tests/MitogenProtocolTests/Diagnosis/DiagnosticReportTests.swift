//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

@Suite
struct DiagnosticReportTests {
    private let report = DiagnosticReport(
        facts: [("context", .number(3)), ("parent_id", .none), ("host", .text("web\u{1b}1"))],
        tables: [
            .init(
                "streams",
                ["context", "bytes_in", "name"],
                rows: [[.number(1), .number(12_345), .text("a")], [.number(20), .none, .text("long \"name\"")]]
            ),
            .init("routes", ["context"], rows: []),
        ]
    )

    @Test("For people: the facts that are known, then the tables that are not empty")
    func text() {
        #expect(
            report.text == """
                context 3, host web\\u{1b}1

                streams
                  context  bytes in  name
                        1     12345  a
                       20         –  long "name"

                """
        )
    }

    @Test("For programs: one JSON object, with a line for each row")
    func json() throws {
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
        )
        #expect(object["context"] as? Int == 3)
        #expect(object["parent_id"] is NSNull)
        #expect(object["host"] as? String == "web\u{1b}1")
        let streams = try #require(object["streams"] as? [[String: Any]])
        #expect(streams.count == 2)
        #expect(streams[0]["bytes_in"] as? Int == 12_345)
        #expect(streams[1]["bytes_in"] is NSNull)
        #expect(streams[1]["name"] as? String == "long \"name\"")
        #expect((object["routes"] as? [Any])?.isEmpty == true)
        #expect(report.json.split(separator: "\n").count { $0.hasPrefix("    {") } == 2)
    }

    @Test("Timings are sorted by what took longest in all")
    func timings() {
        var short = Timing()
        for _ in 0..<10 { short.add(2_000_000) }
        var long = Timing()
        long.add(90_000_000)
        long.add(10_000_000)
        let table = DiagnosticReport.Table("functions", of: [("short", short), ("long", long)])
        #expect(
            table.rows == [
                [.number(2), .number(100_000), .number(50_000), .number(90_000), .text("long")],
                [.number(10), .number(20_000), .number(2000), .number(2000), .text("short")],
            ]
        )
    }

    @Test(
        "Text from anywhere stays on one line and commands no terminal",
        arguments: [
            ("plain é ✓ 🙂", "plain é ✓ 🙂"), ("a\nb\r", "a\\nb\\r"), ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}x\u{7f}", "\\u{9b}x\\u{7f}"), ("\u{202e}evil\u{2028}", "\\u{202e}evil\\u{2028}"), ("a\tb", "a\tb"),
            ("", ""),
        ]
    )
    func oneLine(text: String, shown: String) throws {
        #expect(VisibleText.oneLine(text) == shown)
        let json = VisibleText.json(text)
        #expect(try JSONSerialization.jsonObject(with: Data("[\(json)]".utf8)) as? [String] == [text])
        #expect(json.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) })
    }
}
