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

    private static let warmUpCalls = 2000
    private static let calls = 20_000
    private static let callsInFlight = 1000
    private static let transfers = 200
    private static let connections = 15
    private static let forks = 200

    /// Measures everything, one after the other.
    func measure(against raw: RawMeasurement) async throws -> BenchmarkReport {
        var configuration = RouterConfiguration()
        configuration.image = .file(self.image)
        return try await withRouter(configuration: configuration) { router in
            let (parent, context) = try await self.connect(in: router)
            let call = try await self.times { try await context.call(BenchEcho($0)) }
            let brokerCall = try await self.times { try await context.call(BenchEchoOnBroker($0)) }
            return BenchmarkReport(
                target: self.target.canonicalText,
                raw: raw,
                callMedian: call.percentile(50),
                call99th: call.percentile(99),
                brokerCallMedian: brokerCall.percentile(50),
                pipelinedCalls: try await self.pipelinedCalls(to: context),
                argumentThroughput: try await self.argumentThroughput(to: context),
                connectAndCall: try await self.connectAndCall(in: router, via: parent),
                forkAndCall: try await self.forkAndCall(in: router, via: parent),
                isolatedCall: try await self.isolatedCall(in: context),
                ssh: try await self.compareWithSSH(in: router, via: parent),
                childMemory: try await self.childMemory(in: router, via: parent),
                payloadSize: try self.payloadSize(),
                compressedPayloadSize: try await self.compressedPayloadSize(in: router)
            )
        }
    }

    // MARK: Connections

    /// The context that is measured, and the one before it; nil if that is this process.
    private func connect(in router: Router) async throws(MitogenError) -> (parent: Context?, context: Context) {
        var parent: Context?
        for (index, hop) in self.target.hops.dropLast().enumerated() {
            let path = self.target.hops[..<index]
            parent = try await router.connect(hop, behind: path, via: parent, self.hops)
        }
        return (parent, try await self.connectLastHop(in: router, via: parent))
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
        for _ in 0..<Self.connections {
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

    /// A fork beside the context and its first call, in milliseconds; the fork server runs already.
    private func forkAndCall(in router: Router, via parent: Context?) async throws -> Double {
        try await router.fork(via: parent).shutdown(waits: true)
        var times: [Int64] = []
        for value in 0..<Self.forks {
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
        for value in 0..<Self.forks {
            let start = monotonicNanoseconds()
            let result = try await context.call(BenchEcho(value), isolation: .process)
            times.append(monotonicNanoseconds() - start)
            try self.check(result, value)
        }
        return times.percentile(50) / 1000
    }

    /// Connections by ssh next to what `ssh HOST true` takes, one after the other so that the machine's mood is the
    /// same for all; nil if the last hop is no ssh.
    private func compareWithSSH(in router: Router, via parent: Context?) async throws -> SSHComparison? {
        guard self.lastHop.kind == HopKind.ssh.name else { return nil }
        let here: Context
        if let parent { here = parent } else { here = try await router.local() }
        let options = self.hops.sshOptions(for: self.lastHop, behind: self.target.hops.dropLast())
        let command = options.arguments(command: "true")
        var uncached = self.hops
        uncached.usesImageCache = false
        var times = (bare: [Int64](), cached: [Int64](), uncached: [Int64]())
        for _ in 0..<Self.connections {
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
        times.reserveCapacity(Self.calls)
        for value in 0..<Self.warmUpCalls { try self.check(await call(value), value) }
        for value in 0..<Self.calls {
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
        pending.reserveCapacity(Self.calls)
        let start = monotonicNanoseconds()
        for value in 0..<Self.calls {
            let oldest = value - Self.callsInFlight
            if oldest >= 0 { try self.check(await pending[oldest].get(), oldest) }
            pending.append(try context.startCall(BenchEcho(value)))
        }
        for value in max(0, Self.calls - Self.callsInFlight)..<Self.calls {
            try self.check(await pending[value].get(), value)
        }
        return Double(Self.calls) / self.seconds(since: start)
    }

    /// Mebibytes of arguments in a second.
    private func argumentThroughput(to context: Context) async throws -> Double {
        let bytes = [UInt8](repeating: 0x5a, count: 1 << 20)
        for _ in 0..<5 { try self.check(await context.call(BenchSink(bytes)), bytes.count) }
        let start = monotonicNanoseconds()
        for _ in 0..<Self.transfers { try self.check(await context.call(BenchSink(bytes)), bytes.count) }
        return Double(Self.transfers) / self.seconds(since: start)
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
