//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenBench
internal import Mitogen

/// What two processes of this machine can do with system calls alone.
struct RawMeasurement: Hashable, Sendable {
    private static let rounds: Int32 = 20_000
    private static let blocks: Int32 = 1024

    /// The median time for 64 bytes there and back, in microseconds.
    let roundTrip: Double
    /// Mebibytes in a second, one way.
    let throughput: Double

    /// Measures both. To be called before the process has threads.
    static func measure() throws(MitogenError) -> RawMeasurement {
        var roundTrip = 0.0
        var throughput = 0.0
        try self.check(cmitogen_bench_round_trip(self.rounds, &roundTrip))
        try self.check(cmitogen_bench_throughput(self.blocks, &throughput))
        return RawMeasurement(roundTrip: roundTrip, throughput: throughput)
    }

    private static func check(_ result: Int32) throws(MitogenError) {
        guard result >= 0 else { throw .system("cannot measure a socket pair", errno: -result) }
    }
}
