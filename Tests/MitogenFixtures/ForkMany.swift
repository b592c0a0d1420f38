//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Measures many forks: `forks COUNT BYTES` for children at once that share what was preloaded, `fork-loop COUNT` for one
/// after the other.
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

    static func oneByOne(_ count: Int, _ router: Router) async throws {
        try await router.fork().shutdown(waits: true)
        try await Task.sleep(for: .milliseconds(500))
        let before = (cmitogen_count_descriptors(), Self.kibibytes("Rss", of: getpid()))
        let start = ContinuousClock.now
        for number in 0..<count {
            let child = try await router.fork()
            guard try await child.call(Add(number, 1)) == number + 1 else {
                throw MitogenError(.streamError, "a wrong result")
            }
            try await child.shutdown(waits: true)
        }
        let time = (ContinuousClock.now - start) / .seconds(1)
        try await Task.sleep(for: .seconds(1))
        let after = (cmitogen_count_descriptors(), Self.kibibytes("Rss", of: getpid()))
        let children = LeakCheck.Inventory().children.count
        FixtureMaster.say(
            "\(count) forks in \(time) s: descriptors \(before.0) and \(after.0), Rss \(before.1) and \(after.1) KiB, "
                + "\(children) child processes"
        )
    }

    private static func kibibytes(_ name: String, of pid: Int32) -> Int {
        let lines = LeakCheck.content("/proc/\(pid)/smaps_rollup").split(separator: "\n")
        let line = lines.first { $0.hasPrefix("\(name):") }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }
}
