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
    /// Microseconds.
    let callMedian: Double
    /// Microseconds.
    let call99th: Double
    /// Microseconds.
    let brokerCallMedian: Double
    /// Calls in a second.
    let pipelinedCalls: Double
    /// Mebibytes in a second.
    let argumentThroughput: Double
    /// Milliseconds.
    let connectAndCall: Double
    /// Milliseconds.
    let forkAndCall: Double
    /// Milliseconds.
    let isolatedCall: Double
    /// Nil if the last hop of the target is no ssh.
    var ssh: SSHComparison?
    /// KiB; nil if it is not known.
    let childMemory: Int?
    /// Bytes.
    let payloadSize: Int
    /// Bytes; nil if there is no gzip.
    let compressedPayloadSize: Int?

    /// The report as a JSON object on one line.
    var json: String {
        let members: [(String, String)] = [
            ("raw_rtt_us", DecimalText.text(self.raw.roundTrip, digits: 3)),
            ("raw_mib_s", DecimalText.text(self.raw.throughput, digits: 1)),
            ("call_p50_us", DecimalText.text(self.callMedian, digits: 3)),
            ("call_p99_us", DecimalText.text(self.call99th, digits: 3)),
            ("broker_call_p50_us", DecimalText.text(self.brokerCallMedian, digits: 3)),
            ("pipelined_per_s", DecimalText.text(self.pipelinedCalls, digits: 0)),
            ("args_mib_s", DecimalText.text(self.argumentThroughput, digits: 1)),
            ("connect_first_call_ms", DecimalText.text(self.connectAndCall, digits: 3)),
            ("fork_first_call_ms", DecimalText.text(self.forkAndCall, digits: 3)),
            ("isolated_call_ms", DecimalText.text(self.isolatedCall, digits: 3)),
            ("ssh_true_ms", self.ssh.map { DecimalText.text($0.bare, digits: 3) } ?? "null"),
            ("ssh_cached_ms", self.ssh.map { DecimalText.text($0.cached, digits: 3) } ?? "null"),
            ("ssh_uncached_ms", self.ssh.map { DecimalText.text($0.uncached, digits: 3) } ?? "null"),
            ("child_private_kb", self.childMemory.map { "\($0)" } ?? "null"),
            ("payload_bytes", "\(self.payloadSize)"),
            ("payload_gzip_bytes", self.compressedPayloadSize.map { "\($0)" } ?? "null"),
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
            self.time("call, median", self.callMedian),
            self.time("call, 99 of 100 within", self.call99th),
            self.time("call on the Broker's thread, median", self.brokerCallMedian),
            Row(name: "calls without waiting", value: DecimalText.text(self.pipelinedCalls, digits: 0), unit: "/s"),
            Row(
                name: "arguments of 1 MiB",
                value: self.number(self.argumentThroughput),
                unit: "MiB/s",
                remark: "\(DecimalText.text(self.argumentThroughput / self.raw.throughput * 100, digits: 0)) % of raw"
            ),
            Row(name: "connection and first call, median", value: self.number(self.connectAndCall), unit: "ms"),
            Row(name: "fork and first call, median", value: self.hundredths(self.forkAndCall), unit: "ms"),
            Row(name: "isolated call, median", value: self.hundredths(self.isolatedCall), unit: "ms"),
        ] + self.sshRows + [
            Row(
                name: "private memory of an idle child",
                value: self.childMemory.map { "\($0)" } ?? "unknown",
                unit: "KiB"
            ),
            Row(name: "payload (mitogen-agent)", value: self.mebibytes(self.payloadSize), unit: "MiB"),
            Row(
                name: "payload, compressed with gzip -9",
                value: self.compressedPayloadSize.map(self.mebibytes) ?? "unknown",
                unit: "MiB",
                remark: self.compressedPayloadSize == nil ? "gzip is missing" : ""
            ),
        ]
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

    private func time(_ name: String, _ microseconds: Double) -> Row {
        let ratio = DecimalText.text(microseconds / self.raw.roundTrip, digits: 1)
        return Row(name: name, value: self.number(microseconds), unit: "µs", remark: "\(ratio) × raw")
    }

    private func number(_ value: Double) -> String {
        DecimalText.text(value, digits: 1)
    }

    private func hundredths(_ value: Double) -> String {
        DecimalText.text(value, digits: 2)
    }

    private func mebibytes(_ bytes: Int) -> String {
        DecimalText.text(Double(bytes) / Double(1 << 20), digits: 1)
    }
}
