//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How often something happened, and how long it took.
package struct Timing: Sendable {
    package private(set) var count = 0
    /// Nanoseconds of all together.
    package private(set) var total: Int64 = 0
    /// Nanoseconds of the longest.
    package private(set) var longest: Int64 = 0

    package init() {}

    package mutating func add(_ nanoseconds: Int64) {
        count += 1
        total &+= nanoseconds
        longest = max(longest, nanoseconds)
    }
}

extension DiagnosticReport.Table {
    /// A table of what took how long, what took longest first.
    package init(_ name: String, of timings: [(name: String, timing: Timing)]) {
        let sorted = timings.sorted { ($1.timing.total, $0.name) < ($0.timing.total, $1.name) }
        let rows = sorted.map { name, timing -> [DiagnosticReport.Value] in
            [
                .number(timing.count), .number(Int(timing.total / 1000)),
                .number(Int(timing.total / 1000) / max(1, timing.count)), .number(Int(timing.longest / 1000)),
                .text(name),
            ]
        }
        self.init(name, ["count", "total_us", "mean_us", "max_us", "function"], rows: rows)
    }
}
