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

/// Uses everything that takes descriptors, processes, threads or files, and tells what is left of it 5 s later; threads
/// of functions, which stay for 10 s in case another function is called, have 12 s.
enum LeakCheck {
    /// What a process holds.
    struct Inventory: Equatable {
        var descriptors: [String] = []
        var children: [String] = []
        var threads: [String] = []
        var temporaryFiles: [String] = []

        /// The folders that first stages, and what else makes files, may use.
        private static let folders = ["/tmp", "/var/tmp", "/run", "/dev/shm", "/dev"]

        /// - Parameter known: Files that were there before; those of other programs come and go.
        init(known: Set<String> = []) {
            // Those that are closed by now, as that of the listing itself, have no target any more. The monitor of the
            // functions' threads opens files of theirs for a moment.
            let all = directoryEntries("/proc/self/fd").map { linkTarget("/proc/self/fd/\($0)") }
                .filter { !$0.isEmpty && !$0.contains("/task/") }
            let timer = "anon_inode:[timerfd]"
            // Three descriptors of timers are libdispatch's, one for each clock, which it makes when it likes.
            descriptors =
                (all.filter { $0 != timer } + all.filter { $0 == timer }.dropFirst(3)).sorted()
            for task in directoryEntries("/proc/self/task") {
                let name = content("/proc/self/task/\(task)/comm").trimmed
                if name.hasPrefix("mitogen") { threads.append(name) }
                children += content("/proc/self/task/\(task)/children").split(separator: " ").map(String.init)
            }
            temporaryFiles = Self.folders.flatMap { folder in
                directoryEntries(folder).filter { $0.hasPrefix(".mitogen") || $0.hasPrefix("mitogen.") }.map {
                    "\(folder)/\($0)"
                }
            }
            temporaryFiles = temporaryFiles.filter { !known.contains($0) }.sorted()
        }

        /// What stays the same for a moment: at the start the runtime may have files open that it closes again.
        static func settled(known: Set<String> = []) async -> Inventory {
            var last = Inventory(known: known)
            for _ in 0..<50 {
                try? await Task.sleep(for: .milliseconds(10))
                let next = Inventory(known: known)
                if next == last { break }
                last = next
            }
            return last
        }

        func hasOnlyMoreFunctionThreads(than before: Inventory) -> Bool {
            var rest = self
            rest.threads.removeAll { $0 == "mitogen.functio" }
            return rest == before
        }
    }

    static func run() -> Never {
        // The main thread only waits, so that no executor of the library is needed before the check begins.
        var ends: [Int32] = [0, 0]
        _ = cmitogen_pipe(&ends, false)
        let finished = ends[1]
        Task {
            let isClean = await check()
            var status: UInt8 = isClean ? 0 : 1
            _ = write(finished, &status, 1)
        }
        var status: UInt8 = 1
        _ = read(ends[0], &status, 1)
        exit(Int32(status))
    }

    private static func check() async -> Bool {
        // What the Swift runtime opens on first use belongs to the start.
        try? await Task.sleep(for: .milliseconds(1))
        let known = Set(Inventory().temporaryFiles)
        let before = await Inventory.settled(known: known)
        do {
            try await work()
        } catch {
            FixtureMaster.say("the work failed: \(error)")
            return false
        }
        var after = Inventory(known: known)
        for turn in 0..<240 where after != before {
            if turn >= 100, !after.hasOnlyMoreFunctionThreads(than: before) { break }
            try? await Task.sleep(for: .milliseconds(50))
            after = Inventory(known: known)
        }
        guard after != before else {
            FixtureMaster.say("clean")
            return true
        }
        FixtureMaster.say("before: \(before)\nafter: \(after)")
        return false
    }

    private static func work() async throws {
        for _ in 0..<2 { try await useOneRouter() }
        let router = try Router()
        _ = try await router.local()
        router.shutdown()
        await router.join()
        _ = try? await router.local()
        do {
            // Forgotten, not shut down.
            _ = try await Router().local().call(Add(1, 2))
        }
        let latch = Latch<Int>()
        _ = try? await latch.get(timeout: .milliseconds(10))
    }

    private static func useOneRouter() async throws {
        try await withRouter { router in
            try await startMany(router)
            try await failToConnect(router)
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                _ = try await context.run(["sh", "-c", "cat; echo done >&2"], stdin: .bytes([1, 2, 3]))
                _ = try? await context.run(["sleep", "100"], timeout: .milliseconds(50))
                _ = try? await context.run(["/nonexistent"])
                _ = try? await context.call(Doze(milliseconds: 100_000), timeout: .milliseconds(20))
                _ = try? await context.call(Buy("nothing"))
                _ = try await context.call(Echo([UInt8](repeating: 1, count: 3_000_000)))
            }
            let forked = try await router.fork(preload: PreloadNote("leak check"), via: child)
            _ = try await forked.call(Add(1, 2), isolation: .process)
            _ = try? await router.fork(preload: ForkTrouble(.fails))
            _ = try? await router.fork(onFork: ForkTrouble(.crashes))
            for way in [Crash.Way.kill, .fatalError, .exit0] {
                let victim = try await router.local()
                try? await victim.call(Crash(way))
            }
            _ = try child.startCall(HangForever())
            _ = try nested.startCall(Doze(milliseconds: 100_000))
        }
    }

    private static func startMany(_ router: Router) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<25 {
                group.addTask {
                    let context = try await router.local()
                    _ = try await context.call(Add(1, 2))
                    try await context.shutdown(waits: true)
                }
            }
            try await group.waitForAll()
        }
    }

    private static func failToConnect(_ router: Router) async throws {
        for executable in [["/bin/false"], ["/nonexistent"], ["/bin/sh", "-c", "sleep 100"], ["/bin/echo", "noise"]] {
            _ = try? await router.local {
                $0.executable = executable
                $0.connectTimeout = .seconds(0.3)
            }
        }
    }

    static func content(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

extension String {
    fileprivate var trimmed: String { String(prefix { $0 != "\n" }) }
}
