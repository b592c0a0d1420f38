//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Measures many forks: `forks COUNT BYTES` for children at once that share what was preloaded, `fork-loop COUNT` for one
/// after the other, `isolated-loop COUNT` for isolated calls.
enum ForkMany {
    static func atOnce(_ count: Int, byteCount: Int, _ router: Router) async throws {
        let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
            for number in 0..<count {
                group.addTask {
                    let child = try await router.fork(preload: PreloadNote("many", byteCount: byteCount))
                    guard try await child.call(Add(number, 1)) == number + 1 else {
                        throw MitogenError(.streamError, "a wrong result")
                    }
                    return try await child.call(ProcessID())
                }
            }
            var pids: [Int32] = []
            for try await pid in group { pids.append(pid) }
            return pids
        }
        try await Task.sleep(for: .seconds(2))
        let own = pids.map { cmitogen_private_memory($0) }.sorted()
        let pss = pids.reduce(0) { $0 + Self.kibibytes("Pss", of: $1) }
        FixtureMaster.say(
            "\(count) children: private KiB median \(own[count / 2]), most \(own[count - 1]); Pss together \(pss) KiB"
        )
    }

    /// Says four times, after each quarter, what this process and the fork server hold.
    static func oneByOne(_ count: Int, _ router: Router) async throws {
        try await router.fork().shutdown(waits: true)
        for number in 0..<count {
            let child = try await router.fork()
            guard try await child.call(Add(number, 1)) == number + 1 else {
                throw MitogenError(.streamError, "a wrong result")
            }
            try await child.shutdown(waits: true)
            guard (number + 1) % (count / 4) == 0 else { continue }
            try await Task.sleep(for: .milliseconds(500))
            FixtureMaster.say("\(number + 1) forks: \(try await HeldResources.now())")
        }
    }

    /// The same for calls that are isolated in a child, and what that holds.
    static func isolated(_ count: Int, _ router: Router) async throws {
        let context = try await router.local()
        for number in 0..<count {
            guard try await context.call(Add(number, 1), isolation: .process) == number + 1 else {
                throw MitogenError(.streamError, "a wrong result")
            }
            guard (number + 1) % (count / 4) == 0 else { continue }
            try await Task.sleep(for: .milliseconds(500))
            FixtureMaster.say("\(number + 1) calls: \(try await context.call(ReadHeldResources()))")
        }
    }

    fileprivate static func kibibytes(_ name: String, of pid: Int32) -> Int {
        let lines = LeakCheck.content("/proc/\(pid)/smaps_rollup").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("\(name):") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }
}

/// What a process and its fork server hold.
public struct HeldResources: Codable, Sendable, CustomStringConvertible {
    public var descriptors: Int32
    /// The bytes that are allocated; negative if that is not known.
    public var heap: Int
    public var residentKibibytes: Int
    public var serverKibibytes: Int
    public var children: Int

    public var description: String {
        "descriptors \(descriptors) heap \(heap) resident \(residentKibibytes) server \(serverKibibytes) children \(children)"
    }

    static func now() async throws -> HeldResources {
        let children = LeakCheck.Inventory().children.compactMap { Int32($0) }
        let server = children.first { LeakCheck.content("/proc/\($0)/cmdline").contains("mitogen:fork server") }
        return HeldResources(
            descriptors: cmitogen_count_descriptors(),
            heap: Int(cmitogen_allocated_memory()),
            residentKibibytes: ForkMany.kibibytes("Rss", of: getpid()),
            serverKibibytes: server.map { ForkMany.kibibytes("Rss", of: $0) } ?? 0,
            children: children.count
        )
    }
}

public struct ReadHeldResources: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> HeldResources { try await HeldResources.now() }
}
