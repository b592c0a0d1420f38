//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

// What forked processes cost, and what they leave. Each measurement has a process of its own.
extension LibraryTests.Forks {
    @Test("Many children at once have little memory of their own, and what preload has made is there once")
    func memoryAtOnce() async throws {
        let count = LongTests.pick(50, long: 500)
        let preloaded = 100 << 20
        let figures = try await figures("forks", "\(count)", "\(preloaded)").last ?? []
        try #require(figures.count == 4 && figures[0] == count, "\(figures)")
        let (median, most, together) = (figures[1], figures[2], figures[3])
        // The promise, 0.4 MB, is for release builds.
        #if DEBUG
            let limit = 640
        #else
            let limit = 400
        #endif
        #expect(median > 0 && median <= most && most <= limit, "\(figures) KiB")
        // What the children have of their own comes on top, and the program, of which the fixture has 12 MB.
        #expect(together < preloaded >> 10 + count * limit + 32 << 10, "\(figures) KiB")
    }

    @Test("Forks and isolated calls leave no descriptor, process or byte", arguments: ["fork-loop", "isolated-loop"])
    func leftovers(kind: String) async throws {
        let lines = try await figures(kind, "\(LongTests.pick(400, long: 20_000))")
        try #require(lines.count == 4 && lines.allSatisfy { $0.count == 6 }, "\(lines)")
        // After the first half nothing grows: the numbers are those of descriptors, bytes allocated, KiB of memory here and
        // in the fork server, and children.
        let (before, after) = (lines[1], lines[3])
        // One more may be a file of /proc that the monitor of the functions' threads reads at that moment.
        #expect(after[1] <= before[1] + 1, "\(lines)")
        // What is allocated goes up and down by 100 KiB with what just happens to be queued.
        #expect(after[2] <= before[2] + 256 << 10, "\(lines)")
        #expect(after[3] <= before[3] + 512 && after[4] <= before[4] + 64, "\(lines)")
        #expect(after[5] == before[5] && after[5] == 1, "\(lines)")
    }

    /// The numbers in each line that the fixture says.
    private func figures(_ arguments: String...) async throws -> [[Int]] {
        let helper = try HelperProcess([Fixture.path] + arguments)
        #expect(try await helper.waitForEnd(within: .seconds(LongTests.pick(60, long: 600))) == 0, "\(helper.lines)")
        return helper.lines.map { line in line.split { !"0123456789".contains($0) }.compactMap { Int($0) } }
    }

    @Test("A forked process has nothing of what its parent has: descriptors, signal handlers, random numbers")
    func inheritance() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let file = open("\(directory)/file", O_CREAT | O_RDWR, 0o600)
                var ends: [Int32] = [0, 0]
                #expect(pipe(&ends) == 0)
                defer { for descriptor in [file] + ends { close(descriptor) } }
                let earlier = signal(SIGUSR2) { _ in }
                defer { signal(SIGUSR2, earlier) }
                let fresh = try await router.local()
                let children = [try await router.fork(), try await router.fork(preload: PreloadNote("inheritance"))]
                func status(_ name: String, of context: Context) async throws -> String? {
                    let pid = try await context.call(ProcessID())
                    return Files.text("/proc/\(pid)/status")?.split(separator: "\n").map(String.init).first {
                        $0.hasPrefix("\(name):")
                    }
                }
                for child in children {
                    let pid = try await child.call(ProcessID())
                    let targets = Files.names(in: "/proc/\(pid)/fd").map { Files.linkTarget("/proc/\(pid)/fd/\($0)") }
                    #expect(!targets.contains("\(directory)/file"), "\(targets)")
                    // The other end of the pipe sees its end though the child is there.
                    let own = Files.linkTarget("/proc/self/fd/\(ends[1])")
                    #expect(!own.isEmpty && !targets.contains(own), "\(targets)")
                    for name in ["SigCgt", "SigIgn", "SigBlk"] {
                        #expect(try await status(name, of: child) == status(name, of: fresh))
                    }
                }
                let numbers = [
                    try await children[0].call(RandomNumber()), try await children[1].call(RandomNumber()),
                    try await router.fork().call(RandomNumber()),
                ]
                #expect(Set(numbers).count == 3)
            }
        }
    }

    @Test("A fork server ends with the context that it is in")
    func hostOfServer() async throws {
        try await withFixtureRouter { router in
            let host = try await router.local()
            let child = try await router.fork(preload: PreloadNote("hosted"), via: host)
            #expect(try await child.call(Add(1, 2)) == 3)
            let pids = Processes.children(of: try await host.call(ProcessID()))
            #expect(pids.count == 2)
            try await host.shutdown(waits: true)
            #expect(try await Processes.stillRunning(pids, after: .seconds(5)) == [])
        }
    }
}
