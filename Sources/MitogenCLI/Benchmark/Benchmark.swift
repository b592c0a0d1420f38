//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen
internal import MitogenBenchFunctions

/// Measures calls to a target.
struct Benchmark: Sendable {
    let target: TargetSpecification
    /// The path of the program that is started as contexts.
    let image: String
    let hops: HopSettings
    /// The parts to measure.
    let parts: Set<BenchmarkPart>
    /// The number of repetitions.
    let counts: BenchmarkCounts

    /// Measures one part after the other.
    func measure(against raw: RawMeasurement) async throws -> BenchmarkReport {
        var configuration = RouterConfiguration()
        configuration.image = .file(self.image)
        return try await withRouter(configuration: configuration) { router in
            let (parent, context) = try await self.connect(in: router)
            var report = BenchmarkReport(target: self.target.canonicalText, raw: raw)
            try await self.measureCalls(to: context, in: &report)
            if self.parts.contains(.connect) {
                report.connectAndCall = try await self.connectAndCall(in: router, via: parent)
            }
            if self.parts.contains(.chain) { report.chainAndCall = try await self.chainAndCall(in: router) }
            if self.parts.contains(.fork) { report.forkAndCall = try await self.forkAndCall(in: router, via: parent) }
            if self.parts.contains(.isolated) { report.isolatedCall = try await self.isolatedCall(in: context) }
            if self.parts.contains(.ssh) { report.ssh = try await self.compareWithSSH(in: router, via: parent) }
            if self.parts.contains(.memory) {
                report.childMemory = try await self.childMemory(in: router, via: parent)
                report.isMemoryUnknown = report.childMemory == nil
            }
            if self.parts.contains(.payload) {
                report.payloadSize = try self.payloadSize()
                report.compressedPayloadSize = try await self.compressedPayloadSize(in: router)
            }
            return report
        }
    }

    private func measureCalls(to context: Context, in report: inout BenchmarkReport) async throws {
        if self.parts.contains(.calls) {
            let times = try await self.times { try await context.call(BenchEcho($0)) }
            report.callMedian = times.percentile(50)
            report.call99th = times.percentile(99)
        }
        if self.parts.contains(.brokerCalls) {
            let times = try await self.times { try await context.call(BenchEchoOnBroker($0)) }
            report.brokerCallMedian = times.percentile(50)
        }
        if self.parts.contains(.pipelined) { report.pipelinedCalls = try await self.pipelinedCalls(to: context) }
        if self.parts.contains(.arguments) {
            report.argumentThroughput = try await self.argumentThroughput(to: context)
        }
    }

    // MARK: Connections

    /// The context that is measured, and the one before it; nil if that is this process.
    private func connect(in router: Router) async throws(MitogenError) -> (parent: Context?, context: Context) {
        let parent = try await self.connectAllButLast(in: router).last
        return (parent, try await self.connectLastHop(in: router, via: parent))
    }

    private func connectAllButLast(in router: Router) async throws(MitogenError) -> [Context] {
        var contexts: [Context] = []
        for (index, hop) in self.target.hops.dropLast().enumerated() {
            let path = self.target.hops[..<index]
            contexts.append(try await router.connect(hop, behind: path, via: contexts.last, self.hops))
        }
        return contexts
    }

    private var lastHop: Hop { self.target.hops[self.target.hops.count - 1] }

    private func connectLastHop(
        in router: Router,
        via parent: Context?,
        _ settings: HopSettings? = nil
    ) async throws(MitogenError) -> Context {
        let path = self.target.hops.dropLast()
        return try await router.connect(self.lastHop, behind: path, via: parent, settings ?? self.hops)
    }

    private func connectAndCall(in router: Router, via parent: Context?) async throws -> Double {
        var times: [Int64] = []
        for _ in 0..<self.counts.connections {
            times.append(try await self.connectAndCallOnce(in: router, via: parent, self.hops))
        }
        return times.percentile(50) / 1000
    }

    private func connectAndCallOnce(
        in router: Router,
        via parent: Context?,
        _ settings: HopSettings
    ) async throws -> Int64 {
        let start = monotonicNanoseconds()
        let context = try await self.connectLastHop(in: router, via: parent, settings)
        try await self.check(context.call(BenchEcho(1)), 1)
        let time = monotonicNanoseconds() - start
        try await context.shutdown(waits: true)
        return time
    }

    /// All hops of the target, one after the other, and a first call through them, in milliseconds.
    private func chainAndCall(in router: Router) async throws -> Double {
        var times: [Int64] = []
        for _ in 0..<self.counts.connections {
            let start = monotonicNanoseconds()
            let before = try await self.connectAllButLast(in: router)
            let last = try await self.connectLastHop(in: router, via: before.last)
            try await self.check(last.call(BenchEcho(1)), 1)
            times.append(monotonicNanoseconds() - start)
            for context in (before + [last]).reversed() { try await context.shutdown(waits: true) }
        }
        return times.percentile(50) / 1000
    }

    /// A fork beside the context and its first call, in milliseconds; the fork server runs already.
    private func forkAndCall(in router: Router, via parent: Context?) async throws -> Double {
        try await router.fork(via: parent).shutdown(waits: true)
        var times: [Int64] = []
        for value in 0..<self.counts.forks {
            let start = monotonicNanoseconds()
            let child = try await router.fork(via: parent)
            try self.check(await child.call(BenchEcho(value)), value)
            times.append(monotonicNanoseconds() - start)
            try await child.shutdown(waits: true)
        }
        return times.percentile(50) / 1000
    }

    /// A call that is forked, run and ended in the context, in milliseconds.
    private func isolatedCall(in context: Context) async throws -> Double {
        var times: [Int64] = []
        for value in 0..<self.counts.forks {
            let start = monotonicNanoseconds()
            let result = try await context.call(BenchEcho(value), isolation: .process)
            times.append(monotonicNanoseconds() - start)
            try self.check(result, value)
        }
        return times.percentile(50) / 1000
    }

    /// Connections by ssh next to what `ssh HOST true` takes, one after the other so that the machine's mood is the
    /// same for all.
    private func compareWithSSH(in router: Router, via parent: Context?) async throws -> SSHComparison {
        let here: Context
        if let parent { here = parent } else { here = try await router.local() }
        let options = self.hops.sshOptions(for: self.lastHop, behind: self.target.hops.dropLast())
        let command = options.arguments(command: "true")
        var uncached = self.hops
        uncached.usesImageCache = false
        var times = (bare: [Int64](), cached: [Int64](), uncached: [Int64]())
        for _ in 0..<self.counts.connections {
            let start = monotonicNanoseconds()
            let result = try await here.run(command)
            guard result.status.isSuccess else {
                throw MitogenError(.eofError, "`ssh HOST true` has failed: \(result.errorText)")
            }
            times.bare.append(monotonicNanoseconds() - start)
            times.cached.append(try await self.connectAndCallOnce(in: router, via: parent, self.hops))
            times.uncached.append(try await self.connectAndCallOnce(in: router, via: parent, uncached))
        }
        return SSHComparison(
            bare: times.bare.percentile(50) / 1000,
            cached: times.cached.percentile(50) / 1000,
            uncached: times.uncached.percentile(50) / 1000
        )
    }

    // MARK: Calls

    /// How long each call takes that is made after the one before has returned, in nanoseconds.
    private func times(_ call: (Int) async throws -> Int) async throws -> [Int64] {
        var times: [Int64] = []
        times.reserveCapacity(self.counts.calls)
        for value in 0..<self.counts.warmUpCalls { try self.check(await call(value), value) }
        for value in 0..<self.counts.calls {
            let start = monotonicNanoseconds()
            let result = try await call(value)
            times.append(monotonicNanoseconds() - start)
            try self.check(result, value)
        }
        return times
    }

    /// Calls in a second when the next is started before the one before has returned.
    private func pipelinedCalls(to context: Context) async throws -> Double {
        var pending: [PendingCall<Int>] = []
        pending.reserveCapacity(self.counts.calls)
        let start = monotonicNanoseconds()
        for value in 0..<self.counts.calls {
            let oldest = value - self.counts.callsInFlight
            if oldest >= 0 { try self.check(await pending[oldest].get(), oldest) }
            pending.append(try context.startCall(BenchEcho(value)))
        }
        for value in max(0, self.counts.calls - self.counts.callsInFlight)..<self.counts.calls {
            try self.check(await pending[value].get(), value)
        }
        return Double(self.counts.calls) / self.seconds(since: start)
    }

    /// Mebibytes of arguments in a second.
    private func argumentThroughput(to context: Context) async throws -> Double {
        let bytes = [UInt8](repeating: 0x5a, count: 1 << 20)
        for _ in 0..<self.counts.warmUpTransfers { try self.check(await context.call(BenchSink(bytes)), bytes.count) }
        let start = monotonicNanoseconds()
        for _ in 0..<self.counts.transfers { try self.check(await context.call(BenchSink(bytes)), bytes.count) }
        return Double(self.counts.transfers) / self.seconds(since: start)
    }

    // MARK: Sizes

    /// The memory in KiB that only this child uses, when it has answered one call and has nothing more to do; nil if
    /// the kernel does not tell.
    private func childMemory(in router: Router, via parent: Context?) async throws -> Int? {
        let context = try await self.connectLastHop(in: router, via: parent)
        // Every kind of hop there is leads to a process of this machine.
        let pid = try await context.call(BenchProcessID())
        try await Task.sleep(for: .milliseconds(200))
        let memory = cmitogen_private_memory(pid)
        try await context.shutdown(waits: true)
        return memory > 0 ? Int(memory) : nil
    }

    private func payloadSize() throws(MitogenError) -> Int {
        var status = stat()
        guard stat(self.image, &status) == 0 else { throw .system("cannot look at \(self.image)", errno: errno) }
        return Int(status.st_size)
    }

    /// The size of what gzip makes of the program; nil if there is no gzip.
    private func compressedPayloadSize(in router: Router) async throws -> Int? {
        let here = try await router.local()
        var count = 0
        do throws(MitogenError) {
            let result = try await here.run(["gzip", "-9", "-c", self.image]) { piece in
                if piece.source == .standardOutput { count += piece.bytes.count }
                return true
            }
            return result.status.isSuccess ? count : nil
        } catch {
            guard error.code == .spawnError else { throw error }
            return nil
        }
    }

    // MARK: Parts

    private func seconds(since start: Int64) -> Double {
        Double(monotonicNanoseconds() - start) / 1e9
    }

    /// A wrong result would make the measured times worthless.
    private func check(_ result: Int, _ expected: Int) throws(MitogenError) {
        guard result == expected else {
            throw MitogenError(.streamError, "a call returned \(result) instead of \(expected)")
        }
    }
}

extension [Int64] {
    /// The time in microseconds that so many of a hundred of these times, in nanoseconds, do not exceed.
    func percentile(_ percent: Int) -> Double {
        guard !self.isEmpty else { return 0 }
        let index = Swift.max(0, (self.count * percent + 99) / 100 - 1)
        return Double(self.sorted()[index]) / 1000
    }
}
