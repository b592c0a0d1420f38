//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Medians in milliseconds, of connections that were made in turn.
struct SSHComparison: Hashable, Sendable {
    /// `ssh HOST true`.
    let bare: Double
    /// A connection and its first call, with the image in the target's cache.
    let cached: Double
    /// The same when the image has to be sent.
    let uncached: Double
}

/// What `mitogen bench` has measured.
struct BenchmarkReport: Hashable, Sendable {
    let target: String
    let raw: RawMeasurement
    // What was not measured, or cannot be, is nil.
    /// Microseconds.
    var callMedian: Double?
    /// Microseconds.
    var call99th: Double?
    /// Microseconds.
    var brokerCallMedian: Double?
    /// Calls in a second.
    var pipelinedCalls: Double?
    /// Mebibytes in a second.
    var argumentThroughput: Double?
    /// Milliseconds.
    var connectAndCall: Double?
    /// Milliseconds, for all hops of the target.
    var chainAndCall: Double?
    /// Milliseconds.
    var forkAndCall: Double?
    /// Milliseconds.
    var isolatedCall: Double?
    var ssh: SSHComparison?
    /// KiB.
    var childMemory: Int?
    /// Whether the memory was to be measured, where it could not be.
    var isMemoryUnknown = false
    /// Bytes.
    var payloadSize: Int?
    /// Bytes; nil if there is no gzip, too.
    var compressedPayloadSize: Int?

    /// The report as a JSON object on one line.
    var json: String {
        func decimal(_ value: Double?, _ digits: Int) -> String {
            value.map { DecimalText.text($0, digits: digits) } ?? "null"
        }
        func whole(_ value: Int?) -> String { value.map { "\($0)" } ?? "null" }
        let members: [(String, String)] = [
            ("raw_rtt_us", decimal(self.raw.roundTrip, 3)),
            ("raw_mib_s", decimal(self.raw.throughput, 1)),
            ("call_p50_us", decimal(self.callMedian, 3)),
            ("call_p99_us", decimal(self.call99th, 3)),
            ("broker_call_p50_us", decimal(self.brokerCallMedian, 3)),
            ("pipelined_per_s", decimal(self.pipelinedCalls, 0)),
            ("args_mib_s", decimal(self.argumentThroughput, 1)),
            ("connect_first_call_ms", decimal(self.connectAndCall, 3)),
            ("chain_first_call_ms", decimal(self.chainAndCall, 3)),
            ("fork_first_call_ms", decimal(self.forkAndCall, 3)),
            ("isolated_call_ms", decimal(self.isolatedCall, 3)),
            ("ssh_true_ms", decimal(self.ssh?.bare, 3)),
            ("ssh_cached_ms", decimal(self.ssh?.cached, 3)),
            ("ssh_uncached_ms", decimal(self.ssh?.uncached, 3)),
            ("child_private_kb", whole(self.childMemory)),
            ("payload_bytes", whole(self.payloadSize)),
            ("payload_gzip_bytes", whole(self.compressedPayloadSize)),
        ]
        return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    /// The report for people, with what a measurement is in terms of what is possible.
    var table: String {
        let rows = self.rows
        let width = rows.map(\.name.count).max() ?? 0
        let valueWidth = rows.map(\.value.count).max() ?? 0
        let lines = rows.map { row in
            let name = row.name + String(repeating: " ", count: width - row.name.count)
            let value = String(repeating: " ", count: valueWidth - row.value.count) + row.value
            return "  \(name)  \(value) \(row.unit)\(row.remark.isEmpty ? "" : "  (\(row.remark))")"
        }
        return (self.heading + lines).joined(separator: "\n") + "\n"
    }

    private struct Row {
        let name: String
        let value: String
        let unit: String
        var remark = ""
    }

    private var heading: [String] {
        var lines = ["Calls to \(self.target), compared with a socket pair between two processes:"]
        #if DEBUG
            lines.append("This is a debug build, which is many times slower: build it with -c release.")
        #endif
        return lines
    }

    private var rows: [Row] {
        [
            Row(name: "socket pair, round trip", value: self.number(self.raw.roundTrip), unit: "µs"),
            Row(name: "socket pair, throughput", value: self.number(self.raw.throughput), unit: "MiB/s"),
        ]
            + [
                self.time("call, median", self.callMedian),
                self.time("call, 99 of 100 within", self.call99th),
                self.time("call on the Broker's thread, median", self.brokerCallMedian),
                self.pipelinedCalls.map {
                    Row(name: "calls without waiting", value: DecimalText.text($0, digits: 0), unit: "/s")
                },
                self.argumentThroughput.map {
                    Row(
                        name: "arguments of 1 MiB",
                        value: self.number($0),
                        unit: "MiB/s",
                        remark: "\(DecimalText.text($0 / self.raw.throughput * 100, digits: 0)) % of raw"
                    )
                },
                self.milliseconds("connection and first call, median", self.connectAndCall, digits: 1),
                self.milliseconds("connection of all hops and first call, median", self.chainAndCall, digits: 1),
                self.milliseconds("fork and first call, median", self.forkAndCall, digits: 2),
                self.milliseconds("isolated call, median", self.isolatedCall, digits: 2),
            ].compactMap { $0 } + self.sshRows + self.sizeRows
    }

    private var sizeRows: [Row] {
        var rows: [Row] = []
        if let childMemory {
            rows.append(Row(name: "private memory of an idle child", value: "\(childMemory)", unit: "KiB"))
        } else if self.isMemoryUnknown {
            rows.append(Row(name: "private memory of an idle child", value: "unknown", unit: "KiB"))
        }
        if let payloadSize {
            rows.append(Row(name: "payload (mitogen-agent)", value: self.mebibytes(payloadSize), unit: "MiB"))
            rows.append(
                Row(
                    name: "payload, compressed with gzip -9",
                    value: self.compressedPayloadSize.map(self.mebibytes) ?? "unknown",
                    unit: "MiB",
                    remark: self.compressedPayloadSize == nil ? "gzip is missing" : ""
                )
            )
        }
        return rows
    }

    private var sshRows: [Row] {
        guard let ssh else { return [] }
        func row(_ name: String, _ value: Double) -> Row {
            let more = DecimalText.text(value - ssh.bare, digits: 1)
            return Row(name: name, value: self.number(value), unit: "ms", remark: "ssh HOST true + \(more) ms")
        }
        return [
            Row(name: "ssh HOST true, median", value: self.number(ssh.bare), unit: "ms"),
            row("ssh and first call, image cached", ssh.cached),
            row("ssh and first call, image sent", ssh.uncached),
        ]
    }

    private func time(_ name: String, _ microseconds: Double?) -> Row? {
        guard let microseconds else { return nil }
        let ratio = DecimalText.text(microseconds / self.raw.roundTrip, digits: 1)
        return Row(name: name, value: self.number(microseconds), unit: "µs", remark: "\(ratio) × raw")
    }

    private func number(_ value: Double) -> String {
        DecimalText.text(value, digits: 1)
    }

    private func milliseconds(_ name: String, _ value: Double?, digits: Int) -> Row? {
        value.map { Row(name: name, value: DecimalText.text($0, digits: digits), unit: "ms") }
    }

    private func mebibytes(_ bytes: Int) -> String {
        DecimalText.text(Double(bytes) / Double(1 << 20), digits: 1)
    }
}
