//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("The report of mitogen bench")
struct BenchmarkReportTests {
    static func report(gzip: Int?) -> BenchmarkReport {
        BenchmarkReport(
            target: "local",
            raw: RawMeasurement(roundTrip: 4, throughput: 2000),
            callMedian: 20.0625,
            call99th: 50,
            brokerCallMedian: 10,
            pipelinedCalls: 123_456.7,
            argumentThroughput: 500,
            connectAndCall: 3.25,
            forkAndCall: 1.25,
            isolatedCall: 1.5,
            payloadSize: 6 << 20,
            compressedPayloadSize: gzip
        )
    }

    @Test("JSON is one line with the promised keys")
    func json() {
        #expect(
            Self.report(gzip: 2_000_000).json
                == #"{"raw_rtt_us":4.000,"raw_mib_s":2000.0,"call_p50_us":20.063,"call_p99_us":50.000,"#
                + #""broker_call_p50_us":10.000,"pipelined_per_s":123457,"args_mib_s":500.0,"#
                + #""connect_first_call_ms":3.250,"chain_first_call_ms":null,"fork_first_call_ms":1.250,"isolated_call_ms":1.500,"ssh_true_ms":null,"ssh_cached_ms":null,"ssh_uncached_ms":null,"#
                + #""child_private_kb":null,"payload_bytes":6291456,"#
                + #""payload_gzip_bytes":2000000}"#
        )
    }

    @Test("The table compares with what is possible")
    func table() {
        let table = Self.report(gzip: nil).table
        #expect(table.contains("20.1 µs     (5.0 × raw)") || table.contains("20.1 µs  (5.0 × raw)"))
        #expect(table.contains("(25 % of raw)"))
        #expect(table.contains("(gzip is missing)"))
    }

    @Test("What was not measured is null in JSON, and no row of the table")
    func parts() {
        var report = BenchmarkReport(target: "local+local", raw: RawMeasurement(roundTrip: 4, throughput: 2000))
        report.chainAndCall = 4.5
        #expect(report.json.contains(#""call_p50_us":null,"#))
        #expect(report.json.contains(#""chain_first_call_ms":4.500,"#))
        #expect(report.json.hasSuffix(#""payload_bytes":null,"payload_gzip_bytes":null}"#))
        #expect(report.table.contains("connection of all hops and first call, median"))
        #expect(report.table.split(separator: "\n").filter { $0.hasPrefix("  ") }.count == 3)
        report.isMemoryUnknown = true
        #expect(report.table.split(separator: "\n").last?.hasPrefix("  private memory of an idle child ") == true)
        #expect(report.table.hasSuffix(" unknown KiB\n"))
    }

    @Test(
        "Without names, all is measured that there is at a target",
        arguments: [("local", [BenchmarkPart.chain, .ssh]), ("local+ssh:a", []), ("ssh:a+sudo", [.ssh])]
    )
    func defaultParts(target: String, missing: [BenchmarkPart]) throws {
        let parts = try BenchmarkPart.parts(named: [], at: TargetSpecification(parsing: target))
        #expect(parts == Set(BenchmarkPart.allCases).subtracting(missing))
    }

    @Test("A part is measured by its name", arguments: BenchmarkPart.allCases)
    func namedPart(part: BenchmarkPart) throws {
        let target = try TargetSpecification(parsing: "local+ssh:a")
        #expect(try BenchmarkPart.parts(named: [part.rawValue], at: target) == [part])
    }

    @Test(
        "A name that is none, and a part that a target does not have, are refused",
        arguments: [
            ("conect", "not 'conect'"), ("chain", "--only 'chain' needs a target of several hops"),
            ("ssh", "--only 'ssh' needs a target whose last hop is ssh"),
        ]
    )
    func refusedParts(name: String, message: String) throws {
        let target = try TargetSpecification(parsing: "local")
        let error = #expect(throws: ArgumentError.self) { try BenchmarkPart.parts(named: [name], at: target) }
        #expect(error?.description.contains(message) == true)
    }

    @Test("Connections by ssh are compared with ssh itself")
    func ssh() {
        var report = Self.report(gzip: nil)
        report.ssh = SSHComparison(bare: 200, cached: 212.5, uncached: 400)
        #expect(report.json.contains(#""ssh_true_ms":200.000,"ssh_cached_ms":212.500,"ssh_uncached_ms":400.000"#))
        #expect(report.table.contains("(ssh HOST true + 12.5 ms)"))
    }

    @Test(
        "Decimals are rounded and padded",
        arguments: [
            (1.005, 1, "1.0"), (0.05, 2, "0.05"), (-1.25, 1, "-1.3"), (12, 0, "12"), (.infinity, 2, "0"),
            (.nan, 2, "0"), (0.999, 2, "1.00"),
        ]
    )
    func decimals(value: Double, digits: Int, text: String) {
        #expect(DecimalText.text(value, digits: digits) == text)
    }

    @Test("Percentiles are values that were measured")
    func percentiles() {
        let times = (1...100).reversed().map { Int64($0 * 1000) }
        #expect(times.percentile(50) == 50)
        #expect(times.percentile(99) == 99)
        #expect([Int64(7000)].percentile(50) == 7)
        #expect([Int64]().percentile(50) == 0)
    }
}
