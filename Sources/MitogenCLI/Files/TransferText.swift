//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How fast bytes go, over the last seconds.
package struct TransferRate: Sendable {
    private struct Sample {
        let bytes: Int
        let time: Duration
    }

    private static let span = Duration.seconds(5)
    private var samples: [Sample] = []

    package init() {}

    /// Notes how many bytes have gone so far.
    package mutating func note(bytes: Int, at time: Duration) {
        self.samples.append(Sample(bytes: bytes, time: time))
        // One older sample stays, so that the rate is always over the whole span.
        while self.samples.count > 2, time - self.samples[1].time >= Self.span { self.samples.removeFirst() }
    }

    /// Bytes per second; nil as long as it is not known.
    package var bytesPerSecond: Double? {
        guard let first = self.samples.first, let last = self.samples.last, last.time > first.time else { return nil }
        return Double(last.bytes - first.bytes) / ((last.time - first.time) / .seconds(1))
    }
}

/// How far a transfer is, in words.
package enum TransferText {
    /// Everything that a progress line tells.
    package struct Counts: Hashable, Sendable {
        package var bytes = 0
        /// All bytes; nil if that is not known.
        package var totalBytes: Int?
        package var targets = 1
        package var done = 0
        package var failed = 0
        /// 0 as long as all are being connected.
        package var connected = 0

        package init() {}
    }

    /// `430 MiB of 1.0 GiB (42 %), 210 MiB/s, 2.8 s left, 3/10 targets done, 1 failed`
    package static func line(_ counts: Counts, rate: Double?, at elapsed: Duration) -> String {
        guard counts.connected > 0 || counts.done > 0 else {
            let time = DurationText.elapsed(milliseconds: elapsed.wholeMilliseconds)
            return "connecting to \(self.count(counts.targets, "target")) — \(time)"
        }
        var parts = [self.bytes(counts.bytes)]
        if let total = counts.totalBytes, total > 0 {
            parts[0] += " of \(self.bytes(total)) (\(min(100, counts.bytes * 100 / total)) %)"
        }
        if let rate {
            parts.append("\(self.bytes(Int(rate)))/s")
            if let total = counts.totalBytes, rate > 0, total > counts.bytes {
                let milliseconds = Double(total - counts.bytes) / rate * 1000
                let limit = Double(100 * 24 * 3600 * 1000)
                if milliseconds < limit {
                    parts.append("\(DurationText.elapsed(milliseconds: Int(milliseconds))) left")
                }
            }
        }
        if counts.targets > 1 { parts.append("\(counts.done)/\(counts.targets) targets done") }
        if counts.failed > 0 { parts.append("\(counts.failed) failed") }
        return parts.joined(separator: ", ")
    }

    /// What stands below a transfer that is over.
    package static func summary(entries: Int, bytes: Int, targets: Int, elapsed: Duration) -> String {
        let milliseconds = elapsed.wholeMilliseconds
        let rate = milliseconds > 0 ? " (\(self.bytes(bytes * 1000 / milliseconds))/s)" : ""
        return "\(self.count(entries, "file")), \(self.bytes(bytes)) in "
            + "\(DurationText.text(milliseconds: milliseconds))\(rate)"
            + (targets > 1 ? ", to each of \(targets) targets" : "")
    }

    /// `17 bytes`, `1.5 KiB`, `210 MiB`: three digits at most.
    package static func bytes(_ count: Int) -> String {
        guard count >= 1024 else { return self.count(count, "byte") }
        var value = Double(count)
        var unit = 0
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        value /= 1024
        while value >= 1000, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(DecimalText.text(value, digits: value < 10 ? 1 : 0)) \(units[unit])"
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
